//! Stories of runs that do not match their journal, or whose inputs come back in another order.

use flink_agents_core::journal::{OnDivergence, RecordBody, Recovered, Tail};
use flink_agents_core::symbols::INPUT_EVENT;
use flink_agents_testkit::agent::Agent;
use flink_agents_testkit::agent::ops::{call, gather, out, reconciled, send, set, wait_for};
use flink_agents_testkit::durable::{Attempt, World};
use std::collections::BTreeMap;
use std::sync::Arc;

const KEY: &str = "k";

fn attempt(agent: &Agent, world: &mut World) -> Attempt {
    with_policy(agent, OnDivergence::Reexecute, world)
}

fn with_policy(agent: &Agent, policy: OnDivergence, world: &mut World) -> Attempt {
    world.outputs.clear();
    Attempt::new(&Arc::new(agent.clone()), true, policy, BTreeMap::new(), true, world)
}

/// Works until nothing is left to do; the store answers at once.
fn settle(attempt: &mut Attempt, world: &mut World) {
    loop {
        while attempt.is_running() || attempt.turn(world) {
            if attempt.is_running() {
                attempt.operation(world);
            }
        }
        if !attempt.executing.is_empty() {
            attempt.finish_call(0, world);
            continue;
        }
        let (written, durable) = attempt.store_work();
        if let Some(key) = written.first() {
            attempt.make_durable(key, world);
        } else if let Some(key) = durable.first() {
            attempt.acknowledge(key, world);
        } else {
            return;
        }
    }
}

/// Works until so many calls have been made, in all attempts.
fn until_made(attempt: &mut Attempt, calls: usize, world: &mut World) {
    while executions(world) < calls {
        if attempt.is_running() {
            attempt.operation(world);
        } else if !attempt.turn(world) {
            let (written, durable) = attempt.store_work();
            if !attempt.executing.is_empty() {
                attempt.finish_call(0, world);
            } else if let Some(key) = written.first() {
                attempt.make_durable(key, world);
            } else {
                attempt.acknowledge(&durable[0], world);
            }
        }
    }
}

/// One attempt from nothing but the store, with these inputs; what comes out.
fn run(agent: &Agent, inputs: &[&str], world: &mut World) -> Vec<String> {
    let mut attempt = attempt(agent, world);
    for input in inputs {
        attempt.input(KEY, input, true, world);
        settle(&mut attempt, world);
    }
    attempt.end_of_input(world);
    settle(&mut attempt, world);
    assert_eq!(attempt.machine.in_flight(), 0);
    world.outputs.get(KEY).cloned().unwrap_or_default()
}

fn asks(function: &str, argument: &str) -> Agent {
    Agent::new().on("ask", &[INPUT_EVENT], [call(function, argument), out("{acc}")])
}

fn executions(world: &World) -> usize {
    world.ledger.values().map(Vec::len).sum()
}

#[test]
fn what_was_done_is_not_done_again() {
    let mut world = World::default();
    let agent = Agent::new()
        .on(
            "ask",
            &[INPUT_EVENT],
            [call("look", "{in}"), set("x", "{acc}"), send("next", "{acc}")],
        )
        .on(
            "both",
            &["next"],
            [gather(&[("a", "1"), ("b", "2")]), wait_for("c", "{acc}"), out("{acc}")],
        );
    let first = run(&agent, &["p"], &mut world);
    assert_eq!((first.len(), executions(&world)), (1, 4));
    for _ in 0..3 {
        assert_eq!(run(&agent, &["p"], &mut world), first);
    }
    assert_eq!((executions(&world), world.divergences.len()), (4, 0));
}

#[test]
fn a_call_of_another_function_or_with_other_arguments_is_said_and_made() {
    // The action must not have completed, else its calls do not matter any more.
    let half = |function: &str, argument: &str| {
        Agent::new().on(
            "ask",
            &[INPUT_EVENT],
            [call(function, argument), wait_for("end", "{acc}"), out("{acc}")],
        )
    };
    for (changed, says) in [
        (
            half("tell", "{in}"),
            "function 'look' returned, and now the action calls function 'tell'",
        ),
        (
            half("look", "else"),
            "and now the action calls the same function with other arguments",
        ),
    ] {
        let mut world = World::default();
        let mut before = attempt(&half("look", "{in}"), &mut world);
        before.input(KEY, "p", true, &mut world);
        // The first call has its result, and the second one is under way.
        until_made(&mut before, 2, &mut world);
        drop(before);
        world.forget_acknowledged();
        let after = run(&changed, &["p"], &mut world);
        assert_eq!(world.divergences.len(), 1, "{:?}", world.divergences);
        let text = &world.divergences[0];
        assert!(
            text.contains("run 0 / event 0 > action 'ask' / call 0") && text.contains(says),
            "{text}"
        );
        assert!(
            text.contains("clock or a random number") && !text.contains("holes"),
            "{text}"
        );
        // The next attempt has the new results only.
        assert_eq!(run(&changed, &["p"], &mut world), after);
        assert_eq!(world.divergences.len(), 1);
    }
}

