//! Stories about memory: what is seen, what survives, what is refused.
#![allow(clippy::unwrap_used)]

use flink_agents_testkit::agent::Agent;
use flink_agents_testkit::agent::ops::*;
use flink_agents_testkit::host::Stored;
use flink_agents_testkit::story::Tell::{Collect, Input, Run, RunOne, Wake};
use flink_agents_testkit::story::{Story, Way};

const IN: &[&str] = &["_input_event"];

fn value(text: &str) -> Stored {
    Stored::Value(text.into())
}

#[test]
fn sensory_memory_is_seen_by_later_tasks_of_the_run_and_gone_in_the_next() {
    let agent = Agent::new()
        .on(
            "begin",
            IN,
            [
                sense("seen"),
                remember("seen", "{in}"),
                out("{acc}"),
                send("later", "L"),
            ],
        )
        .on("later", &["later"], [sense("seen"), out("{acc}")]);
    let steps = [Input("k", "a", None), RunOne, Run, Input("k", "b", None), Run];
    Story::new(agent, steps).tell(|cluster, _| {
        let expected = [
            "a;seen=absent;seen=ok",
            "L;seen='a'",
            "b;seen=absent;seen=ok",
            "L;seen='b'",
        ];
        assert_eq!(cluster.outputs("k"), expected);
        assert!(cluster.short_term("k").is_empty());
        cluster.assert_idle();
    });
}

#[test]
fn sensory_memory_of_a_run_that_waits_survives_a_restore_with_its_tree() {
    let agent = Agent::new()
        .on(
            "begin",
            IN,
            [remember("a.b.c", "{in}"), remember("a.d", "2"), send("later", "L")],
        )
        .on(
            "later",
            &["later"],
            [suspend(), sense("a.b.c"), sense("a.b"), list_sensory("a"), out("{acc}")],
        );
    Story::new(agent, [Input("k", "x", None), Run, Wake("k", "later")]).tell(|cluster, _| {
        assert_eq!(cluster.outputs("k"), ["L;a.b.c='x';a.b=object;a=b,d"]);
        cluster.assert_idle();
    });
}

#[test]
fn short_term_memory_survives_runs_and_restores() {
    let agent = Agent::new().on("count", IN, [get("n"), set("n", "{in}"), out("{acc}")]);
    let steps = [
        Input("k", "1", None),
        Run,
        Input("k", "2", None),
        Input("l", "9", None),
        Run,
        Input("k", "3", None),
    ];
    Story::new(agent, steps).tell(|cluster, _| {
        assert_eq!(
            cluster.outputs("k"),
            ["1;n=absent;n=ok", "2;n='1';n=ok", "3;n='2';n=ok"]
        );
        assert_eq!(cluster.short_term("k"), [("n".to_owned(), value("3"))].into());
        assert_eq!(cluster.short_term("l"), [("n".to_owned(), value("9"))].into());
        cluster.assert_idle();
    });
}

#[test]
fn parents_are_created_and_stored_with_the_value() {
    let agent = Agent::new().on(
        "write",
        IN,
        [
            set("a.b.c", "{in}"),
            get("a"),
            get("a.b"),
            list("a"),
            list(""),
            out("{acc}"),
        ],
    );
    Story::new(agent, [Input("k", "v", None), Run]).tell(|cluster, _| {
        assert_eq!(cluster.outputs("k"), ["v;a.b.c=ok;a=object;a.b=object;a=b;=a"]);
        let expected = [("a", Stored::Object), ("a.b", Stored::Object), ("a.b.c", value("v"))];
        assert_eq!(
            cluster.short_term("k"),
            expected.map(|(path, node)| (path.to_owned(), node)).into()
        );
        cluster.assert_idle();
    });
}

