"""Python jobs on a real cluster, submitted by ``flink run --python``."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import zipfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import examples
import expected
from checks import LogWatch, Suite, user_class_loaders
from cluster import SLOTS, Cluster, free_ports
from flink_home import FLINK_VERSION, ROOT
from job_jars import Jars
from python_env import PythonHome, derived, made_by_uv
from rest import Rest, wait_for

JOBS = Path(__file__).resolve().parent / "python_jobs"
FOR_JAVA = JOBS / "for_java"
AGENT = "action-execute-operator"
WORKER = "flink_agents.runtime.worker"
COUNT = 2000
FIRST = 300
# Prices of this month are refused: refused_agent.py.
REFUSED = "Jan 1 2008"
STEPS = 150
# The threads of its cache of files, and the JVM's that waits for processes: docs/long-runs.md.
HELD_BY_FLINK = 11


@dataclass
class PythonContext:
    """One scenario's surroundings."""

    suite: Suite
    cluster: Cluster
    home: PythonHome
    jars: Jars
    data: Path
    long: bool

    def out(self) -> Path:
        """A new directory for outputs."""
        folder = self.cluster.base / "out"
        folder.mkdir(exist_ok=True)
        return folder / str(len(list(folder.iterdir())))

    def file(self, name: str) -> Path:
        """A file of data."""
        return self.data / name

    def command(self, job: str | Path, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
        """The arguments of ``flink`` for a job of ``python_jobs``, whose modules go along."""
        return ["run", *options, "-pyfs", str(JOBS), "--python", str(JOBS / job), *arguments]

    def submit(self, job: str | Path, *arguments: str, options: tuple[str, ...] = ()) -> str:
        """Submits a job of ``python_jobs``; returns its id."""
        return self.cluster.submit(*self.command(job, *arguments, options=options)[1:])

    def finished(self, job: str, seconds: float = 120) -> None:
        """Waits until a job has finished, which counts as a check."""
        self.cluster.rest.await_state(job, "FINISHED", seconds)
        self.suite.check("the job finished")

    def workers(self) -> list[int]:
        """Process ids of the agents' workers of this cluster."""
        return [pid for process in self.cluster.task_managers for pid in worker_pids(process.pid)]


def worker_pids(parent: int) -> list[int]:
    """Process ids of the workers below a process."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and parent_of(int(folder.name)) == parent:
            try:
                if WORKER.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


def parent_of(pid: int) -> int:
    """Process id of the parent; 0 if the process has gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError):
        return 0


def stocks(c: PythonContext, job: str, parallelism: int, *options: str) -> str:
    out = c.out()
    id_ = c.submit(job, "--data", str(c.file("stocks.csv")), "--out", out.as_uri(),
                   "--parallelism", str(parallelism), options=options)
    c.finished(id_)
    lines = expected.stock_alerts(c.file("stocks.csv"))
    c.suite.same_lines(f"{len(lines)} alerts, as computed without Flink", lines, out)
    return id_


def datastream(c: PythonContext) -> None:
    """The workflow agent by DataStream: keyed by a selector, and by the stream itself."""
    with c.suite.scenario("Python agent on a DataStream", c.cluster):
        job = stocks(c, "stock_alerts.py", 2)
        c.suite.equal("parallelism of the agent", 2, c.cluster.rest.parallelism(job, AGENT))
        stocks(c, "keyed_stocks.py", 2)


def table(c: PythonContext) -> None:
    """From SQL over an agent to SQL."""
    with c.suite.scenario("Python agent from a table to a table", c.cluster):
        out, data = c.out(), c.file("seattle-weather.csv")
        c.finished(c.submit("rain_table.py", "--data", str(data), "--out", out.as_uri()))
        lines = expected.rain(data)
        c.suite.same_lines(f"{len(lines)} sums of rain", lines, out)


