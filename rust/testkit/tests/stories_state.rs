//! Stories about markers, snapshots and the end of things.
#![allow(clippy::unwrap_used)]

use flink_agents_core::run::{Marker, RestoreError};
use flink_agents_testkit::agent::ops::*;
use flink_agents_testkit::agent::{Agent, Condition};
use flink_agents_testkit::cluster::Cluster;
use flink_agents_testkit::story::Tell::{FreezeAndThaw, Input, Marker as Mark, Run, RunOne, Wake};
use flink_agents_testkit::story::{Story, Way};
use flink_agents_testkit::subtask::Options;

const IN: &[&str] = &["_input_event"];

fn forwarded(cluster: &Cluster) -> Vec<Marker> {
    cluster.shared.forwarded.iter().map(|(_, marker)| *marker).collect()
}

#[test]
fn a_watermark_waits_for_every_run_that_arrived_before_it_and_for_no_other() {
    let agent = Agent::new().on("slow", IN, [suspend(), out("{in}")]);
    let steps = [
        Input("x", "1", Some(1)),
        Mark(Marker::Watermark(1)),
        Input("y", "2", Some(2)),
        Mark(Marker::Watermark(2)),
        Wake("y", "slow"),
        Wake("x", "slow"),
        Mark(Marker::Watermark(3)),
    ];
    let mut cluster = Story::new(agent.clone(), steps[..5].to_vec()).told(Way::Fresh);
    assert_eq!(cluster.outputs("y"), ["2"]);
    assert_eq!(forwarded(&cluster), [], "the first input has not finished");
    cluster.wake("x", "slow");
    cluster.run();
    assert_eq!(forwarded(&cluster), [Marker::Watermark(1), Marker::Watermark(2)]);
    Story::new(agent, steps).tell(|cluster, _| {
        assert_eq!(forwarded(cluster).last(), Some(&Marker::Watermark(3)));
        cluster.assert_idle();
    });
}

#[test]
fn watermarks_idleness_and_attributes_keep_their_order() {
    let agent = Agent::new().on("slow", IN, [suspend(), out("{in}")]);
    let markers = [
        Marker::Watermark(5),
        Marker::Idle(true),
        Marker::Idle(false),
        Marker::Attributes(77),
        Marker::Watermark(5),
        Marker::Watermark(9),
    ];
    let mut steps = vec![Mark(Marker::Watermark(1)), Input("k", "1", None)];
    steps.extend(markers.map(Mark));
    steps.push(Wake("k", "slow"));
    let cluster = Story::new(agent, steps).told(Way::Fresh);
    assert_eq!(forwarded(&cluster)[0], Marker::Watermark(1));
    assert_eq!(forwarded(&cluster)[1..], markers);
}

#[test]
fn a_watermark_behind_waiting_inputs_waits_for_them_too() {
    let agent = Agent::new().on("act", IN, [out("{in}")]);
    let steps = [
        Input("k", "1", None),
        Input("k", "2", None),
        Mark(Marker::Watermark(4)),
        Input("k", "3", None),
    ];
    let mut cluster = Story::new(agent, steps).told(Way::Fresh);
    assert!(cluster.run_one());
    assert_eq!(forwarded(&cluster), []);
    assert!(cluster.run_one());
    assert_eq!(forwarded(&cluster), [Marker::Watermark(4)]);
    assert_eq!(cluster.in_flight(), 1);
    let lines = &cluster.shared.transcript;
    let emit = lines.iter().rposition(|line| line.contains("Emit")).unwrap();
    let forward = lines.iter().position(|line| line.contains("Forward")).unwrap();
    assert!(emit < forward, "outputs leave before the watermark that follows them");
}

#[test]
fn restored_runs_hold_back_the_first_watermark_after_the_restore() {
    let agent = Agent::new().on("slow", IN, [suspend(), out("{in}")]);
    let mut cluster = Cluster::new(agent, Options::default(), 1);
    cluster.input("k", "1", None);
    cluster.input("k", "2", None);
    cluster.run();
    cluster.checkpoint();
    cluster.restart(1).unwrap();
    cluster.marker(Marker::Watermark(8));
    for _ in 0..2 {
        assert_eq!(forwarded(&cluster), []);
        cluster.run();
        cluster.wake("k", "slow");
        cluster.run();
    }
    assert_eq!(forwarded(&cluster), [Marker::Watermark(8)]);
    cluster.assert_idle();
}

