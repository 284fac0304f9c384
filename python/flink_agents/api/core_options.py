"""The options of the framework."""

from __future__ import annotations

from enum import Enum

from flink_agents.api.configuration import ConfigOption


class ErrorHandlingStrategy(Enum):
    """What the built-in chat action does when a model call fails."""

    RETRY = "retry"
    FAIL = "fail"
    IGNORE = "ignore"


class ShortTermMemoryTtlUpdate(Enum):
    """Which accesses start the time to live of a short-term memory entry anew."""

    ON_CREATE_AND_WRITE = "ON_CREATE_AND_WRITE"
    ON_READ_AND_WRITE = "ON_READ_AND_WRITE"


class ShortTermMemoryTtlVisibility(Enum):
    """Whether an expired entry that still exists may be read."""

    NEVER_RETURN_EXPIRED = "NEVER_RETURN_EXPIRED"
    RETURN_EXPIRED_IF_NOT_CLEANED_UP = "RETURN_EXPIRED_IF_NOT_CLEANED_UP"


class LoggerType(Enum):
    """Where the event log goes."""

    SLF4J = "slf4j"
    FILE = "file"


class ConditionEvaluationFailureStrategy(Enum):
    """What a trigger condition that cannot be evaluated leads to."""

    WARN_AND_SKIP = "WARN_AND_SKIP"
    FAIL = "FAIL"


class EventLogLevel(Enum):
    """How much of an event is logged."""

    OFF = "OFF"
    STANDARD = "STANDARD"
    VERBOSE = "VERBOSE"


class AgentConfigOptions:
    """Options of the framework. What they do: docs/operations/configuration.md."""

    EVENT_LOGGER_TYPE = ConfigOption(key="eventLoggerType", config_type=LoggerType, default=LoggerType.SLF4J)
    CONDITION_EVALUATION_FAILURE_STRATEGY = ConfigOption(
        key="action.trigger-condition.evaluate-failure-strategy",
        config_type=ConditionEvaluationFailureStrategy,
        default=ConditionEvaluationFailureStrategy.WARN_AND_SKIP,
    )
    BASE_LOG_DIR = ConfigOption(key="baseLogDir", config_type=str, default=None)
    PRETTY_PRINT = ConfigOption(key="prettyPrint", config_type=bool, default=False)
    ACTION_STATE_STORE_BACKEND = ConfigOption(key="actionStateStoreBackend", config_type=str, default=None)
    KAFKA_BOOTSTRAP_SERVERS = ConfigOption(
        key="kafkaBootstrapServers", config_type=str, default="localhost:9092"
    )
    KAFKA_ACTION_STATE_TOPIC = ConfigOption(key="kafkaActionStateTopic", config_type=str, default=None)
    KAFKA_ACTION_STATE_TOPIC_NUM_PARTITIONS = ConfigOption(
        key="kafkaActionStateTopicNumPartitions", config_type=int, default=64
    )
    # -1 leaves them to the brokers.
    KAFKA_ACTION_STATE_TOPIC_REPLICATION_FACTOR = ConfigOption(
        key="kafkaActionStateTopicReplicationFactor", config_type=int, default=-1
    )
    FLUSS_BOOTSTRAP_SERVERS = ConfigOption(
        key="flussBootstrapServers", config_type=str, default="localhost:9123"
    )
    FLUSS_ACTION_STATE_DATABASE = ConfigOption(
        key="flussActionStateDatabase", config_type=str, default="flink_agents"
    )
    FLUSS_ACTION_STATE_TABLE = ConfigOption(key="flussActionStateTable", config_type=str, default=None)
    FLUSS_ACTION_STATE_TABLE_BUCKETS = ConfigOption(
        key="flussActionStateTableBuckets", config_type=int, default=64
    )
    FLUSS_SECURITY_PROTOCOL = ConfigOption(key="flussSecurityProtocol", config_type=str, default="PLAINTEXT")
    FLUSS_SASL_MECHANISM = ConfigOption(key="flussSaslMechanism", config_type=str, default="PLAIN")
    FLUSS_SASL_JAAS_CONFIG = ConfigOption(key="flussSaslJaasConfig", config_type=str, default=None)
    FLUSS_SASL_USERNAME = ConfigOption(key="flussSaslUsername", config_type=str, default=None)
    FLUSS_SASL_PASSWORD = ConfigOption(key="flussSaslPassword", config_type=str, default=None)
    JOB_IDENTIFIER = ConfigOption(key="job-identifier", config_type=str, default=None)
    EVENT_LOG_LEVEL = ConfigOption(
        key="event-log.level", config_type=EventLogLevel, default=EventLogLevel.STANDARD
    )
    EVENT_LOG_TRACE_ENABLED = ConfigOption(key="event-log.trace.enabled", config_type=bool, default=False)
    EVENT_LOG_MAX_STRING_LENGTH = ConfigOption(
        key="event-log.standard.max-string-length", config_type=int, default=2000
    )
    EVENT_LOG_MAX_ARRAY_ELEMENTS = ConfigOption(
        key="event-log.standard.max-array-elements", config_type=int, default=20
    )
    EVENT_LOG_MAX_DEPTH = ConfigOption(key="event-log.standard.max-depth", config_type=int, default=5)
    EVENT_LISTENERS = ConfigOption(key="event-listeners", config_type=list, default=None)


