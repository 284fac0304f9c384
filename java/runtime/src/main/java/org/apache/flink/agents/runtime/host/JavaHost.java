package org.apache.flink.agents.runtime.host;

import java.nio.ByteBuffer;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.DeadLetter;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventAccess;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.chat.model.TextPart;
import org.apache.flink.agents.api.configuration.ReadableConfiguration;
import org.apache.flink.agents.api.event.AgentRunBeginEvent;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.trace.ExecutionLifecycleEvents;
import org.apache.flink.agents.api.trace.ExecutionReporter;
import org.apache.flink.agents.core.ActionDescriptor;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.CoreEventLog;
import org.apache.flink.agents.core.KeySlots;
import org.apache.flink.agents.core.StoredMemory;
import org.apache.flink.agents.core.value.UnsupportedValueException;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.apache.flink.agents.runtime.coroutine.Coroutine;
import org.apache.flink.agents.runtime.resource.JavaResourceService;
import org.apache.flink.agents.runtime.resource.ResourceCache;
import org.apache.flink.agents.runtime.resource.ResourceLanguage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries out what a core asks for; {@link JavaActions} runs the Java actions, {@link PythonHosts} have Python's run.
 *
 * <p><i>Owned state</i>: the metrics of the plan's actions and runs. <i>Lifecycle</i>: made when the core is open,
 * closed before it. <i>Constraint</i>: used by one thread, the mailbox thread on Flink.
 */