#[test]
fn a_started_task_runs_again_from_its_first_line_and_before_those_behind_it() {
    let agent = Agent::new()
        .on("slow", IN, [set("n", "1"), out("slow"), suspend()])
        .on("second", IN, [get("n"), suspend(), out("second {acc}")])
        .on("third", IN, [out("third")]);
    let mut cluster = Cluster::new(agent, Options::default(), 1);
    cluster.input("k", "x", None);
    cluster.run_one();
    cluster.run_one();
    cluster.checkpoint();
    cluster.restart(1).unwrap();
    cluster.run();
    let runs: Vec<&String> = cluster
        .shared
        .transcript
        .iter()
        .filter(|line| line.contains(" run "))
        .collect();
    let actions: Vec<&str> = runs.iter().map(|line| line.split(' ').nth(3).unwrap()).collect();
    assert_eq!(actions, ["slow", "second", "slow", "second", "third"]);
    cluster.wake("k", "slow");
    cluster.wake("k", "second");
    cluster.run();
    assert_eq!(cluster.outputs("k"), ["third", "slow", "second x;n=absent"]);
    cluster.assert_idle();
}

#[test]
fn a_checkpoint_in_the_middle_of_an_action_holds_nothing_of_it() {
    let agent = Agent::new().on(
        "act",
        IN,
        [
            set("n", "{in}"),
            remember("s", "1"),
            out("{in}"),
            sense("s"),
            get("n"),
            out("{acc}"),
        ],
    );
    let mut cluster = Cluster::new(agent, Options::default(), 1);
    cluster.input("k", "x", None);
    let subtask = &mut cluster.subtasks[0];
    assert!(subtask.turn(&mut cluster.shared));
    for _ in 0..3 {
        subtask.operation(&mut cluster.shared);
    }
    cluster.checkpoint();
    cluster.run();
    cluster.restart(1).unwrap();
    assert!(cluster.short_term("k").is_empty());
    assert_eq!(cluster.outputs("k"), Vec::<&str>::new());
    cluster.run();
    assert_eq!(cluster.outputs("k"), ["x", "x;n=ok;s=ok;s='1';n='x'"]);
    cluster.assert_idle();
}

#[test]
fn runs_are_numbered_through_restores_and_idle_times() {
    for keep_sequence in [true, false] {
        let agent = Agent::new().on("slow", IN, [suspend()]);
        let mut story = Story::new(
            agent,
            [
                Input("k", "a", None),
                Wake("k", "slow"),
                Input("k", "b", None),
                Input("k", "c", None),
                Wake("k", "slow"),
            ],
        );
        story.options.keep_sequence = keep_sequence;
        story.tell(|cluster, way| {
            cluster.run();
            cluster.wake("k", "slow");
            cluster.run();
            if way == Way::Fresh {
                let ended = cluster
                    .shared
                    .transcript
                    .iter()
                    .filter_map(|line| line.split_once("sequence: "));
                let numbers: Vec<&str> = ended.map(|(_, rest)| rest.split(',').next().unwrap()).collect();
                let expected = if keep_sequence {
                    ["0", "1", "2"]
                } else {
                    ["0", "0", "1"]
                };
                assert_eq!(numbers, expected);
            }
            cluster.assert_idle();
        });
    }
}

#[test]
fn checkpoints_store_only_what_changed_and_idle_keys_leave_nothing() {
    let agent = Agent::new().on("slow", IN, [suspend(), out("{in}")]);
    let mut cluster = Cluster::new(agent, Options::default(), 1);
    for key in ["a", "b", "c"] {
        cluster.input(key, "x", None);
    }
    cluster.run();
    assert_eq!(cluster.subtasks[0].machine.take_dirty().unwrap().len(), 3);
    assert_eq!(cluster.subtasks[0].machine.take_dirty().unwrap().len(), 0);
    cluster.input("b", "y", None);
    cluster.wake("c", "slow");
    assert_eq!(
        cluster.subtasks[0].machine.take_dirty().unwrap().len(),
        1,
        "waking changes nothing that is stored"
    );
    let mut cluster = Cluster::new(Agent::new().on("slow", IN, [suspend()]), Options::default(), 2);
    for key in ["a", "b", "c", "d"] {
        cluster.input(key, "x", None);
    }
    cluster.run();
    cluster.checkpoint();
    cluster.restart(3).unwrap();
    cluster.run();
    for key in ["a", "b", "c", "d"] {
        cluster.wake(key, "slow");
    }
    cluster.run();
    cluster.assert_idle();
}

#[test]
fn frozen_nothing_comes_out_and_afterwards_everything_goes_on() {
    let agent = Agent::new().on("act", IN, [suspend(), out("{in}")]);
    let steps = [
        Input("k", "a", None),
        FreezeAndThaw,
        Run,
        FreezeAndThaw,
        Wake("k", "act"),
        FreezeAndThaw,
    ];
    Story::new(agent.clone(), steps).tell(|cluster, _| {
        assert_eq!(cluster.outputs("k"), ["a"]);
        cluster.assert_idle();
    });
    let mut cluster = Cluster::new(agent, Options::default(), 1);
    cluster.input("k", "a", None);
    cluster.run();
    let (subtask, shared) = (&mut cluster.subtasks[0], &mut cluster.shared);
    subtask.freeze(shared);
    subtask.wake(0, shared);
    subtask.marker(Marker::Watermark(1), shared);
    assert!(!subtask.turn(shared));
    subtask.thaw(shared);
    cluster.run();
    assert_eq!(cluster.outputs("k"), ["a"]);
    assert_eq!(forwarded(&cluster), [Marker::Watermark(1)]);
    cluster.assert_idle();
}

