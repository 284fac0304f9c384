//! What the store's clients have in common: they remember what went wrong last, and their errors become the store's.

use crate::STORE;
use crate::settings::KafkaSettings;
use flink_agents_runtime::store::{ErrorKind, StoreError};
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a wait may last until it looks whether the session has ended.
pub(crate) const SLICE: Duration = Duration::from_millis(100);

/// How long a trouble is taken for the reason of what fails: longer than anything waits.
const MEMORY: Duration = Duration::from_secs(300);

/// What Kafka lets a user do with a topic, as kafka-acls.sh calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Create,
    Describe,
    DescribeConfigs,
    Read,
    Write,
}

/// Time of which one request may take a part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(pub(crate) Instant);

impl Deadline {
    pub(crate) fn after(time: Duration) -> Deadline {
        Deadline(Instant::now() + time)
    }

    pub(crate) fn passed(self) -> bool {
        Instant::now() >= self.0
    }
}

/// What the clients of a session have told. librdkafka says on its own why it cannot reach a broker; a request that waits for
/// one only learns that time is up.
#[derive(Default)]
pub(crate) struct Troubles {
    last: Mutex<Option<(Instant, RDKafkaErrorCode, String)>>,
    stopped: AtomicBool,
}

impl Troubles {
    /// Unless it is so old that it has passed.
    pub(crate) fn last(&self) -> Option<(RDKafkaErrorCode, String)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, code, said) = last.as_ref().filter(|(at, ..)| at.elapsed() < MEMORY)?;
        Some((*code, said.clone()))
    }

    pub(crate) fn forget(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

/// Context of every client.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) troubles: Arc<Troubles>,
    settings: Arc<KafkaSettings>,
}

impl Shared {
    pub(crate) fn new(settings: &Arc<KafkaSettings>) -> Shared {
        Shared {
            troubles: Arc::default(),
            settings: settings.clone(),
        }
    }

    /// The store's error for one of Kafka's, at a place, where something was done that needs a right.
    pub(crate) fn error(
        &self,
        place: &str,
        doing: &str,
        right: Right,
        code: RDKafkaErrorCode,
        words: &str,
    ) -> StoreError {
        let mut reason = format!("{doing}: {} ({code:?})", self.settings.scrub(words));
        let timed_out = matches!(kind_of(code), ErrorKind::Unavailable);
        let mut cause = code;
        if let Some((last, said)) = self.troubles.last().filter(|_| timed_out) {
            reason.push_str("; the last trouble: ");
            reason.push_str(&said);
            if kind_of(last) == ErrorKind::Denied {
                cause = last;
            }
        }
        if not_allowed(cause) {
            let (lacks, remedy) = self.lacks(right, cause);
            reason.push_str("; ");
            reason.push_str(&lacks);
            return StoreError::new(ErrorKind::Denied, STORE, place, reason, remedy);
        }
        StoreError::new(kind_of(cause), STORE, place, reason, remedy(kind_of(cause), code))
    }

    /// Who may not do what, and how that is mended.
    pub(crate) fn lacks(&self, right: Right, code: RDKafkaErrorCode) -> (String, String) {
        let KafkaSettings {
            topic,
            bootstrap_servers,
            ..
        } = &*self.settings;
        // Of the cluster a producer only asks for its number, which whoever may write to a topic gets.
        let of_cluster = code == RDKafkaErrorCode::ClusterAuthorizationFailed && right != Right::Create;
        let right = if of_cluster { Right::Write } else { right };
        let principal = self.settings.principal();
        let who = principal.as_deref().unwrap_or("its user");
        let named = principal.as_deref().unwrap_or("User:NAME");
        let mut remedy = format!(
            "Let somebody who may run `kafka-acls.sh --bootstrap-server {bootstrap_servers} --add --allow-principal '{named}' \
             --operation {right:?} --topic {topic}`"
        );
        if of_cluster {
            remedy.push_str(", and with brokers older than 2.8 the same with `--operation IdempotentWrite --cluster`");
        }
        remedy
            .push_str(". All that is needed: Read, Write, DescribeConfigs, and Create for a topic that is to be made");
        (format!("{who} has no right {right:?} on topic {topic}"), remedy)
    }

    /// The store's error for the end of a wait.
    pub(crate) fn timed_out(&self, place: &str, doing: &str, right: Right, waited: Duration) -> StoreError {
        self.error(
            place,
            doing,
            right,
            RDKafkaErrorCode::OperationTimedOut,
            &format!("no answer from {} within {waited:?}", self.settings.bootstrap_servers),
        )
    }

    /// Credentials that were refused: nothing gets better by waiting.
    pub(crate) fn refused(&self, place: &str) -> Option<StoreError> {
        let (code, said) = self.troubles.last()?;
        (code == RDKafkaErrorCode::Authentication)
            .then(|| StoreError::new(ErrorKind::Denied, STORE, place, said, remedy(ErrorKind::Denied, code)))
    }
}

