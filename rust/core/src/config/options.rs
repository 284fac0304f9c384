//! The table of all options. Getters, checks, suggestions and the documentation are made from it.

/// The type of an option's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// A number.
    Float {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
    },
    /// A text; `what` says of what.
    Text {
        /// What the text is.
        what: &'static str,
    },
    /// A list of texts.
    List {
        /// What the items are.
        what: &'static str,
    },
    /// One of some words.
    Enum {
        /// The words as they are documented.
        words: &'static [&'static str],
        /// Words (lower case) that are refused with a reason of their own.
        refused: &'static [(&'static str, &'static str)],
    },
    /// A length of time.
    Duration,
    /// A number of bytes.
    Size,
}

impl Kind {
    /// What an option of this kind takes, for error messages.
    pub fn allowed(&self) -> String {
        match self {
            Kind::Bool => "true or false".to_owned(),
            Kind::Int { min, .. } if *min <= i64::from(i32::MIN) => "a whole number".to_owned(),
            Kind::Int { min, max } => format!("a whole number from {min} to {max}"),
            Kind::Float { min, max } => format!("a number from {min} to {max}"),
            Kind::Text { what } => (*what).to_owned(),
            Kind::List { what } => format!("a list of {what}"),
            Kind::Enum { words, .. } => words.join(", "),
            Kind::Duration => "a duration such as 500 ms, 30 s, 5 min, 2 h or 7 d".to_owned(),
            Kind::Size => "a size such as 64 kb, 1 mb or 2 gb".to_owned(),
        }
    }

    /// Short name of the type, for the documentation.
    pub fn type_name(&self) -> String {
        match self {
            Kind::Bool => "bool".to_owned(),
            Kind::Int { .. } => "int".to_owned(),
            Kind::Float { .. } => "float".to_owned(),
            Kind::Text { what } => (*what).to_owned(),
            Kind::List { what } => format!("list of {what}"),
            Kind::Enum { words, .. } => words.join(", "),
            Kind::Duration => "duration".to_owned(),
            Kind::Size => "size".to_owned(),
        }
    }
}

/// One option, or a family of options whose key has a part in angle brackets that users choose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptionSpec {
    /// Dotted key without the prefix `agent.`; of a family, with its open part, such as `kafka.properties.<property>`.
    pub key: &'static str,
    /// Type of the value.
    pub kind: Kind,
    /// Default, as one would write it; `None` when the option is unset by default.
    pub default: Option<&'static str>,
    /// What the documentation shows as default when it is not a constant.
    pub default_note: &'static str,
    /// The effect, in one line.
    pub effect: &'static str,
}

impl OptionSpec {
    /// The fixed texts before and after the open part of a family's key; `None` for a single option.
    pub fn family(&self) -> Option<(&'static str, &'static str)> {
        let (head, rest) = self.key.split_once('<')?;
        let (_, tail) = rest.split_once('>')?;
        Some((head, tail))
    }

    fn matches(&self, key: &str) -> bool {
        match self.family() {
            None => self.key == key,
            Some((head, tail)) => key.len() > head.len() + tail.len() && key.starts_with(head) && key.ends_with(tail),
        }
    }
}

/// The option, or the family, that `key` belongs to.
pub fn find(key: &str) -> Option<&'static OptionSpec> {
    OPTIONS
        .iter()
        .find(|o| o.family().is_none() && o.matches(key))
        .or_else(|| OPTIONS.iter().find(|o| o.matches(key)))
}

const INT: Kind = Kind::Int {
    min: i32::MIN as i64,
    max: i32::MAX as i64,
};
const POSITIVE: Kind = Kind::Int {
    min: 1,
    max: i32::MAX as i64,
};
const REPLICAS: Kind = Kind::Int {
    min: -1,
    max: i16::MAX as i64,
};
const COUNT: Kind = Kind::Int {
    min: 0,
    max: i32::MAX as i64,
};
const MILLIS: Kind = Kind::Int {
    min: i64::MIN,
    max: i64::MAX,
};
const SHARE: Kind = Kind::Float { min: 0.0, max: 1.0 };
const TEXT: Kind = Kind::Text { what: "text" };
const RESOURCE: Kind = Kind::Text { what: "resource name" };
const LEVEL: Kind = words(&["OFF", "STANDARD", "VERBOSE"]);
const ON_FAILURE: Kind = words(&["fail", "dead-letter"]);

