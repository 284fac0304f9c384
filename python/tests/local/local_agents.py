"""Agents of the tests that run them without Flink."""

from flink_agents.api.agents.agent import Agent


def agent_of(*actions):
    """Return an agent with these actions: (triggers, function)."""
    agent = Agent()
    for triggers, function in actions:
        agent.add_action(function.__name__, [triggers] if isinstance(triggers, str) else triggers, function)
    return agent