#[test]
fn a_value_never_replaces_an_object_and_has_no_children() {
    let agent = Agent::new()
        .on("first", IN, [set("o.x", "1"), set("v", "2"), send("check", "c")])
        .on(
            "check",
            &["check"],
            [
                set("o", "3"),
                set("v.x", "4"),
                list("v"),
                list("nothing"),
                get("o.x"),
                out("{acc}"),
            ],
        );
    Story::new(agent, [Input("k", "x", None), Run]).tell(|cluster, _| {
        let expected = "c;o=!object;v.x=!parent;v=!notobject;nothing=!notobject;o.x='1'";
        assert_eq!(cluster.outputs("k"), [expected]);
        assert_eq!(cluster.short_term("k")["o"], Stored::Object);
        cluster.assert_idle();
    });
}

#[test]
fn an_object_replaces_a_value_only_when_told_to_and_keeps_its_children_otherwise() {
    let agent = Agent::new().on(
        "write",
        IN,
        [
            set("v", "1"),
            object("v"),
            object_over("v"),
            set("v.x", "2"),
            object("v"),
            object_over("v"),
            list("v"),
            out("{acc}"),
        ],
    );
    Story::new(agent, [Input("k", "i", None), Run, Input("k", "j", None)]).tell(|cluster, _| {
        let first = "i;v=ok;v=!value;v=ok;v.x=ok;v=ok;v=ok;v=x";
        let second = "j;v=!object;v=ok;v=ok;v.x=ok;v=ok;v=ok;v=x";
        assert_eq!(cluster.outputs("k"), [first, second]);
        cluster.assert_idle();
    });
}

#[test]
fn what_is_no_path_is_refused_everywhere() {
    let bad = ["", ".", "a.", ".a", "a..b"];
    let mut script = Vec::new();
    for path in bad {
        script.extend([set(path, "1"), object(path)]);
        if !path.is_empty() {
            script.extend([get(path), list(path)]);
        }
    }
    script.push(out("{acc}"));
    let agent = Agent::new().on("write", IN, script);
    Story::new(agent, [Input("k", "x", None), Run]).tell(|cluster, _| {
        assert_eq!(cluster.outputs("k")[0].matches("!path").count(), 18);
        assert!(cluster.short_term("k").is_empty());
        cluster.assert_idle();
    });
}

#[test]
fn an_action_sees_its_own_writes_and_what_others_committed_but_not_what_they_have_not() {
    let agent = Agent::new()
        .on(
            "slow",
            IN,
            [
                set("slow", "1"),
                get("slow"),
                suspend(),
                get("slow"),
                get("quick"),
                out("slow {acc}"),
            ],
        )
        .on("quick", IN, [get("slow"), set("quick", "2"), out("quick {acc}")])
        .on("end", &["end"], []);
    Story::new(agent, [Input("k", "x", None), Run, Wake("k", "slow")]).tell(|cluster, _| {
        assert_eq!(cluster.outputs("k")[0], "quick x;slow=absent;quick=ok");
        let slow = cluster.outputs("k")[1].to_owned();
        assert_eq!(slow, "slow x;slow=ok;slow='1';slow='1';quick='2'");
        cluster.assert_idle();
    });
}

#[test]
fn the_last_to_finish_wins_with_a_warning() {
    let agent = Agent::new()
        .on("slow", IN, [set("p", "slow"), suspend()])
        .on("quick", IN, [set("p", "quick")]);
    Story::new(agent, [Input("k", "x", None), Run, Wake("k", "slow")]).tell(|cluster, way| {
        assert_eq!(cluster.short_term("k")["p"], value("slow"));
        if way == Way::Fresh {
            assert_eq!(cluster.shared.warnings.len(), 1);
            let text = &cluster.shared.warnings[0];
            assert!(
                text.contains("'slow'") && text.contains("\"p\"") && text.contains("last to finish"),
                "{text}"
            );
        }
        cluster.assert_idle();
    });
}

#[test]
fn tasks_that_do_not_overlap_never_conflict() {
    let agent = Agent::new()
        .on("one", IN, [set("p", "1"), set("p", "2"), send("next", "n")])
        .on("two", &["next"], [get("p"), set("p", "3"), out("{acc}")])
        .on("three", &["next"], [get("p"), set("p", "4"), out("{acc}")]);
    Story::new(agent, [Input("k", "x", None), RunOne, RunOne, Run]).tell(|cluster, _| {
        assert_eq!(cluster.outputs("k"), ["n;p='2';p=ok", "n;p='3';p=ok"]);
        assert_eq!(cluster.shared.warnings, Vec::<String>::new());
        cluster.assert_idle();
    });
}

