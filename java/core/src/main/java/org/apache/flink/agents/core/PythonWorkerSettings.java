package org.apache.flink.agents.core;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** How a {@link PythonWorker} is started and what it is allowed. */
public final class PythonWorkerSettings {
    private static final Duration START = Duration.ofMinutes(2);
    private static final Duration GRACE = Duration.ofSeconds(3);

    @JsonProperty private final List<String> command;
    @JsonProperty private final Map<String, String> environment = new LinkedHashMap<>();
    @JsonProperty private String directory;
    @JsonProperty private String temporary = System.getProperty("java.io.tmpdir");
    @JsonProperty private String agent = "agent";
    @JsonProperty private String task = "task";
    @JsonProperty("start_ms") private long start = START.toMillis();
    @JsonProperty("silence_ms") private Long silence;
    @JsonProperty("grace_ms") private long grace = GRACE.toMillis();
    @JsonProperty private Long memory;
    private PythonExchange.Service resources;

    /** @param command program and arguments; the path of the socket is put behind */
    public PythonWorkerSettings(final List<String> command) {
        this.command = List.copyOf(command);
    }

    /** Variables for the process beside those of this one; a null value removes one. */
    public PythonWorkerSettings environment(final Map<String, String> variables) {
        environment.putAll(variables);
        return this;
    }

    /** Working directory of the process; null means that of this one. */
    public PythonWorkerSettings directory(final String path) {
        directory = path;
        return this;
    }

    /** Where a private directory for the socket is made, for as long as the worker starts; by default {@code java.io.tmpdir}. */
    public PythonWorkerSettings temporary(final String path) {
        temporary = Objects.requireNonNull(path);
        return this;
    }

    /** Name of the agent, and of the task that it belongs to, for logs and messages. */
    public PythonWorkerSettings names(final String agentName, final String taskName) {
        agent = agentName;
        task = taskName;
        return this;
    }

    /** How long it may take to be ready; by default two minutes. */
    public PythonWorkerSettings start(final Duration limit) {
        start = limit.toMillis();
        return this;
    }

    /** How long it may be silent while it has work; by default as option {@code python.worker.timeout} of the plan says. */
    public PythonWorkerSettings silence(final Duration limit) {
        silence = limit.toMillis();
        return this;
    }

    /** How long it may take to end when it is stopped, before it is killed; by default three seconds. */
    public PythonWorkerSettings grace(final Duration limit) {
        grace = limit.toMillis();
        return this;
    }

    /** Limit of its resident memory in bytes; null, the default, means as option {@code python.worker.memory} of the plan says. */
    public PythonWorkerSettings memory(final Long limit) {
        memory = limit;
        return this;
    }

    /** Who answers the worker's questions about resources; null, the default, means that neither side has any. */
    public PythonWorkerSettings resources(final PythonExchange.Service service) {
        resources = service;
        return this;
    }

    PythonExchange.Service resources() {
        return resources;
    }

    @JsonProperty
    boolean exchange() {
        return resources != null;
    }

    /** Python sends lines of this level and above, unless the variable is among those of {@link #environment}. */
    void logLevel(final String level) {
        environment.putIfAbsent("FLINK_AGENTS_LOG_LEVEL", level);
    }

    String taskName() {
        return task;
    }
}