def dead_letters(c: PythonContext) -> None:
    """Inputs that an action refuses become letters, in a stream and in a table; the others come out."""
    warning = re.compile(rf" WARN .* - Action 'take' .* failed for the (\d)\. time and .*: no quotes of {REFUSED}$", re.MULTILINE)
    with c.suite.scenario("dead letters of a Python agent", c.cluster, foreseen=warning):
        watch = LogWatch(c.cluster.task_managers[0])
        out, data = c.out(), c.file("stocks.csv")
        policy = {"on-failure": "dead-letter", "retry.max-attempts": 2, "retry.backoff": "10ms"}
        c.finished(c.submit("refused_quotes.py", "--data", str(data), "--out", out.as_uri(), "--parallelism", "2",
                            options=tuple(f"-Dagent.{key}={value}" for key, value in policy.items())))
        quotes = expected.rows(data)
        refused = [quote for quote in quotes if quote[1] == REFUSED]
        c.suite.check(f"{len(refused)} quotes to refuse", "" if refused else "none")
        told = {quote[0]: f"take,3,{quote[0]},builtins.LookupError,no quotes of {REFUSED}" for quote in refused}
        for name, lines in {
            "taken": [f"{symbol},{month}" for symbol, month, _ in quotes if month != REFUSED],
            "letters": [f"{told[symbol]},{int(Decimal(price) * 100)}" for symbol, _, price in refused],
            "rows": list(told.values()),
        }.items():
            c.suite.same_lines(f"{len(lines)} {name}", lines, out / name)
        c.suite.equal("each failure is told once", sorted("123" * len(refused)), sorted(warning.findall(watch.text())))


def thread_mode(c: PythonContext) -> None:
    """PyFlink's own functions in the TaskManager's process; the agent's worker stays one of its own."""
    with c.suite.scenario("PyFlink in thread mode around the agent", c.cluster):
        stocks(c, "stock_alerts.py", 1, "-Dpython.execution-mode=thread")


def shipped_examples(c: PythonContext) -> None:
    """The examples of the package, on the cluster and without it."""
    with c.suite.scenario("the examples of flink_agents.examples", c.cluster):
        package = c.home.site_packages() / "flink_agents" / "examples"
        for job, data, right in (("weather_job.py", "seattle-weather.csv", examples.weather),
                                 ("market_job.py", "stocks.csv", examples.market)):
            out, file = c.out(), c.file(data)
            c.finished(c.cluster.submit("--python", str(package / job), str(file), str(out)))
            lines = right(file)
            c.suite.same_lines(f"{job}: {len(lines)} remarks", lines, out)
        file = c.file("seattle-weather.csv")
        done = subprocess.run([str(c.home.python), "-m", "flink_agents.examples.weather", str(file)],
                              capture_output=True, text=True, timeout=120, check=False)
        c.suite.check("without Flink: the same remarks",
                      expected.difference(examples.weather(file), done.stdout.splitlines()) or
                      ("" if done.returncode == 0 else done.stderr[-2000:]))


def side_by_side(c: PythonContext) -> None:
    """Two jobs at once in one TaskManager, then more of them one after another."""
    with c.suite.scenario("Python jobs side by side and one after another", c.cluster):
        walk = Walk(c, ())
        slow = walk.start(1)
        c.cluster.rest.await_state(slow, "RUNNING", 60)
        for _ in range(3):
            stocks(c, "stock_alerts.py", 1)
        c.suite.equal("the slow job ran beside them", "RUNNING", c.cluster.rest.state(slow))
        walk.finish(slow, 1)
        for _ in range(27 if c.long else 0):
            stocks(c, "stock_alerts.py", 1)
        check_no_workers(c)


def configuration(c: PythonContext) -> None:
    """The file's ``agent:`` section, below ``-Dagent.…``, below what the program sets."""
    with c.suite.scenario("configuration of a Python job", c.cluster):
        out = c.out()
        c.finished(c.submit(
            "probes.py", "--agent", "EchoAgent", "--out", out.as_uri(), "--keys",
            "max-in-flight,job-identifier,config-test.text,config-test.number,set-in-code,nothing",
            options=("-Dagent.max-in-flight=7", "-Dagent.config-test.number=42", "-Dagent.set-in-code=9")))
        c.suite.equal(
            "seen by the agent",
            {"max-in-flight": "7", "job-identifier": "from-the-file", "config-test.text": "from the file",
             "config-test.number": "42", "set-in-code": "5", "nothing": "absent"},
            dict(line.split("=", 1) for line in expected.read_output(out)))
        done = c.cluster.flink(*c.command("probes.py", "--agent", "EchoAgent", "--keys", "x", "--out", c.out().as_uri(),
                                          options=("-Dagent.max-in-flight=lots",)))
        c.suite.contains("a wrong value is refused with its key", done.stdout, ("max-in-flight", "lots"))


