package org.apache.flink.agents.runtime.host;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.chat.model.TextPart;
import org.apache.flink.agents.api.configuration.ReadableConfiguration;
import org.apache.flink.agents.api.context.AsyncDurableCallable;
import org.apache.flink.agents.api.context.CurrentDurableCall;
import org.apache.flink.agents.api.context.DurableCallTimeoutException;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.memory.BaseLongTermMemory;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.trace.ExecutionLifecycleEvents;
import org.apache.flink.agents.api.trace.ExecutionReporter;
import org.apache.flink.agents.core.ActionDescriptor;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.AgentsCoreException;
import org.apache.flink.agents.core.CoreEventLog;
import org.apache.flink.agents.core.StoredMemory;
import org.apache.flink.agents.plan.actions.BuiltInRun;
import org.apache.flink.agents.plan.actions.HeardText;
import org.apache.flink.agents.plan.actions.ReportedCall;
import org.apache.flink.agents.plan.actions.SpanDetails;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.apache.flink.agents.runtime.coroutine.Coroutine;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What one execution of an action may do. Made anew for each, so that a context kept after its action is noticed: the core
 * refuses its task.
 */
final class ActionContext implements RunnerContext, ExecutionReporter, SpanDetails, HeardText, Runnable {
    static final long NOT_MEASURED = Long.MIN_VALUE;
    private static final Logger LOG = LoggerFactory.getLogger(ActionContext.class);

    private final JavaHost host;
    private final ActionFunction function;
    private final ActionDescriptor action;
    private final long task;
    private final int slot;
    private final Event trigger;
    /** Null while it runs on the host's own thread, where it cannot be suspended. */
    private Coroutine coroutine;

    private Thread runner;
    /** What the action waits for. */
    private CallGroup awaited;
    /** In a durable call: only the call's own code may run, and it may not touch the context. */
    private boolean calling;
    private Throwable thrown;
    /** Its thread was interrupted when it threw that, or a call of it was. */
    private boolean interrupted;
    private long since = NOT_MEASURED;
    /** Why the subtask has to fail, whatever the action makes of it. */
    private RuntimeException refusal;
    /** With a journal: the calls the action is making. */
    private JournalledCalls journalled;
    /** The subtask ends: what calls bring from now on is no outcome. */
    private volatile boolean ending;
    /** With {@code values.verify}: what it got from memory; null if nothing. */
    private List<ValueChecks.Read> read;
    /** Of a built-in action: null before it begins. */
    private BuiltInRun builtIn;
    /** Of a built-in action: the calls that it waits for; null if none. */
    private AwaitedCalls awaitedCalls;
    /** Without a journal, which numbers them itself: calls that have begun. */
    private int callsBegun;
    /** What the next report shows besides in live spans; null if nothing. */
    private Map<String, Object> details;
    /** What of its use of memory becomes events; null if nothing does. */
    private final MemoryUses memoryUses;
    private String logKey;
    private String logRun;
    private MemoryObject sensory;
    private MemoryObject shortTerm;

    ActionContext(
            final JavaHost host,
            final ActionFunction function,
            final long task,
            final int slot,
            final Event trigger) {
        this.host = host;
        this.function = function;
        this.action = function.descriptor();
        this.task = task;
        this.slot = slot;
        this.trigger = trigger;
        this.memoryUses = host.memoryUses(trigger);
    }

    /** Runs the action on this thread, to its end. Never throws: see {@link #thrown}. */
    @Override
    public void run() {
        runner = Thread.currentThread();
        final LogContext log = host.log();
        if (log.isOn()) {
            enters(log);
        }
        try {
            function.call(trigger, this);
            sendMemoryEvents();
        } catch (final Throwable e) {
            thrown = e;
            interrupted |= runner.isInterrupted();
        }
        if (log.isOn()) {
            log.leaves();
        }
    }

    /**
     * Runs a built-in action on this thread until it ends, or waits for calls, for which it needs no thread. Goes on with it when
     * they are over. Never throws: see {@link #thrown}.
     *
     * @return whether it has ended
     */
    boolean proceed() {
        runner = Thread.currentThread();
        final LogContext log = host.log();
        if (log.isOn()) {
            enters(log);
        }
        boolean ended = true;
        try {
            ended = !waitsAgain();
            if (ended) {
                sendMemoryEvents();
            }
        } catch (final Throwable e) {
            thrown = e;
            interrupted |= runner.isInterrupted();
        }
        if (ended) {
            abandon();
        }
        if (log.isOn()) {
            log.leaves();
        }
        return ended;
    }

