#!/usr/bin/env python3
"""Runs the commands of the documents for operators, word for word, and looks whether what these say is so.

Usage: check_operations.py [--keep] [--only TEXT] [--docs]
  --keep   keep the directory with logs and outputs (it is kept anyway if something failed)
  --only   only the parts whose name contains TEXT
  --docs   only write the pictures of docs/operations/monitoring.md anew, which takes a Chromium (see e2e-test/trace/browser.py)

The commands find a Flink of their own in FLINK_HOME, and in the directory where they are run what the documents say is there: the
project of docs/getting-started-java.md, built, and the modules of docs/getting-started-python.md. Ports are free ones in place of
those in the text. Messages that docs/operations/troubleshooting.md quotes are looked for in the sources. Needs a JDK 17, curl, a
Python that PyFlink runs on, and pip for the first run. The last line is ``N passed, N failed``; the exit status is 1 if one failed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cluster"), str(HERE.parent / "trace")]
from blocks import Block, blocks, lacking  # noqa: E402
from checks import Suite  # noqa: E402
from cluster import SHORT_LIVED_JVM, Cluster, find_java_home, free_ports  # noqa: E402
from entry import run_suite  # noqa: E402
from flink_home import ROOT, flink_home  # noqa: E402
from job_jars import Jars, build, find_built  # noqa: E402
from messages import quoted, unknown  # noqa: E402
from python_env import PythonHome, derived, python_home  # noqa: E402
from rest import FINAL, wait_for  # noqa: E402

OPERATIONS = ROOT / "docs" / "operations"
DOCUMENTS = ("deployment.md", "going-live.md", "monitoring.md", "troubleshooting.md", "runbook.md")
# Of the command line; what they call their files is called otherwise here.
TOOLS = ("trace.md", "doctor.md", "store-tool.md")
# What no test runs, with the reason that its document gives.
NOT_RUN = {
    ("deployment.md", "FROM flink:2.3.0-java17"): "needs a registry of images",
    ("deployment.md", "python -m venv env"): "installs PyFlink anew",
    ("runbook.md", 'py-spy dump --pid "$(pgrep -f flink_agents.runtime.worker | head -1)"'): "needs the right to look into another process",
}
# Messages of others that are quoted.
OTHERS = ["OutOfMemoryError: Metaspace", "Reference count must not be negative"]
# The job of the guide ends at once; what is looked at while it runs is another one.
GUIDE_JOB = "-c example.FridgeJob target/fridges-1.0.jar"
STEADY_JOB = "-c jobs.Steady steady.jar --keys 10 --rate 20"
PICTURED_JOB = "-c jobs.Steady steady.jar --keys 500 --rate 120 --parallelism 2 --moment 400"
# Of agents, of which alarms speak.
FEWEST_ALARMS = 12


@dataclass
class Stage:
    """Where commands are run."""

    suite: Suite
    cluster: Cluster
    python: PythonHome
    jars: Jars
    base: Path
    replaced: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.project, self.flink = self.base / "project", self.base / "flink"
        self.environment = {k: v for k, v in self.cluster.environment.items()
                            if k not in ("FLINK_CONF_DIR", "FLINK_LOG_DIR", "FLINK_LIB_DIR")}
        path = os.pathsep.join((str(self.cluster.java_home / "bin"), self.python.path))
        self.environment |= {"FLINK_HOME": str(self.flink), "PATH": path}
        self.variables = self.base / "variables"
        self.variables.touch()

    def run(self, block: Block) -> str:
        """Runs a block where the one before it has left off, with the variables that it has left; a check. Returns its output."""
        text = block.text
        for said, meant in self.replaced.items():
            text = text.replace(said, meant)
        script = f"set -eu\nset -a\n. '{self.variables}'\nset +a\n{text}\nset +u\ndeclare -p JOB AGENT PLACE JAR TM PID 2>/dev/null >'{self.variables}' || true\n"
        # A file: daemons that are started here may keep what a pipe would wait for.
        output = self.base / "output"
        with output.open("wb") as out:
            status = subprocess.run(["bash", "-c", script], env=self.environment, cwd=self.project, stdin=subprocess.DEVNULL,
                                    stdout=out, stderr=subprocess.STDOUT, timeout=600, check=False).returncode
        told = output.read_text(errors="replace")
        problem = "" if status == 0 else f"ended with {status}:\n{told[-3000:]}"
        if not problem and (missing := lacking(block.expected, told)):
            problem = f"does not print {missing!r}:\n{told[-3000:]}"
        self.suite.check(str(block), problem)
        return told

    def all_ended(self) -> bool:
        """Whether no job runs; where no cluster answers, none does."""
        try:
            return all(job["status"] in FINAL for job in self.cluster.rest.get("/jobs")["jobs"])
        except OSError:
            return True

    def run_all(self, document: str, before: Callable[[Block], None] = lambda _: None) -> dict[str, str]:
        """Runs the blocks of a document that are commands; returns what they printed, by what they are called."""
        outputs = {}
        for block in blocks(OPERATIONS / document):
            if block.language == "sh" and not block.not_run:
                before(block)
                outputs[str(block)] = self.run(block)
        self.suite.check(f"{document}: {len(outputs)} commands were run", "" if outputs else "none")
        return outputs


# ---- what the documents say is there


def make_flink(stage: Stage) -> None:
    """A distribution of its own, whose configuration and directories can be changed."""
    home = stage.cluster.home
    stage.flink.mkdir()
    shutil.copytree(home / "bin", stage.flink / "bin", ignore=shutil.ignore_patterns("*.jar"))
    shutil.copytree(stage.cluster.conf, stage.flink / "conf")
    (stage.flink / "log").mkdir()
    # Flink looks for jars in directories, not behind links to them.
    for name in ("bin", "lib", "opt"):
        (stage.flink / name).mkdir(exist_ok=True)
        for jar in (home / name).glob("*.jar"):
            (stage.flink / name / jar.name).symlink_to(jar)
    (stage.flink / "plugins").symlink_to(home / "plugins")


def make_project(stage: Stage) -> None:
    """The projects of the guides, as a build leaves them, and a job that does not end."""
    java, python = (ROOT / "docs" / f"getting-started-{language}.md" for language in ("java", "python"))
    classes = stage.base / "classes"
    sources = []
    for block in blocks(java):
        named = re.search(r"public class (\w+)", block.text)
        if block.language == "java" and named:
            sources.append(stage.base / "src" / f"{named.group(1)}.java")
            sources[-1].parent.mkdir(exist_ok=True)
            sources[-1].write_text(block.text, encoding="utf-8")
    class_path = [stage.jars.dist, *sorted((stage.cluster.home / "lib").glob("flink-*.jar"))]
    subprocess.run([str(stage.cluster.java_home / "bin" / "javac"), "--release", "11", "-encoding", "UTF-8", "-parameters", "-nowarn", "-d",
                    str(classes), "-cp", ":".join(map(str, class_path)), *map(str, sources)], check=True, stderr=subprocess.DEVNULL)
    target = stage.project / "target"
    target.mkdir(parents=True)
    for name, parts in (("original-fridges-1.0.jar", ()), ("fridges-1.0.jar", (stage.jars.dist,))):
        with zipfile.ZipFile(target / name, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as jar:
            for file in classes.rglob("*.class"):
                jar.write(file, str(file.relative_to(classes)))
            for part in parts:
                with zipfile.ZipFile(part) as source:
                    for entry in source.infolist():
                        if not entry.is_dir():
                            jar.writestr(entry, source.read(entry), zipfile.ZIP_DEFLATED, 1)
    shutil.copy2(stage.jars.dist, stage.project / stage.jars.dist.name)
    shutil.copy2(stage.jars.fat, stage.project / "steady.jar")
    programs = [block for block in blocks(python) if block.language == "python"]
    for name, program in zip(("word_agent.py", "run.py", "word_job.py"), programs, strict=True):
        (stage.project / name).write_text(program.text, encoding="utf-8")


# ---- the parts


def marks(stage: Stage) -> None:
    """What no test runs is marked, and nothing else."""
    with stage.suite.scenario("what no test runs"):
        marked = {(block.document, block.first): block.not_run for name in DOCUMENTS for block in blocks(OPERATIONS / name) if block.not_run}
        stage.suite.equal("marks, and the list", NOT_RUN, marked)
        others = {block.language for name in DOCUMENTS for block in blocks(OPERATIONS / name)} - {"sh", "yaml", "dockerfile"}
        stage.suite.equal("languages of blocks that nothing looks at", set(), others)


def quotes(stage: Stage) -> None:
    """Messages that are quoted are those of the product."""
    with stage.suite.scenario("quoted messages"):
        messages = quoted(OPERATIONS / "troubleshooting.md")
        stage.suite.equal("messages that are not in the sources", sorted(OTHERS), unknown(messages))
        stage.suite.check(f"{len(messages)} messages", "" if len(messages) >= 50 else "too few")
        stage.suite.equal("a message that was made up is found out", 1, len(unknown(["Action '…' of agent '…' was abducted by …"])))


def settings(stage: Stage) -> None:
    """Configuration that is shown has keys and values that there are."""
    with stage.suite.scenario("configuration that is shown"):
        shown = [block for document in sorted(OPERATIONS.glob("*.md")) for block in blocks(document) if block.language == "yaml"]
        ours = [block for block in shown if re.search(r"^agent[:.]", block.text, re.MULTILINE)]
        stage.suite.check(f"{len(ours)} blocks with options of agents", "" if ours else "none")
        secret = stage.base / "secret"
        secret.write_text("made up")
        for block in ours:
            file = stage.base / "shown.yaml"
            file.write_text(re.sub(r"/etc/secrets/[\w-]+", str(secret), block.text))
            stage.suite.check(str(block), complaints(stage, file, {name: "made up" for name in re.findall(r"\$\{env:(\w+)}", block.text)}))
        file.write_text("agent.max-inflight: 7\n")
        stage.suite.check("a key that there is not is found out", "" if complaints(stage, file, {}) else "it is not")


def complaints(stage: Stage, file: Path, secrets: dict[str, str]) -> str:
    """What the command complains of in a configuration, where the environment has these secrets.

    It is kept from Java and Python, which it would start for each block, and from waiting for the brokers of an example, which are not
    there: with all these it is run where documents run it.
    """
    done = subprocess.run(["flink-agents", "doctor", "--java", "false", "--python", "false", "--timeout", "2s", "--config", str(file)],
                          env=stage.environment | secrets, cwd=stage.project, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120, check=False)
    found = [line for line in done.stdout.splitlines() if re.match(r"(WRONG|warning) +config ", line)]
    return "\n".join(found) or ("" if re.search(r"^ok +config ", done.stdout, re.MULTILINE) else done.stdout)


def deployment(stage: Stage) -> None:
    """All ways to bring an agent somewhere."""
    with stage.suite.scenario("deployment.md"):
        printed = Printed(stage.flink / "log")

        def before(block: Block) -> None:
            printed.look()
            if "stop-cluster.sh" in block.text:
                wait_for("jobs to end", 60, stage.all_ended)
                printed.look()
            if "env.tar.gz#env" in block.text:
                # The real one takes minutes to make; this one sees PyFlink where it is.
                derived(stage.python, stage.base / "env")
                subprocess.run(["tar", "-C", str(stage.base / "env"), "-czf", str(stage.project / "env.tar.gz"), "."], check=True)
        outputs = stage.run_all("deployment.md", before)
        log = printed.look()
        # In this order: the guide's, with options, with -C, by REST, with the jar in lib/, in application mode; four are in Python.
        stage.suite.equal("alarms of jobs in Java", 6, log.count("Refrigerator A"))
        stage.suite.equal("words of jobs in Python", 4, log.count("rust: 2 times"))
        stage.suite.check("each submission tells an id", "" if all(
            "JobID" in text for name, text in outputs.items() if "/flink run" in name) else str(outputs))
        stage.suite.equal("nothing is left running", "", stage_processes(stage))


class Printed:
    """What TaskManagers have printed, those before included, whose files Flink begins anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ended = ""
        self.last: dict[Path, str] = {}

    def look(self) -> str:
        """All until now."""
        for file in self.folder.glob("*taskexecutor*.out"):
            text, before = file.read_text(errors="replace"), self.last.get(file, "")
            if not text.startswith(before):
                self.ended += before
            self.last[file] = text
        return self.ended + "".join(self.last.values())


