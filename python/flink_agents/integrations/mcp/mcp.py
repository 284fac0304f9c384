"""Tool servers that speak the Model Context Protocol, over streamable HTTP or as a process."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping

from pydantic import BaseModel, Field, PrivateAttr, TypeAdapter
from typing_extensions import override

from flink_agents import _core
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.prompts.prompt import Prompt
from flink_agents.api.resource import Resource, ResourceType
from flink_agents.api.tools.tool import Tool, ToolMetadata, ToolType
from flink_agents.api.tools.tool_execution_metadata_provider import ToolExecutionMetadataProvider
from flink_agents.api.trace.tool_execution_metadata_keys import ToolExecutionMetadataKeys
from flink_agents.integrations.arguments import NATIVE, arguments_of, name_of

_MESSAGES = TypeAdapter(List[ChatMessage])


class MCPServer(Resource):
    """A tool server. Its session is opened with the first question, and again when the server has ended it.

    Its tools and prompts become resources of the agent when the agent is applied, so the server has to be there then.

    Attributes
    ----------
    endpoint
        Its address, for streamable HTTP.
    headers
        Of each request.
    auth
        ``{"type": "bearer", "token": …}``, ``{"type": "basic", "username": …, "password": …}`` or ``{"type": "api_key",
        "header": …, "key": …}``.
    timeout, sse_read_timeout
        Seconds for an answer, and of silence in a stream.
    command, args, env, cwd
        Instead of an address: the process that is the server, on its standard input and output.
    """

    model_config = NATIVE

    endpoint: str | None = None
    headers: Dict[str, Any] | None = Field(default=None, repr=False)
    timeout: float = 30
    sse_read_timeout: float = 60 * 5
    auth: Dict[str, Any] | None = Field(default=None, repr=False)
    command: str | None = None
    args: List[str] | None = None
    env: Dict[str, str] | None = Field(default=None, repr=False)
    cwd: str | None = None

    _client: _core.McpClient | None = PrivateAttr(default=None)

    @classmethod
    @override
    def resource_type(cls) -> ResourceType:
        return ResourceType.MCP_SERVER

    @property
    def client(self) -> _core.McpClient:
        """The native client."""
        if self._client is None:
            self._client = _core.McpClient(name_of(self), arguments_of(self))
        return self._client

    @override
    def open(self) -> None:
        """Check the arguments. Nothing is sent yet."""
        _ = self.client

    def call_tool(self, tool_name: str, /, **arguments: Any) -> str:
        """Call a tool; returns its texts, or its structured result as JSON if it has none.

        Raises
        ------
        McpError
            Of ``flink_agents.integrations.errors``: the server is not there, does not answer, or refuses.
        RuntimeError
            With the tool's own text, if it says that it failed.
        """
        return _text(tool_name, self.client.call(tool_name, json.dumps(arguments)))

    async def call_tool_async(self, tool_name: str, /, **arguments: Any) -> str:
        """Do the same, to be awaited; no thread waits."""
        return _text(tool_name, await self.client.call_async(tool_name, json.dumps(arguments)))

    def list_tools(self) -> List[MCPTool]:
        """Return the server's tools. They are asked for once, and again when the server says that they changed."""
        return [
            MCPTool(
                metadata=ToolMetadata(
                    name=tool["name"], description=tool["description"], args_schema=tool["parameters"]
                ),
                mcp_server_name=self._resource_name,
                mcp_server=self,
            )
            for tool in json.loads(self.client.tools())
        ]

    def get_tool(self, name: str) -> MCPTool:
        """Return a tool by its name; ``KeyError`` if there is none."""
        return _named(self, "tool", name, {tool.name: tool for tool in self.list_tools()})

    def get_tool_metadata(self, name: str) -> ToolMetadata:
        """Return what a model is told of a tool; ``KeyError`` if there is none."""
        metadata = self.get_tool(name).metadata
        assert metadata is not None
        return metadata

    def list_prompts(self) -> List[MCPPrompt]:
        """Return the server's prompts, kept like its tools."""
        return [
            MCPPrompt(
                name=prompt["name"],
                description=prompt["description"],
                prompt_arguments=prompt["arguments"],
                mcp_server_name=self._resource_name,
                mcp_server=self,
            )
            for prompt in json.loads(self.client.prompts())
        ]

    def get_prompt(self, name: str, arguments: Dict[str, str] | None = None) -> List[ChatMessage]:
        """Return the messages of a prompt, filled in by the server with all arguments that it knows.

        Raises
        ------
        McpError
            If a required argument is missing, or there is no such prompt or server.
        """
        return _MESSAGES.validate_json(self.client.prompt(name, json.dumps(arguments or {})))

    async def get_prompt_async(self, name: str, arguments: Dict[str, str] | None = None) -> List[ChatMessage]:
        """Do the same, to be awaited; no thread waits."""
        return _MESSAGES.validate_json(await self.client.prompt_async(name, json.dumps(arguments or {})))

    @override
    def close(self) -> None:
        self._client = None


