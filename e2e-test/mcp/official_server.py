"""A tool server made with the official Python SDK of the Model Context Protocol, of either major version.

Usage: official_server.py [--port PORT [--token TOKEN] [--json] [--stateless] [--newest]] [--late] [--deaths FILE] [--describe]

Speaks streamable HTTP on a port of 127.0.0.1; without one, on its standard input and output. The SDK is where PYTHONPATH points to.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.types import ImageContent, TextContent
from pydantic import AnyHttpUrl, BaseModel, Field

try:
    from mcp.server.mcpserver import Context, MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp.server.mcpserver.prompts.base import AssistantMessage, UserMessage

    SECOND = True
except ModuleNotFoundError:
    from mcp.server.fastmcp import Context
    from mcp.server.fastmcp import FastMCP as MCPServer
    from mcp.server.fastmcp.exceptions import ToolError
    from mcp.server.fastmcp.prompts.base import AssistantMessage, UserMessage

    SECOND = False

# One pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


class Place(BaseModel):
    """Where something is."""

    city: str
    height: float
    names: list[str] = []


class Feeling(BaseModel):
    """What the client is asked for."""

    mood: str


class OneToken:
    """Knows one token."""

    def __init__(self, token: str) -> None:
        self.token = token

    async def verify_token(self, token: str) -> AccessToken | None:
        """Says whose a token is; None if it is nobody's."""
        return AccessToken(token=token, client_id="tester", scopes=[]) if token == self.token else None


def echo(
    text: str, whole: int, part: float, flag: bool, names: list[str], place: Place, mood: Literal["good", "bad"],
    more: Annotated[str | None, Field(description="May be left out.")] = None, count: int = 3,
) -> str:
    """Repeats its arguments."""
    return json.dumps([text, whole, part, flag, names, place.model_dump(), mood, more, count])


def where(city: str) -> Place:
    """Says where a city is."""
    return Place(city=city, height=478.5, names=["Ulma", "Ulm"])


def numbers(up_to: int) -> list[int]:
    """Counts."""
    return list(range(up_to))


def nothing() -> None:
    """Returns nothing."""


def picture() -> list[TextContent | ImageContent]:
    """Draws."""
    image = ImageContent.model_validate({"type": "image", "data": PNG, "mimeType": "image/png"})
    return [TextContent(type="text", text="a pixel"), image, TextContent(type="text", text="it is black")]


def long_text(times: int) -> str:
    """Says much."""
    return "ä\u2028\n" * times


def fails(city: str) -> str:
    """Fails."""
    msg = f"there is no city of {city}"
    raise ToolError(msg)


async def talks(ctx: Context) -> str:
    """Tells how far it is, and asks whether the client is there, before it answers."""
    await ctx.report_progress(1, 2)
    await ctx.session.send_ping()
    return "talked"


async def asks(ctx: Context) -> str:
    """Asks for what the client cannot give."""
    answer = await ctx.elicit("How are you?", Feeling)
    return f"the answer: {answer.action}"


async def team(ctx: Context) -> str:
    """Says which header came."""
    request = ctx.request_context.request
    return "none" if request is None else request.headers.get("x-team", "none")


def late() -> str:
    """Is there later."""
    return "here"


def greeting(who: str, how: str = "kindly") -> str:
    """Greets."""
    return f"Greet {who} {how}"


def play(topic: str) -> list[UserMessage | AssistantMessage]:
    """Plays a conversation."""
    return [UserMessage(f"What of {topic}?"), AssistantMessage("Nothing new.")]


def made(options: argparse.Namespace, address: dict[str, Any]) -> Any:
    """The server, with its tools and prompts."""
    settings: dict[str, Any] = {"log_level": "INFO"}
    if options.token:
        settings["token_verifier"] = OneToken(options.token)
        settings["auth"] = AuthSettings(issuer_url=AnyHttpUrl("http://127.0.0.1"), resource_server_url=None)
    server = MCPServer("official", **settings, **({} if SECOND else address))

    async def grows(ctx: Context) -> str:
        """Adds a tool, and says so."""
        server.add_tool(late)
        await ctx.session.send_tool_list_changed()
        return "grown"

    def dies() -> str:
        """Ends the server in the midst of the call."""
        with options.deaths.open("a") as deaths:
            deaths.write("died\n")
        os._exit(3)

    for tool in (echo, where, numbers, nothing, picture, long_text, fails, talks, asks, team, grows, dies, *([late] if options.late else [])):
        server.add_tool(tool)
    for prompt in (greeting, play):
        server.prompt()(prompt)
    return server


def described(server: Any) -> dict[str, list[Any]]:
    """What the server has, as the SDK itself puts it."""
    tools = [tool.model_dump(mode="json", by_alias=True) for tool in asyncio.run(server.list_tools())]
    prompts = [prompt.model_dump(mode="json") for prompt in asyncio.run(server.list_prompts())]
    return {
        "tools": [[tool["name"], tool["description"], tool["inputSchema"]] for tool in tools],
        "prompts": [[prompt["name"], prompt["description"], [[argument["name"], argument["required"]] for argument in prompt["arguments"]]]
                    for prompt in prompts],
    }


def only_newest() -> None:
    """Makes servers of the SDK's second version refuse what was spoken before protocol 2026-07-28."""
    from mcp.server import streamable_http_manager as manager

    async def newest(self: Any, scope: Any, receive: Any, send: Any) -> None:
        await manager.handle_modern_request(
            self.app, self.security_settings, self.json_response, self._lifespan_state, scope, receive, send
        )

    manager.StreamableHTTPSessionManager._handle_request = newest


def main(options: argparse.Namespace) -> None:
    """Serves until it is ended."""
    if options.newest:
        only_newest()
    address = {"host": "127.0.0.1", "port": options.port, "json_response": options.json, "stateless_http": options.stateless}
    server = made(options, address)
    if options.describe:
        print(json.dumps(described(server)))
    elif options.port:
        server.run(transport="streamable-http", **(address if SECOND else {}))
    else:
        server.run(transport="stdio")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default="")
    parser.add_argument("--deaths", type=Path, default=Path(os.devnull), help="each death by a tool leaves a line there")
    parser.add_argument("--json", action="store_true", help="answers are not streams")
    parser.add_argument("--stateless", action="store_true", help="there are no sessions")
    parser.add_argument("--newest", action="store_true", help="speaks protocol 2026-07-28 only")
    parser.add_argument("--late", action="store_true", help="one more tool")
    parser.add_argument("--describe", action="store_true", help="only say what there is")
    main(parser.parse_args())
