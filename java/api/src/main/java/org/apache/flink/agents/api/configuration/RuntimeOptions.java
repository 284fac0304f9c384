package org.apache.flink.agents.api.configuration;

/**
 * Options that Apache Flink Agents does not have: how agents are run, and what of it is seen. Durations, sizes and words are texts; docs/operations/configuration.md lists all
 * options, also those for one action ({@code action.<name>.…}).
 */
public final class RuntimeOptions {
    /** Inputs of one subtask that may be unfinished, waiting ones included, before no more input is taken. */
    public static final ConfigOption<Integer> MAX_IN_FLIGHT =
            new ConfigOption<>("max-in-flight", Integer.class, 10000);

    /** Events that one input may cause before its run fails as an endless loop. */
    public static final ConfigOption<Integer> MAX_EVENTS_PER_RUN =
            new ConfigOption<>("max-events-per-run", Integer.class, 10000);

    /** What an exception in an action leads to once its retries are used up: fail, dead-letter. */
    public static final ConfigOption<String> ON_FAILURE =
            new ConfigOption<>("on-failure", String.class, "fail");

    /** Retries of a failing action after the first try. */
    public static final ConfigOption<Integer> RETRY_MAX_ATTEMPTS =
            new ConfigOption<>("retry.max-attempts", Integer.class, 0);

    /** Wait before the first retry; doubles with each further one; a duration such as 1 s. */
    public static final ConfigOption<String> RETRY_BACKOFF =
            new ConfigOption<>("retry.backoff", String.class, "1 s");

    /** Longest wait before a retry; a duration such as 60 s. */
    public static final ConfigOption<String> RETRY_MAX_BACKOFF =
            new ConfigOption<>("retry.max-backoff", String.class, "60 s");

    /** Share of each wait that is drawn at random. */
    public static final ConfigOption<Double> RETRY_JITTER =
            new ConfigOption<>("retry.jitter", Double.class, 0.5);

    /** Time limit of one durable call that sets none itself; a duration. */
    public static final ConfigOption<String> CALL_TIMEOUT =
            new ConfigOption<>("call.timeout", String.class, null);

    /**
     * Event logger of your own that events are logged by: a Java class by its name, one of Python as
     * module:Class.
     */
    public static final ConfigOption<String> EVENT_LOGGER =
            new ConfigOption<>("event-logger", String.class, null);

    /** Records that may wait for the writer of the event log. */
    public static final ConfigOption<Integer> EVENT_LOG_QUEUE_SIZE =
            new ConfigOption<>("event-log.queue-size", Integer.class, 65536);

    /** What happens when that queue is full; dropped records are counted: block, drop. */
    public static final ConfigOption<String> EVENT_LOG_ON_FULL =
            new ConfigOption<>("event-log.on-full", String.class, "block");

    /** Size at which a new event log file is begun; a size such as 100 mb. */
    public static final ConfigOption<String> EVENT_LOG_MAX_FILE_SIZE =
            new ConfigOption<>("event-log.max-file-size", String.class, "100 mb");

    /** Event log files kept. */
    public static final ConfigOption<Integer> EVENT_LOG_MAX_FILES =
            new ConfigOption<>("event-log.max-files", Integer.class, 10);

    /**
     * Port of 127.0.0.1 at which runs without Flink show their metrics to Prometheus while they run, at
     * /metrics; 0 takes a free one, which is logged. On Flink its own reporters do that.
     */
    public static final ConfigOption<Integer> PROMETHEUS_PORT =
            new ConfigOption<>("prometheus.port", Integer.class, null);

    /**
     * Where live traces are sent, by OTLP over HTTP, such as http://localhost:4318 or https://otlp.example.com;
     * none when unset.
     */
    public static final ConfigOption<String> OTLP_ENDPOINT =
            new ConfigOption<>("otlp.endpoint", String.class, null);

    /** Certificates in PEM form, trusted besides those of the system where otlp.endpoint is encrypted. */
    public static final ConfigOption<String> OTLP_CA_FILE =
            new ConfigOption<>("otlp.ca-file", String.class, null);

    /** How business keys appear in logs, error messages and traces: hash, plain, none. */
    public static final ConfigOption<String> LOG_KEYS =
            new ConfigOption<>("log.keys", String.class, "hash");

    /** How long records are kept that no retained checkpoint needs; a duration such as 7 d. */
    public static final ConfigOption<String> ACTION_STATE_RETENTION =
            new ConfigOption<>("action-state.retention", String.class, "7 d");

    /** What happens when a replayed run does not match its journal: reexecute, fail. */
    public static final ConfigOption<String> ACTION_STATE_ON_DIVERGENCE =
            new ConfigOption<>("action-state.on-divergence", String.class, "reexecute");

    /**
     * Whether a restored job takes over the journal of the job it was restored from or begins one of its own:
     * continue, fork.
     */
    public static final ConfigOption<String> ACTION_STATE_ON_RESTORE =
            new ConfigOption<>("action-state.on-restore", String.class, null);

    /** How long a replayed input waits for the input that preceded it in the journal; a duration such as 30 s. */
    public static final ConfigOption<String> ACTION_STATE_REORDER_TIMEOUT =
            new ConfigOption<>("action-state.reorder-timeout", String.class, "30 s");

    /** What happens when the journal no longer reaches back to the restored checkpoint: fail, reexecute. */
    public static final ConfigOption<String> ACTION_STATE_ON_MISSING_HISTORY =
            new ConfigOption<>("action-state.on-missing-history", String.class, "fail");

    /**
     * Largest record of the journal, a result or what an action sent and wrote; larger ones are refused. Not
     * with memory; a size such as 1 mb.
     */
    public static final ConfigOption<String> ACTION_STATE_MAX_RECORD_SIZE =
            new ConfigOption<>("action-state.max-record-size", String.class, "1 mb");

    /** File of the sqlite store, on a local disk that all subtasks reach; missing directories are made. */
    public static final ConfigOption<String> SQLITE_PATH =
            new ConfigOption<>("sqlite.path", String.class, null);

    /**
     * Reads every value back when it is stored and compares it; encodes and compares events and sensory memory
     * too, where they are sent and set. Of Python it compares results of durable calls. In runs without Flink
     * it is on unless set to false.
     */
    public static final ConfigOption<Boolean> VALUES_VERIFY =
            new ConfigOption<>("values.verify", Boolean.class, false);

    /**
     * Python worker processes per subtask. The keys are spread over them, and each stays with one: more help
     * actions that compute.
     */
    public static final ConfigOption<Integer> PYTHON_WORKERS =
            new ConfigOption<>("python.workers", Integer.class, 1);

    /** How long a busy worker may be silent before the task fails; a duration such as 5 min. */
    public static final ConfigOption<String> PYTHON_WORKER_TIMEOUT =
            new ConfigOption<>("python.worker.timeout", String.class, "5 min");

    /** Limit of each worker's resident memory; the task of one that exceeds it fails; a size. */
    public static final ConfigOption<String> PYTHON_WORKER_MEMORY =
            new ConfigOption<>("python.worker.memory", String.class, null);

    private RuntimeOptions() {}
}
