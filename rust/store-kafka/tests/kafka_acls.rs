//! Users who may not do everything, and rights that are taken away while a job runs.

use super::kafka::{PATIENCE, Topic};
use super::kafka_topics::login;
use super::store_contract::{A, Open, Place, read, record, request};
use flink_agents_runtime::store::{ErrorKind, Store, StoreError};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How soon it is said that something is not allowed; nothing has to be waited for.
const SOON: Duration = Duration::from_secs(20);

fn of(topic: &Topic, user: &str) -> Arc<dyn Store> {
    login(topic, "PLAIN", user, &topic.broker.password(user))
}

/// Why a session ended, or nothing if it has read everything.
fn fate(store: &Arc<dyn Store>) -> Option<StoreError> {
    let open = Open::begin(store, request(A));
    open.recorder
        .until("its fate", |heard| !heard.done.is_empty() || !heard.failed.is_empty());
    open.recorder.with(|heard| heard.failed.first().cloned())
}

/// What a session comes to once the brokers know of a change that they have been told of.
fn soon<T>(store: &Arc<dyn Store>, what: &str, so: impl Fn(Option<&StoreError>) -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        let begin = Instant::now();
        let fate = fate(store);
        assert!(begin.elapsed() < SOON, "{what}: {fate:?} after {:?}", begin.elapsed());
        if let Some(found) = so(fate.as_ref()) {
            return found;
        }
        assert!(Instant::now() < end, "{what}: {fate:?}");
    }
}

fn lacks(user: &str, right: &str, topic: &str) -> String {
    format!("User:{user} has no right {right} on topic {topic}")
}

/// The session ends, and says which right is missing.
fn refused(store: &Arc<dyn Store>, user: &str, right: &str, topic: &str) -> StoreError {
    let lacks = lacks(user, right, topic);
    let error = soon(store, &lacks, |fate| {
        fate.filter(|error| error.reason.ends_with(&lacks)).cloned()
    });
    assert_eq!(error.kind, ErrorKind::Denied, "{error}");
    error
}

/// The session begins.
fn begins(store: &Arc<dyn Store>) {
    soon(store, "everything is allowed", |fate| fate.is_none().then_some(()));
}

/// Does what an error says, where the command is the broker's own.
fn follow(topic: &Topic, said: &str) {
    let line = said.split('`').nth(1).unwrap();
    let words = line.strip_prefix(&format!(
        "kafka-acls.sh --bootstrap-server {} ",
        topic.broker.text("sasl_ssl")
    ));
    let words: Vec<&str> = words
        .unwrap_or_else(|| panic!("{said}"))
        .split(' ')
        .map(|word| word.trim_matches('\''))
        .collect();
    topic.broker.acls(&words);
}

/// Gives or takes what docs/operations/kafka-store.md says that is needed.
fn change(topic: &Topic, how: &[&str], user: &str, rights: &[&str]) {
    let principal = format!("User:{user}");
    let rights = rights.iter().flat_map(|right| ["--operation", right]);
    let words: Vec<&str> = how
        .iter()
        .copied()
        .chain(["--allow-principal", &principal, "--topic", topic.name()])
        .chain(rights)
        .collect();
    topic.broker.acls(&words);
}

const GIVE: &[&str] = &["--add"];
const TAKE: &[&str] = &["--remove", "--force"];
const NEEDED: &[&str] = &["Create", "Read", "Write", "DescribeConfigs"];

