#!/usr/bin/env python3
"""Side-by-side benchmarks of the Python workloads: the reference of the baseline kit and this project, in turns.

    FLINK_AGENTS_BASELINE=<kit> bench/python_side_by_side.py [--reps N] [--agents P0,P1,P2] [--parallelism 1,2]
        [--only flink|local] [--systems reference,ours] [--wheel FILE] [--out FILE] [--scale X] [--event-log]

On Flink each system has an environment and a standalone cluster of its own, of which one runs at a time, started anew for
each repetition; the event log is off on both sides. With --event-log it is at its default on both, only on Flink; the lines are
counted, and figures for fewer lines a record than the reference writes are refused. Without Flink, records go through a list. Prints Markdown tables.
`P3a` (an asynchronous call of 20 ms), `many` (10,000 of 2 s at once) and `idle` (1,000 of 20 s: what waiting costs) are
of bench/python/more_agents.py and run on this project only; the last two on Flink only, one subtask.
--scale multiplies the numbers of records: below 1 for a first look, whose figures are not to be quoted.
"""
import argparse
import bisect
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from run import ROOT, Refused, machine, warn_if_busy  # noqa: E402

WORK = ROOT / "target" / "bench" / "python"
FLOOR = "P0"
# So many that a run lasts 20 s or more; of ours more, for they are quicker.
RECORDS = {
    ("P0", "reference"): 600_000, ("P1", "reference"): 68_000, ("P2", "reference"): 19_000,
    ("P0", "ours"): 600_000, ("P1", "ours"): 450_000, ("P2", "ours"): 200_000,
    ("P3", "reference"): 5_000, ("P3", "ours"): 250_000, ("P3a", "ours"): 350_000,
    ("many", "ours"): 10_000, ("idle", "ours"): 1_000,
}
LOCAL_RECORDS = {
    ("P1", "reference"): 90_000, ("P2", "reference"): 25_000, ("P1", "ours"): 400_000, ("P2", "ours"): 200_000,
    ("P3", "reference"): 1_200, ("P3", "ours"): 250_000, ("P3a", "ours"): 350_000,
}
WAITING = ("many", "idle")
MORE_AGENTS = Path(__file__).resolve().parent / "python" / "more_agents.py"
PORTS = {"reference": ("18091", "16133", "16134"), "ours": ("18191", "16233", "16234")}
WORKER = b"flink_agents.runtime.worker"
TICK = 1 / os.sysconf("SC_CLK_TCK")
FIGURES = re.compile(r"(rec/s|jvm\+pemja|pyworkers|total|submit|first_output|eventlog_B/rec|cpu_us/rec)=([-\d.]+)")


def baseline_kit():
    place = os.environ.get("FLINK_AGENTS_BASELINE")
    if not place or not (Path(place) / "python/setup.sh").is_file():
        raise Refused(f"FLINK_AGENTS_BASELINE={place or ''} is not the baseline kit: it has no python/setup.sh")
    return Path(place)


def find_wheel(given):
    wheels = [Path(given)] if given else sorted((ROOT / "target" / "dist").glob("flink_agents_rs-*.whl"))
    if len(wheels) != 1 or not wheels[0].is_file():
        raise Refused(f"expected one wheel in target/dist, found {len(wheels)}: run scripts/build-wheel, or give --wheel")
    return wheels[0]


def shell(system, script, **more):
    """Runs a script of bash in the environment of a system."""
    folder = WORK / system
    # A process of Python looks for the agents' module beside the kit's scripts, and first here.
    path = f"export PYTHONPATH='{folder}/agents':$PYTHONPATH"
    return subprocess.run(["bash", "-c", f"source '{folder}/env.sh' && {path} && {script}"], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **more)


