//! A worker that does what its first argument says; the socket's path is the last one.

use flink_agents_runtime::worker::exchange::{Exchange, Said};
use flink_agents_runtime::worker::frames::{Call, FromWorker, Name, Outcome, PROTOCOL, Space, Step, ToWorker};
use flink_agents_runtime::worker::stream::{self, Received};
use std::io::{Error, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

fn say(mut socket: &UnixStream, frame: &FromWorker<'_>) -> Result<(), Error> {
    let mut bytes = Vec::new();
    stream::put(frame, &mut bytes).map_err(Error::other)?;
    socket.write_all(&bytes)
}

fn ready(socket: &UnixStream, protocol: u32) -> Result<(), Error> {
    say(
        socket,
        &FromWorker::Ready {
            protocol,
            build: "1.2.3",
            python: "3.11.7",
        },
    )
}

fn forever() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

fn tell(text: &str) -> Result<(), Error> {
    std::io::stdout().write_all(format!("{text}\n").as_bytes())?;
    std::io::stdout().flush()
}

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    let how = arguments[1].as_str();
    match how {
        "exit before connecting" => {
            tell("No module named agent")?;
            std::process::exit(7);
        }
        "never connect" => {
            tell("not connecting")?;
            forever();
        }
        _ => {}
    }
    let path = &arguments[arguments.len() - 1];
    let mut socket = UnixStream::connect(path)?;
    let mut received = Received::default();
    let mut tasks = Vec::new();
    loop {
        let count = socket.read(received.room())?;
        if count == 0 {
            return Ok(());
        }
        received.filled(count);
        while let Some(bytes) = received.frame().map_err(Error::other)? {
            match stream::read::<ToWorker<'_>>(bytes).map_err(Error::other)? {
                ToWorker::Hello {
                    agent, plan, exchange, ..
                } => {
                    tell(&format!("plan of {} bytes for {agent}", plan.len()))?;
                    if exchange && how != "one connection" {
                        let exchange = Exchange::over(UnixStream::connect(path)?);
                        std::thread::spawn(move || echo(&exchange));
                    }
                    greet(&socket, how)?;
                }
                ToWorker::Run(run) => tasks.push((run.task, run.attributes.to_vec())),
                ToWorker::Mark { batch } => work(&socket, how, std::mem::take(&mut tasks), batch)?,
                ToWorker::CallReady {
                    task,
                    call,
                    step,
                    key,
                    payload,
                } => answered(&socket, (task, call), step, key, payload)?,
                ToWorker::Stop if how == "ignore stop" => forever(),
                ToWorker::Stop => return tell("stopped in good order"),
                _ => {}
            }
        }
    }
}

/// Answers what it is asked with the same, when it has asked that itself.
fn echo(exchange: &Exchange) {
    while let Ok(Some(Said::Asked { number, question })) = exchange.said() {
        if exchange.ask(number + 100, &question).is_err() {
            return;
        }
        let Ok(Some(Said::Answered { value, failed, .. })) = exchange.said() else {
            return;
        };
        if exchange.answer(number, failed, &value).is_err() {
            return;
        }
    }
}

fn greet(mut socket: &UnixStream, how: &str) -> Result<(), Error> {
    match how {
        "refuse" => say(
            socket,
            &FromWorker::Refused {
                reason: "module my_agent cannot be imported",
            },
        ),
        "other protocol" => ready(socket, PROTOCOL + 1),
        "garbage at once" => socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n"),
        "never ready" => forever(),
        _ => ready(socket, PROTOCOL),
    }
}

/// A call is over when it is known what is to be done with it.
fn answered(socket: &UnixStream, (task, call): (u64, u32), step: Step, key: &str, payload: &[u8]) -> Result<(), Error> {
    let (outcome, brought) = match step {
        Step::Execute | Step::Reconcile => (Outcome::Result, key.as_bytes()),
        Step::Return | Step::Raise => (Outcome::Nothing, &[][..]),
    };
    let attributes = payload;
    say(
        socket,
        &FromWorker::CallEnd {
            task,
            call,
            outcome,
            payload: brought,
        },
    )?;
    say(
        socket,
        &FromWorker::Send {
            task,
            event: 1,
            kind: Name::Text("end"),
            attributes,
        },
    )?;
    say(socket, &FromWorker::Finish { task, micros: 40 })
}

fn work(mut socket: &UnixStream, how: &str, tasks: Vec<(u64, Vec<u8>)>, batch: u32) -> Result<(), Error> {
    match how {
        "exit" => {
            for line in 1..=25 {
                tell(&format!("line {line}"))?;
            }
            std::process::exit(3);
        }
        "abort" => std::process::abort(),
        "hang" | "ignore stop" => forever(),
        "hang with signs of life" => {
            for _ in 0..40 {
                std::thread::sleep(Duration::from_millis(25));
                say(socket, &FromWorker::Beat)?;
            }
        }
        "garbage" => {
            socket.write_all(&[3, 0, 0, 0, 250, 250, 250])?;
            forever();
        }
        "half a frame" => {
            socket.write_all(&[100, 0, 0, 0, 1, 2])?;
            socket.shutdown(std::net::Shutdown::Both)?;
            forever();
        }
        "oversize" => {
            socket.write_all(&[255, 255, 255, 255, 1, 2])?;
            forever();
        }
        "eat memory" => {
            let eaten = vec![1_u8; 200 << 20];
            std::hint::black_box(&eaten);
            forever();
        }
        "call" => {
            for (task, _) in tasks {
                say(
                    socket,
                    &FromWorker::Scope {
                        task,
                        scope: 1,
                        parent: 0,
                        group: true,
                    },
                )?;
                say(
                    socket,
                    &FromWorker::Call(Call {
                        task,
                        scope: 1,
                        call: 0,
                        function: Name::Text("f"),
                        digest: None,
                        reconcilable: false,
                        in_place: true,
                    }),
                )?;
                say(socket, &FromWorker::Busy { task, busy: true })?;
            }
            return say(socket, &FromWorker::Mark { batch });
        }
        "leave a child" => {
            let child = std::process::Command::new("sleep").arg("3600").spawn()?;
            tell(&format!("child {}", child.id()))?;
            std::process::exit(4);
        }
        _ => {}
    }
    for (task, attributes) in &tasks {
        let path = Name::Text("seen");
        say(
            socket,
            &FromWorker::Get {
                task: *task,
                space: Space::Sensory,
                path,
            },
        )?;
        say(
            socket,
            &FromWorker::Send {
                task: *task,
                event: u128::from(*task) << 64 | 5,
                kind: path,
                attributes,
            },
        )?;
        say(
            socket,
            &FromWorker::Finish {
                task: *task,
                micros: 40,
            },
        )?;
    }
    say(socket, &FromWorker::Mark { batch })
}
