//! Same inputs, same effects: in one process, and against transcripts that are committed.
#![allow(clippy::unwrap_used)]

use flink_agents_core::run::Marker;
use flink_agents_testkit::agent::ops::*;
use flink_agents_testkit::agent::{Agent, Condition};
use flink_agents_testkit::model::Case;
use flink_agents_testkit::story::Tell::{Collect, Input, Marker as Mark, Run, Wake};
use flink_agents_testkit::story::{Story, Way};

const IN: &[&str] = &["_input_event"];

#[test]
fn the_same_case_played_twice_gives_the_same_transcript() {
    let mut lines = 0;
    for seed in 1_000_000..1_000_200 {
        let first = Case::new(seed).play().transcript;
        let second = Case::new(seed).play().transcript;
        assert_eq!(first, second, "seed {seed}");
        lines += first.len();
    }
    assert!(lines > 10_000, "{lines}");
}

/// Compares with a committed file; with `FLINK_AGENTS_BLESS=1` writes it.
fn golden(name: &str, story: &Story, way: Way) {
    let mut cluster = story.told(way);
    cluster.run();
    cluster.assert_idle();
    let text = cluster.shared.transcript.join("\n") + "\n";
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("FLINK_AGENTS_BLESS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        text.lines().collect::<Vec<_>>(),
        committed.lines().collect::<Vec<_>>(),
        "{name} differs; if that is meant, run with FLINK_AGENTS_BLESS=1 and look at the difference"
    );
}

#[test]
fn a_workflow_of_several_steps_gives_the_committed_transcript() {
    let agent = Agent::new()
        .on(
            "intake",
            IN,
            [
                get("count"),
                set("count", "{in}"),
                remember("raw", "{in}"),
                send("check", "{in}"),
            ],
        )
        .on(
            "check",
            &["check"],
            [sense("raw"), send("good", "{in}"), send("unheard", "{in}")],
        )
        .on("audit", &["check", "good"], [set("audit.last", "{in}")])
        .on("publish", &["good"], [out("{in}"), get("audit.last"), out("{acc}")]);
    let steps = [
        Input("a", "1", Some(10)),
        Input("a", "2", Some(20)),
        Mark(Marker::Watermark(20)),
        Input("b", "3", None),
        Run,
        Collect,
        Mark(Marker::Idle(true)),
    ];
    golden("workflow.txt", &Story::new(agent, steps), Way::Fresh);
}

#[test]
fn suspended_actions_that_overlap_give_the_committed_transcript() {
    let agent = Agent::new()
        .on(
            "slow",
            IN,
            [set("a", "slow"), suspend(), out("slow"), send("more", "m")],
        )
        .on("quick", IN, [set("a.b", "quick"), out("quick")])
        .on("more", &["more"], [get("a"), get("a.b"), out("{acc}")]);
    let steps = [
        Input("k", "1", Some(1)),
        Mark(Marker::Watermark(1)),
        Input("k", "2", Some(2)),
        Run,
        Input("l", "3", Some(3)),
        Run,
        Mark(Marker::Attributes(4)),
        Wake("l", "slow"),
        Wake("k", "slow"),
    ];
    let mut story = Story::new(agent, steps);
    // In its second run `k` holds a value at `a`, so that the quick action is refused.
    story.steps.push(Wake("k", "slow"));
    golden("overlap.txt", &story, Way::Fresh);
}

#[test]
fn a_rescaled_job_gives_the_committed_transcript() {
    let agent = Agent::new()
        .on("ask", IN, [remember("q.text", "{in}"), send("answer", "{in}")])
        .on(
            "answer",
            &["answer"],
            [suspend(), sense("q.text"), set("last", "{in}"), out("{acc}")],
        )
        .or_when(Condition::Contains("urgent".into()));
    let steps = [
        Input("x", "1", Some(5)),
        Input("y", "urgent", None),
        Run,
        Input("x", "2", Some(6)),
        Wake("x", "answer"),
        Wake("y", "answer"),
        Wake("y", "answer"),
        Wake("x", "answer"),
    ];
    golden("rescaled.txt", &Story::new(agent, steps), Way::Rescaled);
}
