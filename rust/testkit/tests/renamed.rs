//! Actions and functions that were renamed between two attempts, with an id, with former names, and with neither.

use flink_agents_core::journal::OnDivergence;
use flink_agents_core::run::{RestoreError, RestorePlan};
use flink_agents_core::symbols::INPUT_EVENT;
use flink_agents_testkit::agent::Agent;
use flink_agents_testkit::agent::ops::{call, out, reconciled, send, wait_for};
use flink_agents_testkit::durable::{Attempt, World};
use std::collections::BTreeMap;
use std::sync::Arc;

const KEY: &str = "k";

/// Two actions, the first of which has this name; the second makes two calls, one after another.
fn shop(first: &str, second: &str, function: &str) -> Agent {
    Agent::new()
        .on(first, &[INPUT_EVENT], [call(function, "{in}"), send("next", "{acc}")])
        .on(
            second,
            &["next"],
            [call("look", "{in}"), wait_for("end", "{acc}"), out("{acc}")],
        )
}

fn start(agent: &Agent, world: &mut World) -> Attempt {
    world.outputs.clear();
    world.forget_acknowledged();
    let state = BTreeMap::new();
    let agent = Arc::new(agent.clone());
    Attempt::new(&agent, true, OnDivergence::Reexecute, state, true, world)
}

/// Works until nothing is left to do, or until so many calls have been made in all attempts.
fn work(attempt: &mut Attempt, world: &mut World, calls: usize) {
    while made(world) < calls {
        if attempt.is_running() {
            attempt.operation(world);
        } else if !attempt.turn(world) {
            let (written, durable) = attempt.store_work();
            if !attempt.executing.is_empty() {
                attempt.finish_call(0, world);
            } else if let Some(key) = written.first() {
                attempt.make_durable(key, world);
            } else if let Some(key) = durable.first() {
                attempt.acknowledge(key, world);
            } else {
                return;
            }
        }
    }
}

fn made(world: &World) -> usize {
    world.ledger.values().map(Vec::len).sum()
}

/// Ends the attempt in the last of so many calls, then another agent does all of it; what came out.
fn crash_and_go_on(before: &Agent, calls: usize, after: &Agent, world: &mut World) -> Vec<String> {
    let mut first = start(before, world);
    first.input(KEY, "p", true, world);
    work(&mut first, world, calls);
    assert!(!first.executing.is_empty(), "the last call is under way");
    drop(first);
    run(after, world)
}

fn run(agent: &Agent, world: &mut World) -> Vec<String> {
    let mut attempt = start(agent, world);
    attempt.input(KEY, "p", true, world);
    attempt.end_of_input(world);
    work(&mut attempt, world, usize::MAX);
    assert!(attempt.is_idle());
    world.outputs.get(KEY).cloned().unwrap_or_default()
}

#[test]
fn a_renamed_action_that_declares_nothing_diverges() {
    let mut world = World::default();
    crash_and_go_on(
        &shop("ask", "pay", "price"),
        3,
        &shop("ask", "settle", "price"),
        &mut world,
    );
    assert_eq!(world.divergences.len(), 1, "{:?}", world.divergences);
    assert!(
        world.divergences[0].contains("action 'pay'"),
        "{}",
        world.divergences[0]
    );
}

#[test]
fn a_renamed_action_with_the_id_or_a_former_name_goes_on_where_it_was() {
    let before = shop("ask", "pay", "price");
    let renamed = shop("quote", "settle", "price");
    let declared = [
        // A former name, and an id that is the name it had.
        renamed
            .clone()
            .known_as("quote", "ask", &["quote"])
            .known_as("settle", "pay", &["settle"]),
        // The parent only, and a grandparent of nothing.
        shop("quote", "pay", "price").known_as("quote", "ask", &["quote", "never"]),
    ];
    for after in &declared {
        let mut world = World::default();
        let outputs = crash_and_go_on(&before, 3, after, &mut world);
        assert_eq!(
            (outputs.len(), world.divergences.len()),
            (1, 0),
            "{:?}",
            world.divergences
        );
        // Only the call under way is made again, under the same identity.
        let times: Vec<usize> = world.ledger.values().map(Vec::len).collect();
        assert_eq!((times.len(), made(&world)), (3, 4), "{times:?}");
        // And back, as when the new version is taken back.
        assert_eq!(run(after, &mut world), outputs);
        assert_eq!(run(&before, &mut world), outputs);
        assert_eq!((made(&world), world.divergences.len()), (4, 0));
    }
}

#[test]
fn records_under_other_names_than_todays_identity_are_found() {
    // An id was declared after the fact: what was written under the name is matched, and no call but that under way repeats.
    let before = shop("ask", "pay", "price");
    let after = shop("quote", "settle", "price")
        .known_as("quote", "first", &["quote", "ask"])
        .known_as("settle", "second", &["settle", "pay"]);
    let mut world = World::default();
    let outputs = crash_and_go_on(&before, 3, &after, &mut world);
    assert_eq!((outputs.len(), made(&world), world.divergences.len()), (1, 4, 0));
    assert_eq!(run(&after, &mut world), outputs);
    assert_eq!(made(&world), 4);
}