    private boolean waitsAgain() throws Exception {
        List<? extends Future<?>> outcomes = null;
        if (builtIn == null) {
            builtIn = function.run(trigger, this);
        } else {
            outcomes = awaitedCalls.outcomes();
            if (outcomes == null) {
                return true;
            }
        }
        while (true) {
            awaitedCalls = null;
            final List<? extends DurableCallable<?>> calls = builtIn.proceed(outcomes);
            if (calls == null) {
                return false;
            }
            core();
            awaitedCalls = new AwaitedCalls(calls);
            outcomes = awaitedCalls.outcomes();
            if (outcomes == null) {
                return true;
            }
        }
    }

    private void sendMemoryEvents() {
        if (memoryUses != null) {
            memoryUses.send(this, host.keyText(slot));
        }
    }

    /** Nobody goes on with a built-in action. */
    void abandon() {
        if (builtIn != null) {
            builtIn.close();
        }
    }

    /** What lines in the log show of it. */
    void logs(final String keyText, final String runId) {
        logKey = keyText;
        logRun = runId;
    }

    /** This thread does work of it from now on. */
    void enters(final LogContext log) {
        log.enters(action.name(), logKey, trigger, logRun);
    }

    /** It runs in a coroutine, and may be suspended. */
    void runsIn(final Coroutine in) {
        coroutine = in;
    }

    /** Whether the action waits for these calls and no others. */
    boolean awaits(final CallGroup group) {
        return awaited == group;
    }

    ActionFunction function() {
        return function;
    }

    long task() {
        return task;
    }

    int slot() {
        return slot;
    }

    Event trigger() {
        return trigger;
    }

    Coroutine coroutine() {
        return coroutine;
    }

    /** A call of it was interrupted, which is no outcome of that. */
    void callInterrupted() {
        interrupted = true;
    }

    /** Whether it, or a call of it, was interrupted. */
    boolean wasInterrupted() {
        return interrupted;
    }

    /** Whether what it threw is its own failure, and not that its subtask, its thread or the JVM ends. */
    boolean hasFailedItself() {
        return !isEnding() && !interrupted && Problem.isOwn(thrown);
    }

    /** What the action threw; null if it returned. */
    Throwable thrown() {
        return thrown;
    }

    @Override
    public void reportExecutionStarted(
            final String entityType, final String entityName, @Nullable final Map<String, Object> metadata) {
        report(CoreEventLog.STARTED, entityType, entityName, metadata, null, null, null);
    }

    @Override
    public void reportExecutionSucceeded(
            final String entityType, final String entityName, @Nullable final Map<String, Object> metadata) {
        report(CoreEventLog.SUCCESS, entityType, entityName, metadata, null, null, null);
    }

    @Override
    public void reportExecutionFailed(
            final String entityType,
            final String entityName,
            @Nullable final Map<String, Object> metadata,
            final Throwable error,
            @Nullable final String problemCategory) {
        final Event told = ExecutionLifecycleEvents.executionFailed(error, problemCategory);
        report(
                CoreEventLog.FAILED, entityType, entityName, metadata,
                problemCategory, told.getAttr("errorType"), told.getAttr("errorMessage"));
    }

    private void report(final int status, final Object... what) {
        core();
        if (details == null) {
            host.execution(task, status, what);
        } else {
            final Object[] more = Arrays.copyOf(what, what.length + 1);
            more[what.length] = details;
            host.execution(task, status, more);
        }
    }

    @Override
    public boolean sendsSpans() {
        return host.sendsSpans();
    }

    @Override
    public void details(@Nullable final Map<String, Object> besides) {
        details = besides;
    }

    /** Shows a call that is over in live spans, if there are any. One that never began is none. */
    void show(final Call<?> call, final int number, final boolean replayed) {
        if (!host.sendsSpans() || isEnding()) {
            return;
        }
        final long began = call.began();
        if (replayed || began != 0) {
            show(call.callable(), number, began, call.nanos(), call.failure(), replayed);
        }
    }