class MemoryEventOptions:
    """Which accesses to memory send an event. Unset ones follow ``MEMORY_GENERATE_EVENT``."""

    MEMORY_GENERATE_EVENT = ConfigOption(key="memory.generate-event", config_type=bool, default=None)
    SHORT_TERM_WRITE = ConfigOption(
        key="memory.generate-event.short-term-write", config_type=bool, default=None
    )
    SHORT_TERM_READ = ConfigOption(
        key="memory.generate-event.short-term-read", config_type=bool, default=None
    )
    SENSORY_WRITE = ConfigOption(key="memory.generate-event.sensory-write", config_type=bool, default=None)
    SENSORY_READ = ConfigOption(key="memory.generate-event.sensory-read", config_type=bool, default=None)
    LONG_TERM_UPDATE = ConfigOption(
        key="memory.generate-event.long-term-update", config_type=bool, default=None
    )
    LONG_TERM_GET = ConfigOption(key="memory.generate-event.long-term-get", config_type=bool, default=None)
    LONG_TERM_SEARCH = ConfigOption(
        key="memory.generate-event.long-term-search", config_type=bool, default=None
    )


class AgentExecutionOptions:
    """Options of the execution of actions. What they do: docs/operations/configuration.md."""

    ERROR_HANDLING_STRATEGY = ConfigOption(
        key="error-handling-strategy", config_type=ErrorHandlingStrategy, default=ErrorHandlingStrategy.FAIL
    )
    MAX_RETRIES = ConfigOption(key="max-retries", config_type=int, default=3)
    RETRY_WAIT_INTERVAL = ConfigOption(key="retry-wait-interval", config_type=int, default=1)
    NUM_ASYNC_THREADS = ConfigOption(key="num-async-threads", config_type=int, default=1000)
    CHAT_ASYNC = ConfigOption(key="chat.async", config_type=bool, default=True)
    CHAT_MAX_TOOL_ROUNDS = ConfigOption(key="chat.max-tool-rounds", config_type=int, default=50)
    CHAT_STRUCTURED_OUTPUT_REPAIRS = ConfigOption(
        key="chat.structured-output-repairs", config_type=int, default=1
    )
    AGENT_RUN_BEGIN_EVENT = ConfigOption(key="agent-run.begin-event", config_type=bool, default=False)
    TOOL_CALL_ASYNC = ConfigOption(key="tool-call.async", config_type=bool, default=True)
    RAG_ASYNC = ConfigOption(key="rag.async", config_type=bool, default=True)
    SHORT_TERM_MEMORY_STATE_TTL_MS = ConfigOption(
        key="short-term-memory.state-ttl.ms", config_type=int, default=0
    )
    SHORT_TERM_MEMORY_STATE_TTL_UPDATE_TYPE = ConfigOption(
        key="short-term-memory.state-ttl.update-type",
        config_type=ShortTermMemoryTtlUpdate,
        default=ShortTermMemoryTtlUpdate.ON_READ_AND_WRITE,
    )
    SHORT_TERM_MEMORY_STATE_TTL_VISIBILITY = ConfigOption(
        key="short-term-memory.state-ttl.visibility",
        config_type=ShortTermMemoryTtlVisibility,
        default=ShortTermMemoryTtlVisibility.NEVER_RETURN_EXPIRED,
    )