#[test]
fn what_is_dropped_is_dropped_under_the_name_it_was_written_with() {
    let agent = |name: &str, first: &str, second: &str| {
        let script = [
            call(first, "{in}"),
            wait_for(second, "{in}"),
            wait_for("end", "{in}"),
            out("{acc}"),
        ];
        Agent::new().on(name, &[INPUT_EVENT], script)
    };
    let mut world = World::default();
    let mut first = start(&agent("pay", "look", "charge"), &mut world);
    first.input(KEY, "p", true, &mut world);
    work(&mut first, &mut world, 3);
    drop(first);
    // Another call in the first place: the records of both calls go. It crashes in the second.
    let other = agent("settle", "search", "bill").known_as("settle", "second", &["settle", "pay"]);
    let mut second = start(&other, &mut world);
    second.input(KEY, "p", true, &mut world);
    let made_before = made(&world);
    work(&mut second, &mut world, made_before + 2);
    drop(second);
    assert_eq!(world.divergences.len(), 1, "{:?}", world.divergences);
    assert!(world.divergences[0].contains("'look'"), "{}", world.divergences[0]);
    // Nothing of what was dropped comes back in place of what has no record yet.
    assert_eq!(run(&other, &mut world).len(), 1);
    assert_eq!(world.divergences.len(), 1, "{:?}", world.divergences);
}

#[test]
fn a_call_that_had_begun_under_the_former_name_is_reconciled() {
    let agent = |name: &str| Agent::new().on(name, &[INPUT_EVENT], [reconciled("pay", "{in}"), out("{acc}")]);
    let mut world = World::default();
    let after = agent("settle").known_as("settle", "pay", &["settle"]);
    let outputs = crash_and_go_on(&agent("pay"), 1, &after, &mut world);
    assert_eq!((outputs.len(), made(&world)), (1, 1));
    assert_eq!(world.counts["reconciler asked"], 1);
    // Two records of one call, begun under one name and ended under another: the later one counts.
    let mut world = World::default();
    let after = agent("settle").known_as("settle", "second", &["settle", "pay"]);
    let outputs = crash_and_go_on(&agent("pay"), 1, &after, &mut world);
    assert_eq!((outputs.len(), world.divergences.len()), (1, 0));
    let count = made(&world);
    assert_eq!(run(&after, &mut world), outputs);
    assert_eq!(made(&world), count);
}

#[test]
fn a_renamed_function_is_known_by_its_former_ids() {
    let before = shop("ask", "pay", "price");
    let mut world = World::default();
    let mut first = start(&before, &mut world);
    first.input(KEY, "p", true, &mut world);
    // Its result is in the store, and its action has not completed.
    work(&mut first, &mut world, 1);
    first.finish_call(0, &mut world);
    while let Some(key) = first.store_work().0.first().cloned() {
        first.make_durable(&key, &mut world);
    }
    drop(first);
    let mut undeclared = World::default();
    undeclared.log.clone_from(&world.log);
    run(&shop("ask", "pay", "cost"), &mut undeclared);
    assert_eq!(undeclared.divergences.len(), 1);
    for declared in ["cost\0price", "cost\0value\0price", "price\0cost"] {
        let mut again = World::default();
        again.log.clone_from(&world.log);
        let outputs = run(&shop("ask", "pay", declared), &mut again);
        assert_eq!((outputs.len(), made(&again)), (1, 2), "{:?}", again.divergences);
    }
}

#[test]
fn a_checkpoint_knows_its_actions_by_any_of_their_names() {
    let before = shop("ask", "pay", "price");
    let mut world = World::default();
    let mut first = start(&before, &mut world);
    first.input(KEY, "p", true, &mut world);
    work(&mut first, &mut world, 3);
    let state = first.checkpoint();
    drop(first);
    let bytes = state[KEY].inflight.as_ref().unwrap().bytes.clone();
    assert!(RestorePlan::parse(&bytes).is_ok());
    let after = shop("quote", "settle", "price")
        .known_as("quote", "first", &["quote", "ask"])
        .known_as("settle", "pay", &["settle"]);
    world.outputs.clear();
    world.forget_acknowledged();
    let agent = Arc::new(after);
    let mut second = Attempt::new(&agent, true, OnDivergence::Fail, state, true, &mut world);
    second.end_of_input(&mut world);
    work(&mut second, &mut world, usize::MAX);
    assert_eq!((world.outputs[KEY].len(), world.divergences.len()), (1, 0));
    assert_eq!(made(&world), 4);
    // Without the declaration the error says what to do.
    let text = RestoreError::UnknownAction("pay".into()).to_string();
    assert!(text.contains("former name"), "{text}");
}