    private void show(
            final DurableCallable<?> callable,
            final int number,
            final long began,
            final long nanos,
            @Nullable final Throwable failure,
            final boolean replayed) {
        if (callable instanceof ReportedCall) {
            if (replayed) {
                ((ReportedCall) callable).replayed();
            }
            return;
        }
        final Instant now = Instant.now();
        final long micros = TimeUnit.SECONDS.toMicros(now.getEpochSecond()) + TimeUnit.NANOSECONDS.toMicros(now.getNano());
        final long start = replayed ? micros : micros - TimeUnit.NANOSECONDS.toMicros(System.nanoTime() - began);
        // One that was given up goes on, and nobody waits for it.
        final long end = nanos < 0 ? micros : start + TimeUnit.NANOSECONDS.toMicros(nanos);
        try {
            host.execution(
                    task, CoreEventLog.CALL,
                    callable.getId(), number, start, replayed ? start : end, replayed,
                    failure == null ? null : failure.getClass().getName(), failure == null ? null : failure.getMessage());
        } catch (final RuntimeException e) {
            // Spans are there to look at; the call they show must not fail for one.
            LOG.warn("Agent '{}', action '{}': a durable call could not be shown as a span", host.agent(), action.name(), e);
        }
    }

    private AgentsCore core() {
        if (host.calls().isCancelled()) {
            throw cancellation();
        }
        if (refusal != null) {
            throw refusal;
        }
        if (Thread.currentThread() != runner || calling) {
            throw new IllegalStateException(
                    "The context of action '"
                            + action.name()
                            + "' was used "
                            + (calling ? "in a durable call, or by another thread during one" : "")
                            + (calling ? "" : "by thread \"" + Thread.currentThread().getName() + '"')
                            + ": only the action's own code may send events, touch memory or get resources."
                            + " Return the data instead, for instance as the result of a durable call");
        }
        return host.core();
    }

    @Override
    public void sendEvent(final Event event) {
        final AgentsCore core = core();
        if (event == null) {
            throw new IllegalArgumentException("Action '" + action.name() + "' sent null instead of an event");
        }
        try {
            host.send(core, action, task, trigger, event);
        } catch (final AgentsCoreException e) {
            // There are too many, or its type is not for actions: not for the action to go on with, nor to be tried again.
            throw refused(failed("sent an event that is refused: " + e.getMessage()), e);
        }
    }

    private String failed(final String what) {
        return "Action '" + action.name() + "' of agent '" + host.agent() + "', key " + host.describeKey(slot) + ", " + what;
    }

    /** What to throw when memory could not be used: where it cannot be read, the subtask has to fail. */
    private Exception memoryFailed(final Exception e) {
        return host.storedMemory().threw(e) ? refused(failed("could not read memory: " + e), e) : e;
    }

    @Override
    public MemoryObject getSensoryMemory() {
        if (sensory == null) {
            sensory = new MemoryView(this, AgentsCore.SENSORY, "");
        }
        return sensory;
    }

    @Override
    public MemoryObject getShortTermMemory() {
        if (shortTerm == null) {
            shortTerm = new MemoryView(this, AgentsCore.SHORT_TERM, "");
        }
        return shortTerm;
    }

    Object memoryGet(final int memory, final String path) throws Exception {
        final AgentsCore core = core();
        final Object found;
        try {
            found = core.memoryGet(task, memory, path, host.storedMemory());
        } catch (final Exception e) {
            throw memoryFailed(e);
        }
        if (host.checks() != null && action.hasFailurePolicy() && found != StoredMemory.OBJECT && found != StoredMemory.ABSENT && !(found instanceof EncodedValue)) {
            read = read == null ? new ArrayList<>() : read;
            read.add(host.checks().read(path, found));
        }
        return found;
    }

    /** The action got a value from memory. */
    void gotFromMemory(final int memory, final String path, final Object value) {
        if (memoryUses != null) {
            memoryUses.read(memory, path, value);
        }
    }

    /** Path of a value that the action got from memory and changed in place; null if there is none, or nobody looks. */
    String changedInMemory() {
        if (read != null) {
            for (final ValueChecks.Read one : read) {
                if (one.isChanged()) {
                    return one.path();
                }
            }
        }
        return null;
    }

    void memorySet(final int memory, final String path, final Object value) throws Exception {
        final AgentsCore core = core();
        host.checkStorable(action, memory, value, path);
        try {
            core.memorySet(task, memory, path, value, host.storedMemory());
        } catch (final Exception e) {
            throw memoryFailed(e);
        }
        if (memoryUses != null) {
            memoryUses.wrote(memory, path, value);
        }
    }

    void memoryNewObject(final int memory, final String path, final boolean overwrite) throws Exception {
        final AgentsCore core = core();
        try {
            core.memoryNewObject(task, memory, path, overwrite, host.storedMemory());
        } catch (final Exception e) {
            throw memoryFailed(e);
        }
    }