def doctor(c: PythonContext) -> None:
    """``flink-agents doctor`` looks at the client and at the cluster, where a job runs."""
    with c.suite.scenario("flink-agents doctor", c.cluster):
        walk = Walk(c, ())
        job = walk.start(1)
        c.cluster.rest.await_state(job, "RUNNING", 60)
        done = subprocess.run(
            [str(c.home.python), "-m", "flink_agents.cli", "doctor", "--json", "--cluster", c.cluster.rest.base,
             "--flink-home", str(c.cluster.home)],
            env=c.cluster.environment, capture_output=True, text=True, timeout=120, check=False)
        found = [(one["area"], one["state"], one["text"]) for one in json.loads(done.stdout)["findings"]]
        # Jobs of scenarios before may have failed, as they should.
        wrong = [one for one in found if one[1] == "wrong" and one[0] != "jobs"]
        c.suite.equal("nothing is wrong but with jobs that have failed", [], wrong)
        text = "\n".join(": ".join(one) for one in found)
        c.suite.contains("what it looked at", text, (
            f"cluster: ok: {FLINK_VERSION}", "library: ok:", "worker: ok:", "jars: ok: the JobManager has no flink-agents jar",
            "jars: ok: TaskManager", "config: ok:", f"({job}) runs"))
        walk.finish(job, 1)


def interpreters_and_files(c: PythonContext) -> None:
    """-pyexec, -pyfs, -pyarch and -pyreq reach the agent's worker, as Flink prepares them."""
    with c.suite.scenario("interpreter, files, archives and requirements of a job", c.cluster):
        base = c.cluster.base / "dependencies"
        base.mkdir()
        other = derived(c.home, base / "other-python")
        (base / "extra_module.py").write_text("WORD = 'extra'\n")
        with zipfile.ZipFile(base / "words.zip", "w") as archive:
            archive.writestr("words.txt", "from the archive\n")
        wheels = base / "wheels"
        wheels.mkdir()
        make_wheel(wheels, "tiny_requirement", "1.0")
        (base / "requirements.txt").write_text("tiny-requirement==1.0\n")
        out = c.out()
        c.finished(c.submit(
            "probes.py", "--agent", "WhereAgent", "--out", out.as_uri(),
            "--keys", "prefix:,module:extra_module,module:tiny_requirement,file:words/words.txt",
            options=("-pyfs", f"{JOBS},{base / 'extra_module.py'}", "-pyarch", f"{base / 'words.zip'}#words",
                     "-pyreq", f"{base / 'requirements.txt'}#{wheels}", "-pyexec", str(other.python))))
        c.suite.equal(
            "what the action saw",
            {f"prefix={other.folder}", "module=extra_module", "module=tiny_requirement", "file=from the archive"},
            set(expected.read_output(out)))


def uv_environment(c: PythonContext) -> None:
    """Client and workers run in an environment that uv has made."""
    with c.suite.scenario("a job in an environment made by uv", c.cluster):
        other = made_by_uv(c.home, c.cluster.base / "uv-python")
        before = c.cluster.environment["PATH"]
        c.cluster.environment["PATH"] = other.path
        try:
            out = c.out()
            c.finished(c.submit("probes.py", "--agent", "WhereAgent", "--out", out.as_uri(), "--keys", "prefix:",
                                options=("-pyexec", str(other.python), "-pyclientexec", str(other.python))))
        finally:
            c.cluster.environment["PATH"] = before
        c.suite.equal("what the action saw", [f"prefix={other.folder}"], expected.read_output(out))


