//! The frames of the worker protocol, version [`PROTOCOL`].
//!
//! # Order
//!
//! The worker connects and waits for [`ToWorker::Hello`]; it answers [`FromWorker::Ready`] or [`FromWorker::Refused`]. Then the
//! host sends batches: frames, and a [`ToWorker::Mark`] behind them. The worker works off what it received and answers in one
//! write, with a [`FromWorker::Mark`] of the last batch it has begun everything of. [`ToWorker::Stop`], or the end of the
//! stream, ends the worker.
//!
//! # A task
//!
//! [`ToWorker::Run`] starts it. It sends events ([`FromWorker::Send`]), and asks for memory that the worker does not know
//! ([`FromWorker::Get`], [`FromWorker::List`], answered by [`ToWorker::Node`], [`ToWorker::Names`]). When it is done its writes
//! follow ([`FromWorker::Write`]) and [`FromWorker::Finish`]; or [`FromWorker::Fail`] alone. A task that waits for something else
//! than the host says [`FromWorker::Suspend`], later [`FromWorker::Wake`], and goes on at [`ToWorker::Resume`].
//!
//! A task whose action threw, and has a failure policy, ends by [`FromWorker::Threw`] instead. The worker goes on with others:
//! the host decides, and runs the action again as another task, sends its dead letter, or ends the worker.
//!
//! # Memory
//!
//! The worker keeps what it knows of a key, by slot, from a [`ToWorker::Run`] that is `fresh` (sensory memory is empty, nothing
//! of short-term memory is known) to [`ToWorker::RunEnded`]. [`ToWorker::Forget`] tells that somebody else has written.
//!
//! # Calls with a journal
//!
//! Where the plan names a store, the host is told of each durable call: [`FromWorker::Scope`] and [`FromWorker::Call`] as the
//! action's code comes to it, [`FromWorker::CallEnd`] when it has ended. Between, [`ToWorker::CallReady`] says what is to be done
//! with it. Both ends count scopes and calls of a task alike, so a frame names a number and waits for none. For a call that
//! is *in place* the action waits without having said so: the host takes it for suspended if the answer has to wait, and then
//! the answer is also its turn. [`FromWorker::Busy`] is said of tasks whose code goes on beside what waits for calls. An answer
//! that was replayed has arrived with the [`FromWorker::Mark`] of its batch: what it set off was said before. Without a store
//! none of these is ever sent.
//!
//! # Listeners and event loggers
//!
//! Those of the worker's language are told of processed events by [`ToWorker::Observed`], in the order of the host, before any
//! action that such an event triggers. They answer nothing.
//!
//! # Names
//!
//! Event types and memory paths come again and again: each end may give one a number once ([`ToWorker::Name`],
//! [`FromWorker::Name`]) and use that from then on. Numbers are the sender's own, and below [`NAMES`].

use serde::{Deserialize, Serialize};

/// Version of this protocol. Raised by every change of a frame: ends of two versions refuse each other.
pub const PROTOCOL: u32 = 8;

/// How many names each end may number.
pub const NAMES: u32 = 4096;

/// Largest frame in bytes, without its length.
pub const MAX_FRAME: usize = 256 << 20;

/// An event type or memory path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Name<'a> {
    /// One that was numbered.
    Number(u32),
    /// Any.
    Text(#[serde(borrow)] &'a str),
}

/// What stands at a memory path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Node<'a> {
    /// Nothing.
    Absent,
    /// An object.
    Object,
    /// A value, encoded as plain data.
    Value(#[serde(borrow, with = "serde_bytes")] &'a [u8]),
}

/// Which memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Space {
    /// Cleared when the run ends.
    Sensory,
    /// Survives runs.
    ShortTerm,
}

/// An action to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run<'a> {
    /// Number of the task.
    pub task: u64,
    /// Position of the action in the plan.
    pub action: u32,
    /// Slot of the key.
    pub slot: u32,
    /// Whether nothing has been written yet in this run: sensory memory is empty.
    pub fresh: bool,
    /// The key's text.
    pub key: &'a str,
    /// Id of the event.
    #[serde(with = "postcard::fixint::le")]
    pub event: u128,
    /// Type of the event.
    #[serde(borrow)]
    pub kind: Name<'a>,
    /// Attributes of the event, as plain data: a map with text keys.
    #[serde(borrow, with = "serde_bytes")]
    pub attributes: &'a [u8],
    /// Id of the event whose action sent this one, and the name of that action.
    pub upstream: Option<Upstream<'a>>,
    /// What stands at paths of short-term memory that this action is likely to read.
    pub known: Vec<Known<'a>>,
}