    List<String> memoryChildren(final int memory, final String path) throws Exception {
        final AgentsCore core = core();
        try {
            return core.memoryChildren(task, memory, path, host.storedMemory());
        } catch (final Exception e) {
            throw memoryFailed(e);
        }
    }

    @Override
    public BaseLongTermMemory getLongTermMemory() {
        throw new UnsupportedOperationException(
                "Action '" + action.name() + "' asked for long-term memory, which this release does not have");
    }

    @Override
    public FlinkAgentsMetricGroup getAgentMetricGroup() {
        core();
        return host.agentMetrics();
    }

    @Override
    public FlinkAgentsMetricGroup getActionMetricGroup() {
        core();
        return host.actionMetrics(action);
    }

    @Override
    public Resource getResource(final String name, final ResourceType type) throws Exception {
        core();
        return host.resource(name, type, action);
    }

    @Override
    public ReadableConfiguration getConfig() {
        return host.config();
    }

    @Override
    public Map<String, Object> getActionConfig() {
        return host.actionConfig(action);
    }

    @Override
    public Object getActionConfigValue(final String key) {
        final Map<String, Object> config = getActionConfig();
        return config == null ? null : config.get(key);
    }

    @Override
    public <T> T durableExecute(final DurableCallable<T> callable) throws Exception {
        core();
        if (isRecorded()) {
            return cast(recorded(List.of(callable), true, false, CallGroup::results).get(0));
        }
        if (canBeMadeHere(callable)) {
            return here(callable);
        }
        return cast(await(List.of(callable), true, false, CallGroup::results).get(0));
    }

    @Override
    public <T> T durableExecuteAsync(final DurableCallable<T> callable) throws Exception {
        core();
        if (isRecorded()) {
            return cast(recorded(List.of(callable), true, true, CallGroup::results).get(0));
        }
        // The next time it runs where it can be suspended.
        function.waits();
        if (coroutine == null && canBeMadeHere(callable)) {
            return here(callable);
        }
        return cast(await(List.of(callable), true, true, CallGroup::results).get(0));
    }

    @Override
    public <T> List<T> durableExecuteAllAsync(
            final List<? extends DurableCallable<? extends T>> callables, final boolean cancelOnFailure) throws Exception {
        core();
        if (isRecorded() && !callables.isEmpty()) {
            return cast(recorded(callables, cancelOnFailure, true, CallGroup::results));
        }
        function.waits();
        return callables.isEmpty() ? new ArrayList<>() : cast(await(callables, cancelOnFailure, true, CallGroup::results));
    }

    @Override
    public <T> List<CompletableFuture<T>> durableExecuteEachAsync(
            final List<? extends DurableCallable<? extends T>> callables) throws Exception {
        core();
        if (callables.isEmpty()) {
            return new ArrayList<>();
        }
        if (isRecorded()) {
            return cast(recorded(callables, false, true, CallGroup::outcomes));
        }
        function.waits();
        final List<?> outcomes = await(callables, false, true, CallGroup::outcomes);
        if (host.calls().isCancelled()) {
            throw cancellation();
        }
        return cast(outcomes);
    }

    /** What calls that are over are for who made them. */
    @FunctionalInterface
    private interface Results {
        List<?> of(List<? extends Call<?>> calls) throws Throwable;
    }

    @SuppressWarnings("unchecked") // made by the callables whose results it has to be
    private static <T> T cast(final Object results) {
        return (T) results;
    }

    /** Whether nobody has to be able to give it up: but for interrupts, which reach what blocks here. */
    private boolean canBeMadeHere(final DurableCallable<?> callable) {
        return host.calls().limitOf(callable) == null
                && !(callable instanceof AsyncDurableCallable)
                && callable.delay().isZero();
    }

    private <T> T here(final DurableCallable<T> callable) throws Exception {
        host.core().callBegin(task, AgentsCore.ACTION_SCOPE);
        final int number = callsBegun++;
        calling = true;
        Throwable failure = null;
        final long began = System.nanoTime();
        try {
            final RandomKey key = new RandomKey();
            return CurrentDurableCall.during(key, () -> callable.call(key));
        } catch (final Exception | Error e) {
            failure = e;
            throw e;
        } finally {
            final long nanos = System.nanoTime() - began;
            host.metrics().called(action, nanos);
            calling = false;
            callsEnded(1);
            if (host.sendsSpans() && !isEnding()) {
                show(callable, number, began, nanos, failure, false);
            }
        }
    }

