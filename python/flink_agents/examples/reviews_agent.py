"""Judges reviews by a chat model, and keeps for each product how it fares.

    review ──> ask ──(chat request)──> the model ──(chat response)──> judge ──> line

The key is the product. Reviews of different products are judged side by side; those of one follow each other, since short-term
memory has their number and sum. The model has to answer by a schema: a word and a number of stars, nothing else.
"""

from __future__ import annotations

import os
from typing import Literal

from pydantic import BaseModel

from flink_agents.api.agents.agent import Agent
from flink_agents.api.agents.types import OutputSchema
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.decorators import action, chat_model_connection, chat_model_setup
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.resource import ResourceDescriptor, ResourceName
from flink_agents.api.runner_context import RunnerContext

# Product and text, made up.
REVIEWS = (
    ("kettle", "Boils a litre in two minutes and looks lovely. I would buy it again."),
    ("lamp", "It flickered from the first day and broke after a week. Never again."),
    ("tent", "Kept us dry through a whole night of rain, and is up in five minutes."),
    ("kettle", "The lid came off and I burnt my hand. Dangerous and badly made."),
    ("lamp", "Warm light, and the colour is exactly that of the picture."),
    ("tent", "Too small for two, and one pole was missing."),
    ("kettle", "Does what it should."),
    ("lamp", "Excellent value, my whole family wants one now."),
)
MODEL = ResourceName.ChatModel
TASK = "You judge reviews. Answer in JSON with mood (good or bad) and stars (1 to 5)."


class Verdict(BaseModel):
    """What the model has to answer with."""

    mood: Literal["good", "bad"]
    stars: Literal[1, 2, 3, 4, 5]


class ReviewsAgent(Agent):
    """Gives out a line for each review."""

    @chat_model_connection
    @staticmethod
    def server() -> ResourceDescriptor:
        """Say where the model is; small ones on one processor take their time."""
        return ResourceDescriptor(
            clazz=MODEL.VLLM_CONNECTION, api_base_url="${env:FLINK_AGENTS_MODEL}", timeout=300, max_concurrent_requests=4
        )

    @chat_model_setup
    @staticmethod
    def model() -> ResourceDescriptor:
        """Say which model is asked, and how."""
        return ResourceDescriptor(
            clazz=MODEL.VLLM_SETUP,
            connection="server",
            model=os.environ.get("FLINK_AGENTS_MODEL_NAME", "smollm2"),
            temperature=0.0,
            max_tokens=40,
            structured_output_strategy="native",
        )

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event: Event, ctx: RunnerContext) -> None:
        """Ask the model about a review."""
        review = InputEvent.from_event(event).input
        ctx.sensory_memory.set("review", review)
        messages = [
            ChatMessage(role=MessageRole.SYSTEM, content=TASK),
            ChatMessage(content=f"Review of a {review['product']}: {review['text']}"),
        ]
        schema = OutputSchema(output_schema=Verdict)
        ctx.send_event(ChatRequestEvent(model="model", messages=messages, output_schema=schema))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def judge(event: Event, ctx: RunnerContext) -> None:
        """Add a verdict to those before it."""
        verdict = Verdict.model_validate(ChatResponseEvent.from_event(event).response.extra_args["structured_output"])
        review, memory = ctx.sensory_memory.get("review"), ctx.short_term_memory
        count = (memory.get("count") or 0) + 1
        stars = (memory.get("stars") or 0) + verdict.stars
        memory.set("count", count)
        memory.set("stars", stars)
        given = f"{review['product']}: {verdict.mood}, {verdict.stars} of 5"
        ctx.send_event(OutputEvent(output=f"{given} (so far {stars / count:.1f} in {count})  \"{review['text']}\""))
