package org.apache.flink.agents.api.configuration;

import java.util.List;
import org.apache.flink.agents.api.logger.EventLogLevel;
import org.apache.flink.agents.api.logger.LoggerType;

/** Options of the event log, the journal and the job. */
public class AgentConfigOptions {
    /** Where the event log goes; a {@code baseLogDir} means a file in any case. */
    public static final ConfigOption<LoggerType> EVENT_LOGGER_TYPE =
            new ConfigOption<>("eventLoggerType", LoggerType.class, LoggerType.SLF4J);

    /** What happens when a trigger condition cannot be evaluated for an event. */
    public static final ConfigOption<ConditionEvaluationFailureStrategy> CONDITION_EVALUATION_FAILURE_STRATEGY =
            new ConfigOption<>("action.trigger-condition.evaluate-failure-strategy", ConditionEvaluationFailureStrategy.class, ConditionEvaluationFailureStrategy.WARN_AND_SKIP);

    /** Directory of the event log files; null means {@code flink-agents} in the temporary directory. */
    public static final ConfigOption<String> BASE_LOG_DIR =
            new ConfigOption<>("baseLogDir", String.class, null);

    /** Whether the event log is indented JSON instead of one line per event. */
    public static final ConfigOption<Boolean> PRETTY_PRINT =
            new ConfigOption<>("prettyPrint", Boolean.class, false);

    /** Where the journal of actions is kept: {@code kafka}, {@code sqlite} or {@code memory}; null means nowhere. */
    public static final ConfigOption<String> ACTION_STATE_STORE_BACKEND =
            new ConfigOption<>("actionStateStoreBackend", String.class, null);

    /** Addresses of the Kafka brokers. */
    public static final ConfigOption<String> KAFKA_BOOTSTRAP_SERVERS =
            new ConfigOption<>("kafkaBootstrapServers", String.class, "localhost:9092");

    /** Topic of the journal; required with {@code kafka}. */
    public static final ConfigOption<String> KAFKA_ACTION_STATE_TOPIC =
            new ConfigOption<>("kafkaActionStateTopic", String.class, null);

    /** Partitions of the topic when it is created. */
    public static final ConfigOption<Integer> KAFKA_ACTION_STATE_TOPIC_NUM_PARTITIONS =
            new ConfigOption<>("kafkaActionStateTopicNumPartitions", Integer.class, 64);

    /** Replicas of the topic when it is created; -1, the default, leaves them to the brokers. */
    public static final ConfigOption<Integer> KAFKA_ACTION_STATE_TOPIC_REPLICATION_FACTOR =
            new ConfigOption<>("kafkaActionStateTopicReplicationFactor", Integer.class, -1);

    /** Addresses of the Fluss servers. */
    public static final ConfigOption<String> FLUSS_BOOTSTRAP_SERVERS =
            new ConfigOption<>("flussBootstrapServers", String.class, "localhost:9123");

    /** Fluss database of the journal. */
    public static final ConfigOption<String> FLUSS_ACTION_STATE_DATABASE =
            new ConfigOption<>("flussActionStateDatabase", String.class, "flink_agents");

    /** Fluss table of the journal. */
    public static final ConfigOption<String> FLUSS_ACTION_STATE_TABLE =
            new ConfigOption<>("flussActionStateTable", String.class, null);

    /** Buckets of the table when it is created. */
    public static final ConfigOption<Integer> FLUSS_ACTION_STATE_TABLE_BUCKETS =
            new ConfigOption<>("flussActionStateTableBuckets", Integer.class, 64);

    /** Security protocol of Fluss. */
    public static final ConfigOption<String> FLUSS_SECURITY_PROTOCOL =
            new ConfigOption<>("flussSecurityProtocol", String.class, "PLAINTEXT");

    /** SASL mechanism of Fluss. */
    public static final ConfigOption<String> FLUSS_SASL_MECHANISM =
            new ConfigOption<>("flussSaslMechanism", String.class, "PLAIN");

    /** JAAS configuration of Fluss; wins over user and password. */
    public static final ConfigOption<String> FLUSS_SASL_JAAS_CONFIG =
            new ConfigOption<>("flussSaslJaasConfig", String.class, null);

    /** SASL user of Fluss. */
    public static final ConfigOption<String> FLUSS_SASL_USERNAME =
            new ConfigOption<>("flussSaslUsername", String.class, null);

    /** SASL password of Fluss. */
    public static final ConfigOption<String> FLUSS_SASL_PASSWORD =
            new ConfigOption<>("flussSaslPassword", String.class, null);

    /** Names the job across submissions; null means the first Flink job id. */
    public static final ConfigOption<String> JOB_IDENTIFIER =
            new ConfigOption<>("job-identifier", String.class, null);

    /** How much of events is logged. */
    public static final ConfigOption<EventLogLevel> EVENT_LOG_LEVEL =
            new ConfigOption<>("event-log.level", EventLogLevel.class, EventLogLevel.STANDARD);

    /** Whether executions are logged beside events. */
    public static final ConfigOption<Boolean> EVENT_LOG_TRACE_ENABLED =
            new ConfigOption<>("event-log.trace.enabled", Boolean.class, false);

    /** Longer strings are cut at level STANDARD; 0 or less means never. */
    public static final ConfigOption<Integer> EVENT_LOG_MAX_STRING_LENGTH =
            new ConfigOption<>("event-log.standard.max-string-length", Integer.class, 2000);

    /** Longer arrays are cut at level STANDARD; 0 or less means never. */
    public static final ConfigOption<Integer> EVENT_LOG_MAX_ARRAY_ELEMENTS =
            new ConfigOption<>("event-log.standard.max-array-elements", Integer.class, 20);

    /** Deeper objects are cut at level STANDARD; 0 or less means never. */
    public static final ConfigOption<Integer> EVENT_LOG_MAX_DEPTH =
            new ConfigOption<>("event-log.standard.max-depth", Integer.class, 5);

    /** Class names of {@link org.apache.flink.agents.api.listener.EventListener}s. */
    public static final ConfigOption<List<String>> EVENT_LISTENERS =
            new ConfigOption<>("event-listeners", listOfStrings(), null);

    @SuppressWarnings("unchecked")
    private static Class<List<String>> listOfStrings() {
        return (Class<List<String>>) (Class<?>) List.class;
    }

    /** What happens when a trigger condition cannot be evaluated for an event. */
    public enum ConditionEvaluationFailureStrategy {
        /** The condition counts as false, and a warning is logged. */
        WARN_AND_SKIP,
        /** The task fails. */
        FAIL
    }
}
