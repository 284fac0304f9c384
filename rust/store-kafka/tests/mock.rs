//! The Kafka store with librdkafka's imitation of a broker: the contract once more, and answers that no broker gives on request.
#![allow(clippy::unwrap_used)]

#[macro_use]
#[path = "../../runtime/tests/store_contract.rs"]
mod store_contract;
#[path = "../../runtime/tests/journal_faults.rs"]
mod journal_faults;
#[path = "../../runtime/tests/journal_puppet.rs"]
mod journal_puppet;
mod kafka;
mod kafka_late;
mod kafka_tool;

use flink_agents_runtime::store::{ErrorKind, Position, Store};
use kafka::{Broker, PARTITIONS, Topic};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store_contract::{A, Open, Place, note, read, record, request};

/// A topic of an imitated broker.
pub struct Mock {
    cluster: MockCluster<'static, DefaultProducerContext>,
    topic: Topic,
}

impl Place for Mock {
    fn new(name: &str) -> Mock {
        let cluster = MockCluster::new(1).unwrap();
        let mut topic = Topic::at(&Broker::of_address(&cluster.bootstrap_servers()), name);
        topic.settings.check_topic = false;
        cluster.create_topic(topic.name(), PARTITIONS as i32 + 1, 1).unwrap();
        Mock { cluster, topic }
    }

    fn store(&self) -> Arc<dyn Store> {
        self.topic.store()
    }

    fn name(&self, position: Position) -> String {
        Place::name(&self.topic, position)
    }

    fn damage(&self, position: Position) -> String {
        self.topic.damage(position)
    }

    fn other(&self) -> Arc<dyn Store> {
        let mut other = Topic::at(&self.topic.broker, "other");
        other.settings.check_topic = false;
        self.cluster
            .create_topic(other.name(), PARTITIONS as i32 + 1, 1)
            .unwrap();
        other.store()
    }
}

contract!(kafka_mock, super::Mock);

impl Mock {
    /// A store that gives up soon.
    fn impatient(&self) -> Arc<dyn Store> {
        self.topic.with(|settings| {
            settings.open_timeout = Duration::from_secs(5);
            settings.watch_interval = Duration::from_secs(3600);
            settings
                .properties
                .insert("message.timeout.ms".to_owned(), "3000".to_owned());
        })
    }

    fn answers(&self, errors: &[RDKafkaRespErr]) {
        self.cluster.request_errors(RDKafkaApiKey::Produce, errors);
    }
}

#[test]
fn an_attempt_that_goes_on_late_takes_nothing_from_the_one_that_works() {
    kafka_late::an_attempt_that_goes_on_late_takes_nothing_from_the_one_that_works::<Mock>();
}

#[test]
fn records_on_their_way_while_an_attempt_claims_late_are_read_if_they_are_acknowledged() {
    kafka_late::records_on_their_way_while_an_attempt_claims_late_are_read_if_they_are_acknowledged::<Mock>();
}

#[test]
fn a_claim_that_has_no_places_yet_ends_the_session_before_it() {
    let mock = Mock::new("unplaced");
    kafka_late::a_claim_that_has_no_places_yet_ends_the_session_before_it(&mock.topic, &mock.store());
}

#[test]
fn a_claim_between_the_two_of_a_session_ends_it_before_it_reads() {
    let mock = Mock::new("between");
    let refuse = RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    kafka_late::a_claim_between_the_two_of_a_session_ends_it_before_it_reads(
        &mock.topic,
        &mock.store(),
        || {
            mock.cluster
                .request_errors(RDKafkaApiKey::ListOffsets, &[refuse; 10_000])
        },
        || mock.cluster.clear_request_errors(RDKafkaApiKey::ListOffsets),
    );
}