    private void measured(final CallGroup group) {
        // When the subtask ends, others may be at the metrics.
        if (group != null && !host.calls().isCancelled()) {
            group.measured(nanos -> host.metrics().called(action, nanos));
        }
    }

    private void callsBegin(final int count) {
        final AgentsCore core = host.core();
        final int scope = count == 1 ? AgentsCore.ACTION_SCOPE : core.callScope(task, AgentsCore.ACTION_SCOPE, true);
        for (int i = 0; i < count; i++) {
            core.callBegin(task, scope);
        }
        callsBegun += count;
    }

    private void callsEnded(final int count) {
        // A subtask that is ending does not count any more.
        for (int i = 0; i < count && !host.calls().isCancelled(); i++) {
            host.core().callEnd(task);
        }
    }

    private List<?> await(
            final List<? extends DurableCallable<?>> callables, final boolean cancelOnFailure, final boolean othersMayRun, final Results results)
            throws Exception {
        callsBegin(callables.size());
        CallGroup group = null;
        try {
            group = prepare(callables, cancelOnFailure);
            if (othersMayRun && coroutine != null) {
                coroutine.suspend(group);
            } else {
                group.begin(false);
                group.awaitHere();
            }
            return results.of(group.members());
        } catch (final Exception | Error e) {
            throw e;
        } catch (final Throwable e) {
            throw new IllegalStateException(e);
        } finally {
            made(group, callables.size());
        }
    }

    private CallGroup prepare(final List<? extends DurableCallable<?>> callables, final boolean cancelOnFailure) {
        calling = true;
        awaited = host.calls().prepare(this, callables, cancelOnFailure);
        return awaited;
    }

    private void made(final CallGroup group, final int count) {
        calling = false;
        awaited = null;
        measured(group);
        callsEnded(count);
        if (group != null && host.sendsSpans()) {
            int number = callsBegun - count;
            for (final Call<?> call : group.members()) {
                show(call, number++, false);
            }
        }
    }

    /** Remembers when it began, or went on, if that is to be measured and was not remembered before. */
    void measure(final boolean due) {
        if (due && since == NOT_MEASURED) {
            since = System.nanoTime();
        }
    }

    /** When it began, as {@link System#nanoTime} has it, or {@link #NOT_MEASURED}. */
    long measuredSince() {
        return since;
    }

    // ---- with a journal

    /** Whether what calls bring is written down. */
    boolean isRecorded() {
        return host.journal() != null;
    }

    /** The calls the action is making, for which it may wait to be told what to do with them; null if there are none. */
    JournalledCalls journalled() {
        return journalled;
    }

    /** Whether what calls bring from now on says nothing of them. */
    boolean isEnding() {
        return ending || host.calls().isCancelled();
    }

    /** Why the subtask has to fail; null if it need not. */
    RuntimeException refusal() {
        return refusal;
    }

    /** Something cannot be written down or read: the subtask has to fail, also when the action catches this. */
    ActionTaskExecutionException refused(final String what, final Throwable why) {
        final ActionTaskExecutionException failure = new ActionTaskExecutionException(what, why);
        refusal = failure;
        return failure;
    }

    /** Makes calls whose outcome is written down, or was before a crash. */
    private List<?> recorded(
            final List<? extends DurableCallable<?>> callables, final boolean cancelOnFailure, final boolean othersMayRun, final Results results)
            throws Exception {
        final JournalledCalls calls = journalled(callables);
        try {
            if (!calls.areDecided()) {
                awaitDecision(calls);
            }
            final List<Call<?>> made = calls.toBeMade(cancelOnFailure);
            if (!made.isEmpty()) {
                make(host.calls().group(this, made, cancelOnFailure), othersMayRun);
            }
            return results.of(recorded(calls));
        } catch (final Exception | Error e) {
            throw e;
        } catch (final Throwable e) {
            throw new IllegalStateException(e);
        } finally {
            ended(calls);
        }
    }

    private JournalledCalls journalled(final List<? extends DurableCallable<?>> callables) {
        final JournalledCalls calls = new JournalledCalls(host.journal(), this, host.calls(), callables);
        calling = true;
        journalled = calls;
        return calls;
    }

    private List<Call<?>> recorded(final JournalledCalls calls) {
        if (isEnding()) {
            throw cancellation();
        }
        calls.record();
        return calls.all();
    }

    private void ended(final JournalledCalls calls) {
        calling = false;
        awaited = null;
        journalled = null;
        calls.giveUp();
    }