#[test]
fn an_agent_without_the_action_of_an_unfinished_task_is_refused_by_name() {
    let agent = Agent::new().on("slow", IN, [suspend(), out("{in}")]);
    let mut cluster = Cluster::new(agent.clone(), Options::default(), 1);
    cluster.input("k", "a", None);
    cluster.run();
    cluster.checkpoint();
    let other = Agent::new().on("renamed", IN, [out("{in}")]);
    let refused = cluster.restart_with(other);
    assert_eq!(refused, Err(RestoreError::UnknownAction("slow".into())));
    cluster = Cluster::new(agent, Options::default(), 1);
    cluster.input("k", "b", None);
    cluster.run();
    cluster.checkpoint();
    let longer = Agent::new()
        .on("slow", IN, [suspend(), out("{in}!")])
        .on("more", IN, []);
    cluster.restart_with(longer).unwrap();
    cluster.run();
    cluster.wake("k", "slow");
    cluster.run();
    assert_eq!(
        cluster.outputs("k"),
        ["b!"],
        "a new action does not join a run that was routed before"
    );
    cluster.assert_idle();
}

#[test]
fn an_endless_run_fails_with_its_reason_and_nothing_follows() {
    let agent = Agent {
        max_depth: u32::MAX,
        ..Agent::new()
            .on("begin", IN, [send("again", "x")])
            .on("loop", &["again"], [send("again", "x")])
    };
    let mut story = Story::new(
        agent,
        [Input("k", "a", None), Mark(Marker::Watermark(1)), Input("l", "b", None)],
    );
    story.options.max_events = 30;
    for way in [Way::Fresh, Way::Replayed(0, 2), Way::Replayed(1, 2)] {
        let mut cluster = story.told(way);
        cluster.run();
        let reason = cluster.shared.failure.clone().unwrap();
        assert!(
            reason.contains("more than 30 events") && reason.contains("action 'loop'"),
            "{reason}"
        );
        assert_eq!(forwarded(&cluster), []);
    }
}

#[test]
fn a_condition_that_fails_fails_the_run_and_one_that_warns_does_not() {
    let agent = Agent::new()
        .on("odd", IN, [out("{in}")])
        .or_when(Condition::Warns("odd condition".into()))
        .or_when(Condition::Fails("bad".into()));
    let steps = [Input("k", "good", None), Run, Input("k", "bad", None)];
    let story = Story::new(agent, steps);
    for way in [Way::Fresh, Way::Replayed(0, 2), Way::Replayed(2, 2)] {
        let cluster = story.told(way);
        assert_eq!(cluster.outputs("k"), ["good"]);
        assert_eq!(
            cluster.shared.failure.as_deref(),
            Some("condition of action 'odd' failed")
        );
        if way == Way::Fresh {
            assert_eq!(cluster.shared.warnings, ["odd condition"; 2]);
        }
    }
}

#[test]
fn waiting_inputs_survive_with_their_timestamps_and_order() {
    let agent = Agent::new().on("slow", IN, [suspend(), out("{in}")]);
    let steps = [
        Input("k", "a", Some(1)),
        Run,
        Input("k", "b", Some(2)),
        Input("k", "c", None),
        RunOne,
        Wake("k", "slow"),
        Wake("k", "slow"),
        Wake("k", "slow"),
    ];
    Story::new(agent, steps).tell(|cluster, _| {
        let expected = [("a", Some(1)), ("b", Some(2)), ("c", None)];
        assert_eq!(
            cluster.shared.outputs["k"],
            expected.map(|(text, at)| (text.to_owned(), at))
        );
        cluster.assert_idle();
    });
}

#[test]
fn a_deep_and_wide_tree_of_events_is_stored_and_restored_in_its_middle() {
    let agent = Agent {
        max_depth: 7,
        ..Agent::new().on("begin", IN, [send("t", "r")]).on(
            "grow",
            &["t"],
            [send("t", "{in}0"), send("t", "{in}1"), out("{in}")],
        )
    };
    let expected = Story::new(agent.clone(), [Input("k", "x", None), Run]).told(Way::Fresh);
    assert_eq!(expected.outputs("k").len(), 63);
    let mut cluster = Cluster::new(agent, Options::default(), 1);
    cluster.input("k", "x", None);
    let mut restarts = 0;
    while cluster.run_one() {
        if cluster.in_flight() > 0 {
            cluster.checkpoint();
            restarts += 1;
            cluster.restart(1 + restarts % 2).unwrap();
        }
    }
    assert!(restarts > 60);
    assert_eq!(cluster.outputs("k"), expected.outputs("k"));
    cluster.assert_idle();
}