def stage_processes(stage: Stage) -> str:
    """The JVMs of this Flink that still run once they had a while to end."""
    def find() -> str:
        done = subprocess.run(["pgrep", "-af", str(stage.flink / "conf")], capture_output=True, text=True, check=False)
        return "\n".join(line[-200:] for line in done.stdout.splitlines())
    try:
        wait_for("processes to end", 30, lambda: not find())
    except TimeoutError:
        return find()
    return ""


def going_live(stage: Stage) -> None:
    """The checks before a job counts."""
    with stage.suite.scenario("going-live.md"):
        for name, text in stage.run_all("going-live.md").items():
            stage.suite.contains(f"{name} looked", text, ("library", "java", "config"))


def start_steady(stage: Stage, arguments: str = STEADY_JOB, **settings: str) -> None:
    """A cluster with a job that does not end, has a journal and an event log, and calls."""
    config = stage.flink / "conf" / "config.yaml"
    shown = next(block for block in blocks(OPERATIONS / "monitoring.md") if block.language == "yaml" and "metrics.reporter.prom" in block.text)
    trace = next(block for block in blocks(OPERATIONS / "monitoring.md") if block.language == "yaml" and "trace:" in block.text)
    text = shown.text
    for said, meant in stage.replaced.items():
        text = text.replace(said, meant)
    # The configuration has a section `agent` already, which a second one would replace.
    flat = "agent.event-log.trace.enabled: true\n"
    assert re.sub(r"\s+", "", trace.text) == "agent:event-log:trace:enabled:true", trace.text
    more = {
        "agent.actionStateStoreBackend": "sqlite", "agent.sqlite.path": stage.project / "journal.sqlite", "agent.baseLogDir": stage.project / "logs",
        "agent.action-state.retention": "10s", "agent.action.refuse.on-failure": "dead-letter",
        "execution.checkpointing.dir": (stage.base / "checkpoints").as_uri(), **settings,
    }
    config.write_text(config.read_text() + text + flat + "".join(f"{key}: {value}\n" for key, value in more.items()))
    for script in ("jobmanager.sh", "taskmanager.sh"):
        subprocess.run([str(stage.flink / "bin" / script), "start"], env=stage.environment, check=True, stdout=subprocess.DEVNULL)
    stage.cluster.rest.base = f"http://{stage.replaced['localhost:8081']}"
    wait_for("slots", 60, lambda: (stage.cluster.rest.overview() or {}).get("slots-total", 0) > 0)
    done = subprocess.run([str(stage.flink / "bin" / "flink"), "run", "-d", *arguments.split()], env=stage.environment,
                          cwd=stage.project, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout)
    job = stage.cluster.rest.get("/jobs")["jobs"][-1]["id"]
    stage.cluster.rest.await_checkpoints(job, 2, 90)
    wait_for("records", 60, lambda: stage.cluster.rest.records_read(job, "action-execute-operator") > 200)


