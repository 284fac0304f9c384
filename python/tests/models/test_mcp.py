"""Tool servers: their tools and prompts in agents, and what they do not answer."""

import asyncio
import json

import pytest

import test_react
from flink_agents.api.agents.agent import Agent
from flink_agents.api.chat_message import ChatMessage
from flink_agents.api.decorators import action, mcp_server, tool
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.event import InputEvent, OutputEvent
from flink_agents.api.resource import ResourceDescriptor, ResourceName, ResourceType
from flink_agents.integrations.errors import McpError
from flink_agents.integrations.mcp.mcp import MCPServer
from flink_agents.plan.agent_plan import AgentPlan

OFFERED = {
    "tools": [
        {
            "name": "weather",
            "description": "Tells the weather.",
            "schema": {"type": "object", "properties": {"city": {"type": "string"}}},
            "text": "sun for $arguments",
        },
        {"name": "fails", "description": "Fails.", "text": "no sun here", "failed": True},
        {"name": "dies", "description": "Dies.", "dies": True},
    ],
    "prompts": [
        {
            "name": "greeting", "description": "Greets.", "required": ["who"], "optional": ["how"],
            "text": "Greet $arguments",
        }
    ],
}
NAMES = ["weather", "fails", "dies"]


class WithServer(Agent):
    """Lets a model call the tools of a server, whose prompt it is asked with."""

    arguments: dict = {}

    @mcp_server
    @staticmethod
    def offers():
        return ResourceDescriptor(clazz=ResourceName.MCP_SERVER, **WithServer.arguments)

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event, ctx):
        message = ChatMessage(content=InputEvent.from_event(event).input)
        ctx.send_event(ChatRequestEvent("model", [message], prompt_args={"who": "Ann", "how": "loudly"}))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def tell(event, ctx):
        ctx.send_event(OutputEvent(output=ChatResponseEvent.from_event(event).response.content))


def with_model(server, tools):
    """Return the agent, whose model is on a server and has these tools."""
    agent = WithServer()
    agent.add_resource("server", ResourceType.CHAT_MODEL_CONNECTION, test_react.connection(server))
    setup = ResourceDescriptor(
        clazz=ResourceName.ChatModel.OPENAI_COMPLETIONS_SETUP, connection="server", model="m", prompt="greeting",
        tools=tools,
    )
    agent.add_resource("model", ResourceType.CHAT_MODEL, setup)
    return agent


@pytest.fixture(params=["http", "process"])
def way(request, model_server_program):
    """Return a function that gives the arguments of a tool server."""

    def arguments(server):
        if request.param == "http":
            return {"endpoint": f"{server.url}/mcp", "timeout": 5, "max_retries": 1}
        script = json.dumps({"mcp": OFFERED})
        return {"command": str(model_server_program), "args": ["--pipes", "true", "--script", script], "timeout": 5}

    return arguments


def test_tools_and_prompts_of_a_server_are_the_agents(model_server, run, monkeypatch, way):
    calls = [{"name": name, "arguments": {"city": "Ulm"}} for name in NAMES]
    server = model_server(
        {"when": {"round": 0}, "answers": [{"tool_calls": calls}]}, {"answers": [{"text": "bye"}]}, mcp=OFFERED
    )
    monkeypatch.setattr(WithServer, "arguments", way(server))
    assert run([("k", "hi")], with_model(server, NAMES), {"tool-call.async": "false"}) == [("k", "bye")]
    first, second = server.chats()
    assert [tool["function"]["name"] for tool in first["tools"]] == NAMES
    assert first["messages"][0]["content"] == 'Greet {"who":"Ann","how":"loudly"}'
    assert first["messages"][1]["content"] == "hi"
    weather, fails, dies = [m["content"] for m in second["messages"] if m["role"] == "tool"]
    assert weather == 'sun for {"city":"Ulm"}'
    assert fails == "Tool `fails` failed: no sun here"
    assert dies.startswith("Tool `dies` failed: MCP server 'offers', tool 'dies'")


def test_a_server_can_be_asked_outside_of_actions(model_server, way):
    server = MCPServer(**way(model_server(mcp=OFFERED)))
    assert [tool.name for tool in server.list_tools()] == NAMES
    assert server.get_tool("weather").call(city="Ulm") == 'sun for {"city":"Ulm"}'
    assert asyncio.run(server.call_tool_async("weather")) == "sun for {}"
    (prompt,) = server.list_prompts()
    assert prompt.format_string(who="Ann") == 'user: Greet {"who":"Ann"}'
    with pytest.raises(McpError, match="argument 'who' is required") as raised:
        prompt.format_messages()
    assert raised.value.kind == "arguments"
    with pytest.raises(KeyError, match="has no tool 'none'; there are: weather, fails, dies"):
        server.get_tool("none")
    server.close()


def test_what_is_in_the_plan_has_no_secret_and_no_session(model_server, monkeypatch, way):
    arguments = way(model_server(mcp=OFFERED))
    if "endpoint" in arguments:
        arguments["auth"] = {"type": "bearer", "token": "${env:MCP_TOKEN}"}
    monkeypatch.setenv("MCP_TOKEN", "hidden-token")
    monkeypatch.setattr(WithServer, "arguments", arguments)
    plan = AgentPlan.from_agent(WithServer()).to_json()
    assert "hidden-token" not in plan
    tools = json.loads(plan)["resource_providers"]["tool"]
    assert tools["weather"]["serialized"]["mcp_server_name"] == "offers"


def test_names_that_are_taken_are_told(model_server, monkeypatch, way):
    class Both(WithServer):
        @tool
        @staticmethod
        def weather() -> str:
            """Tell the weather."""
            return "rain"

    monkeypatch.setattr(WithServer, "arguments", way(model_server(mcp=OFFERED)))
    with pytest.raises(ValueError, match="mcp_server 'offers' has a tool 'weather', and so has the agent"):
        AgentPlan.from_agent(Both())