#[test]
fn each_right_that_is_missing_is_named_with_the_command_that_gives_it() {
    let topic = Topic::new("rights");
    let store = of(&topic, "guest");
    for (right, doing) in [
        ("Describe", "asking the brokers for the topic"),
        ("Create", "creating the topic"),
        ("Write", "writing a claim"),
        ("Read", "reading"),
    ] {
        let error = refused(&store, "guest", right, topic.name());
        assert!(error.reason.starts_with(doing), "{error}");
        assert!(error.place.contains(topic.name()), "{error}");
        follow(&topic, &error.remedy);
    }
    begins(&store);
    let lacks = lacks("guest", "DescribeConfigs", topic.name());
    let unchecked = |topic: &Topic| {
        let reports = std::mem::take(&mut *topic.reports.lock().unwrap());
        reports.into_iter().rfind(|said| said.contains(&lacks))
    };
    let said = unchecked(&topic).expect("a warning");
    assert!(said.contains("its settings cannot be checked"), "{said}");
    follow(&topic, &said);
    let told = |topic: &Topic| {
        topic
            .reports
            .lock()
            .unwrap()
            .iter()
            .any(|said| said.contains("1 replica"))
    };
    soon(&store, "no warning", |fate| {
        assert_eq!(fate, None);
        (unchecked(&topic).is_none()).then_some(())
    });
    begins(&store);
    assert!(told(&topic), "what is wrong with the topic is seen now");
}

#[test]
fn rights_that_are_taken_away_end_the_session_and_nothing_acknowledged_is_lost() {
    let topic = Topic::new("withdrawn");
    let store = of(&topic, "carol");
    change(&topic, GIVE, "carol", NEEDED);
    begins(&store);
    let reports = topic.reports.lock().unwrap().join("\n");
    assert!(!reports.contains("no right"), "all that is needed is given: {reports}");
    let mut told: Vec<String> = Vec::new();
    for (round, rights, missing) in [(0, &["Write"][..], &["Write"][..]), (1, NEEDED, &["Describe", "Write"])] {
        let mut open = Open::start(&store, request(A));
        assert_eq!(open.values(), told, "round {round}");
        let value = |run: u64| format!("{round}/{run:05}");
        open.write((0..20).map(|run| record(5, b"k", run, &value(run))).collect());
        change(&topic, TAKE, "carol", rights);
        let end = Instant::now() + PATIENCE;
        let mut run = 20;
        // Until the brokers know it, they take records.
        while open.append(vec![record(5, b"k", run, &value(run))]).is_ok() && Instant::now() < end {
            run += 1;
            open.recorder.until("its fate", |heard| {
                heard.acked.len() as u64 == run || !heard.failed.is_empty()
            });
        }
        let error = open.error();
        assert_eq!(error.kind, ErrorKind::Denied, "{error}");
        let lacks = |right: &&str| error.reason.ends_with(&lacks("carol", right, topic.name()));
        assert!(missing.iter().any(lacks), "{error}");
        open.recorder.with(|heard| {
            assert!(heard.acked.len() as u64 <= run);
            assert!(heard.acked.len() >= 20);
            told.extend(heard.acked.iter().map(|acked| value(acked.ticket)));
        });
        open.end();
        let right = if rights.len() == 1 { "Write" } else { "Describe" };
        let begin = Instant::now();
        refused(&store, "carol", right, topic.name());
        assert!(begin.elapsed() < SOON);
        change(&topic, GIVE, "carol", rights);
        begins(&store);
        let now = read(&store, request(A));
        let lost: Vec<&String> = told.iter().filter(|value| !now.contains(value)).collect();
        assert!(lost.is_empty(), "{lost:?}");
        // What was written and not acknowledged is one record at most.
        assert!(now.len() <= told.len() + 1);
        told = now;
    }
}

/// With it, brokers give the producer its number, and refuse its records.
#[test]
fn a_right_to_write_elsewhere_is_not_one_to_write_here() {
    let topic = Topic::new("here");
    let elsewhere = Topic::new("elsewhere");
    topic.create(4, &[("cleanup.policy", "compact")]);
    change(&topic, GIVE, "dave", &["Read", "DescribeConfigs"]);
    change(&elsewhere, GIVE, "dave", &["Write"]);
    let error = refused(&of(&topic, "dave"), "dave", "Write", topic.name());
    assert!(
        error.reason.contains("writing a claim: TopicAuthorizationFailed"),
        "{error}"
    );
}