def monitoring(stage: Stage) -> None:
    """Metrics, alarms, event log and logs of a job."""
    with stage.suite.scenario("monitoring.md"):
        start_steady(stage)
        outputs = stage.run_all("monitoring.md")
        stage.suite.equal("warnings of the log", True, any("no warnings" in text or "ends as a dead letter" in text for text in outputs.values()))
        page = stage.project / "runs.html"
        stage.suite.check("the page of the trace has runs", "" if page.stat().st_size > 20_000 else f"{page.stat().st_size} bytes")
        alarms = next(block.text for block in blocks(OPERATIONS / "monitoring.md") if "- alert:" in block.text)
        named = set(re.findall(r"\bflink_\w+", alarms))
        ports = [stage.replaced["9250"], stage.replaced["9251"]]
        pages = "".join(subprocess.run(["curl", "-s", f"localhost:{port}/metrics"], capture_output=True, text=True, check=True).stdout for port in ports)
        known = set(re.findall(r"^(flink_\w+)", pages, re.MULTILINE))
        # An agent in Python has it; the job here is in Java.
        python_only = {"flink_taskmanager_job_task_operator_numOfWorkerRestarts"}
        stage.suite.equal("metrics of alarms that are not there", python_only, named - known)
        stage.suite.check(f"{len(named)} metrics have alarms", "" if len(named) >= FEWEST_ALARMS else "too few")
        rules = re.findall(r"- alert: (\w+)", alarms)
        explained = (OPERATIONS / "monitoring.md").read_text().partition("| Alarm | First look |")[2]
        stage.suite.equal("alarms that are not explained", [], [rule for rule in rules if rule not in explained])


