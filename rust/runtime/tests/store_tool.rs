//! What people see of a file, and what compaction removes.

use super::store_contract::{A, B, C, Open, Place, note, read, record, request};
use super::store_sqlite::File;
use flink_agents_runtime::store::sqlite::{SqliteSettings, tool};
use flink_agents_runtime::store::tool::{MAX_PROBLEMS, json};
use flink_agents_runtime::store::{Append, ErrorKind, OpenSession};
use std::sync::atomic::Ordering;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

fn pass(file: &File, days: u32) {
    file.clock.fetch_add((DAY * days).as_millis() as i64, Ordering::Relaxed);
}

fn weekly(file: &File) -> SqliteSettings {
    SqliteSettings {
        retention: DAY * 7,
        ..file.settings()
    }
}

#[test]
fn inspection_says_what_each_lineage_has() {
    let file = File::new("inspect");
    let mut one = Open::start(&file.store(), request(A));
    one.write(vec![
        record(5, b"s:a", 1, "0123456789"),
        record(6, b"s:b", 1, ""),
        Append {
            value: None,
            ..record(6, b"s:b", 2, "")
        },
    ]);
    one.end();
    Open::start(&file.store(), request(A)).end();
    pass(&file, 1);
    let mut two = Open::start(&file.store(), request(B));
    two.write(vec![note("b")]);
    let report = tool::inspect(&file.settings()).unwrap();
    assert_eq!(report.format, 1);
    assert!(report.bytes > 4096 && report.place.ends_with("journal.sqlite"));
    let lineages: Vec<_> = report
        .lineages
        .iter()
        .map(|part| {
            (
                part.lineage.clone(),
                part.claims,
                part.last_epoch,
                part.records,
                part.tombstones,
                part.keys,
            )
        })
        .collect();
    assert_eq!(
        lineages,
        [(B.to_string(), 1, 3, 1, 0, 1), (A.to_string(), 2, 2, 3, 1, 2)],
        "the latest first"
    );
    // Key, run, step and value: 3 + 8 + 4 + 10, and twice 3 + 8 + 4.
    assert_eq!(report.lineages[1].bytes, 55);
    let text = report.to_string();
    assert!(
        text.contains(&format!("job lineage {A}, operator agent/walker")),
        "{text}"
    );
    assert!(
        text.contains("3 records of 2 keys, 1 of them tombstones, 55 B, from 1970-01-01 00:16:40"),
        "{text}"
    );
    assert!(text.contains("the last of epoch 3 at 1970-01-02 00:16:40"), "{text}");
    assert!(json(&report).contains(r#""store":"sqlite","place":"file "#));
    assert!(json(&report).contains(r#""claims":2,"last_epoch":2"#));
}

#[test]
fn a_file_that_is_missing_is_not_made() {
    let file = File::new("absent");
    let settings = file.settings();
    let errors = [
        tool::inspect(&settings).map(|_| ()).unwrap_err(),
        tool::verify(&settings).map(|_| ()).unwrap_err(),
        tool::plan_compaction(&settings, None).map(|_| ()).unwrap_err(),
        tool::apply_compaction(&settings, None).map(|_| ()).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind, ErrorKind::Settings);
        assert!(error.to_string().contains("there is no such file"), "{error}");
    }
    assert!(!settings.path.exists());
}

#[test]
fn verification_lists_everything_that_is_wrong() {
    let file = File::new("verify");
    let part = OpenSession {
        key_groups: 0..=9,
        ..request(A)
    };
    let mut open = Open::start(&file.store(), part);
    open.write((0..300).map(|run| record(5, b"k", run, "x")).collect());
    open.end();
    let right = tool::verify(&file.settings()).unwrap();
    assert!(right.is_right());
    assert_eq!((right.records, right.claims), (300, 1));
    assert!(right.to_string().contains("300 records and 1 claims read, 0 wrong"));
    file.sql()
        .execute_batch(
            "UPDATE record SET value = x'79' WHERE position BETWEEN 11 AND 130;
             UPDATE claim SET position = 3;
             UPDATE store SET next_position = 300",
        )
        .unwrap();
    let wrong = tool::verify(&file.settings()).unwrap();
    assert_eq!(wrong.wrong, 120 + 2 + 1);
    assert_eq!(wrong.problems.len(), MAX_PROBLEMS);
    assert!(
        wrong.problems[0].contains("row 1 of table record: it is older than its claim"),
        "{}",
        wrong.problems[0]
    );
    assert!(wrong.problems[2].contains("row 11 of table record: its checksum is wrong"));
    assert!(wrong.to_string().ends_with("and 23 more\n"), "{wrong}");
    file.sql()
        .execute_batch(
            "DELETE FROM record WHERE position BETWEEN 4 AND 298;
             UPDATE claim SET first_key_group = 6 WHERE epoch = 1",
        )
        .unwrap();
    let wrong = tool::verify(&file.settings()).unwrap();
    assert_eq!(wrong.wrong, 5);
    assert!(
        wrong.problems[4].contains("its key group 5 is not one of its claim's"),
        "{:?}",
        wrong.problems
    );
    file.sql().execute_batch("DELETE FROM claim").unwrap();
    let wrong = tool::verify(&file.settings()).unwrap();
    assert!(
        wrong.problems[4].contains("row 300 of table record: its epoch 1 has no row"),
        "{:?}",
        wrong.problems
    );
}

#[test]
fn compaction_removes_what_its_plan_says_and_gives_back_the_space() {
    let file = File::new("compact");
    let store = file.with(|settings| settings.retention = DAY * 7);
    let large = "x".repeat(3000);
    let mut old = Open::start(&store, request(A));
    old.write((0..500).map(|run| record(5, b"k", run, &large)).collect());
    let marker = old.marker(&[]);
    old.session().prune(&marker).unwrap();
    old.write(vec![record(5, b"k", 500, "a's last")]);
    old.end();
    pass(&file, 10);
    let mut other = Open::start(&store, request(B));
    other.write(vec![record(5, b"k", 0, "b's first")]);
    other.end();

    let settings = weekly(&file);
    let plan = tool::plan_compaction(&settings, None).unwrap();
    let sums = |report: &flink_agents_runtime::store::tool::Compaction| {
        let part = |part: &flink_agents_runtime::store::tool::Removal| (part.lineage.clone(), part.records, part.bytes);
        report.removals.iter().map(part).collect::<Vec<_>>()
    };
    assert_eq!(sums(&plan), [(A.to_string(), 500, 500 * (1 + 8 + 4 + 3000))]);
    assert!(!plan.applied && plan.bytes_after.is_none());
    assert!(
        plan.to_string().contains("would remove 500 records (1506 kB)"),
        "{plan}"
    );
    let count = || {
        file.sql()
            .query_row("SELECT count(*) FROM record", [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(count(), 502, "a plan removes nothing");

    let done = tool::apply_compaction(&settings, None).unwrap();
    assert_eq!(sums(&done), sums(&plan));
    assert_eq!(count(), 2);
    assert!(done.bytes_after.unwrap() < done.bytes_before / 10, "{done}");
    assert!(
        done.to_string().contains("removed 500 records") && done.to_string().contains(" now"),
        "{done}"
    );
    assert!(tool::verify(&settings).unwrap().is_right());
    let restored = |marker: &[u8]| OpenSession {
        markers: vec![marker.to_vec()],
        ..request(A)
    };
    assert_eq!(read(&store, restored(&marker)), ["a's last"]);
    assert_eq!(Open::begin(&store, request(A)).error().kind, ErrorKind::MissingHistory);
}

#[test]
fn lineages_nobody_claims_any_more_go_only_when_asked_for() {
    let file = File::new("abandoned");
    let store = file.with(|settings| settings.retention = DAY * 7);
    let write = |lineage| {
        let mut open = Open::start(&store, request(lineage));
        open.write(vec![note("x"), note("y")]);
        let marker = open.marker(&[(5, open.position(0))]);
        open.end();
        marker
    };
    let marker = write(A);
    write(B);
    pass(&file, 20);
    // B's job was restarted, but had nothing to write; C is young.
    Open::start(&store, request(B)).end();
    write(C);
    pass(&file, 15);
    let settings = weekly(&file);
    assert!(tool::plan_compaction(&settings, None).unwrap().removals.is_empty());
    assert!(
        tool::plan_compaction(&settings, Some(DAY * 40))
            .unwrap()
            .removals
            .is_empty()
    );
    let done = tool::apply_compaction(&settings, Some(DAY * 30)).unwrap();
    assert_eq!(done.removals.len(), 1);
    assert_eq!(
        (done.removals[0].lineage.clone(), done.removals[0].records),
        (A.to_string(), 2)
    );
    assert!(
        done.to_string().contains("no session has claimed the lineage"),
        "{done}"
    );
    assert_eq!(read(&store, request(B)), ["x", "y"]);
    let restored = OpenSession {
        markers: vec![marker],
        ..request(A)
    };
    let error = Open::begin(&store, restored).error();
    assert_eq!(
        error.kind,
        ErrorKind::MissingHistory,
        "a savepoint of what was removed says so: {error}"
    );
}

#[test]
fn compaction_that_another_process_blocks_says_so() {
    let file = File::new("blocked");
    Open::start(&file.store(), request(A)).end();
    let other = file.sql();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let settings = SqliteSettings {
        patience: Duration::from_millis(20),
        ..weekly(&file)
    };
    let error = tool::apply_compaction(&settings, None).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(
        error.to_string().contains("Another process has locked the file"),
        "{error}"
    );
    assert!(tool::plan_compaction(&settings, None).is_ok(), "a plan only reads");
}