def getting_started(c: PythonContext) -> None:
    """The programs of docs/getting-started-python.md, word for word, without Flink and on it."""
    with c.suite.scenario("getting started in Python, word for word", c.cluster):
        folder = c.cluster.base / "getting-started"
        folder.mkdir()
        text = (ROOT / "docs" / "getting-started-python.md").read_text(encoding="utf-8")
        programs = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
        for name, program in zip(("word_agent.py", "run.py", "word_job.py"), programs, strict=True):
            (folder / name).write_text(program, encoding="utf-8")
        done = subprocess.run([str(c.home.python), "run.py"], cwd=folder, capture_output=True, text=True, timeout=60,
                              check=False)
        told = re.search(r"print\(outputs\)  # (.*)", programs[1])
        c.suite.equal("without Flink, as the comment says", told.group(1) if told else None, done.stdout.strip())
        watch = LogWatch(c.cluster.task_managers[0])
        c.finished(c.cluster.submit("-pyfs", str(folder / "word_agent.py"), "--python", str(folder / "word_job.py")))
        c.suite.contains("printed by the TaskManager", watch.text(), ("rust: 2 times",))


def java_with_a_python_action(c: PythonContext) -> None:
    """An agent in Java, by ``flink run -c``, has an action in Python; both write the memory of a key."""
    with c.suite.scenario("a Java agent with a Python action", c.cluster):
        out = c.out()
        c.finished(c.cluster.submit("-c", "jobs.PythonPart", str(c.jars.fat), "--data", str(c.file("stocks.csv")),
                                    "--out", out.as_uri()))
        high: dict[str, int] = {}
        lines = []
        for symbol, month, price in expected.rows(c.file("stocks.csv")):
            cents = int(Decimal(price) * 100)
            if cents > 20000:
                number = high[symbol] = high.get(symbol, 0) + 1
                lines.append(f"{symbol},{month},{cents},{number}")
                if number % 10 == 0:
                    lines.append(f"Java heard of {number} and remembers {number}")
        c.suite.same_lines(f"{len(lines)} lines of both languages", lines, out)
        check_no_workers(c)


def resources_of_the_other_language(c: PythonContext) -> None:
    """An agent in Java asks a model and a tool in Python, and one in Python asks them in Java."""
    high = [(symbol, month, cents) for symbol, month, price in expected.rows(c.file("stocks.csv"))
            if (cents := int(Decimal(price) * 100)) > 20000]
    for language, other in (("Java", "Python"), ("Python", "Java")):
        with c.suite.scenario(f"an agent in {language} with a model and a tool in {other}", c.cluster):
            out = c.out()
            given = ("--data", str(c.file("stocks.csv")), "--out", out.as_uri(), "--parallelism", "2")
            if language == "Java":
                job = c.cluster.submit("-c", "jobs.PriceWords", str(c.jars.fat), *given)
            else:
                job = c.submit("java_words.py", *given, options=("--jarfile", str(c.jars.thin)))
            c.finished(job)
            lines = [f"{symbol},{month}: {other} says {cents // 100} dollars {cents % 100}" for symbol, month, cents in high]
            c.suite.same_lines(f"{len(lines)} prices in words", lines, out)
            check_no_workers(c)