/// The journal's store has lost a part of it, and the job goes on all the same.
#[test]
fn what_is_left_of_a_run_in_a_journal_with_holes_is_said_to_be_that() {
    for (policy, on) in [
        (OnDivergence::Reexecute, "is dropped from the journal"),
        (OnDivergence::Fail, "on-divergence"),
    ] {
        let agent = Agent::new().on(
            "ask",
            &[INPUT_EVENT],
            [
                call("look", "1"),
                call("pay", "2"),
                wait_for("end", "{acc}"),
                out("{acc}"),
            ],
        );
        let mut world = World::default();
        let mut before = attempt(&agent, &mut world);
        before.input(KEY, "p", true, &mut world);
        until_made(&mut before, 3, &mut world);
        drop(before);
        let log = world.log.get_mut(KEY).unwrap();
        let lost = log.keys().find(|tail| Tail::decode(tail).unwrap().call == [0]).unwrap();
        log.remove(&lost.clone());
        world.forget_acknowledged();
        let mut after = with_policy(&agent, policy, &mut world);
        after.machine.handle_missing_history();
        after.input(KEY, "p", true, &mut world);
        settle(&mut after, &mut world);
        let told = world.failure.iter().chain(&world.divergences).collect::<Vec<_>>();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("The journal has holes") && told[0].contains(on) && !told[0].contains("clock"),
            "{told:?}"
        );
    }
}

#[test]
fn an_action_that_ends_without_a_recorded_call_is_said() {
    let mut world = World::default();
    let two = Agent::new().on(
        "ask",
        &[INPUT_EVENT],
        [call("look", "{in}"), call("pay", "{in}"), wait_for("end", ""), out("1")],
    );
    let mut before = attempt(&two, &mut world);
    before.input(KEY, "p", true, &mut world);
    until_made(&mut before, 3, &mut world);
    drop(before);
    world.forget_acknowledged();
    let one = Agent::new().on("ask", &[INPUT_EVENT], [call("look", "{in}"), out("{acc}")]);
    assert_eq!(run(&one, &["p"], &mut world).len(), 1);
    assert_eq!(world.divergences.len(), 1);
    let text = &world.divergences[0];
    assert!(
        text.contains("call 1: function 'pay' returned, and now the action ended without that call"),
        "{text}"
    );
}

#[test]
fn a_recorded_action_that_does_not_come_is_said() {
    let mut world = World::default();
    let agent = Agent::new().on("ask", &[INPUT_EVENT], [send("next", "{in}")]).on(
        "pay",
        &["next"],
        [call("pay", "{in}"), out("{acc}")],
    );
    assert_eq!(run(&agent, &["p"], &mut world).len(), 1);
    let without = Agent::new()
        .on("ask", &[INPUT_EVENT], [send("next", "{in}")])
        .on("new", &["next"], [out("new")]);
    world.forget_acknowledged();
    assert_eq!(run(&without, &["p"], &mut world), ["new"]);
    let text = world.divergences.join("\n");
    assert!(
        text.contains("action 'pay': completed, and now the run does not come to that"),
        "{text}"
    );
}

#[test]
fn a_divergence_fails_the_job_when_that_is_asked_for() {
    let mut world = World::default();
    let agent = Agent::new()
        .on("ask", &[INPUT_EVENT], [send("next", "{in}")])
        .on("pay", &["next"], [out("{acc}")]);
    run(&agent, &["p"], &mut world);
    let without = Agent::new()
        .on("ask", &[INPUT_EVENT], [out("{in}")])
        .on("other", &["next"], [out("{in}")]);
    let mut attempt = with_policy(&without, OnDivergence::Fail, &mut world);
    attempt.input(KEY, "p", true, &mut world);
    settle(&mut attempt, &mut world);
    let text = world.failure.expect("the job goes on");
    assert!(
        text.contains("does not match its journal") && text.contains("action-state.on-divergence: reexecute"),
        "{text}"
    );
    assert_eq!(world.divergences, Vec::<String>::new());
}

