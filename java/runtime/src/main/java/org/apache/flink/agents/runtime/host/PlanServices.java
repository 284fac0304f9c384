package org.apache.flink.agents.runtime.host;

import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.agents.AgentExecutionOptions;
import org.apache.flink.agents.api.chat.model.TextPart;
import org.apache.flink.agents.api.configuration.AgentConfigOptions;
import org.apache.flink.agents.api.configuration.ReadableConfiguration;
import org.apache.flink.agents.api.logger.EventLogger;
import org.apache.flink.agents.api.logger.EventLoggerConfig;
import org.apache.flink.agents.api.logger.EventLoggerOpenParams;
import org.apache.flink.agents.api.logger.EventLoggers;
import org.apache.flink.agents.api.logger.LoggerType;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.core.ActionDescriptor;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.PythonExchange;
import org.apache.flink.agents.core.StoredMemory;
import org.apache.flink.agents.plan.AgentConfiguration;
import org.apache.flink.agents.runtime.metrics.HostMetricGroup;
import org.apache.flink.agents.runtime.resource.ResourceCache;

/** What a {@link JavaHost} needs from where it runs, as far as the plan alone gives it: the same on Flink and without. */
public abstract class PlanServices implements AutoCloseable {
    private static final int DEFAULT_MAX_IN_FLIGHT = 10_000;

    private final String agentName;
    private final ClassLoader userCode;
    private final byte[] planJson;
    private final PlanView plan;
    private final AgentConfiguration config;
    private final int maxInFlight;
    private final int asyncThreads;
    private final HostMetricGroup metrics;
    private final EventListeners listeners;
    private final UserCodeWatch watch = new UserCodeWatch();
    private final ResourceCache resources;

    /**
     * @param agentName name of the agent, for messages
     * @param planJson its plan, JSON in UTF-8, accepted by the core before
     * @param userCode class loader of the user's classes
     * @param metrics of the operator
     * @throws IllegalArgumentException if an option is wrong, or names what cannot be found
     */
    protected PlanServices(
            final String agentName,
            final byte[] planJson,
            final ClassLoader userCode,
            final HostMetricGroup metrics) {
        this.agentName = agentName;
        this.userCode = userCode;
        this.metrics = metrics;
        this.planJson = planJson;
        plan = new PlanView(planJson, userCode);
        config = new AgentConfiguration(plan.config(), PlanServices::resolve);
        maxInFlight = config.getInt("max-in-flight", DEFAULT_MAX_IN_FLIGHT);
        if (maxInFlight < 1) {
            throw new IllegalArgumentException(
                    "Option max-in-flight is " + maxInFlight + ": it must be at least 1, since an input in progress counts");
        }
        asyncThreads = config.get(AgentExecutionOptions.NUM_ASYNC_THREADS);
        if (asyncThreads < 1) {
            throw new IllegalArgumentException(
                    "Option num-async-threads is " + asyncThreads + ": it must be at least 1, for calls to be made at all");
        }
        final List<String> names = config.get(AgentConfigOptions.EVENT_LISTENERS);
        listeners =
                new EventListeners(names == null ? List.of() : names, userCode, metrics.getCounter("eventListenerFailures"), watch);
        resources = new ResourceCache(planJson, userCode);
    }

    private static String resolve(final String key, final String reference) {
        try {
            return AgentsCore.resolveSecret(reference);
        } catch (final IllegalStateException e) {
            throw new IllegalStateException(
                    "The configuration value of '" + key + "' is not where it should be: " + e.getMessage());
        }
    }

    /** Name of the agent, for messages. */
    public final String agentName() {
        return agentName;
    }

    /** Class loader of the user's classes. */
    public final ClassLoader userCode() {
        return userCode;
    }

    /** Metrics of the operator. */
    public final HostMetricGroup metrics() {
        return metrics;
    }

    /** The plan's configuration. */
    public final ReadableConfiguration config() {
        return config;
    }

    /** Who hears what models say while they say it; null if nobody does. */
    @Nullable
    protected Consumer<TextPart> textListener() {
        return null;
    }

    /** Unfinished inputs before no more are taken. */
    public final int maxInFlight() {
        return maxInFlight;
    }

    /** Threads for asynchronous calls, where there are no virtual ones. */
    final int asyncThreads() {
        return asyncThreads;
    }

