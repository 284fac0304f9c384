//! Stories about order: of inputs, of tasks, of outputs.
#![allow(clippy::unwrap_used)]

use flink_agents_testkit::agent::ops::*;
use flink_agents_testkit::agent::{Agent, Condition, Op};
use flink_agents_testkit::story::Tell::{Input, Run, RunOne, Wake};
use flink_agents_testkit::story::{Story, Way};

const IN: &[&str] = &["_input_event"];

#[test]
fn inputs_of_a_key_are_processed_one_run_after_another() {
    let agent = Agent::new()
        .on("begin", IN, [send("step", "{in}1"), out("{in}:begin")])
        .on("step", &["step"], [out("{in}:step")]);
    let steps = [
        Input("k", "a", None),
        Input("k", "b", None),
        RunOne,
        Input("k", "c", None),
        RunOne,
        RunOne,
        Run,
    ];
    Story::new(agent, steps).tell(|cluster, _| {
        let outputs = cluster.outputs("k");
        assert_eq!(
            outputs,
            ["a:begin", "a1:step", "b:begin", "b1:step", "c:begin", "c1:step"]
        );
        cluster.assert_idle();
    });
}

#[test]
fn a_run_waits_for_the_suspended_task_of_the_run_before() {
    let agent = Agent::new().on("slow", IN, [suspend(), out("{in}")]);
    let steps = [
        Input("k", "a", None),
        Input("k", "b", None),
        Run,
        Input("other", "c", None),
        Run,
        Wake("k", "slow"),
        Wake("other", "slow"),
        Wake("k", "slow"),
    ];
    Story::new(agent, steps).tell(|cluster, way| {
        assert_eq!(cluster.outputs("k"), ["a", "b"]);
        assert_eq!(cluster.outputs("other"), ["c"]);
        if way == Way::Fresh {
            assert_eq!(cluster.shared.counted("Running   --(suspended)--> Suspended"), 3);
        }
        cluster.assert_idle();
    });
}

#[test]
fn keys_interleave_while_one_of_them_waits() {
    let agent =
        Agent::new()
            .on("ask", IN, [send("answer", "{in}")])
            .on("answer", &["answer"], [suspend(), out("{in}")]);
    let steps = [
        Input("x", "1", None),
        Input("y", "2", None),
        Input("z", "3", None),
        Run,
        Wake("z", "answer"),
        Wake("x", "answer"),
        Wake("y", "answer"),
    ];
    Story::new(agent, steps).tell(|cluster, way| {
        for (key, output) in [("x", "1"), ("y", "2"), ("z", "3")] {
            assert_eq!(cluster.outputs(key), [output]);
        }
        if way == Way::Fresh {
            let emitted: Vec<&String> = cluster
                .shared
                .transcript
                .iter()
                .filter(|line| line.contains("Emit"))
                .collect();
            assert!(
                emitted[0].contains("KeySlot(2)") && emitted[1].contains("KeySlot(0)"),
                "{emitted:?}"
            );
        }
        cluster.assert_idle();
    });
}

#[test]
fn events_of_one_run_are_processed_breadth_first() {
    let agent = Agent::new()
        .on("root", IN, [send("l", "L"), send("r", "R")])
        .on(
            "left",
            &["l"],
            [out("{in}"), send("leaf", "{in}1"), send("leaf", "{in}2")],
        )
        .on("right", &["r"], [out("{in}"), send("leaf", "{in}1")])
        .on("leaf", &["leaf"], [out("{in}")]);
    let steps = [Input("k", "x", None), RunOne, RunOne, RunOne, RunOne, RunOne];
    Story::new(agent, steps).tell(|cluster, _| {
        assert_eq!(cluster.outputs("k"), ["L", "R", "L1", "L2", "R1"]);
        cluster.assert_idle();
    });
}