def lay_out_agents(kit, system):
    """The kit's scripts beside an agents' module that has, of this project, more agents."""
    folder = WORK / system / "agents"
    folder.mkdir(parents=True, exist_ok=True)
    for script in (kit / "python").glob("*.py"):
        text = script.read_text()
        if script.name == "bench_agents.py" and system == "ours":
            text += "\n\n" + MORE_AGENTS.read_text()
        (folder / script.name).write_text(text)


def set_up(kit, system, wheel):
    """Makes the environment of a system; the reference's once, ours whenever the wheel is another one."""
    folder = WORK / system
    stamp = folder / "complete"
    wanted = f"{wheel} {wheel.stat().st_mtime_ns}" if system == "ours" else "reference"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print(f"setting up {system} ...", file=sys.stderr)
    rest, rpc, blob = PORTS[system]
    environment = {**os.environ, "SYSTEM": system, "OURS_PKG": str(wheel), "FLINK_REST_PORT": rest, "FLINK_RPC_PORT": rpc,
                   "FLINK_BLOB_PORT": blob}
    stamp.unlink(missing_ok=True)
    if system == "ours" and (folder / "venv").is_dir():
        # The kit would leave a package of the same version as it is.
        subprocess.run([str(folder / "venv/bin/python"), "-m", "pip", "-q", "uninstall", "-y", "flink-agents-rs"], check=True)
    done = subprocess.run(["bash", str(kit / "python/setup.sh"), str(folder)], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise Refused(f"setting up {system} failed with {done.returncode}:\n{done.stdout[-4000:]}")
    stamp.write_text(wanted)


class WorkerCpu(threading.Thread):
    """Samples the CPU time of the agents' worker processes, which the kit counts together with PyFlink's own."""

    def __init__(self):
        super().__init__(daemon=True)
        self.samples = []
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.25):
            total = 0.0
            for folder in Path("/proc").iterdir():
                if folder.name.isdigit():
                    try:
                        if WORKER in (folder / "cmdline").read_bytes():
                            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                            total += (int(fields[11]) + int(fields[12])) * TICK
                    except OSError:
                        continue
            self.samples.append((time.time(), total))

    def between(self, begin, end):
        """CPU seconds between two times; 0 if there was no worker."""
        times = [when for when, _ in self.samples]
        places = [min(bisect.bisect_left(times, when), len(times) - 1) for when in (begin, end)]
        return max(0.0, self.samples[places[1]][1] - self.samples[places[0]][1]) if times else 0.0


def window(folder, label, count):
    """When 20 % and 95 % of the records had come out, by the probe's files: the part that the kit measures."""
    marks = []
    for file in (folder / "out").glob(f"{label}.*"):
        before = 0
        for line in file.read_text().splitlines():
            parts = line.split()
            if len(parts) == 2:
                marks.append((float(parts[0]), int(parts[1]) - before))
                before = int(parts[1])
    marks.sort()
    found, total = [], 0
    for when, more in marks:
        total += more
        while len(found) < 2 and total >= count * (0.2, 0.95)[len(found)]:
            found.append(when)
    return found if len(found) == 2 else None


def logged_lines(system):
    """How many lines the event logs of a system's cluster have; they are removed when the cluster stands still."""
    lines = 0
    for log in (WORK / system / "log").glob("*event-log*"):
        with log.open("rb") as file:
            while block := file.read(1 << 20):
                lines += block.count(b"\n")
    return lines


def run_on_flink(system, agent, count, parallelism, event_log=False):
    label = f"{agent}-{parallelism}"
    sampler = WorkerCpu()
    events = "on" if event_log else "off"
    before = logged_lines(system)
    sampler.start()
    done = shell(system, f"python '{WORK / system}/agents/bench_flink.py' {label} {agent} {count} {parallelism} events={events}",
                 env={**os.environ, "LIMIT": "400"})
    sampler.ended.set()
    sampler.join()
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT")), None)
    if line is None:
        raise Refused(f"{system} {agent} at parallelism {parallelism} failed:\n{done.stdout[-4000:]}")
    figures = {name: float(value) for name, value in FIGURES.findall(line)}
    if event_log:
        # The job has ended, and with it what writes the log.
        figures["lines"] = (logged_lines(system) - before) / count
        line += f" lines_per_record={figures['lines']:.4f}"
    span = window(WORK / system, label, count)
    # The reference runs actions inside the JVM, and has no such processes.
    ours = sampler.between(*span) / (0.75 * count) * 1e6 if span and system == "ours" else 0.0
    # What is left of the Python processes is PyFlink's own, on both sides.
    figures["agent"] = figures["jvm+pemja"] + ours
    figures["pyflink"] = figures["pyworkers"] - ours
    return line, figures