class RuntimeOptions:
    """Options that Apache Flink Agents does not have: how agents are run, and what of it is seen.

    Durations, sizes and words are texts; docs/operations/configuration.md lists all options, also those for one action (``action.<name>.…``).
    """

    MAX_IN_FLIGHT = ConfigOption(key="max-in-flight", config_type=int, default=10000)
    MAX_EVENTS_PER_RUN = ConfigOption(key="max-events-per-run", config_type=int, default=10000)
    ON_FAILURE = ConfigOption(key="on-failure", config_type=str, default="fail")
    RETRY_MAX_ATTEMPTS = ConfigOption(key="retry.max-attempts", config_type=int, default=0)
    RETRY_BACKOFF = ConfigOption(key="retry.backoff", config_type=str, default="1 s")
    RETRY_MAX_BACKOFF = ConfigOption(key="retry.max-backoff", config_type=str, default="60 s")
    RETRY_JITTER = ConfigOption(key="retry.jitter", config_type=float, default=0.5)
    CALL_TIMEOUT = ConfigOption(key="call.timeout", config_type=str, default=None)
    EVENT_LOGGER = ConfigOption(key="event-logger", config_type=str, default=None)
    EVENT_LOG_QUEUE_SIZE = ConfigOption(key="event-log.queue-size", config_type=int, default=65536)
    EVENT_LOG_ON_FULL = ConfigOption(key="event-log.on-full", config_type=str, default="block")
    EVENT_LOG_MAX_FILE_SIZE = ConfigOption(key="event-log.max-file-size", config_type=str, default="100 mb")
    EVENT_LOG_MAX_FILES = ConfigOption(key="event-log.max-files", config_type=int, default=10)
    PROMETHEUS_PORT = ConfigOption(key="prometheus.port", config_type=int, default=None)
    OTLP_ENDPOINT = ConfigOption(key="otlp.endpoint", config_type=str, default=None)
    OTLP_CA_FILE = ConfigOption(key="otlp.ca-file", config_type=str, default=None)
    LOG_KEYS = ConfigOption(key="log.keys", config_type=str, default="hash")
    ACTION_STATE_RETENTION = ConfigOption(key="action-state.retention", config_type=str, default="7 d")
    ACTION_STATE_ON_DIVERGENCE = ConfigOption(key="action-state.on-divergence", config_type=str, default="reexecute")
    ACTION_STATE_ON_RESTORE = ConfigOption(key="action-state.on-restore", config_type=str, default=None)
    ACTION_STATE_REORDER_TIMEOUT = ConfigOption(key="action-state.reorder-timeout", config_type=str, default="30 s")
    ACTION_STATE_ON_MISSING_HISTORY = ConfigOption(key="action-state.on-missing-history", config_type=str, default="fail")
    ACTION_STATE_MAX_RECORD_SIZE = ConfigOption(key="action-state.max-record-size", config_type=str, default="1 mb")
    SQLITE_PATH = ConfigOption(key="sqlite.path", config_type=str, default=None)
    VALUES_VERIFY = ConfigOption(key="values.verify", config_type=bool, default=False)
    PYTHON_WORKERS = ConfigOption(key="python.workers", config_type=int, default=1)
    PYTHON_WORKER_TIMEOUT = ConfigOption(key="python.worker.timeout", config_type=str, default="5 min")
    PYTHON_WORKER_MEMORY = ConfigOption(key="python.worker.memory", config_type=str, default=None)