/// A node of short-term memory that is told without being asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known<'a> {
    /// The path.
    #[serde(borrow)]
    pub path: Name<'a>,
    /// What stands there.
    pub node: Node<'a>,
}

/// Where an event comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream<'a> {
    /// Id of the event whose action sent this one.
    #[serde(with = "postcard::fixint::le")]
    pub event: u128,
    /// The action that sent it; empty if it is not known.
    #[serde(borrow)]
    pub action: Name<'a>,
}

/// Who is told of a processed event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Observer {
    /// The event listeners.
    Listeners,
    /// The event logger.
    Logger,
}

/// An event that was processed, or for the logger a record of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed<'a> {
    /// Who is told.
    pub observer: Observer,
    /// When, in microseconds since 1970.
    pub micros: u64,
    /// Id of the event.
    #[serde(with = "postcard::fixint::le")]
    pub event: u128,
    /// Type of the event.
    #[serde(borrow)]
    pub kind: Name<'a>,
    /// Attributes of the event, as plain data: a map with text keys.
    #[serde(borrow, with = "serde_bytes")]
    pub attributes: &'a [u8],
    /// Where it comes from.
    pub upstream: Option<Upstream<'a>>,
    /// Its place in the execution trace, as plain data: a map with the names that lines of the log have. Empty without a trace.
    #[serde(borrow, with = "serde_bytes")]
    pub trace: &'a [u8],
}

/// What is to be done with a durable call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Make it.
    Execute,
    /// It may have been made before a crash: ask the reconciler instead.
    Reconcile,
    /// It was made, and brought this result.
    Return,
    /// It was made, and raised this exception.
    Raise,
}

/// How a durable call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was given up, or replayed: nothing is to be recorded.
    Nothing,
    /// With a result.
    Result,
    /// With an exception.
    Failure,
}

/// A durable call that an action's code comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call<'a> {
    /// The task.
    pub task: u64,
    /// Where it stands: 0 is the action's own code.
    pub scope: u32,
    /// Its number among the calls of the task, from 0.
    pub call: u32,
    /// Id of the function.
    #[serde(borrow)]
    pub function: Name<'a>,
    /// Digest of the arguments, where they have one.
    pub digest: Option<[u8; 16]>,
    /// Whether somebody can say, after a crash, what became of it.
    pub reconcilable: bool,
    /// The action's own code waits for the answer, and runs until the host says that it has to wait for it.
    pub in_place: bool,
}