def tools(stage: Stage) -> None:
    """The command line, on the files of a job that runs."""
    with stage.suite.scenario("command line"):
        if not stage.cluster.rest.overview():
            start_steady(stage)
        said = dict(stage.replaced)
        stage.replaced |= {"/opt/flink": str(stage.flink), "my-job.jar": "steady.jar", "/var/lib/agents/journal.sqlite": "journal.sqlite"}
        outputs = {name: stage.run_all(name) for name in TOOLS}
        stage.replaced = said
        stage.suite.check("the page of the trace", "" if (stage.project / "runs.html").stat().st_size > 20_000 else "is empty")
        trace, doctor, store = ("\n".join(outputs[name].values()) for name in TOOLS)
        stage.suite.contains("a trace as JSON", trace, ('"runs"',))
        stage.suite.contains("the doctor looked", doctor, ("ok       jars", "ok       config", "cluster"))
        stage.suite.contains("the store's records", store, ("job lineage", "of 10 keys", "1 claims read, 0 wrong"))


def runbook(stage: Stage) -> None:
    """The commands of 3 a.m., on the job that runs."""
    with stage.suite.scenario("runbook.md"):
        if not stage.cluster.rest.overview():
            start_steady(stage)
        said = dict(stage.replaced)
        stage.replaced |= {GUIDE_JOB: STEADY_JOB}
        outputs = stage.run_all("runbook.md")
        stage.replaced = said
        rest = stage.cluster.rest
        running = [job["id"] for job in rest.get("/jobs")["jobs"] if job["status"] == "RUNNING"]
        stage.suite.equal("the job goes on, once", 1, len(running))
        stage.suite.equal("it was restored", 1, rest.restored(running[0]))
        told = "\n".join(outputs.values())
        stage.suite.contains("what was told", told, (
            "action-execute-operator.numOfRunsInFlight", "records", "#instances", "Total Usage - ", '"action-execute-operator'))
        stage.suite.check("the page of the incident", "" if (stage.project / "incident.html").stat().st_size > 20_000 else "is empty")