#[test]
fn records_that_cannot_be_confirmed_are_not_acknowledged_and_the_wait_is_bounded() {
    let mock = Mock::new("unconfirmed");
    let mut open = Open::start(&mock.impatient(), request(A));
    open.write(vec![note("before")]);
    let refuse = RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    mock.cluster
        .request_errors(RDKafkaApiKey::ListOffsets, &[refuse; 10_000]);
    open.append(vec![note("after")]).unwrap();
    let error = open.error();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("partition 0"), "{error}");
    open.recorder.with(|heard| assert_eq!(heard.acked.len(), 1));
    mock.cluster.clear_request_errors(RDKafkaApiKey::ListOffsets);
    open.end();
    // It is there all the same: not acknowledged means that it may be, or not.
    assert_eq!(read(&mock.impatient(), request(A)), ["after", "before"]);
}

#[test]
fn what_a_broker_answers_ends_the_session_with_its_reason() {
    use RDKafkaRespErr as R;
    for (answer, kind, words) in [
        (
            R::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
            ErrorKind::Fenced,
            "InvalidProducerEpoch",
        ),
        (
            R::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            ErrorKind::Denied,
            "User:ANONYMOUS has no right Write on topic",
        ),
        (
            R::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
            ErrorKind::TooLarge,
            "action-state.max-record-size",
        ),
        (
            R::RD_KAFKA_RESP_ERR_INVALID_RECORD,
            ErrorKind::Rejected,
            "InvalidRecord",
        ),
        (
            R::RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
            ErrorKind::Rejected,
            "PolicyViolation",
        ),
    ] {
        let mock = Mock::new("answers");
        let mut open = Open::start(&mock.impatient(), request(A));
        open.write(vec![note("before")]);
        mock.answers(&[answer]);
        open.append(vec![note("refused")]).unwrap();
        let error = open.error();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(
            error.to_string().contains("operator agent/walker, key group 5, run 1"),
            "{error}"
        );
        // Nothing behind it may become durable: it depends on what was refused.
        open.append(vec![note("after")]).unwrap_err();
        open.recorder.with(|heard| {
            assert_eq!((heard.acked.len(), heard.failed.len(), heard.late), (1, 1, 0));
        });
        open.end();
        assert_eq!(read(&mock.impatient(), request(A)), ["before"]);
    }
}

#[test]
fn answers_that_pass_are_waited_for_and_nothing_is_written_twice() {
    use RDKafkaRespErr as R;
    let mock = Mock::new("passing");
    let mut open = Open::start(&mock.topic.store(), request(A));
    mock.answers(&[
        R::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        R::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        R::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        // The disk of the leader has failed; another broker becomes it.
        R::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
    ]);
    mock.cluster
        .request_errors(RDKafkaApiKey::ListOffsets, &[R::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR]);
    open.write((0..100).map(|run| record(5, b"k", run, &format!("{run:02}"))).collect());
    open.recorder.with(|heard| {
        let tickets: Vec<u64> = heard.acked.iter().map(|acked| acked.ticket).collect();
        assert_eq!(tickets, (0..100).collect::<Vec<_>>());
    });
    open.end();
    let expected: Vec<String> = (0..100).map(|run| format!("{run:02}")).collect();
    assert_eq!(read(&mock.topic.store(), request(A)), expected);
}

#[test]
fn late_answers_are_acknowledged_late_and_never_before() {
    let mock = Mock::new("late");
    let mut open = Open::start(&mock.topic.store(), request(A));
    mock.cluster
        .broker_round_trip_time(1, Duration::from_millis(400))
        .unwrap();
    let begin = Instant::now();
    open.append((0..50).map(|run| record(run as u16, b"k", run, "x")).collect())
        .unwrap();
    open.recorder.until("the first", |heard| !heard.acked.is_empty());
    assert!(begin.elapsed() >= Duration::from_millis(400));
    open.recorder.until("all", |heard| heard.acked.len() == 50);
}

#[test]
fn a_broker_that_goes_away_and_comes_back_delays_and_one_that_stays_away_ends() {
    let mock = Mock::new("away");
    let mut open = Open::start(&mock.topic.store(), request(A));
    mock.cluster.broker_down(1).unwrap();
    open.append(vec![note("delayed")]).unwrap();
    mock.cluster.broker_up(1).unwrap();
    open.recorder.until("the record", |heard| heard.acked.len() == 1);
    open.end();
    let mut open = Open::start(&mock.impatient(), request(A));
    mock.cluster.broker_down(1).unwrap();
    open.append(vec![note("lost")]).unwrap();
    let error = open.error();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("the last trouble: "), "{error}");
}

