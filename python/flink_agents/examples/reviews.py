"""Has a chat model judge reviews, and keeps the average of each product. Without Flink; the same agent runs in a job.

FLINK_AGENTS_MODEL=http://host:port/v1 python -m flink_agents.examples.reviews

The address is that of any server that speaks OpenAI's protocol; ``FLINK_AGENTS_MODEL_NAME`` names the model, ``smollm2`` if it is not
set.
"""

from __future__ import annotations

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.examples.reviews_agent import REVIEWS, ReviewsAgent


def verdicts() -> list[str]:
    """Give the reviews to the agent and return what it says, a line each."""
    env = AgentsExecutionEnvironment.get_execution_environment()
    inputs = [{"key": product, "value": {"product": product, "text": text}} for product, text in REVIEWS]
    outputs = env.from_list(inputs).apply(ReviewsAgent()).to_list()
    env.execute()
    return [line for output in outputs for line in output.values()]


if __name__ == "__main__":
    print("\n".join(verdicts()))
