"""The ways to submit a job, and what of its configuration reaches the agent."""

from __future__ import annotations

import zipfile
from dataclasses import replace

import examples
import expected
from checks import check_nothing_left, loaded_libraries
from scenario import Context

KEYS = "max-in-flight,job-identifier,config-test.text,config-test.number,set-in-code,nothing"


def _stocks(c: Context, *options: str) -> None:
    out = c.out()
    job = c.cluster.submit(*options, "--data", str(c.stocks()), "--out", out.as_uri())
    c.finished(job)
    c.check_stocks(out)


def flink_run_with_one_jar(c: Context) -> None:
    """``flink run -c`` with a jar that has everything."""
    with c.suite.scenario("flink run -c, jobs and flink-agents in one jar", c.cluster):
        _stocks(c, "-c", "jobs.StockAlerts", str(c.jars.fat))


def flink_run_with_class_path(c: Context) -> None:
    """``flink run -C`` with the dist jar beside a jar that has the jobs only."""
    with c.suite.scenario("flink run -c, flink-agents on the user class path (-C)", c.cluster):
        _stocks(c, "-C", c.jars.dist.as_uri(), "-c", "jobs.StockAlerts", str(c.jars.thin))


def tables(c: Context) -> None:
    """A job from SQL over an agent to SQL: Flink loads its planner in a class loader of its own."""
    with c.suite.scenario("from a table over an agent to a table", c.cluster):
        out, data = c.out(), c.data / "seattle-weather.csv"
        c.finished(c.cluster.submit(
            "-c", "jobs.TableJob", str(c.jars.fat), "--data", str(data), "--out", out.as_uri()))
        lines = expected.rain(data)
        c.suite.same_lines(f"{len(lines)} sums of rain", lines, out)


def rest_upload_side_by_side(c: Context) -> None:
    """Upload by REST; three jobs at once in one TaskManager, two of them from one jar, then one more."""
    with c.suite.scenario("REST upload and run, jobs side by side and one after another", c.cluster):
        rest = c.cluster.rest
        walked, bands, alerts = c.out(), c.out(), c.out()
        jar = rest.upload(c.jars.fat)
        release = c.cluster.base / "release-side-by-side"
        slow = rest.run_jar(jar, "jobs.AirportWalk", [
            "--data", str(c.airports()), "--out", walked.as_uri(), "--count", "3000", "--steps", "20",
            "--release", str(release)])
        rest.await_state(slow, "RUNNING", 60)
        first = rest.run_jar(jar, "jobs.AirportBands", ["--data", str(c.airports()), "--out", bands.as_uri()])
        second = c.cluster.submit(
            "-d", "-c", "jobs.StockAlerts", str(c.jars.fat), "--data", str(c.stocks()), "--out", alerts.as_uri(),
            "--parallelism", "1")
        c.finished(first)
        c.finished(second)
        c.suite.equal("the slow job ran beside them", "RUNNING", rest.state(slow))
        c.check_bands(bands)
        c.check_stocks(alerts)
        release.touch()
        c.finished(slow)
        c.suite.same_lines("the slow job's outputs", expected.airport_walk(c.airports(), 3000), walked)
        again = c.out()
        c.finished(rest.run_jar(jar, "jobs.AirportBands", [
            "--data", str(c.airports()), "--out", again.as_uri(), "--parallelism", "4"]))
        c.check_bands(again)
        rest.call("DELETE", f"/jars/{jar}")


def configuration(c: Context) -> None:
    """The file's ``agent:`` section, below ``-Dagent.…``, below what the program sets."""
    with c.suite.scenario("configuration: config.yaml, -Dagent.…, REST, and the program", c.cluster):
        in_file = {"max-in-flight": "absent", "job-identifier": "from-the-file", "config-test.text": "from the file",
                   "config-test.number": "41", "set-in-code": "5", "nothing": "absent"}
        out = c.out()
        arguments = ["--keys", KEYS, "--set", "5", "--out"]
        c.finished(c.cluster.submit(
            "-Dagent.max-in-flight=7", "-Dagent.config-test.number=42", "-Dagent.set-in-code=9",
            "-c", "jobs.ConfigEcho", str(c.jars.fat), *arguments, out.as_uri()))
        c.suite.equal("seen by an agent of flink run", {**in_file, "max-in-flight": "7", "config-test.number": "42"},
                      dict(line.split("=", 1) for line in expected.read_output(out)))
        out = c.out()
        jar = c.cluster.rest.upload(c.jars.fat)
        c.finished(c.cluster.rest.run_jar(
            jar, "jobs.ConfigEcho", [*arguments, out.as_uri()],
            flinkConfiguration={"agent.max-in-flight": "8", "agent.config-test.text": "from the request"}))
        c.suite.equal("seen by an agent of a REST run",
                      {**in_file, "max-in-flight": "8", "config-test.text": "from the request"},
                      dict(line.split("=", 1) for line in expected.read_output(out)))
        c.cluster.rest.call("DELETE", f"/jars/{jar}")


