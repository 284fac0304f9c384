"""The programs in the documentation that no test of a cluster runs."""

import importlib.util
import re
from pathlib import Path

from flink_agents.api.execution_environment import AgentsExecutionEnvironment

DOC = Path(__file__).resolve().parents[3] / "docs" / "getting-started-python.md"


def test_the_agent_that_waits_runs_as_it_is_printed(tmp_path, monkeypatch):
    (program,) = re.findall(r"^```py\n(.*?)^```$", DOC.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "wait_agent.py").write_text(program, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert importlib.util.find_spec("wait_agent") is not None
    from wait_agent import Shop

    environment = AgentsExecutionEnvironment.get_execution_environment()
    items = [{"key": item, "value": item} for item in ("tea", "coffee")]
    outputs = environment.from_list(items).apply(Shop()).to_list()
    environment.execute()
    assert sorted(value for output in outputs for value in output.values()) == ["coffee: 7 left at 6", "tea: 7 left at 3"]