def tree_cpu(root):
    """CPU seconds of a process and its descendants that live."""
    parents, spent = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(folder.name)], spent[int(folder.name)] = int(fields[1]), (int(fields[11]) + int(fields[12])) * TICK

    def below(pid):
        while pid in parents and pid != root:
            pid = parents[pid]
        return pid == root

    return sum(seconds for pid, seconds in spent.items() if below(pid))


class Waiting(threading.Thread):
    """CPU of the TaskManager and all its processes from 4 s to 14 s after the last of so many calls has begun."""

    def __init__(self, folder, calls):
        super().__init__(daemon=True)
        self.file, self.calls = folder / "out" / "in-flight", calls
        self.root = int(next((folder / "pids").glob("*taskexecutor*.pid")).read_text().split()[-1])
        self.cores = None

    def run(self):
        until = time.monotonic() + 120
        while time.monotonic() < until:
            lines = self.file.read_text().splitlines() if self.file.is_file() else []
            if lines and int(lines[-1].split()[1]) >= self.calls:
                time.sleep(4)
                before, begin = tree_cpu(self.root), time.monotonic()
                time.sleep(10)
                self.cores = (tree_cpu(self.root) - before) / (time.monotonic() - begin)
                return
            time.sleep(0.25)


def waits_on_flink(agent, out):
    """Runs an agent that waits, and prints how many calls were under way, or what it costs that they are."""
    file = WORK / "ours" / "out" / "in-flight"
    file.unlink(missing_ok=True)
    count = RECORDS[agent, "ours"]
    waiting = Waiting(WORK / "ours", count) if agent == "idle" else None
    if waiting:
        waiting.start()
    line, _ = run_on_flink("ours", agent, count, 1)
    if waiting:
        waiting.join()
        if waiting.cores is None:
            raise Refused(f"{count} calls were never under way at a time")
        line += f" cores_while_waiting={waiting.cores:.4f}"
    most = max(int(entry.split()[1]) for entry in file.read_text().splitlines())
    line += f" most_in_flight={most}"
    print(line, file=out, flush=True)
    print(line, flush=True)


def systems_in_turn(arguments, rep):
    """Who goes first alternates, so that a drift of the machine favours nobody."""
    systems = arguments.systems.split(",")
    return systems if rep % 2 == 0 else systems[::-1]


def on_flink(arguments, kit, out, loads):
    """{(agent, parallelism, system): [figures]}"""
    measured = {}
    parallelisms = [int(number) for number in arguments.parallelism.split(",")]
    for rep in range(arguments.reps):
        for system in systems_in_turn(arguments, rep):
            started = shell(system, f"'{kit}/python/cluster.sh' start")
            try:
                if started.returncode != 0:
                    raise Refused(f"the cluster of {system} did not start:\n{started.stdout[-2000:]}")
                for agent in arguments.agents.split(","):
                    if (agent, system) not in RECORDS:
                        continue
                    if agent in WAITING:
                        waits_on_flink(agent, out)
                        continue
                    for parallelism in parallelisms:
                        share = warn_if_busy(loads)
                        count = int(RECORDS[agent, system] * arguments.scale)
                        line, figures = run_on_flink(system, agent, count, parallelism, arguments.event_log)
                        measured.setdefault((agent, parallelism, system), []).append(figures)
                        line += f" agent_cpu={figures['agent']:.0f} pyflink_cpu={figures['pyflink']:.0f}"
                        print(f"{rep + 1}/{arguments.reps} in_use={share:.2f} {line}", file=sys.stderr)
                        print(f"# in use before: {share:.2f}\n{line}", file=out, flush=True)
            finally:
                shell(system, f"'{kit}/python/cluster.sh' stop")
                if arguments.event_log:
                    # Gigabytes.
                    for log in (WORK / system / "log").glob("*event-log*"):
                        log.unlink()
    return measured


