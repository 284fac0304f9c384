//! Topics as they should not be, users who may not, and several at once.

use super::kafka::{Topic, record_key};
use super::store_contract::{A, B, Open, Place, fork, note, read, record, request};
use flink_agents_runtime::store::{ErrorKind, MissingHistory, OpenSession, StoreError};
use rdkafka::message::Message;
use std::time::{Duration, Instant};

pub fn login(
    topic: &Topic,
    mechanism: &str,
    user: &str,
    password: &str,
) -> std::sync::Arc<dyn flink_agents_runtime::store::Store> {
    topic.with(|settings| {
        settings.bootstrap_servers = topic.broker.text("sasl_ssl");
        settings.open_timeout = Duration::from_secs(30);
        for (key, value) in [
            ("security.protocol", "SASL_SSL"),
            ("ssl.ca.location", &*topic.broker.text("ca")),
            ("sasl.mechanism", mechanism),
            ("sasl.username", user),
            ("sasl.password", password),
        ] {
            settings.properties.insert(key.to_owned(), value.to_owned());
        }
    })
}

fn by_token(topic: &Topic) -> std::sync::Arc<dyn flink_agents_runtime::store::Store> {
    topic.with(|settings| {
        settings.bootstrap_servers = topic.broker.text("sasl_ssl");
        for (key, value) in [
            ("security.protocol", "SASL_SSL"),
            ("ssl.ca.location", &*topic.broker.text("ca")),
            ("sasl.mechanism", "OAUTHBEARER"),
            ("sasl.oauthbearer.config", "principal=alice"),
        ] {
            settings.properties.insert(key.to_owned(), value.to_owned());
        }
    })
}

fn fails(store: &std::sync::Arc<dyn flink_agents_runtime::store::Store>, request: OpenSession) -> StoreError {
    Open::begin(store, request).error()
}

#[test]
fn the_topic_is_made_compacted_with_one_partition_more_and_its_single_replica_is_reported() {
    let topic = Topic::new("made");
    Open::start(&topic.store(), request(A)).end();
    assert_eq!(topic.read(3).len(), 0, "the last partition is there");
    let admin = topic.admin();
    let asked = [rdkafka::admin::ResourceSpecifier::Topic(topic.name())];
    let described = super::kafka::wait(admin.describe_configs(&asked, &rdkafka::admin::AdminOptions::new()));
    let settings = described.unwrap().pop().unwrap().unwrap();
    let value = |name: &str| settings.get(name).unwrap().value.clone().unwrap();
    assert_eq!(value("cleanup.policy"), "compact");
    assert!(value("max.message.bytes").parse::<usize>().unwrap() >= 1 << 20);
    let reports = topic.reports.lock().unwrap().join("\n");
    assert!(
        reports.contains("it has 1 replica: what is acknowledged is lost with one broker"),
        "{reports}"
    );
}

#[test]
fn several_that_make_the_topic_at_once_all_get_it() {
    let topic = Topic::new("race");
    let parts = [0..=31, 32..=63, 64..=95, 96..=127];
    let sessions: Vec<Open> = parts
        .iter()
        .map(|key_groups| {
            Open::begin(
                &topic.store(),
                OpenSession {
                    key_groups: key_groups.clone(),
                    ..request(A)
                },
            )
        })
        .collect();
    for (mut session, key_groups) in sessions.into_iter().zip(parts.clone()) {
        session.write(vec![record(
            *key_groups.start(),
            b"k",
            1,
            &format!("from {}", key_groups.start()),
        )]);
        session.end();
    }
    assert_eq!(
        read(&topic.store(), request(A)),
        ["from 0", "from 32", "from 64", "from 96"]
    );
}

#[test]
fn a_topic_that_deletes_by_age_is_refused() {
    let topic = Topic::new("deletes");
    topic.create(4, &[("cleanup.policy", "delete")]);
    let error = fails(&topic.store(), request(A));
    assert_eq!(error.kind, ErrorKind::Settings);
    assert!(error.to_string().contains("its cleanup.policy is 'delete'"), "{error}");
    assert!(error.to_string().contains("Set cleanup.policy=compact"), "{error}");
}

