package org.apache.flink.agents.runtime.host;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventAccess;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.configuration.ReadableConfiguration;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.core.ActionDescriptor;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.KeySlots;
import org.apache.flink.agents.core.StoredMemory;
import org.apache.flink.agents.core.value.UnsupportedValueException;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.apache.flink.metrics.Counter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries out what a core asks for: runs Java actions, and hands Python's to {@link PythonHosts}.
 *
 * <p><i>Owned state</i>: the resolved methods and metrics of the plan's actions. <i>Lifecycle</i>: made when the core is open,
 * closed before it. <i>Constraint</i>: used by one thread, the mailbox thread on Flink.
 */
public final class JavaHost implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(JavaHost.class);

    private final String agent;
    private final AgentsCore core;
    private final KeySlots keys;
    private final Outlet outlet;
    private String lastAction = "";
    private final PlanServices services;
    private final ActionFunction[] functions;
    private final Counter[] executed;
    private final Counter eventsProcessed;
    private final Counter actionsExecuted;
    private final FlinkAgentsMetricGroup[] actionMetrics;
    private final ConditionAttributes conditions;
    private final ValueChecks checks;
    private final PlainData plain = new PlainData();
    /** Null for plans without Python actions. */
    private final PythonHosts python;

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
        final List<ActionDescriptor> actions = core.actions();
        functions = new ActionFunction[actions.size()];
        executed = new Counter[actions.size()];
        actionMetrics = new FlinkAgentsMetricGroup[actions.size()];
        eventsProcessed = HostMetrics.counter(services.metrics(), "numOfEventProcessed");
        actionsExecuted = HostMetrics.counter(services.metrics(), "numOfActionsExecuted");
        for (final ActionDescriptor action : actions) {
            if (action.language() == ActionDescriptor.Language.JAVA) {
                functions[action.id()] = ActionFunction.resolve(action, services.userCode());
            }
            actionMetrics[action.id()] = services.metrics().getSubGroup("action", action.name());
            executed[action.id()] = HostMetrics.counter(actionMetrics[action.id()], "numOfActionsExecuted");
        }
        checks = services.checks();
        conditions = core.hasConditions() ? new ConditionAttributes(core.conditionAttributes()) : null;
        // Last: nothing that fails after it would leave a process behind.
        python = Arrays.asList(functions).contains(null) ? new PythonHosts(this, services, keys, outlet) : null;
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
        ByteBuffer attributes = null;
        int length = 0;
        if (conditions != null) {
            length = conditions.encode(event);
            attributes = conditions.memory();
        }
        core.input(key, event, high, low, hasTimestamp, timestamp, attributes, length);
        eventsProcessed.inc();
    }

    /**
     * Carries out what the core asks for, in its order.
     *
     * @param actions how many actions may run; the rest is left for the next time
     * @return whether as many have run, so that there may be more to do
     * @throws ActionTaskExecutionException if an action throws, or the core ends a run; after an {@code
     *     InterruptedException} the thread is interrupted again
     * @throws VirtualMachineError as an action threw it, but for a {@code StackOverflowError}, which counts as the action's
     * @throws Exception if memory, or what is downstream, fails
     */
    public boolean pump(final int actions) throws Exception {
        int left = actions;
        while (core.poll(left > 0)) {
            final int slot = core.key();
            switch (core.kind()) {
                case AgentsCore.RUN_ACTION:
                    left--;
                    if (functions[core.action()] == null) {
                        python.of(slot).run(core.task(), slot, core.actions().get(core.action()), core.event());
                    } else {
                        outlet.select(slot);
                        runAction(slot);
                    }
                    break;
                case AgentsCore.RESUME:
                    python.of(slot).resume(core.task());
                    break;
                case AgentsCore.EMIT:
                    outlet.emit(slot, outputOf(core.event()), core.hasTimestamp(), core.timestamp());
                    break;
                case AgentsCore.WRITE_MEMORY:
                    outlet.select(slot);
                    writeMemory(slot);
                    break;
                case AgentsCore.RUN_ENDED:
                    if (python != null) {
                        python.of(slot).runEnded(slot);
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
                    services.listeners().processed(open(core.event()));
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
        if (python != null) {
            python.flush(false);
        }
        return left == 0 && actions > 0;
    }

    /** Carries out what Python's actions have done since the last time; {@link #pump} has to follow. */
    public void receive() throws Exception {
        if (python != null) {
            python.receive();
        }
    }

    /** Whether actions end outside of {@link #pump}. */
    public boolean hasPython() {
        return python != null;
    }

    /** Whether so much waits for Python that no more should be taken. */
    public boolean isBehind() {
        return python != null && python.isBehind();
    }

    /** Lets nothing wait for company any more. */
    public void flush() {
        if (python != null) {
            python.flush(true);
        }
    }

    /** The run that a key has now was restored: its memory may have been written. */
    public void restored(final int slot) {
        if (python != null) {
            python.of(slot).foreign(slot);
        }
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

    private void runAction(final int slot) {
        final Object key = keys.key(slot);
        final ActionFunction function = functions[core.action()];
        final long task = core.task();
        final Event event = open(core.event());
        lastAction = function.descriptor().name();
        if (checks != null) {
            checkUnchanged(event, key);
        }
        try {
            function.call(event, new ActionContext(this, function.descriptor(), task, event, Thread.currentThread()));
        } catch (final Throwable e) {
            throw failed(function.descriptor(), event, key, e);
        }
        finished(task, function.descriptor());
        if (python != null) {
            python.of(slot).foreign(slot);
        }
    }

    /** An action has done its work. */
    void finished(final long task, final ActionDescriptor action) {
        lastAction = action.name();
        core.finish(task);
        actionsExecuted.inc();
        executed[action.id()].inc();
    }

    private static Event open(final Object event) {
        return event instanceof EncodedEvent ? ((EncodedEvent) event).toEvent() : (Event) event;
    }

    private void checkUnchanged(final Event event, final Object key) {
        final String changed = checks.changedSinceSent(event);
        if (changed != null) {
            throw new ActionTaskExecutionException(
                    "Agent '"
                            + agent
                            + "', key "
                            + services.describeKey(key)
                            + ": event "
                            + event.getType()
                            + ", sent by action '"
                            + event.getUpstreamActionName()
                            + "', has another value in its attribute \""
                            + changed
                            + "\" than when it was sent. Action '"
                            + lastAction
                            + "' would get the changed value here, and the former one after a recovery. Do not change an event"
                            + " after it was sent, nor the objects in it: not in the action that sends it, not in those that get"
                            + " it (found by values.verify)",
                    null);
        }
    }

    /** What to throw when an action has thrown; an error of the JVM itself is thrown on as it is, for Flink to see. */
    private ActionTaskExecutionException failed(
            final ActionDescriptor action, final Event event, final Object key, final Throwable thrown) {
        final String what =
                "Failed to execute action task: action '"
                        + action.name()
                        + "' of agent '"
                        + agent
                        + "' threw "
                        + thrown
                        + " while handling event "
                        + event.getType()
                        + " of key "
                        + services.describeKey(key);
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
        core.send(task, core.symbol(type), event, high, low, attributes, length);
        eventsProcessed.inc();
    }

    void checkStorable(final ActionDescriptor action, final int memory, final Object value, final String path) {
        StorableClasses.checkValue(action.name(), value, path);
        // Short-term memory is encoded anyway, when the action has finished.
        if (checks != null && memory == AgentsCore.SENSORY) {
            checks.setting(path, value);
        }
    }

    AgentsCore core() {
        return core;
    }

    StoredMemory storedMemory() {
        return services.storedMemory();
    }

    FlinkAgentsMetricGroup agentMetrics() {
        return services.metrics();
    }

    FlinkAgentsMetricGroup actionMetrics(final ActionDescriptor action) {
        return actionMetrics[action.id()];
    }

    Resource resource(final String name, final ResourceType type, final ActionDescriptor action) throws Exception {
        return services.resource(name, type, actionMetrics[action.id()]);
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

    @Override
    public void close() throws Exception {
        try (PlanServices closing = services) {
            if (python != null) {
                python.close();
            }
        }
    }
}
