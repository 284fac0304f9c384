//! How long the core takes for an effect, without JNI and without user code.
//!
//! `cargo run --release -p flink-agents-testkit --bin core_bench [records]`. `hop1`: one action, one output. `chain5`: six
//! actions in a row over five events, each reading and writing one short-term path, one output at the end. The host does
//! nothing but keep handles in a free list. Inputs come in batches of 64 keys. Best and median of seven rounds.
#![allow(clippy::print_stdout)]

use flink_agents_core::ids::{EventId, KeySlot, Symbol, TaskId, ValueHandle};
use flink_agents_core::memory::{Lookup, Node, Space, Written};
use flink_agents_core::run::{Effect, EventIn, Limits, Machine};
use flink_agents_core::symbols::{INPUT, OUTPUT};
use flink_agents_testkit::exact::Exact;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const BATCH: u32 = 64;
const ROUNDS: usize = 7;

/// Actions in a row: the first is triggered by the input, each other one by a type of its own.
fn chain(length: u16) -> Exact {
    Exact::new((0..length).map(|index| {
        let event_type = match index {
            0 => "_input_event".to_owned(),
            _ => format!("E{index}"),
        };
        (format!("a{index}"), event_type)
    }))
}

struct Host {
    machine: Machine<Exact>,
    types: Vec<Symbol>,
    paths: Vec<Symbol>,
    free: Vec<u32>,
    next_id: u128,
    effects: u64,
    outputs: u64,
}

impl Host {
    fn new(length: u16, memory: bool) -> Host {
        let mut machine = Machine::new(chain(length), Limits::default());
        let mut types: Vec<Symbol> = (0..length).map(|index| machine.intern(&format!("E{index}"))).collect();
        types[0] = INPUT;
        let paths = (0..if memory { length } else { 0 }).map(|index| machine.intern(&format!("c{index}")));
        let paths = paths.collect::<Vec<_>>();
        Host {
            machine,
            types,
            paths,
            free: (0..1 << 16).collect(),
            next_id: 0,
            effects: 0,
            outputs: 0,
        }
    }

    fn handle(&mut self) -> ValueHandle {
        ValueHandle(self.free.pop().unwrap_or_else(|| panic!("handles leak")))
    }

    fn event(&mut self, event_type: Symbol) -> EventIn<()> {
        self.next_id += 1;
        EventIn {
            id: EventId(self.next_id),
            event_type,
            value: self.handle(),
            attributes: None,
        }
    }

    fn records(&mut self, count: u64) {
        let mut left = count;
        while left > 0 {
            let batch = left.min(u64::from(BATCH)) as u32;
            left -= u64::from(batch);
            for key in 0..batch {
                let event = self.event(INPUT);
                self.machine
                    .handle_input(KeySlot(key), event, Some(1))
                    .unwrap_or_else(|error| panic!("{error}"));
            }
            while let Some(effect) = self.machine.poll_effect(true) {
                self.effects += 1;
                match effect {
                    Effect::RunAction { task, action, .. } => self.run(task, action.0 as usize),
                    Effect::Release(handle) => self.free.push(handle.0),
                    Effect::Emit { event, .. } => {
                        self.outputs += 1;
                        self.free.push(event.0);
                    }
                    other => {
                        black_box(other);
                    }
                }
            }
        }
    }

    fn run(&mut self, task: TaskId, action: usize) {
        if let Some(path) = self.paths.get(action).copied() {
            while let Ok(Lookup::Load(path)) = self.machine.memory_get(task, Space::ShortTerm, path) {
                let node = Node::Value(self.handle());
                black_box(self.machine.memory_loaded(task, path, node).is_ok());
            }
            let value = self.handle();
            let written = self.machine.memory_set(task, Space::ShortTerm, path, value);
            assert_eq!(written, Ok(Written::Done(None)));
        }
        let event_type = self.types.get(action + 1).copied().unwrap_or(OUTPUT);
        let event = self.event(event_type);
        assert_eq!(self.machine.handle_sent(task, event), Ok(()));
        assert_eq!(self.machine.handle_finished(task), Ok(()));
    }
}

fn measure(name: &str, length: u16, memory: bool, records: u64) {
    let mut host = Host::new(length, memory);
    host.records(records / 5);
    let mut times: Vec<(Duration, u64)> = (0..ROUNDS)
        .map(|_| {
            let (effects, outputs) = (host.effects, host.outputs);
            let start = Instant::now();
            host.records(records);
            let time = start.elapsed();
            assert_eq!(host.outputs - outputs, records);
            (time, host.effects - effects)
        })
        .collect();
    assert_eq!(host.free.len(), 1 << 16, "handles leak");
    times.sort_unstable();
    for (label, (time, effects)) in [("best", times[0]), ("median", times[ROUNDS / 2])] {
        let nanos = time.as_nanos() as f64;
        println!(
            "{name:8} {label:7} {:7.1} ns/effect {:6.2} M effects/s {:8.1} ns/record {:6.2} M records/s ({:.1} effects/record)",
            nanos / effects as f64,
            effects as f64 / nanos * 1e3,
            nanos / records as f64,
            records as f64 / nanos * 1e3,
            effects as f64 / records as f64,
        );
    }
}

fn main() -> ExitCode {
    if cfg!(debug_assertions) {
        eprintln!("core_bench measures nothing useful in a debug build; run it with --release");
        return ExitCode::FAILURE;
    }
    let argument = std::env::args().nth(1);
    let Ok(records) = argument.as_deref().unwrap_or("1000000").parse::<u64>() else {
        eprintln!("usage: core_bench [records]");
        return ExitCode::FAILURE;
    };
    measure("hop1", 1, false, records.max(1_000));
    measure("chain5", 6, true, records.max(1_000));
    ExitCode::SUCCESS
}