#[test]
fn a_slow_first_poll_is_waited_for() {
    let mock = Mock::new("slow");
    let mut open = Open::start(&mock.topic.store(), request(A));
    open.write(vec![note("a")]);
    open.end();
    let fetch = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION;
    mock.cluster
        .request_errors(RDKafkaApiKey::Fetch, &[fetch, fetch, fetch]);
    mock.cluster
        .broker_round_trip_time(1, Duration::from_millis(200))
        .unwrap();
    assert_eq!(read(&mock.topic.store(), request(A)), ["a"]);
}

#[test]
fn a_first_poll_that_never_comes_fails_and_is_no_empty_history() {
    let mock = Mock::new("never");
    let mut open = Open::start(&mock.topic.store(), request(A));
    open.write(vec![note("a")]);
    open.end();
    let fetch = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    mock.cluster.request_errors(RDKafkaApiKey::Fetch, &[fetch; 100]);
    let open = Open::begin(&mock.impatient(), request(A));
    let error = open.error();
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    open.recorder.with(|heard| assert_eq!(heard.done, []));
}

#[test]
fn a_listener_that_panics_ends_the_session_and_is_not_waited_for() {
    struct Panics(std::sync::mpsc::Sender<flink_agents_runtime::store::StoreError>);
    impl flink_agents_runtime::store::Events for Panics {
        fn acked(&self, _: &[flink_agents_runtime::store::Acked]) {
            panic!("in the listener");
        }
        fn failed(&self, error: flink_agents_runtime::store::StoreError) {
            self.0.send(error).unwrap();
        }
        fn recovered(&self, _: Vec<flink_agents_runtime::store::Recovered>) {}
        fn recovery_done(&self, _: std::ops::RangeInclusive<u16>) {}
    }
    let mock = Mock::new("panics");
    let (sender, told) = std::sync::mpsc::channel();
    let mut session = mock.topic.store().open(request(A), Arc::new(Panics(sender))).unwrap();
    session.append(vec![note("x")]).unwrap();
    let error = told.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(error.to_string().contains("panicked: in the listener"), "{error}");
    session.close();
}

#[test]
fn inspection_says_what_each_lineage_has() {
    let mock = Mock::new("tool");
    kafka_tool::inspection_says_what_each_lineage_has(&mock.topic, &mock.store());
}

#[test]
fn verification_names_everything_that_is_wrong_by_its_place() {
    let mock = Mock::new("tool");
    kafka_tool::verification_names_everything_that_is_wrong_by_its_place(&mock.topic, &mock.store());
}

#[test]
fn compaction_removes_what_no_session_reads() {
    let mock = Mock::new("tool");
    kafka_tool::compaction_removes_what_no_session_reads(&mock.topic, &mock.store());
}

#[test]
fn compaction_removes_what_was_abandoned_and_a_restore_is_told_so() {
    let mock = Mock::new("tool");
    kafka_tool::compaction_removes_what_was_abandoned_and_a_restore_is_told_so(&mock.topic, &mock.store());
}

#[test]
fn a_run_whose_history_was_removed_begins_anew() {
    let mock = Mock::new("tool");
    kafka_tool::a_run_whose_history_was_removed_begins_anew(&mock.topic, &mock.store());
}

impl journal_faults::Hazards for Mock {
    fn new(seed: u64) -> Mock {
        <Mock as Place>::new(&format!("faults-{seed}"))
    }

    fn store(&self) -> Arc<dyn Store> {
        self.topic.with(|settings| settings.max_record_size = 1 << 20)
    }
}

#[test]
fn whatever_befalls_the_journal_nothing_acknowledged_is_done_again() {
    // Each takes seconds; FLINK_AGENTS_MODEL_CASES multiplies them.
    let least = [
        ("crash", 150),
        ("call made", 500),
        ("acknowledgements lost", 8),
        ("record too large", 8),
        ("zombie wrote", 15),
        ("action replayed", 15),
        ("call replayed", 50),
    ];
    journal_faults::faults::<Mock>(12, &least);
}
