//! What the command says, and the status it exits with.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Directory, call, done, refused};
use flink_agents_cli::{EXIT_DONE, EXIT_FAILED, EXIT_WRONG, main};
use flink_agents_runtime::store::sqlite::{SqliteSettings, SqliteStore};
use flink_agents_runtime::store::{
    Acked, Append, Events, Lineage, MissingHistory, OpenSession, Recovered, Store, StoreError,
};
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

struct Acks(Sender<usize>);

impl Events for Acks {
    fn acked(&self, records: &[Acked]) {
        let _ = self.0.send(records.len());
    }

    fn failed(&self, error: StoreError) {
        panic!("{error}");
    }

    fn recovered(&self, _: Vec<Recovered>) {}

    fn recovery_done(&self, _: RangeInclusive<u16>) {}
}

impl StoreIn for Directory {
    fn store(&self) -> String {
        let path = self.file("journal.sqlite");
        let settings = SqliteSettings {
            clock: Some(Arc::new(|| 1_000_000)),
            ..SqliteSettings::new(&path)
        };
        let store = SqliteStore::new(settings).unwrap();
        let (sender, acked) = channel();
        let request = OpenSession {
            lineage: Lineage([0xA; 16]),
            ancestors: Vec::new(),
            operator: "agent/walker".to_owned(),
            max_parallelism: 8,
            key_groups: 0..=7,
            markers: Vec::new(),
            missing_history: MissingHistory::Fail,
        };
        let mut session = store.open(request, Arc::new(Acks(sender))).unwrap();
        let record = |key: &[u8], run: u64| Append {
            slot: 0,
            ticket: run,
            key_group: 3,
            key: Arc::from(key),
            tail: run.to_be_bytes().into(),
            value: Some((*b"value").into()),
        };
        session
            .append(vec![record(b"a", 1), record(b"a", 2), record(b"b", 1)])
            .unwrap();
        let mut count = 0;
        while count < 3 {
            count += acked.recv_timeout(Duration::from_secs(60)).unwrap();
        }
        session.close();
        path
    }
}

trait StoreIn {
    /// A store with three records of two keys, written in 1970: whatever the retention, they are old.
    fn store(&self) -> String;
}

#[test]
fn a_file_is_inspected_in_words_and_as_json() {
    let directory = Directory::new("inspect");
    let file = directory.store();
    let text = done(&["store", "inspect", &file]);
    assert!(
        text.contains("job lineage 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a, operator agent/walker"),
        "{text}"
    );
    assert!(text.contains("3 records of 2 keys"), "{text}");
    let json = done(&["store", "inspect", "--json", &file]);
    assert_eq!(json.matches('\n').count(), 1);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["lineages"][0]["records"], 3);
    assert_eq!(json["place"], format!("file {file}"));
}

#[test]
fn the_store_is_found_by_the_configuration_of_a_job() {
    let directory = Directory::new("configured");
    let file = directory.store();
    let config = directory.file("config.yaml");
    fs::write(
        &config,
        format!("agent:\n  actionStateStoreBackend: SQLite\n  sqlite.path: {file}\n"),
    )
    .unwrap();
    let by_file = done(&["store", "inspect", "--config", &config]);
    let path = format!("-Dagent.sqlite.path={file}");
    let by_options = done(&[
        "store",
        "inspect",
        "-Dagent.actionStateStoreBackend=sqlite",
        "-D",
        &path[2..],
    ]);
    assert_eq!(by_file, by_options);
    // What the command line says stands above the file.
    let elsewhere = call(&[
        "store",
        "inspect",
        &format!("--config={config}"),
        "-Dagent.sqlite.path=/nowhere/x",
    ]);
    assert_eq!(elsewhere.status, EXIT_FAILED);
    assert!(
        elsewhere.errors.contains("/nowhere/x: there is no such file"),
        "{}",
        elsewhere.errors
    );
    let misspelt = directory.file("misspelt.yaml");
    fs::write(&misspelt, "agent.sqlite.paht: x\n").unwrap();
    let warned = call(&["store", "inspect", "--config", &misspelt, &file]);
    assert_eq!(warned.status, EXIT_DONE);
    assert!(
        warned.errors.contains("warning: ") && warned.errors.contains("sqlite.path"),
        "{}",
        warned.errors
    );
}

#[test]
fn a_store_with_something_wrong_in_it_has_a_status_of_its_own() {
    let directory = Directory::new("verify");
    let file = directory.store();
    assert!(done(&["store", "verify", &file]).contains("3 records and 1 claims read, 0 wrong"));
    // In the middle of the file: its head and schema stay readable.
    let mut bytes = fs::read(&file).unwrap();
    let needle = b"agent/walker";
    let at = bytes.windows(needle.len()).rposition(|part| part == needle).unwrap();
    bytes[at..at + 5].copy_from_slice(&[0xFF; 5]);
    fs::write(&file, bytes).unwrap();
    let answer = call(&["store", "verify", &file]);
    assert_eq!(
        (answer.status, answer.errors.as_str()),
        (EXIT_WRONG, ""),
        "{}",
        answer.output
    );
    assert!(!answer.output.contains(" 0 wrong"), "{}", answer.output);
    let json = call(&["store", "verify", &file, "--json"]);
    assert_eq!(json.status, EXIT_WRONG);
    let json: serde_json::Value = serde_json::from_str(&json.output).unwrap();
    assert!(json["wrong"].as_u64().unwrap() > 0);
    let nothing = directory.file("nothing");
    fs::write(
        &nothing,
        "this is no store, and no database at all, whatever its name says",
    )
    .unwrap();
    let answer = call(&["store", "verify", &nothing]);
    assert_eq!((answer.status, answer.output.as_str()), (EXIT_FAILED, ""));
    assert!(answer.errors.contains(&nothing), "{}", answer.errors);
}