def wrong_configuration(c: Context) -> None:
    """Wrong values and misspelt keys are told on the client, before anything runs."""
    with c.suite.scenario("configuration: wrong values and misspelt keys", c.cluster):
        jobs = len(c.cluster.rest.get("/jobs")["jobs"])
        command = ("-c", "jobs.ConfigEcho", str(c.jars.fat), "--keys", "nothing", "--out")
        done = c.cluster.flink("run", "-Dagent.max-in-flight=lots", *command, c.out().as_uri())
        c.suite.equal("a wrong value is refused", 1, done.returncode)
        c.suite.contains("the message names key and value", done.stdout, ("max-in-flight", "lots"))
        c.suite.equal("jobs after that", jobs, len(c.cluster.rest.get("/jobs")["jobs"]))
        c.finished(c.cluster.submit("-Dagent.max-in-fligth=7", *command, c.out().as_uri()))
        # Each client begins this file anew.
        log = next(c.cluster.logs.glob("*client*.log")).read_text()
        warnings = [line for line in log.splitlines() if " WARN " in line and "max-in-fligth" in line]
        c.suite.contains("a misspelt key is reported with the right one", "\n".join(warnings), ("max-in-flight",))


def nothing_left(c: Context) -> None:
    """After all jobs: their classes and native libraries are gone from both processes."""
    with c.suite.scenario("nothing of the ended jobs is left in the processes"):
        check_nothing_left(c.suite, c.cluster, libraries=0)


def mixed_builds(c: Context) -> None:
    """Another build's API in ``lib/`` would replace ours, class by class: refused on the client, naming both jars."""
    with c.suite.scenario("another build of flink-agents in lib/ is refused", c.cluster):
        other = c.cluster.base / "flink-agents-api-0.0.7.jar"
        with zipfile.ZipFile(c.jars.dist) as dist, zipfile.ZipFile(other, "w") as part:
            for name in dist.namelist():
                if name.startswith("org/apache/flink/agents/api/"):
                    part.writestr(name, dist.read(name))
            part.writestr("META-INF/maven/org.apache.flink/flink-agents-api/pom.properties",
                          "groupId=org.apache.flink\nartifactId=flink-agents-api\nversion=0.0.7\n")
        jobs = len(c.cluster.rest.get("/jobs")["jobs"])
        done = c.cluster.flink("run", "-c", "jobs.ConfigEcho", str(c.jars.fat), "--keys", "nothing", "--out",
                               c.out().as_uri(), libraries=(other,))
        c.suite.equal("it is refused", 1, done.returncode)
        c.suite.contains("the message names both jars", done.stdout, (other.name, c.jars.fat.name, "0.0.7"))
        c.suite.equal("jobs after that", jobs, len(c.cluster.rest.get("/jobs")["jobs"]))


def jar_in_lib(c: Context) -> None:
    """The dist jar in Flink's ``lib/``: jobs bring their own classes only."""
    with c.suite.scenario("flink-agents in lib/, thin job jar, flink run and REST", c.cluster):
        _stocks(c, "-c", "jobs.StockAlerts", str(c.jars.thin))
        rest = c.cluster.rest
        jar = rest.upload(c.jars.thin)
        first, second = c.out(), c.out()
        jobs = [rest.run_jar(jar, "jobs.AirportBands", ["--data", str(c.airports()), "--out", out.as_uri()])
                for out in (first, second)]
        for job, out in zip(jobs, (first, second)):
            c.finished(job)
            c.check_bands(out)
        rest.call("DELETE", f"/jars/{jar}")


def tables_with_lib(c: Context) -> None:
    """Tables with the dist jar in ``lib/``."""
    tables(Context(c.suite, c.cluster, replace(c.jars, fat=c.jars.thin), c.data, c.long))


def examples_with_lib(c: Context) -> None:
    """The examples, two real agents, as their documents say: compiled for Flink 1.20, run as they are."""
    with c.suite.scenario("the examples, with flink-agents in lib/", c.cluster):
        package = "io.github.flinkagents.examples"
        for main, data, right in (
            (f"{package}.weather.WeatherJob", c.data / "seattle-weather.csv", examples.weather),
            (f"{package}.market.MarketJob", c.stocks(), examples.market),
        ):
            out, lines = c.out(), right(data)
            c.finished(c.cluster.submit("-p", "2", "-c", main, str(c.jars.examples), str(data), out.as_uri()))
            c.suite.same_lines(f"{len(lines)} remarks of {main}", lines, out)


def jar_in_lib_and_in_job(c: Context) -> None:
    """The same build twice, in ``lib/`` and in the job: Flink takes that of ``lib/`` for both."""
    with c.suite.scenario("flink-agents in lib/ and in the job's jar, of one build", c.cluster):
        _stocks(c, "-c", "jobs.StockAlerts", str(c.jars.fat))


def nothing_left_with_lib(c: Context) -> None:
    """Classes in ``lib/`` outlive jobs, and must not hold on to theirs; there is one native library."""
    with c.suite.scenario("nothing of the ended jobs is left, flink-agents in lib/"):
        check_nothing_left(c.suite, c.cluster, libraries=1)
        c.suite.equal("native libraries in the TaskManager", 1, loaded_libraries(c.cluster.task_managers[0]))


PLAIN = [flink_run_with_one_jar, flink_run_with_class_path, rest_upload_side_by_side, configuration,
         wrong_configuration, mixed_builds]
# Flink's tables keep the classes they generate, and so the job's class loader, for five minutes: they come last.
WITH_LIB = [jar_in_lib, examples_with_lib, jar_in_lib_and_in_job, nothing_left_with_lib, tables_with_lib]