def check_event_logs(measured):
    """Refuses figures of a log that lacks lines."""
    for agent, parallelism, system in measured:
        theirs = measured.get((agent, parallelism, "reference"))
        if agent == FLOOR or system != "ours" or not theirs:
            continue
        asked = median(measured, (agent, parallelism, "reference"), "lines")
        least = min(figures["lines"] for figures in measured[agent, parallelism, system])
        if least < asked:
            raise Refused(f"{agent}: {least:.4f} lines a record where the reference writes {asked:.4f}: lines are lacking")


def median(measured, key, name):
    return statistics.median(figures[name] for figures in measured[key])


def ours_table(measured):
    """Of agents that were run on this project alone."""
    yield "| Agent, parallelism | Ours, records/s | Ours, CPU µs beside PyFlink's |"
    yield "|---|---|---|"
    for agent, parallelism, _ in sorted(key for key in measured if (*key[:2], "reference") not in measured):
        key = (agent, parallelism, "ours")
        yield f"| `{agent}`, {parallelism} | {median(measured, key, 'rec/s'):,.0f} | {median(measured, key, 'agent'):,.0f} |"


def flink_table(measured, arguments):
    yield ("| Agent, parallelism | Reference, records/s | Ours, records/s | Ratio | Ours of the floor |"
           " Reference, CPU µs beside PyFlink's | Ours | Ratio | PyFlink's own, reference | ours |")
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for parallelism in (int(number) for number in arguments.parallelism.split(",")):
        for agent in arguments.agents.split(","):
            theirs, ours = ((agent, parallelism, system) for system in ("reference", "ours"))
            if theirs not in measured or ours not in measured:
                continue
            rate, our_rate = median(measured, theirs, "rec/s"), median(measured, ours, "rec/s")
            cpu, our_cpu = median(measured, theirs, "agent"), median(measured, ours, "agent")
            floor = (FLOOR, parallelism, "ours")
            share = f"{our_rate / median(measured, floor, 'rec/s'):.0%}" if floor in measured and agent != FLOOR else "–"
            yield (f"| `{agent}`, {parallelism} | {rate:,.0f} | {our_rate:,.0f} | {our_rate / rate:.2f} × | {share} |"
                   f" {cpu:,.0f} | {our_cpu:,.0f} | {cpu / our_cpu:.1f} × | {median(measured, theirs, 'pyflink'):,.0f} |"
                   f" {median(measured, ours, 'pyflink'):,.0f} |")


def without_flink(arguments, kit, out, loads):
    """{(agent, system): [figures]}, the start-up as agent ``hello``."""
    measured = {}
    agents = [agent for agent in arguments.agents.split(",") if agent != FLOOR]
    for rep in range(arguments.reps):
        for system in systems_in_turn(arguments, rep):
            for agent in agents:
                if (agent, system) not in LOCAL_RECORDS:
                    continue
                share = warn_if_busy(loads)
                count = int(LOCAL_RECORDS[agent, system] * arguments.scale)
                done = shell(system, f"python '{WORK / system}/agents/bench_local.py' {agent} {count} ERROR 2>/dev/null")
                line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT")), None)
                if line is None:
                    raise Refused(f"{system} {agent} without Flink failed:\n{done.stdout[-4000:]}")
                print(f"{rep + 1}/{arguments.reps} in_use={share:.2f} {line}", file=sys.stderr)
                print(f"# in use before: {share:.2f}\n{line}", file=out, flush=True)
                measured.setdefault((agent, system), []).append({k: float(v) for k, v in FIGURES.findall(line)})
            # The second one of two: the first reads files that the machine has not in memory.
            seconds = 0.0
            for _ in range(2):
                begin = time.monotonic()
                done = shell(system, f"exec python '{WORK / system}/agents/hello_local.py' P1 2>/dev/null")
                seconds = time.monotonic() - begin
                if done.returncode != 0:
                    raise Refused(f"{system}: hello world failed:\n{done.stdout[-2000:]}")
            measured.setdefault(("hello", system), []).append({"seconds": seconds})
            print(f"RESULT system={system} hello seconds={seconds:.2f}", file=out, flush=True)
    return measured