def command_flink_agents(c: PythonContext) -> None:
    """A cluster and a job by ``flink-agents flink …``, with Flink's scripts and libraries as pip installed them."""
    with c.suite.scenario("flink-agents flink start-cluster, run, stop-cluster"):
        base = c.cluster.base / "by-command"
        for name in ("log", "pid", "tmp", "web"):
            (base / name).mkdir(parents=True)
        # The configuration of the other cluster, at other ports and in another place.
        shutil.copytree(c.cluster.conf, base / "conf")
        config = base / "conf" / "config.yaml"
        text = config.read_text().replace(f"{c.cluster.base}/", f"{base}/")
        rest, *_ = ports = free_ports(3)
        for old, new in zip((c.cluster.rest.base.rsplit(":", 1)[1], *re.findall(r"^ {4}port: (\d+)$", text, re.MULTILINE)),
                            ports, strict=True):
            text = text.replace(f"port: {old}\n", f"port: {new}\n")
        config.write_text(text)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FLINK_") and k != "PYTHONPATH"}
        environment |= {"FLINK_CONF_DIR": str(base / "conf"), "FLINK_LOG_DIR": str(base / "log"),
                        "FLINK_PID_DIR": str(base / "pid")}

        def command(*arguments: str) -> str:
            done = subprocess.run([str(c.home.folder / "bin" / "flink-agents"), "flink", *arguments], env=environment,
                                  text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180, check=False)
            c.suite.equal(f"exit status of {arguments[0]}", 0, done.returncode)
            return done.stdout

        command("start-cluster")
        try:
            client = Rest(rest)
            wait_for("slots", 60, lambda: (client.overview() or {}).get("slots-total") == SLOTS)
            file, out = c.file("seattle-weather.csv"), c.out()
            job = c.home.site_packages() / "flink_agents" / "examples" / "weather_job.py"
            said = command("run", "--python", str(job), str(file), str(out))
            c.suite.same_lines("what the job wrote", examples.weather(file), out)
            c.suite.contains("the client told of the job", said, ("JobID",))
        finally:
            command("stop-cluster")
        wait_for("the cluster to end", 30, lambda: client.overview() is None)
        c.suite.check("the cluster has ended")