#[test]
fn a_value_that_wins_over_an_object_leaves_no_orphans_in_the_stored_state() {
    let agent = Agent::new().on("slow", IN, [set("a", "value"), suspend()]).on(
        "quick",
        IN,
        [set("a.b.c", "1"), set("ab", "2")],
    );
    let steps = [
        Input("k", "x", None),
        Run,
        Wake("k", "slow"),
        Run,
        Input("k", "y", None),
        Run,
    ];
    Story::new(agent, steps[..3].to_vec()).tell(|cluster, way| {
        if way == Way::Fresh {
            let expected = [("a", value("value")), ("ab", value("2"))];
            assert_eq!(
                cluster.short_term("k"),
                expected.map(|(path, node)| (path.to_owned(), node)).into()
            );
        }
        // Restored, the slow action finds the object already there and is refused.
        assert!(cluster.short_term("k").contains_key("a"));
        cluster.assert_idle();
    });
}

/// The object's children are in the host's state and unknown to the core: nobody may put a value over them.
#[test]
fn a_value_never_replaces_an_object_whose_children_were_not_loaded() {
    let agent = Agent::new()
        .on("fill", &["fill"], [set("o.x.y", "1"), set("o.z", "2")])
        .on("start", IN, [send("fill", "f"), send("later", "l")])
        .on(
            "slow",
            &["later"],
            [set("p.q", "3"), suspend(), set("o", "4"), set("o.x", "5")],
        )
        .on(
            "quick",
            &["later"],
            [set("o.new", "6"), object_over("o"), set("o", "7")],
        );
    let steps = [
        Input("k", "a", None),
        Wake("k", "slow"),
        Input("k", "b", None),
        Wake("k", "slow"),
        Run,
    ];
    Story::new(agent, steps).tell(|cluster, _| {
        let expected = [
            ("o", Stored::Object),
            ("o.new", value("6")),
            ("o.x", Stored::Object),
            ("o.x.y", value("1")),
            ("o.z", value("2")),
            ("p", Stored::Object),
            ("p.q", value("3")),
        ];
        let expected = expected.map(|(path, node)| (path.to_owned(), node));
        assert_eq!(cluster.short_term("k"), expected.into());
        cluster.assert_idle();
    });
}

#[test]
fn symbols_are_collected_while_runs_are_in_flight() {
    let agent = Agent::new()
        .on(
            "begin",
            IN,
            [
                set("x.y", "{in}"),
                remember("s", "{in}"),
                send("later", "{in}"),
                send("unheard", "u"),
            ],
        )
        .on(
            "later",
            &["later"],
            [
                get("x.y"),
                set("z", "own"),
                suspend(),
                get("z"),
                get("x.y"),
                sense("s"),
                out("{acc}"),
            ],
        );
    let steps = [
        Input("k", "1", None),
        Collect,
        Input("k", "2", None),
        RunOne,
        Collect,
        Run,
        Collect,
        Input("l", "3", None),
        Wake("k", "later"),
        Collect,
        Wake("l", "later"),
        Collect,
        Wake("k", "later"),
        Collect,
    ];
    Story::new(agent, steps).tell(|cluster, way| {
        let answer = |n: u32| format!("{n};x.y='{n}';z=ok;z='own';x.y='{n}';s='{n}'");
        assert_eq!(cluster.outputs("k"), [answer(1), answer(2)]);
        assert_eq!(cluster.outputs("l"), [answer(3)]);
        cluster.assert_idle();
        if way == Way::Fresh {
            assert!(cluster.shared.counted("symbol freed") > 3);
            assert_eq!(
                cluster.subtasks[0].machine.symbols().len(),
                3,
                "only the built-in types are left"
            );
        }
    });
}