public final class JavaHost implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(JavaHost.class);

    /** Rare enough to cost nothing, often enough to be short beside the store. */
    private static final long LOOK_AGAIN_NANOS = 100_000;

    private final String agent;
    private final AgentsCore core;
    private final KeySlots keys;
    private final Outlet outlet;
    private String lastAction = "";
    /** How many actions may still run or go on. */
    private int left;
    /** The effect polled last was not carried out. */
    private boolean isPolled;
    private final PlanServices services;
    private final JavaActions actions;
    private final LogContext log;
    private final HostMetrics metrics;
    private final Failures failures;
    private final WatchedMemory memory;
    private final ConditionAttributes conditions;
    private final ValueChecks checks;
    private final PlainData plain = new PlainData();
    /** Null for plans without Python actions, listeners and loggers. */
    private final PythonHosts python;
    /** Null without a journal. */
    private final HostJournal journal;
    /** Null if no events are logged. */
    private final HostEventLog eventLog;

    /**
     * @param core the core to report to
     * @param services what actions may ask for
     * @param keys slots of the keys in use
     * @param outlet what becomes of effects that need no user code
     * @throws IllegalArgumentException naming the action, if a method is missing, or it is Python's and there is no Python
     * @throws AgentsCoreException if a Python worker does not start
     */
    public JavaHost(final AgentsCore core, final PlanServices services, final KeySlots keys, final Outlet outlet) {
        this.agent = services.agentName();
        this.core = core;
        this.services = services;
        this.keys = keys;
        this.outlet = outlet;
        metrics = new HostMetrics(core, services.metrics());
        checks = services.checks();
        conditions = core.hasConditions() ? new ConditionAttributes(core.conditionAttributes()) : null;
        journal = core.journal() == null ? null : new HostJournal(this, services);
        failures = new Failures(this);
        memory = new WatchedMemory(services.storedMemory());
        log = new LogContext(services);
        log.open();
        try {
            actions = new JavaActions(this, core, services, keys);
            // Last: nothing that fails after it would leave a process behind.
            eventLog = openEventLog();
            try {
                python = newPython();
                if (eventLog != null && python != null) {
                    eventLog.attach(python);
                }
            } catch (final RuntimeException | Error e) {
                if (eventLog != null) {
                    eventLog.close();
                }
                throw e;
            }
        } catch (final RuntimeException | Error e) {
            log.close();
            throw e;
        }
        log.opened();
    }

    /** What lines in the log belong to. */
    LogContext log() {
        return log;
    }

    @Nullable
    private PythonHosts newPython() {
        final ResourceCache resources = services.resources();
        final boolean asksPython = !actions.areNone() && resources.areIn(ResourceLanguage.PYTHON);
        final String what;
        if (!actions.areAll()) {
            what = "has Python actions";
        } else if (asksPython) {
            what = "has resources of Python";
        } else if (PythonNames.areIn(services.config())) {
            what = "names listeners or an event logger of Python (options event-listeners, event-logger)";
        } else {
            return null;
        }
        ForeignResources foreign = null;
        if (asksPython || (!actions.areAll() && resources.areIn(ResourceLanguage.JAVA))) {
            foreign = new ForeignResources(new JavaResourceService(resources), actions::startNeeded, this::cancel);
            resources.connect(foreign);
        }
        return new PythonHosts(this, services, keys, outlet, what, foreign);
    }

    /** So many events did not get where an event logger of Python writes them. */
    void loggerFailed(final long count) {
        if (eventLog != null) {
            eventLog.failed(count);
        }
    }

    private HostEventLog openEventLog() {
        try {
            return HostEventLog.open(core, services);
        } catch (final RuntimeException e) {
            throw e;
        } catch (final Exception e) {
            throw new IllegalStateException("The event log of agent '" + agent + "' cannot be opened: " + e.getMessage(), e);
        }
    }

    /**
     * Hands a record to the core.
     *
     * @param key slot of its key
     * @param event the input event
     */
    public void input(final int key, final Event event, final boolean hasTimestamp, final long timestamp) {
        input(key, event, EventAccess.idHi(event), EventAccess.idLo(event), hasTimestamp, timestamp);
    }

    /** Hands a record that comes from Python to the core. */
    public void input(final int key, final EncodedEvent event, final boolean hasTimestamp, final long timestamp) {
        input(key, event, event.idHigh(), event.idLow(), hasTimestamp, timestamp);
    }

    private void input(
            final int key, final Object event, final long high, final long low, final boolean hasTimestamp, final long timestamp) {
        traceKey(key);
        if (eventLog != null) {
            eventLog.input(event, high, low);
        }
        final int length = encodeForConditions(event);
        final ByteBuffer attributes = conditions == null ? null : conditions.memory();
        if (journal == null) {
            core.input(key, event, high, low, hasTimestamp, timestamp, attributes, length);
        } else {
            final byte[] digest = journal.outlet().digest(event);
            journal.core().input(key, event, high, low, hasTimestamp, timestamp, attributes, length, digest);
        }
    }

    /** What conditions read of an event is in their memory; returns its length, 0 without conditions. */
    private int encodeForConditions(final Object event) {
        return conditions == null ? 0 : conditions.encode(event);
    }

    private void traceKey(final int slot) {
        if (eventLog != null && eventLog.traces()) {
            eventLog.key(slot, services.traceKey(keys.key(slot)));
        }
    }

    /** The input of a run that the journal knows was waited for long enough; {@link #pump} has to follow. */
    public void awaitOver(final int slot, final long run) {
        journal.core().awaitOver(slot, run);
    }

    /**
     * Carries out what the core asks for, in its order.
     *
     * @param most how many actions may run or go on; the rest is left for the next time
     * @return whether as many have run, so that there may be more to do
     * @throws ActionTaskExecutionException if an action throws, or the core ends a run; after an {@code
     *     InterruptedException} the thread is interrupted again
     * @throws VirtualMachineError as an action threw it, but for a {@code StackOverflowError}, which counts as the action's
     * @throws Exception if memory, or what is downstream, fails
     */
    public boolean pump(final int most) throws Exception {
        final int before = left;
        left = most;
        try {
            return pumpAll(most);
        } finally {
            left = before;
        }
    }

    private boolean pumpAll(final int most) throws Exception {
        if (journal != null) {
            journal.core().poll();
        }
        while (poll()) {
            final int slot = core.key();
            switch (core.kind()) {
                case AgentsCore.RUN_ACTION:
                    left--;
                    if (actions.has(core.action())) {
                        outlet.select(slot);
                        actions.run(slot);
                    } else {
                        python.of(slot).run(core.task(), slot, core.actions().get(core.action()), core.event());
                    }
                    break;
                case AgentsCore.RESUME:
                    left--;
                    outlet.select(slot);
                    if (!actions.resume(core.task())) {
                        python.of(slot).resume(core.task());
                    }
                    break;
                case AgentsCore.BEGIN:
                    outlet.select(slot);
                    begin(slot);
                    break;
                case AgentsCore.EMIT:
                    outlet.emit(slot, outputOf(core.event()), core.hasTimestamp(), core.timestamp());
                    break;
                case AgentsCore.DEAD_LETTER:
                    outlet.deadLetter(slot, DeadLetter.fromEvent(open(core.event())), core.hasTimestamp(), core.timestamp());
                    break;
                case AgentsCore.BACKOFF:
                    outlet.backOff(core.task(), core.backoffMs(System.currentTimeMillis()));
                    break;
                case AgentsCore.WRITE_MEMORY:
                    outlet.select(slot);
                    writeMemory(slot);
                    break;
                case AgentsCore.RUN_ENDED:
                    if (python != null) {
                        python.of(slot).runEnded(slot);
                    }
                    if (journal != null) {
                        outlet.select(slot);
                        journal.outlet().runEnded(slot, core.sequence(), core.idle());
                    }
                    if (core.idle()) {
                        outlet.idle(slot, core.persisted());
                        keys.release(slot);
                    }
                    break;
                case AgentsCore.FORWARD:
                    outlet.forward(core.markerKind(), core.markerValue());
                    break;
                case AgentsCore.PROCESSED:
                    if (core.logged()) {
                        eventLog.processed(core.event());
                    }
                    if (core.listened()) {
                        services.listeners().processed(core.event());
                        if (services.listeners().arePythons()) {
                            services.listeners().processedInPython(python.of(slot), core.event());
                        }
                    }
                    break;
                case AgentsCore.REPLAY:
                    left--;
                    journal.replay(core.task(), core.actions().get(core.action()), slot);
                    if (python != null) {
                        python.of(slot).foreign(slot);
                    }
                    break;
                case AgentsCore.CALL_READY:
                    if (python == null || !python.of(slot).decided(core.task(), core.call(), core.step())) {
                        actions.decided(core.task(), core.call(), core.step());
                    }
                    break;
                case AgentsCore.AWAIT_INPUT:
                    journal.outlet().awaitInput(slot, core.sequence());
                    break;
                case AgentsCore.DIVERGED:
                    journal.diverged();
                    LOG.warn("Agent '{}', key {}: {}", agent, services.describeKey(keys.key(slot)), core.text());
                    break;
                case AgentsCore.WARN:
                    LOG.warn("Agent '{}': {}", agent, core.text());
                    break;
                case AgentsCore.FAIL:
                    throw new ActionTaskExecutionException(
                            "Agent '" + agent + "', key " + services.describeKey(keys.key(slot)) + ": " + core.text(), null);
                default:
                    throw new IllegalStateException("Unknown effect " + core.kind() + " of the core");
            }
        }
        if (eventLog != null) {
            eventLog.flush();
        }
        if (journal != null) {
            journal.show();
        }
        if (python != null) {
            python.flush(false);
        }
        return left <= 0 && most > 0;
    }

    private boolean poll() {
        final boolean again = isPolled;
        isPolled = false;
        return again || core.poll(left > 0);
    }

    /**
     * Takes the next effect where it lets another Java action run or go on; any other is left for {@link #pump}. By the thread of
     * the action that had the turn before, which the host waits for.
     *
     * @return whose turn it is; null: the host's
     */
    Coroutine relay() throws Exception {
        if (left <= 0 || !core.poll(true)) {
            return null;
        }
        Coroutine next = null;
        final int slot = core.key();
        if (core.kind() == AgentsCore.RUN_ACTION || core.kind() == AgentsCore.RESUME) {
            outlet.select(slot);
            next = core.kind() == AgentsCore.RUN_ACTION ? actions.runNext(slot) : actions.resumeNext(core.task());
        }
        isPolled = next == null;
        if (next != null) {
            left--;
        }
        return next;
    }

    /**
     * Carries out all but actions, until it is known what is to be done with the calls of the action that runs on this thread,
     * where it cannot be suspended, or the subtask is cancelled.
     */
    void awaitDecision(final JournalledCalls awaited, final int slot) throws Exception {
        boolean interrupted = false;
        for (pump(0); !awaited.areDecided() && !calls().isCancelled(); pump(0)) {
            LockSupport.parkNanos(this, LOOK_AGAIN_NANOS);
            interrupted |= Thread.interrupted();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        outlet.select(slot);
    }

    /** Takes in what actions that wait, and Python's, have done since the last time; {@link #pump} has to follow. */
    public void receive() throws Exception {
        actions.receive();
        if (python != null) {
            python.receive();
        }
    }

    /** Whether Java actions wait for calls. */
    public boolean waits() {
        return actions.areWaiting();
    }

    /** Ends what actions wait for, and interrupts the one that runs: the subtask is cancelled. By any thread. */
    public void cancel() {
        if (eventLog != null) {
            eventLog.hurry();
        }
        actions.cancel();
    }

    /**
     * Tells how Python has ended, if somebody has asked it for something and found out that it has.
     *
     * @throws AgentsCoreException that tells
     */
    void checkPython() {
        if (python != null) {
            python.checkAsked();
        }
    }

    /** Whether so much waits for Python that no more should be taken. */
    public boolean isBehind() {
        return python != null && python.isBehind();
    }

    /** Whether Python's listeners or event logger are still to be told of something. */
    public boolean isTelling() {
        return python != null && python.isTelling();
    }

    /** Lets nothing wait for company any more. */
    public void flush() {
        if (python != null) {
            python.flush(true);
        }
    }

    /** The run that a key has now was restored: its memory may have been written. */
    public void restored(final int slot) {
        traceKey(slot);
        if (python != null) {
            python.of(slot).foreign(slot);
        }
    }

    /** The run of a key begins with an event of what its short-term memory holds, which is all in the store: no run of it is under way. */
    private void begin(final int slot) throws Exception {
        final Map<String, Object> values = new TreeMap<>();
        for (final String path : memory.paths("")) {
            final Object value = memory.load(path);
            if (value == StoredMemory.OBJECT || value == StoredMemory.ABSENT) {
                continue;
            }
            try {
                values.put(path, plain.copy(value));
            } catch (final UnsupportedValueException e) {
                // Of no form that JSON has: left out, as in events of what actions set.
                continue;
            }
        }
        final Event event = new AgentRunBeginEvent(keyText(slot), values);
        final int length = encodeForConditions(event);
        final ByteBuffer attributes = conditions == null ? null : conditions.memory();
        core.begin(
                slot, core.symbol(AgentRunBeginEvent.EVENT_TYPE), event, EventAccess.idHi(event), EventAccess.idLo(event), attributes, length);
    }

    private void writeMemory(final int slot) throws Exception {
        final String path = core.path();
        try {
            outlet.writeMemory(path, core.node(), core.value());
        } catch (final UnsupportedValueException e) {
            // Writes are committed when their action has finished, so it is the last that ran.
            throw new ActionTaskExecutionException(
                    "Action '"
                            + lastAction
                            + "' of agent '"
                            + agent
                            + "' left a value at memory path \""
                            + path
                            + "\" of key "
                            + services.describeKey(keys.key(slot))
                            + " that cannot be stored: "
                            + e.getMessage(),
                    e);
        }
    }

    /** A Java action has failed. */
    void failed(final long task, final Throwable thrown) {
        if (eventLog != null && eventLog.traces()) {
            try {
                final Event told = ExecutionLifecycleEvents.executionFailed(thrown);
                failed(task, (String) told.getAttr("errorType"), (String) told.getAttr("errorMessage"));
            } catch (final RuntimeException | StackOverflowError e) {
                // Its own getCause or getMessage throws.
                failed(task, thrown.getClass().getName(), null);
            }
        }
    }

    /** A Python action has failed, with a text that has a traceback; {@code type} is null where it is not known. */
    void failedInPython(final long task, final String type, final String text) {
        if (eventLog != null && eventLog.traces()) {
            failed(task, type, text);
        }
    }

    private void failed(final long task, final String type, final String message) {
        eventLog.execution(
                task, CoreEventLog.FAILED, null, null, null,
                ExecutionReporter.ProblemCategories.ACTION_EXECUTION_FAILED, type, message);
    }

    /**
     * An action failed: it is tried again, or its dead letter sent, or the caller has to fail.
     *
     * @return how often it was tried if the caller has to fail, else 0
     */
    int failed(
            final long task, final ActionDescriptor action, final int slot, final Object event, final Problem problem) {
        return failures.failed(task, action, slot, event, problem);
    }

    /** The wait of a task that failed is over; {@link #pump} has to follow. */
    public void backoffOver(final long task) {
        core.backoffOver(task);
    }

    /** A task ends with its dead letter. */
    void finishedByLetter(final long task, final ActionDescriptor action, final int slot, final Event letter) {
        send(task, letter.getType(), letter, EventAccess.idHi(letter), EventAccess.idLo(letter));
        finished(task, action, slot);
    }

    /** A key as dead letters have it. */
    String keyText(final int slot) {
        final Object key = keys.key(slot);
        final String text = Problem.text(() -> String.valueOf(key), "of class " + key.getClass().getName());
        // Keys of the Python API begin with a letter for their type.
        return services.isEncoded() ? text.substring(text.indexOf(':') + 1) : text;
    }

    /** For an execution of an action: what of its use of memory becomes events; null if nothing does. */
    MemoryUses memoryUses(final Event trigger) {
        return MemoryUses.of(core, trigger, plain);
    }

    /** Whether live spans are sent. */
    boolean sendsSpans() {
        return eventLog != null && eventLog.exports();
    }

    /** Something begins or ends inside an action, see {@link HostEventLog#execution}. */
    void execution(final long task, final int status, final Object... what) {
        if (eventLog != null && eventLog.traces()) {
            eventLog.execution(task, status, what);
        }
    }

    /** The same, encoded. */
    void execution(final long task, final int status, final byte[] what) {
        if (eventLog != null && eventLog.traces()) {
            eventLog.execution(task, status, what);
        }
    }

    /** An action has done its work. */
    void finished(final long task, final ActionDescriptor action, final int slot) {
        runs(action);
        if (journal == null) {
            core.finish(task);
        } else {
            journal.finish(task, action, slot);
        }
        metrics.executed(action);
    }

    /** A Java action runs from now on. */
    void runs(final ActionDescriptor action) {
        lastAction = action.name();
    }

    /** A Java action has done its work. */
    void finishedInJava(final long task, final ActionDescriptor action, final int slot) {
        finished(task, action, slot);
        if (python != null) {
            python.of(slot).foreign(slot);
        }
    }

    static Event open(final Object event) {
        return event instanceof EncodedEvent ? ((EncodedEvent) event).toEvent() : (Event) event;
    }

    /** What an emitted event carries: bytes where records are, else an object. */
    private Object outputOf(final Object emitted) {
        if (services.isEncoded()) {
            return emitted instanceof EncodedEvent ? ((EncodedEvent) emitted).output() : plain.encode(payloadOf((Event) emitted));
        }
        return payloadOf(open(emitted));
    }

    private static Object payloadOf(final Event event) {
        return EventAccess.isLazy(event) ? EventAccess.singleValue(event) : OutputEvent.fromEvent(event).getOutput();
    }

    void send(final AgentsCore core, final ActionDescriptor action, final long task, final Event trigger, final Event event) {
        StorableClasses.checkEvent(action.name(), event);
        EventAccess.setLineage(event, trigger, action.name());
        if (checks != null) {
            checks.sending(event);
        }
        send(task, event.getType(), event, EventAccess.idHi(event), EventAccess.idLo(event));
    }

    /** A Python action sent an event. */
    void send(final long task, final EncodedEvent event) {
        send(task, event.type(), event, event.idHigh(), event.idLow());
    }

    private void send(final long task, final String type, final Object event, final long high, final long low) {
        ByteBuffer attributes = null;
        int length = 0;
        if (conditions != null) {
            length = conditions.encode(event);
            attributes = conditions.memory();
        }
        final int symbol = core.symbol(type);
        core.send(task, symbol, event, high, low, attributes, length);
    }

    void checkStorable(final ActionDescriptor action, final int memory, final Object value, final String path) {
        StorableClasses.checkValue(action.name(), value, path);
        // Short-term memory is encoded anyway, when the action has finished.
        if (checks != null && memory == AgentsCore.SENSORY) {
            checks.setting(path, value);
        }
    }

    String agent() {
        return agent;
    }

    /** Null unless {@code values.verify} is set. */
    ValueChecks checks() {
        return checks;
    }

    /** Name of the action that has ended last. */
    String lastAction() {
        return lastAction;
    }

    Calls calls() {
        return actions.calls();
    }

    /** Who hears what models say while they say it; null if nobody does. */
    @Nullable
    Consumer<TextPart> textListener() {
        return services.textListener();
    }

    /** The key of a slot. */
    Object key(final int slot) {
        return keys.key(slot);
    }

    String describeKey(final int slot) {
        return services.describeKey(keys.key(slot));
    }

    AgentsCore core() {
        return core;
    }

    /** Null without one. */
    HostJournal journal() {
        return journal;
    }

    WatchedMemory storedMemory() {
        return memory;
    }

    HostMetrics metrics() {
        return metrics;
    }

    FlinkAgentsMetricGroup agentMetrics() {
        return services.metrics();
    }

    FlinkAgentsMetricGroup actionMetrics(final ActionDescriptor action) {
        return metrics.of(action);
    }

    Resource resource(final String name, final ResourceType type, final ActionDescriptor action) throws Exception {
        return services.resource(name, type, metrics.of(action));
    }

    ReadableConfiguration config() {
        return services.config();
    }

    Map<String, Object> actionConfig(final ActionDescriptor action) {
        return services.actionConfig(action);
    }

    /** Attributes of an event for the conditions of the plan, or null when the plan has none. For restored events. */
    public byte[] conditionAttributes(final Object event) {
        return conditions == null ? null : conditions.encodeToBytes(event);
    }

    private void endPython() throws Exception {
        try {
            if (eventLog != null) {
                eventLog.endOfPython();
            }
            // Listeners and loggers have not seen it yet.
            python.flush(true);
        } finally {
            python.close();
        }
    }

    @Override
    public void close() throws Exception {
        try (PlanServices closing = services;
                HostEventLog last = eventLog;
                JavaActions ending = actions) {
            if (python != null) {
                endPython();
            }
        } finally {
            log.close();
        }
    }
}
