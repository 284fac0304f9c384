//! What a logged event costs: on the thread of the machine, and on the writer's.
//!
//! `cargo bench -p flink-agents-runtime --bench event_log [-- events]`. Events are those of an agent with one action, an input and an
//! output in turns, with the attributes of a small order. For instruction counts run the program that it builds under callgrind.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use flink_agents_core::config::ConfigMap;
use flink_agents_core::event_log::{Entry, Lines, Place, Settings};
use flink_agents_core::ids::{EventId, KeySlot, ValueHandle};
use flink_agents_core::run::{Effect, EventIn, Limits, Machine};
use flink_agents_core::symbols::{INPUT, OUTPUT};
use flink_agents_core::value::{Value, encode};
use flink_agents_runtime::event_log::{EventLog, Headers, Options};
use flink_agents_testkit::exact::Exact;
use std::hint::black_box;
use std::time::{Duration, Instant};

const BATCH: usize = 64;

fn attributes(name: &str) -> Vec<u8> {
    let order = Value::Map(vec![
        ("orderId".to_owned(), Value::I64(1_234_567)),
        ("customer".to_owned(), Value::from("customer-4711")),
        ("amount".to_owned(), Value::F64(99.95)),
        (
            "note".to_owned(),
            Value::from("please deliver \"today\" to the back door"),
        ),
        ("items".to_owned(), Value::List((0..3).map(Value::I32).collect())),
    ]);
    let mut out = Vec::new();
    encode(&Value::Map(vec![(name.to_owned(), order)]), &mut out).unwrap();
    out
}

/// Runs records through a machine; `seen` gets the entries of a batch.
fn drive(events: usize, mut seen: impl FnMut(&mut Vec<Entry>)) -> Duration {
    let mut machine = Machine::new(
        Exact::new([("handle".to_owned(), "_input_event".to_owned())]),
        Limits::default(),
    );
    let settings = Settings::read(&ConfigMap::default()).unwrap();
    let mut headers = Headers::of(&mut machine, settings, None);
    let mut entries = Vec::new();
    let mut id = 0;
    let mut event = |event_type| {
        id += 1;
        EventIn {
            id: EventId(0x1234_5678_9abc_4def_8123_4567_89ab_cdef ^ id),
            event_type,
            value: ValueHandle(1),
            attributes: None,
        }
    };
    let mut spent = Duration::ZERO;
    for _ in 0..events / 2 {
        machine.handle_input(KeySlot(1), event(INPUT), None).unwrap();
        while let Some(effect) = machine.poll_effect(true) {
            match effect {
                Effect::Processed { key, .. } => entries.extend(headers.entry(key, &machine)),
                Effect::RunAction { task, .. } => {
                    machine.handle_sent(task, event(OUTPUT)).unwrap();
                    machine.handle_finished(task).unwrap();
                }
                _ => {}
            }
        }
        if entries.len() >= BATCH {
            let start = Instant::now();
            seen(&mut entries);
            spent += start.elapsed();
        }
    }
    seen(&mut entries);
    spent
}

fn told(name: &str, events: usize, time: Duration) {
    println!("{name:28} {:8.1} ns/event", time.as_nanos() as f64 / events as f64);
}

fn main() {
    let events = std::env::args()
        .skip(1)
        .find_map(|word| word.parse().ok())
        .unwrap_or(1_000_000);
    let (input, output) = (attributes("input"), attributes("output"));
    let of = |entry: &Entry| {
        if &*entry.event_type == "_input_event" {
            &input
        } else {
            &output
        }
    };

    let mut bare = Machine::new(
        Exact::new([("handle".to_owned(), "_input_event".to_owned())]),
        Limits::default(),
    );
    let start = Instant::now();
    for index in 0..events as u128 / 2 {
        let event = |event_type| EventIn {
            id: EventId(index << 1 | u128::from(event_type == OUTPUT)),
            event_type,
            value: ValueHandle(1),
            attributes: None,
        };
        bare.handle_input(KeySlot(1), event(INPUT), None).unwrap();
        while let Some(effect) = bare.poll_effect(true) {
            if let Effect::RunAction { task, .. } = effect {
                bare.handle_sent(task, event(OUTPUT)).unwrap();
                bare.handle_finished(task).unwrap();
            }
        }
    }
    told("the machine alone", events, start.elapsed());

    let start = Instant::now();
    drive(events, |entries| entries.clear());
    told("the machine and entries", events, start.elapsed());

    let place = Place {
        job: "4ac4a5e7e0d5cb9a2a1d3d5f3b1c2d4e".to_owned(),
        task: "action-execute-operator".to_owned(),
        subtask: 3,
    };
    let settings = Settings::read(&ConfigMap::default()).unwrap();
    let mut lines = Lines::new(&settings, Some(&place), "agent");
    let mut out = Vec::new();
    let mut bytes = 0;
    let spent = drive(events, |entries| {
        for entry in entries.drain(..) {
            lines.write(&entry, of(&entry), &mut out).unwrap();
        }
        bytes += out.len();
        out.clear();
    });
    told("lines", events, spent);
    println!("{:28} {:8.1} bytes", "a line", bytes as f64 / events as f64);

    let directory = std::env::temp_dir().join(format!("event-log-bench-{}", std::process::id()));
    let mut config = ConfigMap::default();
    config.set("baseLogDir", &directory.to_str().unwrap().into());
    let options = Options::read(&config, &directory).unwrap();
    let (log, _) = EventLog::open(&options, &place, "agent").unwrap();
    let mut payload = Vec::new();
    let start = Instant::now();
    let spent = drive(events, |entries| {
        payload.clear();
        for entry in &*entries {
            payload.extend_from_slice(of(entry));
        }
        black_box(log.append(entries, &payload));
    });
    let machine = start.elapsed();
    log.close(Duration::from_secs(60));
    told("the machine, with a log", events, machine);
    told("of that handing over", events, spent);
    told("until all is written", events, start.elapsed());
    assert_eq!(log.figures().written as usize, events);
    std::fs::remove_dir_all(&directory).unwrap();
}