#[test]
fn a_topic_that_could_not_be_read_back_is_refused() {
    let topic = Topic::new("zstd");
    topic.create(4, &[("cleanup.policy", "compact"), ("compression.type", "zstd")]);
    let error = fails(&topic.store(), request(A));
    assert_eq!(error.kind, ErrorKind::Settings);
    assert!(error.to_string().contains("compression.type is 'zstd'"), "{error}");
}

#[test]
fn what_the_brokers_compress_is_read() {
    for compression in ["gzip", "snappy", "lz4"] {
        let topic = Topic::new(compression);
        topic.create(4, &[("cleanup.policy", "compact"), ("compression.type", compression)]);
        let mut open = Open::start(&topic.store(), request(A));
        open.write((0..20).map(|run| record(5, b"k", run, &format!("{run:02}"))).collect());
        open.end();
        assert_eq!(read(&topic.store(), request(A)).len(), 20);
    }
}

#[test]
fn a_topic_that_does_both_is_reported() {
    let topic = Topic::new("both");
    topic.create(
        4,
        &[("cleanup.policy", "compact,delete"), ("max.message.bytes", "2000")],
    );
    let mut open = Open::start(&topic.store(), request(A));
    let reports = topic.reports.lock().unwrap().join("\n");
    assert!(reports.contains("its cleanup.policy is 'compact,delete'"), "{reports}");
    assert!(reports.contains("its max.message.bytes is 2000"), "{reports}");
    open.write(vec![note("small")]);
    // Within our limit, above the topic's.
    open.append(vec![note(&"x".repeat(3000))]).unwrap();
    let error = open.error();
    assert_eq!(error.kind, ErrorKind::TooLarge);
    assert!(
        error.to_string().contains("max.message.bytes of the topic is 2000"),
        "{error}"
    );
}

#[test]
fn batches_of_records_keep_below_the_limit_of_the_topic() {
    let topic = Topic::new("batches");
    topic.create(4, &[("cleanup.policy", "compact"), ("max.message.bytes", "6000")]);
    let mut open = Open::start(&topic.store(), request(A));
    open.write((0..200).map(|run| record(5, b"k", run, &"x".repeat(1000))).collect());
}

#[test]
fn more_replicas_asked_for_than_there_are_brokers_is_the_brokers_reason() {
    let topic = Topic::new("replicas");
    let store = topic.with(|settings| settings.replication_factor = Some(3));
    let error = fails(&store, request(A));
    assert_eq!(error.kind, ErrorKind::Settings);
    assert!(error.to_string().contains("creating the topic"), "{error}");
    assert!(error.to_string().contains("InvalidReplicationFactor"), "{error}");
}

#[test]
fn in_sync_replicas_that_cannot_be_had_are_refused_at_the_start() {
    let topic = Topic::new("insync");
    topic.create(4, &[("cleanup.policy", "compact"), ("min.insync.replicas", "2")]);
    let error = fails(&topic.store(), request(A));
    assert_eq!(error.kind, ErrorKind::Settings);
    assert!(
        error
            .to_string()
            .contains("1 replicas, and its min.insync.replicas is 2"),
        "{error}"
    );
}

/// The topic allows no difference, so that every clock is wrong.
#[test]
fn a_clock_that_brokers_do_not_accept_is_the_reason() {
    let topic = Topic::new("clock");
    topic.create(
        4,
        &[("cleanup.policy", "compact"), ("message.timestamp.before.max.ms", "0")],
    );
    let error = fails(&topic.store(), request(A));
    assert_eq!(error.kind, ErrorKind::Rejected, "{error}");
    assert!(error.to_string().contains("InvalidTimestamp"), "{error}");
    assert!(error.to_string().contains("Set the clock of this machine"), "{error}");
}

#[test]
fn a_topic_of_one_partition_does() {
    let topic = Topic::new("single");
    topic.create(1, &[("cleanup.policy", "compact")]);
    let mut first = Open::start(&topic.store(), request(A));
    first.write(
        (0..20)
            .map(|run| record(run as u16 * 6, b"k", run, &format!("{run:02}")))
            .collect(),
    );
    first.end();
    let half = OpenSession {
        key_groups: 0..=59,
        ..request(A)
    };
    let expected: Vec<String> = (0..10).map(|run| format!("{run:02}")).collect();
    assert_eq!(read(&topic.store(), half), expected);
}