impl ClientContext for Shared {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {
        // What matters comes by `error` too; the rest would go to nowhere, or in a format that is not the host's.
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = code_of(&error);
        // Only a summary of what was said before.
        if matches!(
            code,
            RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::GroupAuthorizationFailed
        ) {
            return;
        }
        let mut last = self.troubles.last.lock().unwrap_or_else(PoisonError::into_inner);
        // A login that was refused is why the connection broke afterwards.
        if matches!(&*last, Some((at, RDKafkaErrorCode::Authentication, _)) if at.elapsed() < MEMORY) {
            return;
        }
        *last = Some((Instant::now(), code, self.settings.scrub(reason)));
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        crate::oauth::token(config, SystemTime::now().duration_since(UNIX_EPOCH)?)
    }
}

impl ConsumerContext for Shared {}

/// Of producers that are asked afterwards what went wrong first. A session's has a context of its own.
impl ProducerContext for Shared {
    type DeliveryOpaque = Arc<OnceLock<RDKafkaErrorCode>>;

    fn delivery(&self, result: &DeliveryResult<'_>, failed: Self::DeliveryOpaque) {
        if let Err((e, _)) = result {
            let _ = failed.set(code_of(e));
        }
    }
}

/// Kafka's code for an error; that of an administrative request is not where the others are.
pub(crate) fn code_of(error: &KafkaError) -> RDKafkaErrorCode {
    match error {
        KafkaError::AdminOp(code) => *code,
        _ => error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown),
    }
}

/// Whether it says that a user who is logged in may not do something.
fn not_allowed(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as C;
    matches!(
        code,
        C::TopicAuthorizationFailed
            | C::GroupAuthorizationFailed
            | C::ClusterAuthorizationFailed
            | C::TransactionalIdAuthorizationFailed
    )
}

/// What an error of Kafka's means.
pub(crate) fn kind_of(code: RDKafkaErrorCode) -> ErrorKind {
    use RDKafkaErrorCode as C;
    match code {
        C::Authentication | C::SaslAuthenticationFailed | C::IllegalSASLState | C::UnsupportedSASLMechanism => {
            ErrorKind::Denied
        }
        _ if not_allowed(code) => ErrorKind::Denied,
        C::MessageSizeTooLarge => ErrorKind::TooLarge,
        C::InvalidMessageSize
        | C::InvalidRecord
        | C::InvalidMessage
        | C::PolicyViolation
        | C::InvalidTimestamp
        | C::GaplessGuarantee
        | C::OutOfOrderSequenceNumber
        | C::UnknownProducerId
        | C::Fatal => ErrorKind::Rejected,
        C::InvalidProducerEpoch | C::ProducerFenced => ErrorKind::Fenced,
        C::OffsetOutOfRange | C::AutoOffsetReset => ErrorKind::MissingHistory,
        C::InvalidTopic
        | C::InvalidPartitions
        | C::InvalidReplicationFactor
        | C::InvalidConfig
        | C::UnknownTopic
        | C::UnknownTopicOrPartition
        | C::UnknownPartition => ErrorKind::Settings,
        C::KafkaStorageError => ErrorKind::Full,
        C::BadMessage => ErrorKind::Damaged,
        _ => ErrorKind::Unavailable,
    }
}

/// What to do where a partition has no leader although brokers answer.
pub(crate) const NO_LEADER: &str =
    "Look at the brokers that hold the partition: whether they run, their logs and their disks";

fn remedy(kind: ErrorKind, code: RDKafkaErrorCode) -> &'static str {
    match kind {
        ErrorKind::Denied => "Check kafka.properties.sasl.* and kafka.properties.ssl.*, and the user on the brokers",
        ErrorKind::TooLarge => {
            "Return less from the call, or raise action-state.max-record-size and max.message.bytes of the topic"
        }
        ErrorKind::Fenced => "Nothing, if the job was restarted; otherwise another job runs under the same lineage",
        ErrorKind::MissingHistory => {
            "Restore a newer checkpoint, or set action-state.on-missing-history to REEXECUTE: what is missing is then done again"
        }
        ErrorKind::Settings => {
            "Check kafkaActionStateTopic and the topic's settings; create the topic again if it was deleted"
        }
        ErrorKind::Full => "Look at the disk and the log of the broker",
        ErrorKind::Rejected if code == RDKafkaErrorCode::InvalidTimestamp => {
            "Set the clock of this machine or of the brokers right: they differ by more than message.timestamp.before.max.ms or \
             message.timestamp.after.max.ms of the topic allows"
        }
        ErrorKind::Rejected => "Look at the log of the broker; the job restarts from its last checkpoint",
        ErrorKind::Damaged => "Look at the log of the broker for what happened to the partition",
        _ if code == RDKafkaErrorCode::LeaderNotAvailable => NO_LEADER,
        _ => "Check that the brokers run and can be reached from here, and kafkaBootstrapServers",
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a request of the admin client; `None` when the session ends before.
pub(crate) fn wait<T>(troubles: &Troubles, request: impl Future<Output = T>) -> Option<T> {
    let mut request = pin!(request);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(answer) = request.as_mut().poll(&mut context) {
            return Some(answer);
        }
        if troubles.stopped() {
            return None;
        }
        std::thread::park_timeout(SLICE);
    }
}
