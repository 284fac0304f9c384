"""An agent that asks models in a worker. Their server is one of a few lines, in the worker itself."""

import http.server
import json
import threading

from flink_agents.api.agents.agent import Agent
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.chat_models.chat_model import BaseChatModelConnection, BaseChatModelSetup
from flink_agents.api.decorators import action, chat_model_connection, chat_model_setup, tool
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.resource import ResourceDescriptor, ResourceName
from flink_agents.api.runner_context import RunnerContext
from flink_agents.integrations.chat_models.vllm.vllm_chat_model import VLLMChatModelConnection, VLLMChatModelSetup


def answer(messages: list) -> dict:
    """Ask for the tool, then say what it said."""
    last = messages[-1]
    if last["role"] != "tool":
        call = {"name": "doubled", "arguments": json.dumps({"number": float(last["content"])})}
        return {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "type": "function", "function": call}]}
    return {"role": "assistant", "content": f"it is {last['content']}"}


class Answers(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        choice = {"index": 0, "message": answer(asked["messages"]), "finish_reason": "stop"}
        said = json.dumps({"model": "m", "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *args: object) -> None:
        pass


class Served(VLLMChatModelConnection):
    """A connection to a server that it starts."""

    def open(self) -> None:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.api_base_url = f"http://127.0.0.1:{server.server_port}/v1"
        super().open()


class Own(BaseChatModelConnection):
    """A model of this process, which blocks."""

    def chat(self, messages, tools=None, output_schema=None, **kwargs) -> ChatMessage:
        said = answer([{"role": message.role.value, "content": message.content} for message in messages])
        calls = [
            {"id": call["id"], "type": "function", "function": {**call["function"], "arguments": {"number": 21.0}}}
            for call in said.get("tool_calls", ())
        ]
        return ChatMessage(role=MessageRole.ASSISTANT, content=said["content"], tool_calls=calls)


class OwnSetup(BaseChatModelSetup):
    @property
    def model_kwargs(self) -> dict:
        return {"model": self.model}


class Asks(Agent):
    """Takes [model, number], and says what the model's tool made of it."""

    @chat_model_connection
    @staticmethod
    def served():
        return ResourceDescriptor(clazz=f"{__name__}.{Served.__name__}")

    @chat_model_connection
    @staticmethod
    def own():
        return ResourceDescriptor(clazz=f"{__name__}.{Own.__name__}")

    @chat_model_setup
    @staticmethod
    def native():
        setup = f"{VLLMChatModelSetup.__module__}.{VLLMChatModelSetup.__name__}"
        return ResourceDescriptor(clazz=setup, connection="served", model="m", tools=["doubled"])

    @chat_model_setup
    @staticmethod
    def blocking():
        return ResourceDescriptor(clazz=f"{__name__}.{OwnSetup.__name__}", connection="own", model="m", tools=["doubled"])

    @tool
    @staticmethod
    def doubled(number: int) -> int:
        """Double a number."""
        assert type(number) is int
        return 2 * number

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event: Event, ctx: RunnerContext) -> None:
        model, number = InputEvent.from_event(event).input
        ctx.send_event(ChatRequestEvent(model=model, messages=[ChatMessage(content=str(number))]))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def tell(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=ChatResponseEvent.from_event(event).response.content))


class Limited(Agent):
    """Asks a server whose address is in the environment, no more than eight questions of the whole job at once."""

    @chat_model_connection
    @staticmethod
    def server():
        return ResourceDescriptor(
            clazz=ResourceName.ChatModel.VLLM_CONNECTION, api_base_url="${env:LIMITED_SERVER}", max_concurrent_requests=8
        )

    @chat_model_setup
    @staticmethod
    def model():
        return ResourceDescriptor(clazz=ResourceName.ChatModel.VLLM_SETUP, connection="server", model="m")

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(ChatRequestEvent(model="model", messages=[ChatMessage(content=InputEvent.from_event(event).input)]))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def tell(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=ChatResponseEvent.from_event(event).response.content))