#[test]
fn partitions_added_later_are_left_to_later_jobs() {
    let topic = Topic::new("grown");
    let mut first = Open::start(&topic.store(), request(A));
    first.write(vec![record(127, b"k", 1, "a")]);
    first.end();
    let admin = topic.admin();
    let more = rdkafka::admin::NewPartitions::new(topic.name(), 9);
    super::kafka::wait(admin.create_partitions([&more], &rdkafka::admin::AdminOptions::new())).unwrap()[0]
        .as_ref()
        .unwrap();
    let mut second = Open::start(&topic.store(), request(A));
    assert_eq!(second.values(), ["a"]);
    second.write(vec![record(127, b"k", 2, "b")]);
    second.end();
    assert_eq!(topic.read(3).len(), 2);
    let mut other = Open::start(&topic.store(), request(B));
    other.write(vec![record(127, b"k", 1, "c")]);
    assert_eq!(topic.read(8).len(), 1);
}

#[test]
fn every_login_works_by_tls() {
    let topic = Topic::new("logins");
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let store = login(&topic, mechanism, "alice", &topic.broker.password("alice"));
        let mut open = Open::start(&store, request(A));
        open.write(vec![note(mechanism)]);
        open.end();
    }
    let store = by_token(&topic);
    assert_eq!(read(&store, request(A)), ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]);
}

#[test]
fn a_wrong_password_is_said_at_once_and_not_shown() {
    let topic = Topic::new("password");
    for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
        let begin = Instant::now();
        let error = fails(&login(&topic, mechanism, "alice", "very-wrong-secret"), request(A));
        assert_eq!(error.kind, ErrorKind::Denied, "{error}");
        assert!(error.to_string().contains("uthentication"), "{error}");
        assert!(error.to_string().contains("kafka.properties.sasl."), "{error}");
        assert!(!error.to_string().contains("very-wrong-secret"), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(25), "no need to wait");
    }
}

#[test]
fn a_certificate_that_is_not_trusted_is_the_reason() {
    let topic = Topic::new("untrusted");
    let store = topic.with(|settings| {
        settings.bootstrap_servers = topic.broker.text("sasl_ssl");
        settings.open_timeout = Duration::from_secs(3);
        settings
            .properties
            .insert("security.protocol".to_owned(), "SSL".to_owned());
    });
    let error = fails(&store, request(A));
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[test]
fn a_user_without_permissions_is_told_which_are_needed() {
    let topic = Topic::new("permissions");
    Open::start(&topic.store(), request(A)).end();
    let error = fails(
        &login(&topic, "PLAIN", "guest", &topic.broker.password("guest")),
        request(A),
    );
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    assert!(error.to_string().contains("TopicAuthorizationFailed"), "{error}");
    assert!(
        error.to_string().contains("User:guest has no right Describe on topic"),
        "{error}"
    );
}

#[test]
fn nobody_there_is_said_after_the_wait() {
    let topic = Topic::new("nobody");
    // A port that is not listened at: one that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let store = topic.with(|settings| {
        settings.bootstrap_servers = format!("127.0.0.1:{port}");
        settings.open_timeout = Duration::from_secs(2);
    });
    let error = fails(&store, request(A));
    assert_eq!(error.kind, ErrorKind::Unavailable);
    for part in [
        format!("127.0.0.1:{port} within 2s"),
        "Connection refused".to_owned(),
        "kafkaBootstrapServers".to_owned(),
    ] {
        assert!(error.to_string().contains(&part), "{error}");
    }
}

#[test]
fn a_topic_made_again_is_noticed() {
    let topic = Topic::new("again");
    let mut open = Open::start(&topic.store(), request(A));
    open.write((0..10).map(|run| record(5, b"k", run, "x")).collect());
    let marker = open.marker(&[]);
    open.end();
    topic.delete();
    let restored = |missing_history| OpenSession {
        markers: vec![marker.clone()],
        missing_history,
        ..request(A)
    };
    let end = Instant::now() + Duration::from_secs(30);
    let error = loop {
        // The brokers delete a topic in their own time.
        let error = fails(&topic.store(), restored(MissingHistory::Fail));
        if error.kind == ErrorKind::MissingHistory || Instant::now() > end {
            break error;
        }
    };
    assert_eq!(error.kind, ErrorKind::MissingHistory, "{error}");
    assert!(error.to_string().contains("deleted and made again"), "{error}");
    assert!(read(&topic.store(), restored(MissingHistory::Reexecute)).is_empty());
}