class _OfServer(BaseModel):
    """What belongs to a server: in a plan it has the server's name, and finds it where it runs."""

    mcp_server: MCPServer | None = Field(default=None, exclude=True)
    mcp_server_name: str | None = None

    def _server(self) -> MCPServer:
        if self.mcp_server is None:
            context = getattr(self, "resource_context", None)
            if context is None or self.mcp_server_name is None:
                msg = f"This {type(self).__name__} has no server: get it by list_tools() or list_prompts() of one."
                raise ValueError(msg)
            self.mcp_server = context.get_resource(self.mcp_server_name, ResourceType.MCP_SERVER)
        return self.mcp_server


class MCPTool(_OfServer, Tool, ToolExecutionMetadataProvider):
    """A tool of a server."""

    @classmethod
    @override
    def tool_type(cls) -> ToolType:
        return ToolType.MCP

    @override
    def call(self, /, *args: Any, **kwargs: Any) -> Any:
        return self._server().call_tool(self.name, **kwargs)

    async def call_async(self, /, **kwargs: Any) -> Any:
        """Do the same, to be awaited; no thread waits."""
        return await self._server().call_tool_async(self.name, **kwargs)

    @override
    def get_tool_execution_metadata(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        return {ToolExecutionMetadataKeys.MCP_SERVER: self.mcp_server_name}


class PromptArgument(BaseModel):
    """What a prompt is filled in with."""

    name: str
    description: str | None = None
    required: bool | None = None


class MCPPrompt(_OfServer, Prompt):
    """A prompt of a server, which fills it in."""

    name: str
    title: str | None = None
    description: str | None = None
    prompt_arguments: List[PromptArgument] = Field(default_factory=list)

    @override
    def format_string(self, **arguments: str) -> str:
        return "\n".join(str(message) for message in self.format_messages(**arguments))

    @override
    def format_messages(self, role: MessageRole = MessageRole.SYSTEM, **arguments: str) -> List[ChatMessage]:
        return self._server().get_prompt(self.name, arguments)

    async def format_messages_async(
        self, role: MessageRole = MessageRole.SYSTEM, **arguments: str
    ) -> List[ChatMessage]:
        """Do the same, to be awaited; no thread waits."""
        return await self._server().get_prompt_async(self.name, arguments)


def _named(server: MCPServer, kind: str, name: str, known: Dict[str, Any]) -> Any:
    if name not in known:
        msg = f"The MCP server '{name_of(server)}' has no {kind} '{name}'; there are: {', '.join(known) or 'none'}."
        raise KeyError(msg)
    return known[name]


def _text(tool: str, answer: str) -> str:
    result = json.loads(answer)
    if result["failed"]:
        raise RuntimeError(result["text"] or f"The tool '{tool}' says that it failed, and not why.")
    return result["text"]