#[test]
fn compaction_is_planned_before_it_is_applied() {
    let directory = Directory::new("compact");
    let file = directory.store();
    assert!(done(&["store", "compact", "--plan", &file]).contains("would remove no record"));
    let plan = done(&["store", "compact", "--plan", "--abandoned", "30 d", &file]);
    assert!(plan.contains("would remove 3 records"), "{plan}");
    assert!(
        done(&["store", "inspect", &file]).contains("3 records"),
        "a plan removes nothing"
    );
    let applied = done(&["store", "compact", "--apply", "--abandoned=30d", "--json", &file]);
    let applied: serde_json::Value = serde_json::from_str(&applied).unwrap();
    assert_eq!(applied["applied"], true);
    assert_eq!(applied["removals"][0]["records"], 3);
    assert!(done(&["store", "inspect", &file]).contains("0 records"));
}

#[test]
fn wrong_arguments_name_what_is_wrong() {
    let cases: &[(&[&str], &str)] = &[
        (&["stroe"], "there is no command 'stroe'"),
        (&["store"], "inspect, verify or compact"),
        (&["store", "look"], "'look' is none of"),
        (&["store", "inspect", "--yaml"], "no option --yaml of inspect"),
        (&["store", "inspect", "--plan", "x"], "no option --plan of inspect"),
        (&["store", "inspect", "a", "b"], "a and b"),
        (&["store", "inspect"], "which store?"),
        (&["store", "inspect", "--config"], "--config needs a value"),
        (&["store", "inspect", "--config", "/nowhere/c.yaml"], "/nowhere/c.yaml"),
        (&["store", "inspect", "-Dsqlite.path=x"], "-Dsqlite.path=x"),
        (&["store", "inspect", "-Dagent.sqlite.path"], "-Dagent.sqlite.path"),
        (&["store", "inspect", "-D"], "-D needs a property"),
        (
            &["store", "inspect", "-Dagent.actionStateStoreBackend=memory"],
            "in the process of the job",
        ),
        (
            &["store", "inspect", "-Dagent.actionStateStoreBackend=kafka"],
            "kafkaActionStateTopic: it is not set",
        ),
        (
            &[
                "store",
                "verify",
                "-Dagent.actionStateStoreBackend=kafka",
                "-Dagent.kafkaActionStateTopic=t",
                "-Dagent.kafka.properties.sasl.password=${file:/nowhere/secret}",
            ],
            "kafka.properties.sasl.password: file /nowhere/secret",
        ),
        (
            &["store", "inspect", "-Dagent.actionStateStoreBackend=sqlight"],
            "sqlight",
        ),
        (
            &["store", "inspect", "x", "-Dagent.action-state.retention=soon"],
            "soon",
        ),
        (&["store", "compact", "x"], "--plan"),
        (&["store", "compact", "--plan", "--apply", "x"], "exclude"),
        (
            &["store", "compact", "--plan", "--abandoned", "long", "x"],
            "--abandoned long",
        ),
    ];
    for (words, expected) in cases {
        let said = refused(words);
        assert!(said.contains(expected), "{words:?}: {said}");
    }
    assert!(refused(&[]).contains("store"));
}

#[test]
fn help_is_no_error() {
    for words in [
        &["store", "--help"][..],
        &["store", "compact", "-h"],
        &["store", "help"],
    ] {
        assert!(done(words).contains("Exit status"));
    }
    assert!(done(&["--help"]).contains("store"));
}

#[test]
fn a_file_may_begin_with_a_dash() {
    let answer = call(&["store", "inspect", "--", "-x.sqlite"]);
    assert_eq!(answer.status, EXIT_FAILED);
    assert!(
        answer.errors.contains("-x.sqlite: there is no such file"),
        "{}",
        answer.errors
    );
    assert!(!Path::new("-x.sqlite").exists());
}

#[test]
fn a_topic_that_cannot_be_reached_is_a_failure_after_a_bounded_wait_and_no_secret_is_told() {
    let directory = Directory::new("kafka");
    let (secret, config) = (directory.file("secret"), directory.file("config.yaml"));
    fs::write(&secret, "not-to-be-told\n").unwrap();
    // Nobody listens on a port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let options = format!(
        "agent:\n  actionStateStoreBackend: kafka\n  kafkaBootstrapServers: {address}\n  kafkaActionStateTopic: journal\n  \
         kafka.properties.message.timeout.ms: 1000\n  kafka.properties.sasl.password: ${{file:{secret}}}\n"
    );
    fs::write(&config, options).unwrap();
    for words in [
        &["inspect"][..],
        &["verify"],
        &["compact", "--plan"],
        &["compact", "--apply"],
    ] {
        let answer = call(&[&["store"], words, &["--config", &config]].concat());
        assert_eq!((answer.status, answer.output.as_str()), (EXIT_FAILED, ""), "{words:?}");
        let said = answer.errors;
        assert!(
            said.contains("topic journal") && said.contains(&address.to_string()),
            "{said}"
        );
        assert!(!said.contains("not-to-be-told"), "{said}");
    }
}