    private void awaitDecision(final JournalledCalls calls) {
        function.waitsForJournal(coroutine == null);
        if (coroutine == null) {
            try {
                host.awaitDecision(calls, slot);
            } catch (final RuntimeException e) {
                refusal = e;
            } catch (final Exception e) {
                refusal = new ActionTaskExecutionException("While action '" + action.name() + "' waited for the journal: " + e, e);
            }
            if (refusal != null) {
                throw refusal;
            }
        } else {
            coroutine.suspend(calls);
        }
        if (!calls.areDecided()) {
            throw isEnding() ? cancellation() : holdsMonitor();
        }
    }

    private void make(final CallGroup group, final boolean othersMayRun) {
        awaited = group;
        if (othersMayRun) {
            // The next time it runs where it can be suspended.
            function.waits();
        }
        if (othersMayRun && coroutine != null) {
            coroutine.suspend(group);
        } else {
            group.begin(true);
            group.awaitHere();
        }
        measured(group);
    }

    /** Calls side by side for which a built-in action waits, without a thread. */
    private final class AwaitedCalls {
        private final int count;
        /** Null without a journal. */
        private final JournalledCalls journalled;
        /** Null as long as it is not known which have to be made, and if none has to be. */
        private CallGroup group;
        private boolean begun;

        AwaitedCalls(final List<? extends DurableCallable<?>> callables) {
            count = callables.size();
            if (isRecorded()) {
                journalled = journalled(callables);
                return;
            }
            journalled = null;
            callsBegin(count);
            try {
                group = prepare(callables, false);
            } catch (final RuntimeException | Error e) {
                end();
                throw e;
            }
        }

        /** What came of each, in their order; null as long as that has to be waited for. */
        List<? extends Future<?>> outcomes() {
            boolean waits = false;
            try {
                waits = waits();
                if (waits) {
                    return null;
                }
                if (journalled == null && host.calls().isCancelled()) {
                    throw cancellation();
                }
                return CallGroup.outcomes(journalled == null ? group.members() : recorded(journalled));
            } finally {
                if (!waits) {
                    end();
                }
            }
        }

        private boolean waits() {
            if (!begun) {
                if (journalled != null) {
                    if (!journalled.areDecided()) {
                        return true;
                    }
                    final List<Call<?>> made = journalled.toBeMade(false);
                    group = made.isEmpty() ? null : host.calls().group(ActionContext.this, made, false);
                    awaited = group;
                }
                begun = true;
                if (group != null) {
                    group.begin(false);
                }
            }
            return group != null && !group.isOver();
        }

        private void end() {
            if (journalled == null) {
                made(group, count);
            } else {
                measured(group);
                ended(journalled);
            }
        }
    }

    private ActionTaskExecutionException holdsMonitor() {
        return refused(
                "Action '"
                        + action.name()
                        + "' of agent '"
                        + host.agent()
                        + "', key "
                        + host.describeKey(slot)
                        + ", made a durable call in a synchronized block or method. Such a call waits until what comes before it"
                        + " is in the journal, and this JVM cannot leave a thread that holds a monitor (JVMs 21 to 23). Make the call"
                        + " outside of synchronized code, or use a java.util.concurrent lock, or Java 24",
                null);
    }

    /** What this context's action waits for is over. By any thread that has seen it begin. */
    void unblock() {
        // A host that stands still for other reasons is not to be woken.
        if (awaitedCalls == null) {
            LockSupport.unpark(runner);
        }
    }

    @Override
    @Nullable
    public Consumer<TextPart> listenerTo(final String model) {
        final Consumer<TextPart> listener = host.textListener();
        if (listener == null) {
            return null;
        }
        final Object key = host.key(slot);
        return part -> listener.accept(new TextPart(part.getKind(), part.getText(), model, key));
    }

    CancellationException cancellation() {
        ending = true;
        return new CancellationException(
                "Action '" + action.name() + "' does not go on, since its subtask ends; what it has done so far counts for nothing");
    }

    DurableCallTimeoutException timeout(final Call<?> call) {
        return new DurableCallTimeoutException(
                "Durable call '"
                        + call.id()
                        + "' of action '"
                        + action.name()
                        + "', agent '"
                        + host.agent()
                        + "', key "
                        + host.describeKey(slot)
                        + ", took longer than "
                        + call.limit()
                        + "; it was interrupted, and what it brings later is dropped. Its limit is DurableCallable.timeout(), else option"
                        + " call.timeout");
    }

    @Override
    public void close() {
        // The core ends the context when the action returns.
    }

    @Override
    public String toString() {
        return "Context of " + action + " for event " + trigger.getType();
    }
}
