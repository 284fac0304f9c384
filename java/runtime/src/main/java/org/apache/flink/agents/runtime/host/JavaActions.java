package org.apache.flink.agents.runtime.host;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.core.ActionDescriptor;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.KeySlots;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.apache.flink.agents.runtime.coroutine.Coroutine;
import org.apache.flink.agents.runtime.coroutine.Coroutines;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs the Java actions of a plan: the user's that wait for calls as coroutines, the others on the host's own thread. Built-in ones
 * leave that thread when they wait.
 *
 * <p><i>Owned state</i>: the resolved methods, the actions that wait, their calls in flight. <i>Lifecycle</i>: that of its
 * host. <i>Constraint</i>: used by the host's thread; {@link #cancel} by any.
 */
final class JavaActions implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(JavaActions.class);

    /** How long the end of a subtask waits for a call that does not end when it is interrupted. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final JavaHost host;
    private final AgentsCore core;
    private final PlanServices services;
    private final KeySlots keys;
    private final ValueChecks checks;
    /** By the number of the action; null where it is Python's. */
    private final ActionFunction[] functions;

    private final Coroutines coroutines;
    private final Calls calls;
    /** Suspended actions by their task. */
    private final Map<Long, ActionContext> waiting = new HashMap<>();
    /** Actions that found no free thread to begin on. To the core they are suspended, too. */
    private final ArrayDeque<ActionContext> unstarted = new ArrayDeque<>();
    /** Those of them that have got a coroutine meanwhile, by their task: they begin when it is their turn. */
    private final Map<Long, ActionContext> called = new HashMap<>();

    private final Coroutine.Relay relay = this::relay;
    private final LockWatch locks = new LockWatch(this::holders, this::standsStill);

    private volatile Coroutine running;
    /** The action whose code has the turn, or gave it up and is not settled yet. */
    private ActionContext current;
    /** What went wrong where the host waited. */
    private Throwable failure;
    /** The action that runs on the host's own thread, if one does. */
    private ActionContext here;
    /** Why no action can go on; null while they can. */
    private volatile ActionTaskExecutionException standstill;

    /** @throws IllegalArgumentException naming the action whose method is missing */
    JavaActions(final JavaHost host, final AgentsCore core, final PlanServices services, final KeySlots keys) {
        this.host = host;
        this.core = core;
        this.services = services;
        this.keys = keys;
        checks = services.checks();
        final List<ActionDescriptor> actions = core.actions();
        functions = new ActionFunction[actions.size()];
        for (final ActionDescriptor action : actions) {
            if (action.language() == ActionDescriptor.Language.JAVA) {
                functions[action.id()] = ActionFunction.resolve(action, services.userCode());
            }
        }
        coroutines = new Coroutines(services.asyncThreads());
        calls =
                new Calls(
                        coroutines, host.log(), services::wakeUp, core.callTimeout(), services.metrics().getCounter("numOfLateCallResults"));
    }

    /** Whether an action is one of these. */
    boolean has(final int action) {
        return functions[action] != null;
    }

    /** Whether all actions of the plan are among these. */
    boolean areAll() {
        for (final ActionFunction function : functions) {
            if (function == null) {
                return false;
            }
        }
        return true;
    }

    /** Whether no action of the plan is among these. */
    boolean areNone() {
        return Arrays.stream(functions).allMatch(Objects::isNull);
    }

    /** Runs something on a thread that is no action's, and that no call of an action can take from it. By any thread. */
    void startNeeded(final Runnable work) {
        coroutines.startNeeded(work);
    }

    Calls calls() {
        return calls;
    }

    /** Runs the action the core asks for until it ends or waits; by a relay, others may have run after it. */
    void run(final int slot) {
        final ActionContext context = open(slot);
        if (context.function().isBuiltIn()) {
            context.measure(host.metrics().latency(context.function().descriptor()).isDue());
            proceed(context);
            return;
        }
        if (!context.function().isCoroutine()) {
            runHere(context);
            return;
        }
        final Coroutine coroutine = unstarted.isEmpty() ? coroutines.take() : null;
        if (coroutine == null) {
            core.suspend(context.task());
            unstarted.addLast(context);
        } else {
            context.runsIn(coroutine);
            begin(context);
        }
    }

    /** What the action that the core asks for is run with. */
    private ActionContext open(final int slot) {
        final ActionFunction function = functions[core.action()];
        final Event event = JavaHost.open(core.event());
        final ActionContext context = new ActionContext(host, function, core.task(), slot, event);
        if (host.log().isOn()) {
            host.log().begins(slot, event);
            context.logs(services.traceKey(keys.key(slot)), host.log().run(slot));
        }
        if (checks != null) {
            host.runs(function.descriptor());
            checkUnchanged(event, keys.key(slot), null);
            if (function.descriptor().hasFailurePolicy()) {
                checks.handling(event);
            }
        }
        return context;
    }

    private void runHere(final ActionContext context) {
        final ActionFunction function = context.function();
        host.runs(function.descriptor());
        locks.runs(Thread.currentThread());
        here = context;
        context.measure(host.metrics().latency(function.descriptor()).isDue());
        context.run();
        here = null;
        locks.runs(null);
        ended(context);
    }

    /** Begins a built-in action, or goes on with it, until it ends or waits. */
    private void proceed(final ActionContext context) {
        host.runs(context.function().descriptor());
        locks.runs(Thread.currentThread());
        here = context;
        final boolean ended = context.proceed();
        here = null;
        locks.runs(null);
        if (ended) {
            ended(context);
        } else {
            suspended(context);
        }
    }

    private void begin(final ActionContext context) {
        begins(context);
        context.coroutine().run(context, relay);
        settle();
    }

    private void begins(final ActionContext context) {
        host.runs(context.function().descriptor());
        context.measure(host.metrics().latency(context.function().descriptor()).isDue());
        takesTurn(context);
    }

    /**
     * Goes on with an action that waited.
     *
     * @return false if the task is none of these
     */
    boolean resume(final long task) {
        final ActionContext context = waiting.remove(task);
        if (context != null && context.function().isBuiltIn()) {
            proceed(context);
            return true;
        }
        if (context != null) {
            goesOn(context);
            context.coroutine().resume(relay);
            settle();
            return true;
        }
        final ActionContext first = called.remove(task);
        if (first == null) {
            return false;
        }
        begin(first);
        return true;
    }

    private void goesOn(final ActionContext context) {
        host.runs(context.function().descriptor());
        takesTurn(context);
    }

    private void takesTurn(final ActionContext context) {
        current = context;
        running = context.coroutine();
        locks.runs(context.coroutine().thread());
    }

    /** The turn is the host's again: the action that had it last is settled here, if it was not by its own thread. */
    private void settle() {
        final Throwable failed = failure;
        failure = null;
        final ActionContext last = current;
        current = null;
        if (failed instanceof Error) {
            throw (Error) failed;
        }
        if (failed != null) {
            throw failed instanceof RuntimeException ? (RuntimeException) failed : new IllegalStateException(failed);
        }
        if (last != null) {
            left(last, !last.coroutine().isSuspended());
        }
    }

    /**
     * Settles the action that gives up its turn, on its own thread while the host waits, and begins or goes on with the next, if
     * that is what the core asks for next. Whatever else there is to do is the host's: its thread is the one that the user's operators,
     * and exceptions, have to come by.
     */
    private Coroutine relay() {
        final ActionContext context = current;
        if (context == null || standstill != null || calls.isCancelled() || context.refusal() != null || context.thrown() != null) {
            return null;
        }
        try {
            current = null;
            left(context, !context.coroutine().isSuspended());
            return host.relay();
        } catch (final Throwable e) {
            // The host throws it.
            failure = e;
            return null;
        }
    }

    /** The action that the core asks for takes the turn from another one. Returns where; null if the host has to run it. */
    Coroutine runNext(final int slot) {
        if (!has(core.action()) || !functions[core.action()].isCoroutine() || !unstarted.isEmpty()) {
            return null;
        }
        final Coroutine coroutine = coroutines.takeIdle();
        if (coroutine == null) {
            // A new thread has to inherit from the host's.
            return null;
        }
        final ActionContext context = open(slot);
        context.runsIn(coroutine);
        begins(context);
        coroutine.prepare(context);
        return coroutine;
    }

    /** The same for an action that waited. */
    Coroutine resumeNext(final long task) {
        final ActionContext context = waiting.get(task);
        if (context == null || context.function().isBuiltIn()) {
            return null;
        }
        waiting.remove(task);
        goesOn(context);
        return context.coroutine();
    }

    /** An action has left its coroutine. */
    private void left(final ActionContext context, final boolean ended) {
        running = null;
        locks.runs(null);
        if (!ended) {
            if (context.refusal() != null) {
                // Where close() looks for what has to be ended.
                waiting.put(context.task(), context);
                throw context.refusal();
            }
            locks.start();
            suspended(context);
            return;
        }
        final ActionContext next = unstarted.pollFirst();
        if (next == null) {
            coroutines.release(context.coroutine());
        } else {
            // Not released: it is this one's before anybody else can take it.
            next.runsIn(context.coroutine());
            called.put(next.task(), next);
            core.wake(next.task());
        }
        ended(context);
    }

    private void suspended(final ActionContext context) {
        // What waits takes long enough to be measured: what it has taken so far is next to nothing.
        context.measure(true);
        core.suspend(context.task());
        waiting.put(context.task(), context);
    }

    private void ended(final ActionContext context) {
        final ActionDescriptor action = context.function().descriptor();
        context.function().ended();
        if (standstill != null) {
            throw standstill;
        }
        if (context.refusal() != null) {
            throw context.refusal();
        }
        if (context.thrown() != null) {
            host.failed(context.task(), context.thrown());
            fail(context, action);
            return;
        }
        final long since = context.measuredSince();
        if (since != ActionContext.NOT_MEASURED) {
            host.metrics().latency(action).took(System.nanoTime() - since);
        }
        host.finishedInJava(context.task(), action, context.slot());
    }

    /** Whether some wait: for calls, or for a thread to begin on. */
    boolean areWaiting() {
        return !waiting.isEmpty() || !unstarted.isEmpty() || !called.isEmpty();
    }

    /** The actions that wait on the thread with an id, all for one below 0. The host stands still. */
    private List<ActionContext> holders(final long thread) {
        final List<ActionContext> found = new ArrayList<>();
        for (final ActionContext context : waiting.values()) {
            // A built-in one holds no lock while it waits.
            if (!context.function().isBuiltIn() && (thread < 0 || context.coroutine().thread().getId() == thread)) {
                found.add(context);
            }
        }
        return found;
    }

    /** The action that runs waits for ever for a lock of one that waits: these are ended, so that it goes on, and the subtask fails. */
    private void standsStill(final List<ActionContext> holders, final String lock) {
        final ActionContext one = holders.get(0);
        final String what =
                "Action '"
                        + one.function().descriptor().name()
                        + "' of agent '"
                        + host.agent()
                        + "', key "
                        + host.describeKey(one.slot())
                        + (holders.size() == 1 ? "" : ", or another,")
                        + " waits for a durable call while it holds "
                        + lock
                        + ", which the action that runs needs: neither could ever go on. Release locks, and leave synchronized"
                        + " blocks and methods, before durableExecuteAsync";
        standstill = new ActionTaskExecutionException(what, null);
        calls.cancel();
        for (final ActionContext holder : holders) {
            holder.coroutine().unwind(PATIENCE);
        }
    }

    /** Tells the core whose calls are over. */
    void receive() {
        calls.receive(this::record, group -> {
            final ActionContext context = group.context();
            record(group);
            // One that did not have to wait for it has gone on, and may wait for another.
            if (context.awaits(group) && waiting.containsKey(context.task())) {
                core.wake(context.task());
            }
        });
    }

    /** Writes down what calls of a group brought, as long as their action waits for them. */
    private void record(final CallGroup group) {
        final ActionContext context = group.context();
        if (context.isRecorded() && context.awaits(group) && waiting.containsKey(context.task())) {
            context.journalled().record();
        }
    }

    /** The core says what is to be done with a durable call that had to wait. */
    void decided(final long task, final int call, final int step) {
        final boolean isHere = here != null && here.task() == task;
        final ActionContext context = isHere ? here : waiting.get(task);
        if (context == null || context.journalled() == null) {
            throw new IllegalStateException("Task " + task + " does not wait for a durable call");
        }
        if (context.journalled().decide(call, step) && !isHere) {
            core.wake(task);
        }
    }

    /** Ends all calls and interrupts what runs. By any thread. */
    void cancel() {
        calls.cancel();
        final Coroutine coroutine = running;
        if (coroutine != null) {
            coroutine.interrupt();
        }
    }

    private void checkUnchanged(final Event event, final Object key, final Throwable thrown) {
        final String changed = checks.changedSinceSent(event);
        if (changed == null) {
            return;
        }
        final String sender = event.getUpstreamActionName();
        throw new ActionTaskExecutionException(
                "Agent '"
                        + host.agent()
                        + "', key "
                        + services.describeKey(key)
                        + ": event "
                        + event.getType()
                        + (sender == null ? "" : ", sent by action '" + sender + "',")
                        + " has another value in its attribute \""
                        + changed
                        + "\" than when it "
                        + (sender == null ? "came" : "was sent")
                        + ". Action '"
                        + host.lastAction()
                        + "' would get the changed value here, and the former one after a recovery. Do not change an event"
                        + " after it was sent, nor the objects in it: not in the action that sends it, not in those that get"
                        + " it (found by values.verify)",
                thrown);
    }

    private void checkMemory(final ActionContext context, final ActionDescriptor action) {
        final String path = context.changedInMemory();
        if (path != null) {
            throw new ActionTaskExecutionException(
                    "Agent '"
                            + host.agent()
                            + "', key "
                            + host.describeKey(context.slot())
                            + ": action '"
                            + action.name()
                            + "' failed, and has changed the value that it got from memory path \""
                            + path
                            + "\" in place, so that it is not as it was when the action began. Change a copy, and set that (found by"
                            + " values.verify)",
                    context.thrown());
        }
    }

    /** The action is tried again, or ends as a dead letter; or the subtask fails. */
    private void fail(final ActionContext context, final ActionDescriptor action) {
        final Throwable thrown = context.thrown();
        final Event event = context.trigger();
        int attempts = 1;
        if (context.hasFailedItself()) {
            if (checks != null && action.hasFailurePolicy()) {
                // The next attempt, or the letter, would have what is changed.
                checkUnchanged(event, keys.key(context.slot()), thrown);
                checkMemory(context, action);
            }
            attempts = host.failed(context.task(), action, context.slot(), event, Problem.of(thrown));
            if (attempts == 0) {
                return;
            }
        }
        // Where it waited for a worker that is gone, how that has ended says more.
        host.checkPython();
        if (context.wasInterrupted()) {
            // Whoever waits next has to see it, too.
            Thread.currentThread().interrupt();
        }
        throw failed(action, event, keys.key(context.slot()), thrown, attempts);
    }

    /** What to throw when an action has thrown; an error of the JVM itself is thrown on as it is, for Flink to see. */
    private ActionTaskExecutionException failed(
            final ActionDescriptor action, final Event event, final Object key, final Throwable thrown, final int attempts) {
        final String what =
                "Failed to execute action task: action '"
                        + action.name()
                        + "' of agent '"
                        + host.agent()
                        + "' threw "
                        + Problem.text(thrown::toString, thrown.getClass().getName())
                        + " while handling event "
                        + event.getType()
                        + " of key "
                        + services.describeKey(key)
                        + (attempts > 1 ? ", for the " + attempts + ". time" : "");
        // An endless recursion is the action's own mistake, and over when it is caught.
        if (thrown instanceof VirtualMachineError && !(thrown instanceof StackOverflowError)) {
            LOG.error("{}", what);
            throw (VirtualMachineError) thrown;
        }
        if (thrown instanceof InterruptedException) {
            // Flink cancels by interrupting; who waits next has to see it, too.
            Thread.currentThread().interrupt();
        }
        return new ActionTaskExecutionException(what, thrown);
    }

    /** Ends all calls, and with them the actions that wait: their {@code finally} blocks run. */
    @Override
    public void close() {
        locks.close();
        calls.close();
        // All were interrupted at the same time: the time to end is the same for all, too.
        final long until = System.nanoTime() + PATIENCE.toNanos();
        for (final ActionContext context : waiting.values()) {
            if (context.function().isBuiltIn()) {
                context.abandon();
                continue;
            }
            final Coroutine coroutine = context.coroutine();
            if (!coroutine.isSuspended() || coroutine.unwind(Duration.ofNanos(until - System.nanoTime()))) {
                coroutines.release(coroutine);
            } else {
                LOG.warn(
                        "Action '{}' of agent '{}' is left behind in thread \"{}\": its durable call has ignored its interruption for {} s",
                        context.function().descriptor().name(),
                        host.agent(),
                        coroutine.thread().getName(),
                        PATIENCE.toSeconds());
            }
        }
        for (final ActionContext context : called.values()) {
            coroutines.release(context.coroutine());
        }
        waiting.clear();
        unstarted.clear();
        called.clear();
        coroutines.close();
    }
}
