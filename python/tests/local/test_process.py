"""Whole programs: agents in ``__main__``, progress on a terminal, what is left behind at the end."""

import os
import pty
import subprocess
import sys
import textwrap

HEAD = """
import sys
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment

def run(agent, elements):
    env = AgentsExecutionEnvironment.get_execution_environment()
    outputs = env.from_list(elements).apply(agent).to_list()
    env.execute()
    return outputs
"""

AGENT = """
class Mine(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def start(event, ctx):
        ctx.send_event(Event(type="next", attributes={"n": event.get_attr("input")}))

    @action("next")
    @staticmethod
    def go_on(event, ctx):
        ctx.send_event(OutputEvent(output=event.get_attr("n")))
"""


def program(*parts):
    return "".join(textwrap.dedent(part) for part in parts)


def run_program(*parts):
    return subprocess.run(
        [sys.executable, "-c", program(*parts)], capture_output=True, text=True, timeout=60, check=False)


def test_an_agent_defined_in_main_runs():
    done = run_program(HEAD, AGENT, "print(run(Mine(), [{'key': 'a', 'value': 1}]))")
    assert done.stdout == "[{'a': 1}]\n", done.stderr


def test_an_agent_without_async_actions_imports_neither_asyncio_nor_pyflink():
    done = run_program(HEAD, AGENT, """
        run(Mine(), [{'value': 1}])
        print([name for name in ('asyncio', 'pyflink', 'yaml', 'greenlet') if name in sys.modules])
        """)
    assert done.stdout == "[]\n", done.stderr


def test_an_error_shows_agent_action_key_and_cause():
    done = run_program(HEAD, """
        class Mine(Agent):
            @action(InputEvent.EVENT_TYPE)
            @staticmethod
            def start(event, ctx):
                raise LookupError("nothing there")

        run(Mine(), [{'key': 'a', 'value': 1}])
        """)
    assert done.returncode == 1
    assert "LookupError: nothing there\n\nThe above exception was the direct cause" in done.stderr
    assert done.stderr.rstrip().endswith(
        "ActionExecutionError: Agent 'Mine', action 'start', key 'a': LookupError: nothing there")


def test_sys_exit_in_an_action_does_not_end_the_program():
    done = run_program(HEAD, """
        class Mine(Agent):
            @action(InputEvent.EVENT_TYPE)
            @staticmethod
            def start(event, ctx):
                sys.exit(0)

        try:
            run(Mine(), [{'value': 1}])
        except RuntimeError as error:
            print(error)
            sys.exit(7)
        """)
    assert done.returncode == 7
    assert "sys.exit(0)" in done.stdout


def test_a_daemon_thread_left_behind_does_not_hold_the_program():
    done = run_program(HEAD, """
        import threading

        class Mine(Agent):
            @action(InputEvent.EVENT_TYPE)
            @staticmethod
            def start(event, ctx):
                threading.Thread(target=threading.Event().wait, daemon=True).start()
                ctx.send_event(OutputEvent(output=1))

        print(run(Mine(), [{'value': 1}]))
        """)
    assert done.stdout == "[{0: 1}]\n", done.stderr


def test_forked_children_run_agents_too():
    done = run_program(HEAD, AGENT, """
        import os
        run(Mine(), [{'value': 1}])
        child = os.fork()
        outputs = run(Mine(), [{'value': 2}])
        if child == 0:
            os._exit(0 if outputs == [{0: 2}] else 1)
        print(os.waitpid(child, 0)[1], outputs)
        """)
    assert done.stdout == "0 [{0: 2}]\n", done.stderr


def test_an_action_may_fork_children_that_end_in_it():
    done = run_program(HEAD, """
        import multiprocessing, os

        class Mine(Agent):
            @action(InputEvent.EVENT_TYPE)
            @staticmethod
            def start(event, ctx):
                child = os.fork()
                if child == 0:
                    os._exit(5)
                code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                with multiprocessing.get_context("fork").Pool(2) as pool:
                    lengths = pool.map(len, event.get_attr("input"))
                ctx.send_event(OutputEvent(output=[code, lengths]))

        print(run(Mine(), [{'value': ['a', 'bc']}, {'value': []}]))
        """)
    assert done.stdout == "[{0: [5, [1, 2]]}, {1: [5, []]}]\n", done.stderr


def test_progress_is_shown_on_a_terminal_only():
    text = program(HEAD, AGENT, """
        from flink_agents.runtime import local_run
        local_run._QUIET_SECONDS = 0.0
        run(Mine(), [{'key': n % 10, 'value': n} for n in range(20_000)])
        """)
    quiet = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=True)
    assert quiet.stderr == ""
    code, shown = run_on_a_terminal(text)
    assert code == 0
    assert b"Mine: " in shown and b"of 20,000 inputs" in shown
    assert shown.endswith(b"\r\x1b[K")


def test_progress_is_cleared_before_an_error_is_shown():
    code, shown = run_on_a_terminal(program(HEAD, AGENT, """
        from flink_agents.runtime import local_run
        local_run._QUIET_SECONDS = 0.0
        run(Mine(), [*({'key': n % 10, 'value': n} for n in range(20_000)), 'wrong'])
        """))
    assert code == 1
    progress, error = shown.rsplit(b"\r\x1b[K", 1)
    assert b"of 20,001 inputs" in progress and b"a second" not in error and b"element 20000" in error


def run_on_a_terminal(text):
    """Run a program with a terminal as its standard error; returns its exit code, and what it showed there."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen([sys.executable, "-c", text], stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 1024)
        except OSError:  # The other side is closed.
            break
        shown += chunk
    os.close(ours)
    return child.wait(), shown
    # The line is gone at the end.
    assert shown.endswith(b"\r\x1b[K")


def test_an_interrupt_ends_a_run_whose_actions_wait():
    done = run_program(HEAD, """
        import asyncio, os, signal

        # As at a prompt: what a shell starts in the background ignores interrupts.
        signal.signal(signal.SIGINT, signal.default_int_handler)

        class Mine(Agent):
            @action(InputEvent.EVENT_TYPE)
            @staticmethod
            async def start(event, ctx):
                try:
                    asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
                    await asyncio.Event().wait()
                finally:
                    print("unwound")

        try:
            run(Mine(), [{'value': 1}])
        except KeyboardInterrupt:
            print("interrupted")
        """)
    assert done.stdout == "unwound\ninterrupted\n", done.stderr