#[test]
fn what_others_write_into_the_topic_is_named_by_partition_and_offset() {
    let newer = [&record_key(5, b"k", 1)[..], b"tail"].concat();
    for (key, value, kind, words) in [
        (Some(&b"hello"[..]), &b"x"[..], ErrorKind::Version, "its format is 104"),
        (
            Some(&newer[..]),
            &[2, 0],
            ErrorKind::Version,
            "its format is 2, and this program knows 1",
        ),
    ] {
        let topic = Topic::new("strange");
        Open::start(&topic.store(), request(A)).end();
        let partition = Topic::partition_of(5);
        // Behind a record of the job, before which nothing is read.
        let position = topic.produce(partition, key, Some(value));
        let error = fails(&topic.store(), request(A));
        assert_eq!(error.kind, kind, "{error}");
        let place = format!("topic {}, partition {partition}, offset {position}", topic.name());
        assert!(
            error.to_string().contains(&place) && error.to_string().contains(words),
            "{error}"
        );
    }
}

#[test]
fn records_of_other_jobs_and_operators_lie_beside_and_are_not_read() {
    let topic = Topic::new("shared");
    let mut mine = Open::start(&topic.store(), request(A));
    let mut other = Open::start(&topic.store(), request(B));
    let mut operator = Open::start(
        &topic.store(),
        OpenSession {
            operator: "agent/runner".to_owned(),
            ..request(A)
        },
    );
    for run in 0..300 {
        mine.append(vec![record(5, b"k", run, &format!("{run:03}"))]).unwrap();
        other.append(vec![record(5, b"k", run, "other")]).unwrap();
        operator.append(vec![record(5, b"k", run, "operator")]).unwrap();
    }
    for open in [&mine, &other, &operator] {
        open.recorder
            .until("acknowledgements", |heard| heard.acked.len() == 300);
    }
    mine.end();
    let expected: Vec<String> = (0..300).map(|run| format!("{run:03}")).collect();
    assert_eq!(read(&topic.store(), request(A)), expected);
    assert_eq!(topic.read(Topic::partition_of(5)).len(), 900);
}

#[test]
fn a_zombie_ends_soon_and_its_records_do_not_replace_those_of_its_successor() {
    let topic = Topic::new("successor");
    let mut zombie = Open::start(&topic.store(), request(A));
    let watching = Open::start(&topic.with(|_| {}), request(B));
    let mut second = Open::start(&topic.store(), request(A));
    Open::start(&topic.store(), fork(B, &[])).end();
    let error = watching.error();
    assert_eq!(error.kind, ErrorKind::Fenced, "{error}");
    second.write(vec![note("right")]);
    // The same identity: compaction would keep only the later of two messages with one key.
    zombie.append(vec![note("wrong")]).unwrap();
    assert_eq!(zombie.error().kind, ErrorKind::Fenced);
    let messages = topic.read(Topic::partition_of(5));
    assert_eq!(messages.len(), 2);
    assert_ne!(messages[0].key(), messages[1].key());
    second.end();
    assert_eq!(read(&topic.store(), request(A)), ["right"]);
}

#[test]
fn pruned_records_get_tombstones_and_claims_that_nobody_needs_go() {
    let topic = Topic::new("tombstones");
    for attempt in 0..3 {
        let mut open = Open::start(&topic.store(), request(A));
        open.write((0..5).map(|run| record(5, b"k", attempt * 5 + run, "x")).collect());
        open.end();
    }
    let mut open = Open::start(&topic.store(), request(A));
    let marker = open.marker(&[]);
    open.session().prune(&marker).unwrap();
    open.end();
    let buried = |partition| {
        topic
            .read(partition)
            .iter()
            .filter(|message| message.payload().is_none())
            .count()
    };
    assert_eq!(buried(Topic::partition_of(5)), 15, "each record got one");
    assert_eq!(buried(0), 3, "and each claim before the last");
    let restored = OpenSession {
        markers: vec![marker],
        ..request(A)
    };
    assert!(read(&topic.store(), restored).is_empty());
}