def local_table(measured):
    yield "| Agent, without Flink | Reference, records/s | Ours, records/s | Ratio | Reference, CPU µs | Ours, CPU µs | Ratio |"
    yield "|---|---|---|---|---|---|---|"
    for agent in sorted({agent for agent, _ in measured if agent != "hello"}):
        if (agent, "reference") not in measured:
            yield (f"| `{agent}` | – | {median(measured, (agent, 'ours'), 'rec/s'):,.0f} | – | – |"
                   f" {median(measured, (agent, 'ours'), 'cpu_us/rec'):,.1f} | – |")
            continue
        rate, our_rate = (median(measured, (agent, system), "rec/s") for system in ("reference", "ours"))
        cpu, our_cpu = (median(measured, (agent, system), "cpu_us/rec") for system in ("reference", "ours"))
        yield (f"| `{agent}` | {rate:,.0f} | {our_rate:,.0f} | {our_rate / rate:.2f} × | {cpu:,.1f} | {our_cpu:,.1f} |"
               f" {cpu / our_cpu:.1f} × |")
    if ("hello", "reference") not in measured:
        return
    theirs, ours = (median(measured, ("hello", system), "seconds") for system in ("reference", "ours"))
    yield f"\nHello world, from start to exit: reference {theirs:.2f} s, ours {ours:.2f} s."


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=3, help="runs of each system (default 3)")
    parser.add_argument("--agents", default="P0,P1,P2", help="agents, with commas between")
    parser.add_argument("--parallelism", default="1,2", help="parallelisms on Flink")
    parser.add_argument("--only", choices=("flink", "local"), help="one of the two parts")
    parser.add_argument("--systems", default="reference,ours", help="both, or one of them")
    parser.add_argument("--wheel", help="the wheel; the one in target/dist if left out")
    parser.add_argument("--out", default=os.devnull, help="file for the raw RESULT lines")
    parser.add_argument("--event-log", action="store_true", help="the event log at its default, and its lines counted; on Flink")
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the numbers of records")
    arguments = parser.parse_args()
    try:
        kit, wheel = baseline_kit(), find_wheel(arguments.wheel)
        WORK.mkdir(parents=True, exist_ok=True)
        for system in arguments.systems.split(","):
            set_up(kit, system, wheel)
            lay_out_agents(kit, system)
        loads = []
        with open(arguments.out, "w", encoding="utf-8") as out:
            tables = []
            if arguments.only != "local" or arguments.event_log:
                measured = on_flink(arguments, kit, out, loads)
                if arguments.event_log:
                    check_event_logs(measured)
                tables += [flink_table(measured, arguments), ours_table(measured)]
            if arguments.only != "flink" and not arguments.event_log:
                tables.append(local_table(without_flink(arguments, kit, out, loads)))
            print(f"\n{machine()}; Python {sys.version.split()[0]}; medians of {arguments.reps} runs, taking turns.")
            if loads:
                print(f"**The machine was busy**: up to {max(loads):.0%} of it were in use before a run. The figures are"
                      " not to be quoted.")
            for table in tables:
                print("\n" + "\n".join(table))
    except Refused as refused:
        print(f"python_side_by_side.py: {refused}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
