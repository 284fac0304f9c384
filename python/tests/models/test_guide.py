"""The programs of docs/guides do what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flink_agents.api.resource import ResourceType
from flink_agents.plan.agent_plan import AgentPlan
from flink_agents.runtime.resources import ResourceCache

GUIDES = Path(__file__).resolve().parents[3] / "docs" / "guides"
PROGRAMS = {
    re.match(r"# (\w+)\.py\n", program)[1]: program
    for guide in sorted(GUIDES.glob("*.md"))
    for program in re.findall(r"^```python\n(.*?)^```$", guide.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
}
CALL = {"name": "price", "arguments": {"product": "kettle"}}
SCRIPTS = {
    "review_agent": [
        {"when": {"round": 0}, "answers": [{"tool_calls": [CALL]}]},
        {"when": {"contains": "19.5"}, "answers": [{"text": '{"stars": 4, "why": "it boils"}'}]},
    ],
    "answer_agent": [{"when": {"contains": "How much"}, "answers": [{"text": "two litres"}]}],
    "panel_agent": [
        {"when": {"contains": "about the price"}, "answers": [{"text": "too high", "delay_ms": 300}]},
        {"when": {"contains": "about the quality"}, "answers": [{"text": "good", "delay_ms": 200}]},
        {"when": {"contains": "about the delivery"}, "answers": [{"text": "late", "delay_ms": 100}]},
    ],
    "ask": [{"answers": [{"text": "Hello, too", "usage": {"prompt": 9, "completion": 3}}]}],
    "clock_agent": [
        {"when": {"round": 0}, "answers": [{"tool_calls": [{"name": "time", "arguments": {}}]}]},
        {"answers": [{"text": "It is $last."}]},
    ],
    "own_model": [],
    "support_agent": [
        {"when": {"contains": "leaks"}, "answers": [{"text": '{"kind": "defect", "product": "kettle"}'}]},
        {"when": {"contains": "Lovely"}, "answers": [{"text": '{"kind": "praise", "product": "tent"}'}]},
        {"when": {"contains": "great"}, "answers": [{"text": '{"kind": "praise", "product": "lamp"}'}]},
    ],
}
# They define an agent that needs Flink.
ON_FLINK = {"java_model_agent"}
CLOCK = {"tools": [{"name": "time", "description": "Tells the time.", "text": "noon"}]}


def test_all_programs_are_run():
    assert PROGRAMS.keys() == SCRIPTS.keys() | ON_FLINK


def test_the_agent_with_resources_of_java_is_asked_of_java_on_flink_alone():
    defined: dict[str, Any] = {"__name__": "java_model_agent"}
    exec(PROGRAMS["java_model_agent"], defined)
    plan = AgentPlan.from_agent(defined["agent"])
    of_java = {p.name for named in plan.resource_providers.values() for p in named.values() if p.language == "java"}
    assert of_java == {"server", "_default_chat_model", "stock"}
    with pytest.raises(NotImplementedError, match="is com.example.HouseModelSetup, a Java class: without Flink"):
        ResourceCache(plan).get_resource("_default_chat_model", ResourceType.CHAT_MODEL)


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_program_prints_what_it_says(model_server, tmp_path, name):
    server = model_server(*SCRIPTS[name], mcp=CLOCK)
    (tmp_path / f"{name}.py").write_text(PROGRAMS[name], encoding="utf-8")
    environment = {
        **os.environ,
        "MODEL_URL": f"{server.url}/v1",
        "MCP_URL": f"{server.url}/mcp",
        "MCP_TOKEN": "t",
        "no_proxy": "*",
    }
    for unset in ("FLINK_CONF_DIR", "OPENAI_API_KEY"):
        environment.pop(unset, None)
    ran = subprocess.run(
        [sys.executable, f"{name}.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    expected = re.search(r"print\(outputs\)  # (.*)", PROGRAMS[name])
    assert ran.stdout.strip() == (expected[1] if expected else "Hello, too 9"), ran.stderr
    if name == "answer_agent":
        (asked,) = server.chats()
        assert asked["messages"][0]["content"] == "Answer by this alone: The kettle holds two litres."