const fn words(words: &'static [&'static str]) -> Kind {
    Kind::Enum { words, refused: &[] }
}

const fn with(key: &'static str, kind: Kind, default: &'static str, effect: &'static str) -> OptionSpec {
    OptionSpec {
        key,
        kind,
        default: Some(default),
        default_note: "",
        effect,
    }
}

const fn unset(key: &'static str, kind: Kind, default_note: &'static str, effect: &'static str) -> OptionSpec {
    OptionSpec {
        key,
        kind,
        default: None,
        default_note,
        effect,
    }
}

const FLUSS: &str = "The Fluss store is not available here, so this key has no effect; kept so that old files load";

/// Every option, in the order of the documentation.
// One line each, to be read as a table.
#[rustfmt::skip]
pub const OPTIONS: &[OptionSpec] = &[
    // Runs
    unset("job-identifier", TEXT, "the first job id", "Name by which a run without Flink finds its journal again where `execute` is given none. Long-term memory, which is not there yet, is to be kept under it"),
    with("max-in-flight", POSITIVE, "10000", "Inputs of one subtask that may be unfinished, waiting ones included, before no more input is taken"),
    with("max-events-per-run", POSITIVE, "10000", "Events that one input may cause before its run fails as an endless loop"),
    with("agent-run.begin-event", Kind::Bool, "false", "Each run begins with `_agent_run_begin_event`, processed before the input event: `value` is what short-term memory holds, by path. All of a key's memory is read for it"),
    with("action.trigger-condition.evaluate-failure-strategy", words(&["WARN_AND_SKIP", "FAIL"]), "WARN_AND_SKIP", "Whether a trigger condition that cannot be evaluated counts as false with a warning or fails the task"),
    with("num-async-threads", POSITIVE, "1000", "Upper bound of the elastic pools of threads of one subtask for actions that wait and for calls that block; Java 21 and later has virtual threads instead"),
    // Failures of actions
    with("on-failure", ON_FAILURE, "fail", "What an exception in an action leads to once its retries are used up"),
    unset("action.<name>.on-failure", ON_FAILURE, "`on-failure`", "The same for one action"),
    with("retry.max-attempts", COUNT, "0", "Retries of a failing action after the first try"),
    with("retry.backoff", Kind::Duration, "1 s", "Wait before the first retry; doubles with each further one"),
    with("retry.max-backoff", Kind::Duration, "60 s", "Longest wait before a retry"),
    with("retry.jitter", SHARE, "0.5", "Share of each wait that is drawn at random"),
    unset("action.<name>.retry.max-attempts", COUNT, "`retry.max-attempts`", "The same for one action"),
    unset("action.<name>.retry.backoff", Kind::Duration, "`retry.backoff`", "The same for one action"),
    unset("action.<name>.retry.max-backoff", Kind::Duration, "`retry.max-backoff`", "The same for one action"),
    unset("action.<name>.retry.jitter", SHARE, "`retry.jitter`", "The same for one action"),
    unset("call.timeout", Kind::Duration, "none", "Time limit of one durable call that sets none itself"),
    // Built-in actions
    with("error-handling-strategy", words(&["FAIL", "RETRY", "IGNORE"]), "FAIL", "What the built-in chat action does when the model call fails, or its answer cannot be used: the action fails, asks again, or answers with an empty message that has the `error` in its extra args"),
    with("max-retries", INT, "3", "Retries of a failed model call under `RETRY`; 0 or less means none"),
    with("retry-wait-interval", INT, "1", "Seconds before the first retry of a model call; doubles with each further one, 0 or less means no wait"),
    with("chat.max-tool-rounds", POSITIVE, "50", "How often a model may call tools for one chat request; calls beyond that are a failure of the model call"),
    with("chat.structured-output-repairs", COUNT, "1", "How often a model that was asked for structured output is shown an answer that does not fit, and why, before that counts as a failure of the model call"),
    with("chat.async", Kind::Bool, "true", "Whether the built-in chat action lets other keys run while the model answers"),
    with("tool-call.async", Kind::Bool, "true", "The same for tool calls"),
    with("rag.async", Kind::Bool, "true", "The same for context retrieval"),
    // Memory
    with("short-term-memory.state-ttl.ms", MILLIS, "0", "Milliseconds after which a short-term memory entry expires; 0 or less means never"),
    with("short-term-memory.state-ttl.update-type", words(&["ON_CREATE_AND_WRITE", "ON_READ_AND_WRITE"]), "ON_READ_AND_WRITE", "Which accesses start the time to live anew"),
    with("short-term-memory.state-ttl.visibility", words(&["NEVER_RETURN_EXPIRED", "RETURN_EXPIRED_IF_NOT_CLEANED_UP"]), "NEVER_RETURN_EXPIRED", "Whether an expired entry that still exists may be read"),
    unset("memory.generate-event", Kind::Bool, "unset", "Main switch of memory events; decides for each kind that has no switch of its own set"),
    unset("memory.generate-event.short-term-write", Kind::Bool, "main switch, else true if an action listens to them", "Events for writes to short-term memory: what an action has set, sent when it ends"),
    unset("memory.generate-event.short-term-read", Kind::Bool, "main switch, else false", "Events for reads of short-term memory: the values that an action has got, sent when it ends"),
    unset("memory.generate-event.sensory-write", Kind::Bool, "main switch, else true if an action listens to them", "Events for writes to sensory memory: what an action has set, sent when it ends"),
    unset("memory.generate-event.sensory-read", Kind::Bool, "main switch, else false", "Events for reads of sensory memory: the values that an action has got, sent when it ends"),
    unset("memory.generate-event.long-term-update", Kind::Bool, "main switch, else true", "Events for changes of long-term memory. **No effect yet**: long-term memory is not there"),
    unset("memory.generate-event.long-term-get", Kind::Bool, "main switch, else true", "Events for look-ups in long-term memory. **No effect yet**: long-term memory is not there"),
    unset("memory.generate-event.long-term-search", Kind::Bool, "main switch, else true", "Events for searches in long-term memory. **No effect yet**: long-term memory is not there"),
    unset("long-term-memory.mem0.chat-model-setup", RESOURCE, "", "Chat model of long-term memory, which exists only when all three `mem0` keys are set. **No effect yet**: long-term memory is not there"),
    unset("long-term-memory.mem0.embedding-model-setup", RESOURCE, "", "Embedding model of long-term memory. **No effect yet**: long-term memory is not there"),
    unset("long-term-memory.mem0.vector-store", RESOURCE, "", "Vector store of long-term memory. **No effect yet**: long-term memory is not there"),
    // Event log
    with("eventLoggerType", words(&["slf4j", "file"]), "slf4j", "Where the event log goes; a non-blank `baseLogDir` means `file`"),
    unset("baseLogDir", Kind::Text { what: "directory" }, "`<java.io.tmpdir>/flink-agents` with type `file`", "Directory of the event log files"),
    with("prettyPrint", Kind::Bool, "false", "Indented JSON in the event log instead of one line per record"),
    unset("event-listeners", Kind::List { what: "class names" }, "", "Listeners that are told of every processed event: Java classes by their names, Python's as `module:Class`"),
    unset("event-logger", Kind::Text { what: "class name" }, "", "Event logger of your own that events are logged by: a Java class by its name, one of Python as `module:Class`"),
    with("event-log.level", LEVEL, "STANDARD", "What is logged of an event: nothing, a shortened form, everything"),
    unset("event-log.type.<event type>.level", LEVEL, "level of the type cut at its last dot, at last `event-log.level`", "The same for one event type and those below it"),
    with("event-log.standard.max-string-length", INT, "2000", "Characters kept of a text at level STANDARD; 0 or less keeps all"),
    with("event-log.standard.max-array-elements", INT, "20", "Elements kept of an array at level STANDARD; 0 or less keeps all"),
    with("event-log.standard.max-depth", INT, "5", "Levels of nested objects kept at level STANDARD; 0 or less keeps all"),
    with("event-log.trace.enabled", Kind::Bool, "false", "Adds records of the execution trace"),
    with("event-log.queue-size", POSITIVE, "65536", "Records that may wait for the writer of the event log"),
    with("event-log.on-full", words(&["block", "drop"]), "block", "What happens when that queue is full; dropped records are counted"),
    with("event-log.max-file-size", Kind::Size, "100 mb", "Size at which a new event log file is begun"),
    with("event-log.max-files", POSITIVE, "10", "Event log files kept"),
    unset("prometheus.port", Kind::Int { min: 0, max: 65_535 }, "none", "Port of 127.0.0.1 at which runs without Flink show their metrics to Prometheus while they run, at `/metrics`; 0 takes a free one, which is logged. On Flink its own reporters do that"),
    unset("otlp.endpoint", Kind::Text { what: "URL" }, "", "Where live traces are sent, by OTLP over HTTP, such as `http://localhost:4318` or `https://otlp.example.com`; none when unset"),
    unset("otlp.headers.<name>", TEXT, "", "Header of each request to it, such as `Authorization`; `${env:NAME}` and `${file:PATH}` stand for what is there where the tasks run"),
    unset("otlp.ca-file", Kind::Text { what: "file" }, "", "Certificates in PEM form, trusted besides those of the system where `otlp.endpoint` is encrypted"),
    with("log.keys", words(&["hash", "plain", "none"]), "hash", "How business keys appear in logs, error messages and traces"),
    // Action state
    unset("actionStateStoreBackend", Kind::Enum { words: &["kafka", "sqlite", "memory"], refused: &[("fluss", "the Fluss store is not supported here")] }, "no store", "Store of the journal that makes actions exactly-once; `memory` ends with its process and is for tests"),
    with("action-state.retention", Kind::Duration, "7 d", "How long records are kept that no retained checkpoint needs"),
    with("action-state.on-divergence", words(&["reexecute", "fail"]), "reexecute", "What happens when a replayed run does not match its journal"),
    unset("action-state.on-restore", words(&["continue", "fork"]), "`fork` when the restored job is a new submission", "Whether a restored job takes over the journal of the job it was restored from or begins one of its own"),
    with("action-state.reorder-timeout", Kind::Duration, "30 s", "How long a replayed input waits for the input that preceded it in the journal"),
    with("action-state.on-missing-history", words(&["fail", "reexecute"]), "fail", "What happens when the journal no longer reaches back to the restored checkpoint"),
    with("action-state.max-record-size", Kind::Size, "1 mb", "Largest record of the journal, a result or what an action sent and wrote; larger ones are refused. Not with `memory`"),
    unset("sqlite.path", Kind::Text { what: "file" }, "`flink-agents.sqlite` in the working directory of the process", "File of the sqlite store, on a local disk that all subtasks reach; missing directories are made"),
    with("kafkaBootstrapServers", TEXT, "localhost:9092", "Brokers of the kafka store"),
    unset("kafkaActionStateTopic", TEXT, "", "Topic of the kafka store, which needs it"),
    with("kafkaActionStateTopicNumPartitions", POSITIVE, "64", "Partitions of the topic if it is created, besides the one for claims"),
    with("kafkaActionStateTopicReplicationFactor", REPLICAS, "-1", "Replicas of the topic if it is created; -1 leaves them to the brokers (`default.replication.factor`)"),
    unset("kafka.properties.<property>", TEXT, "", "Passed to the Kafka producer, consumer and admin client as the librdkafka property of that name; `${env:NAME}` and `${file:PATH}` stand for what is there where the tasks run"),
    with("values.verify", Kind::Bool, "false", "Reads every value back when it is stored and compares it; encodes and compares events and sensory memory too, where they are sent and set. Of Python it compares results of durable calls. In runs without Flink it is on unless set to `false`"),
    with("flussBootstrapServers", TEXT, "localhost:9123", FLUSS),
    with("flussActionStateDatabase", TEXT, "flink_agents", FLUSS),
    unset("flussActionStateTable", TEXT, "", FLUSS),
    with("flussActionStateTableBuckets", POSITIVE, "64", FLUSS),
    with("flussSecurityProtocol", TEXT, "PLAINTEXT", FLUSS),
    with("flussSaslMechanism", TEXT, "PLAIN", FLUSS),
    unset("flussSaslJaasConfig", TEXT, "", FLUSS),
    unset("flussSaslUsername", TEXT, "", FLUSS),
    unset("flussSaslPassword", TEXT, "", FLUSS),
    // Python
    with("python.workers", POSITIVE, "1", "Python worker processes per subtask. The keys are spread over them, and each stays with one: more help actions that compute"),
    with("python.worker.timeout", Kind::Duration, "5 min", "How long a busy worker may be silent before the task fails"),
    unset("python.worker.memory", Kind::Size, "none", "Limit of each worker's resident memory; the task of one that exceeds it fails"),
];