def make_wheel(folder: Path, name: str, version: str) -> None:
    """Writes a wheel with one module, without a build."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "WORD = 'tiny'\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


# ---- interruptions


@dataclass
class Walk:
    """One story of ``airport_walk.py``: the same outputs' directory for all its jobs."""

    c: PythonContext
    options: tuple[str, ...]

    def __post_init__(self) -> None:
        self.out = self.c.out()
        # Taken, so that the next one gets another.
        self.out.mkdir()
        self.gate = self.c.cluster.base / f"release-{self.out.name}"

    def start(self, parallelism: int, savepoint: str = "") -> str:
        """Submits it, from a savepoint if one is given; returns the job's id."""
        checkpoints = self.c.cluster.base / "checkpoints"
        settings = (f"execution.checkpointing.dir={checkpoints.as_uri()}", "python.fn-execution.bundle.size=20",
                    "python.fn-execution.bundle.time=50", *self.options)
        return self.c.submit(
            "airport_walk.py", "--data", str(self.c.file("airports.csv")), "--out", self.out.as_uri(),
            "--count", str(COUNT), "--steps", str(STEPS), "--first", str(FIRST), "--release", str(self.gate),
            "--parallelism", str(parallelism),
            options=("-d", *(("-s", savepoint) if savepoint else ()), *(f"-D{setting}" for setting in settings)))

    def await_middle(self, job: str) -> None:
        """Waits until the agent has read some inputs, and each of its tasks runs: one may have read them all."""
        rest = self.c.cluster.rest
        wait_for("inputs read", 180, lambda: rest.records_read(job, AGENT) >= FIRST // 4 and rest.all_running(job))

    def finish(self, job: str, parallelism: int) -> None:
        """Lets it come to its end and compares everything."""
        self.gate.touch()
        self.c.finished(job, 180)
        self.c.suite.equal("parallelism of the agent", parallelism, self.c.cluster.rest.parallelism(job, AGENT))
        lines = expected.airport_walk(self.c.file("airports.csv"), COUNT)
        self.c.suite.same_lines(f"all {COUNT} outputs with what was remembered, each once", lines, self.out)


CHECKPOINTS = ("execution.checkpointing.interval=300ms", "restart-strategy.type=fixed-delay",
               "restart-strategy.fixed-delay.attempts=100", "restart-strategy.fixed-delay.delay=300ms")


def savepoint_and_rescale(c: PythonContext) -> None:
    """Stopped with a savepoint in mid-run, on with another parallelism; once more down."""
    with c.suite.scenario("Python agent: stop with savepoint, on with other parallelisms", c.cluster):
        walk = Walk(c, ())
        job = walk.start(2)
        walk.await_middle(job)
        first = c.cluster.rest.stop(job, c.cluster.base / "savepoints")
        job = walk.start(3, first)
        walk.await_middle(job)
        second = c.cluster.rest.stop(job, c.cluster.base / "savepoints")
        walk.finish(walk.start(1, second), 1)
        check_no_workers(c)


def failing_action(c: PythonContext) -> None:
    """An action that raises: the job says why and, when it may, goes on from its checkpoint."""
    with c.suite.scenario("a Python action raises: the cause is told, the job recovers"):
        marker = c.cluster.base / "fail-once"
        walk = Walk(c, (*CHECKPOINTS, "agent.log.keys=plain", f"agent.walk.fail-once={marker}"))
        job = walk.start(2)
        c.cluster.rest.await_checkpoints(job, 2)
        walk.gate.touch()
        wait_for("a restore", 90, lambda: c.cluster.rest.restored(job) >= 1)
        walk.finish(job, 2)
        cause = c.cluster.rest.root_cause(job)
        c.suite.contains("the cause names agent, action and key, and has the Python traceback", cause,
                         ("WalkAgent", "end", "MD", "ValueError: no way through BWI", "walk_agent.py"))


def killed_worker(c: PythonContext) -> None:
    """A worker dies by SIGKILL in mid-run, more than once: the result is that of an undisturbed run."""
    with c.suite.scenario("worker killed (-9) in mid-run"):
        walk = Walk(c, CHECKPOINTS)
        job = walk.start(2)
        for kill in range(1, (5 if c.long else 2) + 1):
            c.cluster.rest.await_checkpoints(job, c.cluster.rest.completed_checkpoints(job) + 2)
            os.kill(wait_for("a worker", 60, c.workers)[0], signal.SIGKILL)
            wait_for(f"restore {kill}", 90, lambda kill=kill: c.cluster.rest.restored(job) >= kill)
            c.cluster.rest.await_state(job, "RUNNING", 60)
        c.suite.contains("the cause tells of the worker", c.cluster.rest.root_cause(job), ("WalkAgent", "worker", "9"))
        walk.finish(job, 2)
        check_no_workers(c)


def killed_task_manager(c: PythonContext) -> None:
    """The TaskManager dies by SIGKILL in mid-run: its workers end by themselves, another one takes over."""
    with c.suite.scenario("TaskManager with Python workers killed (-9) in mid-run"):
        walk = Walk(c, CHECKPOINTS)
        job = walk.start(2)
        c.cluster.rest.await_checkpoints(job, 3)
        orphans = c.workers()
        c.suite.equal("workers, one for each subtask", 2, len(orphans))
        c.cluster.kill_task_manager()
        wait_for("orphans to end", 20, lambda: not any(_is_worker(pid) for pid in orphans))
        c.suite.check("no worker outlives its TaskManager")
        new = LogWatch(c.cluster.start_task_manager())
        c.cluster.await_slots(SLOTS)
        wait_for("a restore", 90, lambda: c.cluster.rest.restored(job) >= 1)
        walk.finish(job, 2)
        c.suite.check("log of the new TaskManager is clean", new.problems())


def _is_worker(pid: int) -> bool:
    try:
        return WORKER.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def check_no_workers(c: PythonContext) -> None:
    """When jobs have ended, so have their workers."""
    try:
        wait_for("workers to end", 20, lambda: not c.workers())
        c.suite.check("no worker is left")
    except TimeoutError:
        c.suite.check("no worker is left", f"processes {c.workers()}")


# ---- bad input


def bad_actions(c: PythonContext) -> None:
    """What an action does wrong fails the job, which tells what, where, and the worker's last words."""
    with c.suite.scenario("actions that raise, exit, die, and send what is not JSON"):
        for how, parts in (
            ("raise", ("OddError: 7: the odd one", "probe_agents.py")),
            ("exit", ("SystemExit", "5")),
            ("die", ("status 6", "last words before die")),
            ("not-json", ("items[1].when", "lock")),
        ):
            job = c.submit("probes.py", "--agent", "BadAgent", "--keys", how, "--out", c.out().as_uri(), options=("-d",))
            wait_for("the job to fail", 90, lambda job=job: c.cluster.rest.state(job) in ("FAILED", "FINISHED"))
            c.suite.contains(f"{how}: the cause", c.cluster.rest.root_cause(job), ("BadAgent", *parts))
        check_no_workers(c)


def bad_jobs(c: PythonContext) -> None:
    """What the client can see is refused there, with the remedy; the rest fails where it is."""
    with c.suite.scenario("agents in __main__, wrong keys and records, missing modules"):
        done = c.cluster.flink(*c.command("in_main.py"))
        c.suite.contains("an agent in __main__", done.stdout, ("HereAgent", "on_input", "module", "-pyfs"))
        for kind, parts in (
            ("selector", ("key selector", "EchoAgent", "pickle")),
            ("key", ("EchoAgent", "key", "set")),
            ("record", ("EchoAgent", "items[1].when")),
        ):
            done = c.cluster.flink(*c.command("wrong_records.py", "--keys", kind, "--out", c.out().as_uri()))
            c.suite.contains(f"a wrong {kind}", done.stdout, parts)
        # The client has the modules by its path, the cluster does not get them.
        before = c.cluster.environment["PYTHONPATH"]
        c.cluster.environment["PYTHONPATH"] = str(JOBS)
        try:
            done = c.cluster.flink("run", "--python", str(JOBS / "probes.py"), "--agent", "EchoAgent", "--keys", "x",
                                   "--out", c.out().as_uri())
        finally:
            c.cluster.environment["PYTHONPATH"] = before
        c.suite.contains("a missing module", done.stdout, ("probe_agents", "-pyfs"))


def client_refusals(c: PythonContext) -> None:
    """What is wrong already while a job is put together is told there."""
    with c.suite.scenario("what the client refuses"):
        environment = {**c.cluster.environment, "FLINK_HOME": str(c.cluster.home)}
        done = subprocess.run([str(c.home.python), str(JOBS / "client_refusals.py")], env=environment,
                              capture_output=True, text=True, timeout=180, check=False)
        c.suite.equal("its exit status", 0, done.returncode)
        for line in done.stdout.splitlines():
            if line.startswith(("right ", "WRONG ")):
                c.suite.check(line[6:], "" if line.startswith("right ") else "see above")
        if done.returncode:
            print(done.stderr[-3000:])


def other_python_version(c: PythonContext) -> None:
    """The worker's Python is another version than the client's: told as such."""
    with c.suite.scenario("another version of Python on the cluster"):
        others = [version for version in ("3.10", "3.12", "3.13") if not c.home.folder.name.endswith(version)]
        found = next((path for path in map(_usable, others) if path), None)
        if found is None:
            print("  no other Python here")
            return
        done = c.cluster.flink(*c.command("probes.py", "--agent", "EchoAgent", "--keys", "x", "--out", c.out().as_uri(),
                                          options=("-pyexec", found)))
        c.suite.check("the job failed", "" if done.returncode else "it did not")
        print("\n".join(line for line in done.stdout.splitlines() if re.search(r"ython", line))[:1500])


def _usable(version: str) -> str | None:
    done = subprocess.run(["bash", "-c", f"command -v python{version} && python{version} -c ''"],
                          capture_output=True, text=True, check=False)
    return done.stdout.split()[0] if done.returncode == 0 else None


def nothing_left(c: PythonContext) -> None:
    """After all jobs no worker is left, and no file of theirs."""
    with c.suite.scenario("nothing of the ended Python jobs is left"):
        check_no_workers(c)
        left = [str(path) for path in (c.cluster.base / "tmp").rglob("*") if path.is_socket()]
        c.suite.equal("sockets left on disk", [], left)
        # A leak of ours would keep the loader of each job, and there were more jobs than that.
        kept = user_class_loaders(c.cluster.java_home, c.cluster.task_managers[0])
        c.suite.check(f"class loaders of ended jobs: {kept}, which Flink's threads can hold",
                      "" if kept <= HELD_BY_FLINK else f"more than {HELD_BY_FLINK}")


SCENARIOS = [
    datastream, table, dead_letters, getting_started, shipped_examples, thread_mode, configuration, doctor, interpreters_and_files,
    uv_environment, command_flink_agents, java_with_a_python_action,
    resources_of_the_other_language, side_by_side, savepoint_and_rescale, failing_action,
    killed_worker, bad_actions, client_refusals, bad_jobs, other_python_version, nothing_left, killed_task_manager,
]
