"""The check of the API against the listing finds what differs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CHECK = ROOT / "e2e-test" / "conformance" / "check_python_api.py"


def check(*arguments):
    run = subprocess.run(
        [sys.executable, str(CHECK), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return run.returncode, run.stdout


@pytest.fixture
def sources(tmp_path):
    shutil.copytree(
        ROOT / "python" / "flink_agents" / "api",
        tmp_path / "flink_agents" / "api",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return tmp_path


def test_the_api_has_what_the_listing_has():
    code, output = check()
    assert output.splitlines()[-1].endswith(" passed, 0 failed")
    assert code == 0


@pytest.mark.parametrize(
    ("file", "old", "new", "failure"),
    [
        ("function.py", "def from_callable(", "def of_callable(", "PythonFunction.from_callable is missing"),
        ("function.py", "qualname: str", "qualname: str | None", "qualname has the type None | str"),
        ("function.py", "func: Callable) -> PythonFunction", "f: Callable) -> PythonFunction", "parameters (f:"),
        ("function.py", ") -> PythonFunction:", ") -> str:", "returns str, not PythonFunction"),
        ("function.py", "    @staticmethod\n    def from_c", "    def from_c", "is decorated [], not ['staticmethod']"),
        ("resource.py", 'TOOL = "tool"', 'TOOL = "tools"', "ResourceType.TOOL is 'tools', not 'tool'"),
        ("prompts/prompt.py", "class LocalPrompt(Prompt)", "class LocalPrompt(Resource)", "not inherit from Prompt"),
        ("metric_group.py", "n: int = 1) -> None", "n: int = 2) -> None", "Counter.inc has the parameters"),
        ("metric_group.py", "n: int = 1) -> None", "n: int = 1, *, m: int) -> None", "a further parameter that must"),
        ("resource.py", "    def open(self)", "    @abstractmethod\n    def open(self)", "Resource.open is abstract"),
        ("core_options.py", '"max-retries"', '"max-retry"', "MAX_RETRIES is ConfigOption(key='max-retry'"),
    ],
)
def test_differences_are_found(sources, file, old, new, failure):
    path = sources / "flink_agents" / "api" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    code, output = check(sources)
    assert code == 1
    assert failure in output


def test_a_missing_module_and_a_stale_entry_of_the_allow_list_are_found(sources, tmp_path):
    (sources / "flink_agents" / "api" / "skills.py").unlink()
    allow = tmp_path / "allow.txt"
    allow.write_text(
        (CHECK.parent / "python-api-allow.txt").read_text(encoding="utf-8")
        + "flink_agents.api.resource#Resource.open | 2026-11-21 | test\nflink_agents.api.nothing | 2026-11-21 | test\n",
        encoding="utf-8",
    )
    code, output = check(sources, "--allow", allow)
    assert code == 1
    assert "flink_agents.api.skills is missing" in output
    assert "flink_agents.api.resource#Resource.open exists: remove it from the allow-list" in output
    assert "flink_agents.api.nothing is in the allow-list but not in the listing" in output