#[test]
fn a_suspended_task_is_overtaken_by_others_of_its_run() {
    let agent = Agent::new()
        .on("slow", IN, [suspend(), out("slow")])
        .on("quick", IN, [out("quick"), send("more", "m")])
        .on("more", &["more"], [out("more")]);
    let steps = [Input("k", "x", None), Run, Wake("k", "slow")];
    Story::new(agent, steps).tell(|cluster, _| {
        assert_eq!(cluster.outputs("k"), ["quick", "more", "slow"]);
        cluster.assert_idle();
    });
}

#[test]
fn a_woken_task_continues_after_those_already_queued() {
    let agent = Agent::new()
        .on("slow", IN, [suspend(), out("slow")])
        .on("quick", IN, [send("more", "1"), send("more", "2")])
        .on("more", &["more"], [out("more{in}")]);
    let mut cluster = Story::new(agent, [Input("k", "x", None), RunOne, RunOne]).told(Way::Fresh);
    cluster.wake("k", "slow");
    cluster.run();
    assert_eq!(cluster.outputs("k"), ["more1", "more2", "slow"]);
    cluster.assert_idle();
}

#[test]
fn woken_tasks_continue_in_the_order_they_were_woken() {
    let agent = Agent::new()
        .on("a", IN, [suspend(), out("a")])
        .on("b", IN, [suspend(), out("b")])
        .on("c", IN, [suspend(), out("c")]);
    let mut cluster = Story::new(agent, [Input("k", "x", None), Run]).told(Way::Fresh);
    for action in ["c", "a", "b"] {
        cluster.wake("k", action);
    }
    cluster.run();
    assert_eq!(cluster.outputs("k"), ["c", "a", "b"]);
    cluster.assert_idle();
}

#[test]
fn a_task_may_wait_several_times() {
    let agent = Agent::new().on(
        "slow",
        IN,
        [suspend(), set("n", "1"), suspend(), get("n"), suspend(), out("{acc}")],
    );
    let mut cluster = Story::new(agent, [Input("k", "x", None)]).told(Way::Fresh);
    for _ in 0..3 {
        cluster.run();
        assert_eq!(cluster.outputs("k"), Vec::<&str>::new());
        cluster.wake("k", "slow");
    }
    cluster.run();
    assert_eq!(cluster.outputs("k"), ["x;n=ok;n='1'"]);
    cluster.assert_idle();
}

#[test]
fn events_sent_before_a_suspension_are_routed_only_when_the_action_finishes() {
    let agent = Agent::new()
        .on("slow", IN, [send("early", "e"), out("first"), suspend(), out("last")])
        .on("early", &["early"], [out("early")]);
    let steps = [Input("k", "x", None), Run, Wake("k", "slow")];
    let cluster = Story::new(agent.clone(), [steps[0].clone(), Run]).told(Way::Fresh);
    assert_eq!(cluster.outputs("k"), Vec::<&str>::new());
    Story::new(agent, steps).tell(|cluster, _| {
        assert_eq!(cluster.outputs("k"), ["first", "last", "early"]);
        cluster.assert_idle();
    });
}

#[test]
fn outputs_carry_the_timestamp_of_the_input_that_caused_them() {
    let agent = Agent::new().on("begin", IN, [out("{in}"), send("deep", "{in}")]).on(
        "deep",
        &["deep"],
        [suspend(), out("deep {in}")],
    );
    let steps = [
        Input("k", "a", Some(-7)),
        Input("k", "b", None),
        Input("k", "c", Some(i64::MAX)),
        Wake("k", "deep"),
        Wake("k", "deep"),
        Wake("k", "deep"),
    ];
    Story::new(agent, steps).tell(|cluster, _| {
        let expected = [
            ("a", Some(-7)),
            ("deep a", Some(-7)),
            ("b", None),
            ("deep b", None),
            ("c", Some(i64::MAX)),
            ("deep c", Some(i64::MAX)),
        ];
        let expected: Vec<(String, Option<i64>)> = expected.map(|(text, at)| (text.to_owned(), at)).into();
        assert_eq!(cluster.shared.outputs["k"], expected);
        cluster.assert_idle();
    });
}