    /** There is something for {@link JavaHost#receive}. Called by any thread. */
    protected abstract void wakeUp();

    /** Short-term memory of the key whose action runs. */
    public abstract StoredMemory storedMemory();

    /** Checks of what actions send and set, or null when option {@code values.verify} is off. */
    @Nullable
    protected ValueChecks checks() {
        return null;
    }

    /** What a core with a journal needs besides; null where its core has none. */
    @Nullable
    protected JournalOutlet journal() {
        return null;
    }

    /** Whether records and outputs are bytes of the Python API, see {@link EncodedRecord}. */
    protected boolean isEncoded() {
        return false;
    }

    /**
     * Starts the workers of the plan's Python actions, resources, listeners and event logger.
     *
     * @param what has to do with Python in the agent, for messages
     * @param asked who answers what workers ask about resources of Java; null if nobody asks, neither there nor here
     * @throws IllegalArgumentException if there is no Python here
     */
    protected PythonProcesses startPython(final String what, @Nullable final PythonExchange.Service asked) {
        throw new IllegalArgumentException(
                "Agent '" + agentName + "' " + what + ", and there is no Python here to run them: run it on Flink");
    }

    /** How often what runs here was started again. */
    protected int restarts() {
        return 0;
    }

    /** Id of the job, as the event log names it. */
    protected String jobId() {
        return "local";
    }

    /** Name of the task, as the event log names it. */
    protected String taskName() {
        return agentName;
    }

    /** Number of the subtask. */
    protected int subtask() {
        return 0;
    }

    /** What the user's own event loggers get to know. */
    protected EventLoggerOpenParams eventLoggerParams() {
        return new EventLoggerOpenParams(null);
    }

    private LoggerType loggerType() {
        final String directory = config.get(AgentConfigOptions.BASE_LOG_DIR);
        return directory == null || directory.isBlank() ? config.get(AgentConfigOptions.EVENT_LOGGER_TYPE) : LoggerType.FILE;
    }

    final boolean logsBySlf4j() {
        return loggerType() == LoggerType.SLF4J;
    }

    /** The user's own event logger, of the class or for the type that the plan names; null if there is none. */
    @Nullable
    final EventLogger newEventLogger() {
        final String name = config.getStr(PythonNames.EVENT_LOGGER, "").trim();
        if (PythonNames.isPython(name)) {
            return new PythonEventLogger();
        }
        if (!name.isEmpty()) {
            return newEventLogger(name);
        }
        return EventLoggers.createCustom(
                EventLoggerConfig.builder()
                        .loggerType(loggerType())
                        .property(EventLoggerConfig.AGENT_CONFIG_PROPERTY_KEY, plan.config())
                        .build());
    }

    private EventLogger newEventLogger(final String name) {
        try {
            return (EventLogger) Class.forName(name, true, userCode).getConstructor().newInstance();
        } catch (final ReflectiveOperationException | ClassCastException e) {
            throw new IllegalArgumentException(
                    "Option "
                            + PythonNames.EVENT_LOGGER
                            + " names "
                            + name
                            + ", which cannot be made: it must implement EventLogger, be in the job's jar, and have a"
                            + " public constructor without parameters ("
                            + e
                            + ")",
                    e);
        }
    }

    final byte[] planJson() {
        return planJson;
    }

    /** A key as the execution trace shows it; null if it does not. */
    @Nullable
    protected abstract String traceKey(Object key);

    /** A key as messages show it. */
    public abstract String describeKey(Object key);

    /** Names listeners and loggers that hang. */
    final UserCodeWatch watch() {
        return watch;
    }

    final EventListeners listeners() {
        return listeners;
    }

    final Map<String, Object> actionConfig(final ActionDescriptor action) {
        return plan.actionConfig(action);
    }

    /** The resources of the subtask. */
    final ResourceCache resources() {
        return resources;
    }

    /** Says which job the resources belong to, and how many subtasks that has. */
    protected final void resourcesBelongTo(final String job, final int subtasks) {
        resources.belongTo(job, subtasks);
    }

    final Resource resource(final String name, final ResourceType type, final FlinkAgentsMetricGroup group) throws Exception {
        final Resource resource = resources.get(name, type);
        resource.setMetricGroup(group);
        return resource;
    }

    @Override
    public final void close() {
        watch.close();
        resources.close();
    }
}