def pictures(stage: Stage) -> None:
    """The WebUI, as docs/operations/monitoring.md shows it."""
    from webui import take_pictures

    with stage.suite.scenario("pictures"):
        # Calls that take a while, and curves of more than a moment.
        start_steady(stage, PICTURED_JOB, **{"web.refresh-interval": "1000", "agent.action-state.retention": "60s"})
        for picture in take_pictures(stage.cluster.rest, OPERATIONS):
            stage.suite.check(f"{picture.name}: {picture.stat().st_size} bytes")


def run(suite: Suite, base: Path, options: argparse.Namespace) -> None:
    """Runs all parts."""
    home, python, java_home = flink_home(), python_home(), find_java_home()
    jars = build(java_home, home, base / "jars", find_built(), (HERE.parent / "soak" / "jobs",))
    print(f"Flink {home}\nwheel {python.wheel}\nlogs  {base}", flush=True)
    # Not entered: the documents start their own processes, which it ends.
    cluster = Cluster(home, base / "cluster", java_home, jvm=SHORT_LIVED_JVM)
    rest = cluster.rest.base.rpartition(":")[2]
    (reporter,) = free_ports(1)
    replaced = {"localhost:8081": f"127.0.0.1:{rest}", "9250": str(reporter), "9251": str(reporter + 1), "9260": str(reporter + 10)}
    stage = Stage(suite, cluster, python, jars, base, replaced)
    make_flink(stage)
    make_project(stage)
    parts = [pictures] if options.docs else [marks, quotes, settings, deployment, going_live, monitoring, tools, runbook]
    try:
        for part in parts:
            if options.only in part.__name__:
                part(stage)
    finally:
        cluster.stop()


if __name__ == "__main__":
    sys.exit(run_suite(__doc__.splitlines()[0], "flink-agents-operations-", run, flags={"docs": "only write the pictures anew"}))