#[test]
fn exact_types_come_before_conditions_and_no_action_is_run_twice() {
    let agent = Agent::new()
        .on("by condition", &[], [out("condition")])
        .or_when(Condition::Contains("x".into()))
        .on("by type", IN, [out("type")])
        .on("by both", IN, [out("both")])
        .or_when(Condition::Contains("x".into()))
        .or_when(Condition::Contains("xy".into()))
        .on("never", &["other"], [out("never")])
        .or_when(Condition::Contains("q".into()));
    let steps = [
        Input("k", "xy", None),
        Run,
        Input("k", "z", None),
        Input("k", "x", None),
        Run,
    ];
    Story::new(agent, steps).tell(|cluster, _| {
        let expected = ["type", "both", "condition", "type", "both", "type", "both", "condition"];
        assert_eq!(cluster.outputs("k"), expected);
        cluster.assert_idle();
    });
}

#[test]
fn an_output_event_reaches_no_action() {
    let agent = Agent::new()
        .on("begin", IN, [out("payload")])
        .on("greedy", &["_output_event"], [out("never")])
        .or_when(Condition::Contains("payload".into()));
    Story::new(agent, [Input("k", "x", None), Run]).tell(|cluster, _| {
        assert_eq!(cluster.outputs("k"), ["payload"]);
        cluster.assert_idle();
    });
}

#[test]
fn an_input_nobody_listens_to_ends_at_once() {
    let agent = Agent::new().on("other", &["other"], [out("never")]);
    let steps = [Input("k", "a", None), Input("k", "b", None), Input("l", "c", None)];
    Story::new(agent, steps).tell(|cluster, way| {
        assert_eq!(cluster.outputs("k"), Vec::<&str>::new());
        if way == Way::Fresh {
            let ended = cluster
                .shared
                .counted("active --(last task done, none waits)--> idle       (RunEnded, idle)");
            assert_eq!(ended, 3);
        }
        cluster.assert_idle();
    });
}

#[test]
fn an_event_nobody_listens_to_is_released_and_the_run_goes_on() {
    let agent = Agent::new().on("begin", IN, [send("unheard", "u"), out("after")]);
    Story::new(agent, [Input("k", "a", None), Run]).tell(|cluster, _| {
        assert_eq!(cluster.outputs("k"), ["after"]);
        cluster.assert_idle();
    });
}

#[test]
fn an_event_shared_by_several_actions_lives_until_the_last_has_finished() {
    let agent = Agent::new()
        .on("a", IN, [suspend(), out("a {in}")])
        .on("b", IN, [out("b {in}")])
        .on("c", IN, [suspend(), suspend(), out("c {in}")]);
    let steps = [
        Input("k", "x", None),
        Wake("k", "a"),
        Wake("k", "c"),
        Run,
        Wake("k", "c"),
    ];
    let mut cluster = Story::new(agent, steps).told(Way::Fresh);
    assert_eq!(cluster.outputs("k"), ["b x", "a x", "c x"]);
    cluster.assert_idle();
}

#[test]
fn sending_the_received_event_again_is_refused_and_the_action_may_go_on() {
    let agent = Agent::new().on("echo", IN, [Op::SendOwnTrigger, out("{acc}")]);
    Story::new(agent, [Input("k", "x", None), Run]).tell(|cluster, _| {
        assert_eq!(cluster.outputs("k"), ["x;own=!own"]);
        cluster.assert_idle();
    });
}

#[test]
fn keys_whose_texts_look_alike_share_nothing() {
    let agent = Agent::new().on("count", IN, [get("seen"), set("seen", "{in}"), out("{acc}")]);
    let keys = ["1", "1.0", "", "a_b", "a", "ключ", "\u{0}"];
    let mut steps = Vec::new();
    for payload in ["p", "q"] {
        steps.extend(keys.map(|key| Input(key, payload, None)));
        steps.push(Run);
    }
    Story::new(agent, steps).tell(|cluster, _| {
        for key in keys {
            assert_eq!(
                cluster.outputs(key),
                ["p;seen=absent;seen=ok", "q;seen='p';seen=ok"],
                "{key}"
            );
        }
        cluster.assert_idle();
    });
}
