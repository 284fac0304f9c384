"""An agent in the program itself, which workers cannot import: refused, with the remedy."""

from pyflink.datastream import StreamExecutionEnvironment

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.runner_context import RunnerContext


class HereAgent(Agent):
    """In the wrong place."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def on_input(event: Event, ctx: RunnerContext) -> None:
        pass


env = StreamExecutionEnvironment.get_execution_environment()
agents = AgentsExecutionEnvironment.get_execution_environment(env)
agents.from_datastream(env.from_collection([1]), lambda number: number).apply(HereAgent())