#[test]
fn inputs_that_come_back_in_another_order_find_their_runs() {
    let mut world = World::default();
    let agent = asks("look", "{in}");
    let first = run(&agent, &["a", "b", "c", "a"], &mut world);
    // The runs are executed in the order of the journal.
    assert_eq!(run(&agent, &["c", "b", "a", "a"], &mut world), first);
    assert_eq!((executions(&world), world.divergences.len()), (4, 0));
    assert!(world.counts["input awaited"] > 0);
}

#[test]
fn an_input_that_does_not_come_again_is_given_up() {
    let mut world = World::default();
    let agent = asks("look", "{in}");
    run(&agent, &["a", "b"], &mut world);
    let mut attempt = attempt(&agent, &mut world);
    attempt.input(KEY, "b", true, &mut world);
    settle(&mut attempt, &mut world);
    assert_eq!(world.outputs.get(KEY), None, "b waits for a");
    assert_eq!(attempt.awaited.len(), 1);
    attempt.await_over(0, &mut world);
    settle(&mut attempt, &mut world);
    assert_eq!(world.outputs[KEY].len(), 1);
    assert_eq!(executions(&world), 2, "b's result is in the journal");
    drop(attempt);
    // It comes after all: as a new input.
    assert_eq!(run(&agent, &["b", "a"], &mut world).len(), 2);
    assert_eq!(executions(&world), 3);
}

#[test]
fn inputs_without_records_leave_gaps_that_others_fill() {
    let mut world = World::default();
    let agent = Agent::new().on("ask", &["never"], [out("never")]).on(
        "say",
        &[INPUT_EVENT],
        [call("look", "{in}"), out("{acc}")],
    );
    let silent = Agent::new().on("say", &["never"], [out("never")]);
    // No action is triggered: nothing is written.
    assert!(run(&silent, &["x"], &mut world).is_empty());
    assert!(world.log.is_empty());
    let first = run(&agent, &["x", "y"], &mut world);
    // As if the run of x had written nothing.
    world.log.get_mut(KEY).unwrap().retain(|tail, _| tail[7] == 1);
    world.forget_acknowledged();
    let mut attempt = attempt(&agent, &mut world);
    for input in ["y", "x"] {
        attempt.input(KEY, input, true, &mut world);
        settle(&mut attempt, &mut world);
    }
    assert_eq!(world.outputs[KEY][1], first[1], "y has the result it had");
    assert_eq!(world.divergences, Vec::<String>::new());
}

#[test]
fn a_reconciler_is_asked_instead_of_the_call() {
    let mut world = World::default();
    let agent = Agent::new().on("pay", &[INPUT_EVENT], [reconciled("pay", "{in}"), out("{acc}")]);
    let mut before = attempt(&agent, &mut world);
    before.input(KEY, "p", true, &mut world);
    until_made(&mut before, 1, &mut world);
    // The call is made, and nothing but that it had begun is written.
    let pending = world.log[KEY].iter().any(|(tail, value)| {
        let record = Recovered::decode(tail, value).unwrap().record;
        matches!(record.body, RecordBody::Call(_))
    });
    assert!(pending);
    drop(before);
    assert_eq!(run(&agent, &["p"], &mut world).len(), 1);
    assert_eq!((executions(&world), world.counts["reconciler asked"]), (1, 1));
}

#[test]
fn outputs_that_wait_for_their_records_are_counted_until_they_leave() {
    let agent = Agent::new().on("say", &[INPUT_EVENT], [out("a"), out("b")]);
    let mut world = World::default();
    let mut attempt = attempt(&agent, &mut world);
    attempt.input(KEY, "x", true, &mut world);
    while attempt.is_running() || attempt.turn(&mut world) {
        if attempt.is_running() {
            attempt.operation(&mut world);
        }
    }
    let figures = attempt.machine.figures();
    assert_eq!(
        (figures.events, figures.held_outputs, figures.unfinished_inputs),
        (3, 2, 1)
    );
    settle(&mut attempt, &mut world);
    let figures = attempt.machine.figures();
    assert_eq!(
        (figures.events, figures.held_outputs, figures.unfinished_inputs),
        (3, 0, 0)
    );
    assert_eq!(world.outputs[KEY], ["a", "b"]);
}
