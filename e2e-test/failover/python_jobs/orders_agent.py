"""The actions of ``PythonOrders.java``: those of ``Orders.OrderAgent``, with durable calls of every kind that Python has."""

from __future__ import annotations

import urllib.error
import urllib.request
from functools import partial

from expected import as_long, java_hash
from ledger_client import PROCESS, enter

from flink_agents.api.durable_call import current_call
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

CONFLICT = 409
BRANCHES = 3


class Refused(Exception):
    """What a call raises that the ledger refuses: an outcome like another, to be recorded with its fields."""

    def __init__(self, receipt: str) -> None:
        """Remember the receipt."""
        super().__init__(receipt)
        self.receipt = receipt


def _post(ledger: str, what: str, run: str, name: str) -> str:
    headers = {"Idempotency-Key": current_call().idempotency_key, "Process": PROCESS}
    request = urllib.request.Request(f"{ledger}/{what}/{run}/{name}", b"", headers, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as e:
        if e.code != CONFLICT:
            raise
        raise Refused(e.read().decode()) from None


def blocking(ledger: str, run: str, name: str) -> str:
    """Leave an entry; holds a thread meanwhile."""
    return _post(ledger, "call", run, name)


async def awaited(ledger: str, run: str, name: str) -> str:
    """Leave an entry, without a thread."""
    return await enter(ledger, run, name)


def _ledger(ctx: RunnerContext) -> str:
    return ctx.config.get_str("orders.ledger")


def receive(event: Event, ctx: RunnerContext) -> None:
    """One call in a ``def`` action."""
    run = InputEvent.from_event(event).input.partition("@")[0]
    receipt = ctx.durable_execute(blocking, _ledger(ctx), run, "reserve")
    memory = ctx.short_term_memory
    count = (memory.get("count") or 0) + 1
    memory.set("count", count)
    ctx.send_event(Event(type="reserved", attributes={"run": run, "receipt": receipt, "count": count}))
    ctx.send_event(Event(type="audited", attributes={"run": run}))


async def settle(event: Event, ctx: RunnerContext) -> None:
    """A call, every second one with a reconciler, that is refused now and then; then two side by side."""
    run, ledger = event.get_attr("run"), _ledger(ctx)
    outcome, receipts = "settled", [event.get_attr("receipt")]
    is_reconciled = int(run.rpartition("/")[2]) // BRANCHES % 2 == 0
    more = {"reconciler": partial(_post, ledger, "reconcile", run, "charge")} if is_reconciled else {}
    try:
        receipts.append(await ctx.durable_execute_async(blocking, ledger, run, "charge", **more))
        receipts += await ctx.durable_gather(
            ctx.durable_execute_async(blocking, ledger, run, "ship"),
            ctx.durable_execute_async(awaited, ledger, run, "notify"))
    except Refused as e:
        outcome = "refused"
        receipts += [e.receipt, await ctx.durable_execute_async(awaited, ledger, run, "release")]
    memory = ctx.short_term_memory
    joined = "+".join(receipts)
    trace = as_long((memory.get("trace") or 0) * 31 + java_hash(run) + java_hash(outcome))
    ring = as_long((memory.get("ring") or 0) * 31 + java_hash(joined))
    memory.set("trace", trace)
    memory.set("ring", ring)
    ctx.send_event(OutputEvent(output=f"settle,{run},{event.get_attr('count')},{outcome},{trace},{ring},{joined}"))


async def audit(event: Event, ctx: RunnerContext) -> None:
    """A call that needs no thread."""
    run = event.get_attr("run")
    receipt = await ctx.durable_execute_async(awaited, _ledger(ctx), run, "audit")
    memory = ctx.short_term_memory
    audits = (memory.get("audits") or 0) + 1
    memory.set("audits", audits)
    ctx.send_event(OutputEvent(output=f"audit,{run},{audits},{receipt}"))
