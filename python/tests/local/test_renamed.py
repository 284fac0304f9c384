"""Actions and functions that were renamed between two starts of a run: what was done under the former name is not done again."""

import json
import logging

import pytest

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action, identity
from flink_agents.api.durable_call import current_call
from flink_agents.api.events.event import InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.plan.agent_plan import AgentPlan
from flink_agents.runtime.executor import ActionExecutionError
from local_agents import agent_of

INPUT = InputEvent.EVENT_TYPE
# Side effects with their idempotency keys.
LEDGER = []
BROKEN = []


@pytest.fixture(autouse=True)
def clean(tmp_path, monkeypatch):
    monkeypatch.delenv("FLINK_CONF_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    LEDGER.clear()
    BROKEN.clear()


def charge(what):
    LEDGER.append((what, current_call().idempotency_key))
    return f"{what} charged"


@identity(former_names=[f"{__name__}.charge"])
def bill(what):
    return charge(what)


@identity("billing", former_names=[f"{__name__}.charge"])
async def bill_later(what):
    return charge(what)


def _work(ctx, paid):
    if BROKEN:
        msg = "broken here"
        raise ValueError(msg)
    ctx.send_event(OutputEvent(output=paid))


def pay(event, ctx):
    paid = ctx.durable_execute(charge, event.get_attr("input"))
    if BROKEN:
        # It begins when what was paid is recorded for good.
        ctx.durable_execute(charge, "more")
    _work(ctx, paid)


@identity(former_names=["pay"])
def settle(event, ctx):
    _work(ctx, ctx.durable_execute(bill, event.get_attr("input")))


async def _work_later(ctx, paid):
    if BROKEN:
        await ctx.durable_execute_async(charge, "more")
    _work(ctx, paid)


async def pay_later(event, ctx):
    await _work_later(ctx, await ctx.durable_execute_async(charge, event.get_attr("input")))


@identity("pay_later")
async def settle_later(event, ctx):
    await _work_later(ctx, await ctx.durable_execute_async(bill_later, event.get_attr("input")))


def undeclared(event, ctx):
    _work(ctx, ctx.durable_execute(charge, event.get_attr("input")))


def run(agent):
    env = AgentsExecutionEnvironment.get_execution_environment()
    env.get_config().set_str("actionStateStoreBackend", "sqlite")
    outputs = env.from_list([{"key": "k", "value": "tea"}]).apply(agent).to_list()
    env.execute("renamed")
    return outputs


def broken(first=pay):
    BROKEN.append(True)
    with pytest.raises(ActionExecutionError, match="broken here"):
        run(agent_of((INPUT, first)))
    BROKEN.clear()
    assert [what for what, _ in LEDGER] == ["tea", "more"]


@pytest.mark.parametrize(("before", "renamed"), [(pay, settle), (pay_later, settle_later)])
def test_a_renamed_action_and_its_renamed_function_go_on(before, renamed) -> None:
    broken(before)
    # What "more" brought is no longer asked for, which is a divergence of its own.
    outputs = run(agent_of((INPUT, renamed)))
    assert outputs == [{"k": "tea charged"}]
    assert len(LEDGER) == 2
    assert run(agent_of((INPUT, before))) == outputs
    assert len(LEDGER) == 2


def test_a_renamed_action_that_declares_nothing_diverges(caplog) -> None:
    broken()
    with caplog.at_level(logging.WARNING, "flink_agents"):
        assert run(agent_of((INPUT, undeclared))) == [{"k": "tea charged"}]
    assert "action 'pay'" in caplog.text
    assert [what for what, _ in LEDGER] == ["tea", "more", "tea"]


class Decorated(Agent):
    @identity(former_names=["oldest", "older"])
    @action(INPUT)
    @staticmethod
    def newest(event, ctx):
        pass

    @staticmethod
    @action(INPUT)
    @identity("stays")
    def changes(event, ctx):
        pass

    @action(INPUT)
    @staticmethod
    def plain(event, ctx):
        pass


def test_declarations_stand_in_the_plan_and_come_back() -> None:
    agent = Decorated()
    agent.add_action("added", [INPUT], settle)
    plan = json.loads(AgentPlan.from_agent(agent).to_json())
    again = json.loads(AgentPlan.from_json(json.dumps(plan)).to_json())
    for actions in (plan["actions"], again["actions"]):
        assert actions["newest"]["former_names"] == ["oldest", "older"]
        assert actions["changes"]["id"] == "stays"
        assert not actions["plain"].keys() & {"id", "former_names"}
        assert actions["added"]["former_names"] == ["pay"]


def test_two_actions_known_by_one_name_are_refused() -> None:
    agent = agent_of((INPUT, pay), (INPUT, settle))
    with pytest.raises(ValueError, match="could not tell them apart"):
        AgentPlan.from_agent(agent).to_json()


@pytest.mark.parametrize(
    ("arguments", "names", "error"),
    [((7,), {}, TypeError), ((), {"former_names": "pay"}, TypeError), ((), {"former_names": [None]}, TypeError),
     (("",), {}, ValueError), ((), {"former_names": [" "]}, ValueError)],
)
def test_what_is_no_name_is_refused(arguments, names, error) -> None:
    with pytest.raises(error, match="@identity"):
        identity(*arguments, **names)