/// From the host to the worker. The order of the variants is part of the format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToWorker<'a> {
    /// The first frame.
    Hello {
        /// [`PROTOCOL`] of the host.
        protocol: u32,
        /// Version of the host's build.
        build: &'a str,
        /// Name of the agent.
        agent: &'a str,
        /// Name of the task, for logs.
        task: &'a str,
        /// The plan, JSON.
        #[serde(borrow, with = "serde_bytes")]
        plan: &'a [u8],
        /// How often a worker with unfinished tasks gives a sign of life, in milliseconds.
        beat: u32,
        /// Whether the worker is to connect once more, for an [`Exchange`](super::exchange::Exchange), before it is ready.
        exchange: bool,
    },
    /// `text` is meant by `number` from now on.
    Name {
        /// Below [`NAMES`].
        number: u32,
        /// An event type, action name or memory path.
        text: &'a str,
    },
    /// Run an action.
    Run(#[serde(borrow)] Run<'a>),
    /// A suspended task that woke may go on.
    Resume {
        /// The task.
        task: u64,
    },
    /// Answer to [`FromWorker::Get`].
    Node {
        /// The task that asked.
        task: u64,
        /// Which memory.
        space: Space,
        /// The path.
        path: Name<'a>,
        /// What stands there.
        node: Node<'a>,
    },
    /// Answer to [`FromWorker::List`].
    Names {
        /// The task that asked.
        task: u64,
        /// Names of the direct children.
        #[serde(borrow)]
        names: Vec<&'a str>,
    },
    /// The run of a slot has ended.
    RunEnded {
        /// Slot of the key.
        slot: u32,
    },
    /// Somebody else has written to the memory of a slot's key.
    Forget {
        /// Slot of the key.
        slot: u32,
    },
    /// End of a batch.
    Mark {
        /// Its number.
        batch: u32,
    },
    /// End.
    Stop,
    /// Answer to [`FromWorker::Call`].
    CallReady {
        /// The task.
        task: u64,
        /// Number of the call.
        call: u32,
        /// What to do.
        step: Step,
        /// What identifies the call to others, where it is to be made or reconciled.
        key: &'a str,
        /// What it brought, where it was made.
        #[serde(borrow, with = "serde_bytes")]
        payload: &'a [u8],
    },
    /// An event was processed.
    Observed(#[serde(borrow)] Observed<'a>),
}

/// From the worker to the host. The order of the variants is part of the format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromWorker<'a> {
    /// The worker can start.
    Ready {
        /// [`PROTOCOL`] of the worker.
        protocol: u32,
        /// Version of the worker's build.
        build: &'a str,
        /// Version of its Python.
        python: &'a str,
    },
    /// The worker cannot start.
    Refused {
        /// Why.
        reason: &'a str,
    },
    /// `text` is meant by `number` from now on.
    Name {
        /// Below [`NAMES`].
        number: u32,
        /// An event type or memory path.
        text: &'a str,
    },
    /// A task sent an event.
    Send {
        /// The task.
        task: u64,
        /// Id of the event.
        #[serde(with = "postcard::fixint::le")]
        event: u128,
        /// Its type.
        #[serde(borrow)]
        kind: Name<'a>,
        /// Its attributes, as plain data: a map with text keys.
        #[serde(borrow, with = "serde_bytes")]
        attributes: &'a [u8],
    },
    /// What a task that is about to finish wrote.
    Write {
        /// The task.
        task: u64,
        /// Which memory.
        space: Space,
        /// The path.
        path: Name<'a>,
        /// An object or a value.
        node: Node<'a>,
    },
    /// A task is done.
    Finish {
        /// The task.
        task: u64,
        /// How long it took from its first line to its last, its waits included.
        micros: u64,
    },
    /// A task failed.
    Fail {
        /// The task.
        task: u64,
        /// The exception, with its traceback.
        reason: &'a str,
    },
    /// A task waits: others of its run may go on.
    Suspend {
        /// The task.
        task: u64,
    },
    /// What a suspended task waited for has come.
    Wake {
        /// The task.
        task: u64,
    },
    /// A task wants to know what stands at a path.
    Get {
        /// The task.
        task: u64,
        /// Which memory.
        space: Space,
        /// The path.
        path: Name<'a>,
    },
    /// A task wants to know the children of an object.
    List {
        /// The task.
        task: u64,
        /// Which memory.
        space: Space,
        /// The path.
        path: Name<'a>,
    },
    /// A metric changed.
    Metric {
        /// Groups and names in turns, from the outermost on, each followed by a line feed: `action\nfoo\n`.
        group: Name<'a>,
        /// Name of the metric; of a histogram with a line feed and the size of its window behind it.
        name: Name<'a>,
        /// What it is, and how it changed.
        change: Change,
    },
    /// Everything of the host's batches up to this one has been begun.
    Mark {
        /// Number of the batch.
        batch: u32,
    },
    /// A sign of life.
    Beat,
    /// An action's code comes to a durable call.
    Call(#[serde(borrow)] Call<'a>),
    /// A durable call has ended.
    CallEnd {
        /// The task.
        task: u64,
        /// Number of the call.
        call: u32,
        /// How.
        outcome: Outcome,
        /// What is to be recorded.
        #[serde(borrow, with = "serde_bytes")]
        payload: &'a [u8],
    },
    /// An action's code opens a scope of durable calls.
    Scope {
        /// The task.
        task: u64,
        /// Its number among the scopes of the task; 0 is the action's own code.
        scope: u32,
        /// The scope in which it stands.
        parent: u32,
        /// Its calls are made side by side.
        group: bool,
    },
    /// Whether code of an action goes on beside what waits for its calls.
    Busy {
        /// The task.
        task: u64,
        /// It does.
        busy: bool,
    },
    /// For the execution trace, where the plan asks for one: something begins or ends inside an action.
    Report {
        /// The task.
        task: u64,
        /// 0 started, 1 success, 2 failed; 3, where live spans are sent, a durable call that is over.
        status: u8,
        /// As `Report::read` of the core's event log takes it, or `CallReport::read`.
        #[serde(borrow, with = "serde_bytes")]
        what: &'a [u8],
    },
    /// A task failed by an exception of its action's own, which has a failure policy: nothing more is said of the task.
    Threw {
        /// The task.
        task: u64,
        /// The exception's class, with its module.
        kind: &'a str,
        /// What the exception says.
        message: &'a str,
        /// What is to be told where the job fails, without the traceback.
        what: &'a str,
        /// The traceback.
        trace: &'a str,
    },
}

/// How a metric changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// A counter went up or down.
    Count(i64),
    /// Events of a meter.
    Mark(i64),
    /// A gauge has a value.
    Gauge(f64),
    /// A histogram gets a value.
    Sample(i64),
}

impl Eq for Change {}
