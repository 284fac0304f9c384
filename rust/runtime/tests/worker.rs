//! Workers that work and workers that misbehave: what the host hears, and that nothing is left.
#![allow(clippy::unwrap_used)]

use flink_agents_runtime::worker::exchange::Said;
use flink_agents_runtime::worker::frames::PROTOCOL;
use flink_agents_runtime::worker::server::Program;
use flink_agents_runtime::worker::{Level, Progress, Settings, Starting, Worker, WorkerError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

fn settings(how: &str, directory: &Path) -> Settings {
    Settings {
        program: Program {
            command: vec![env!("CARGO_BIN_EXE_fake-worker").to_owned(), how.to_owned()],
            environment: Vec::new(),
            directory: None,
        },
        temporary: directory.to_owned(),
        agent: "walker".to_owned(),
        task: "agent (1/2)#0".to_owned(),
        plan: b"{}".to_vec(),
        build: "1.2.3".to_owned(),
        start: LONG,
        silence: LONG,
        memory: None,
        grace: LONG,
        exchange: false,
    }
}

/// A directory that has to be empty in the end.
struct Clean(PathBuf);

impl Clean {
    fn new(name: &str) -> Clean {
        let path = std::env::temp_dir().join(format!("fa-test-{}-{}", std::process::id(), name.replace(' ', "-")));
        std::fs::create_dir_all(&path).unwrap();
        Clean(path)
    }

    fn check(self) {
        assert_eq!(
            std::fs::read_dir(&self.0).unwrap().count(),
            0,
            "left in {}",
            self.0.display()
        );
        std::fs::remove_dir(&self.0).unwrap();
    }
}

fn start(settings: Settings) -> (Result<Worker, WorkerError>, Receiver<()>) {
    let (sender, woken) = channel();
    let wake = move || {
        // A test that has ended listens no more.
        let _ = sender.send(());
    };
    (Worker::start(settings, Box::new(wake)), woken)
}

fn blob(bytes: &[u8]) -> Vec<u8> {
    let mut out = (bytes.len() as u32).to_le_bytes().to_vec();
    out.extend_from_slice(bytes);
    out
}

fn run(task: u64, attributes: &[u8]) -> Vec<u8> {
    let mut out = vec![1];
    out.extend_from_slice(&task.to_le_bytes());
    out.extend_from_slice(&[1, 0, 0, 0, 1, 0, 0, 0, 1]);
    out.extend_from_slice(&[0; 16]);
    out.extend(blob(b"s:k"));
    out.extend_from_slice(&0_i32.to_le_bytes());
    out.extend(blob(attributes));
    out.push(0);
    out
}

fn observed() -> Vec<u8> {
    let mut out = vec![10];
    out.extend_from_slice(&1_000_000_u64.to_le_bytes());
    out.push(0);
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&0_i32.to_le_bytes());
    out.extend(blob(&[]));
    out.extend(blob(&[]));
    out
}

/// Runs one task on a worker that breaks, and gives what the host hears.
fn fate(how: &str, change: impl FnOnce(&mut Settings)) -> String {
    let clean = Clean::new(how);
    let mut settings = settings(how, &clean.0);
    change(&mut settings);
    let (worker, woken) = start(settings);
    let mut worker = worker.unwrap();
    let process = worker.process();
    worker.send(&run(1, &[1])).unwrap();
    woken.recv_timeout(LONG).unwrap();
    let heard = worker.receive().unwrap_err().to_string();
    let who = format!("The Python worker of agent 'walker' (task agent (1/2)#0, process {process})");
    assert!(heard.starts_with(&who), "{heard}");
    assert!(heard.contains("1 of its actions were unfinished"), "{heard}");
    worker.stop();
    assert!(
        !Path::new(&format!("/proc/{process}")).exists(),
        "process {process} was left"
    );
    clean.check();
    heard
}

fn refusal(how: &str, change: impl FnOnce(&mut Settings)) -> String {
    let clean = Clean::new(how);
    let mut settings = settings(how, &clean.0);
    change(&mut settings);
    let (worker, _) = start(settings);
    let heard = worker.err().unwrap().to_string();
    assert!(
        heard.starts_with("No Python worker for agent 'walker' (task agent (1/2)#0)"),
        "{heard}"
    );
    clean.check();
    heard
}

fn assert_says(heard: &str, what: &str) {
    assert!(heard.contains(what), "{what}\nis not in\n{heard}");
}

/// Waits until the worker has said so much, and gives it.
fn heard(worker: &Worker, woken: &Receiver<()>, bytes: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < bytes {
        woken.recv_timeout(LONG).unwrap();
        all.extend(worker.receive().unwrap());
    }
    all
}

#[test]
fn calls_are_told_and_their_answers_come_to_the_worker() {
    let clean = Clean::new("call");
    let (worker, woken) = start(settings("call", &clean.0));
    let mut worker = worker.unwrap();
    let head = |kind: u8, number: u64| [&[kind][..], &number.to_le_bytes()].concat();
    assert_eq!(worker.send(&run(1, &[])), Ok(1));
    let mut asked = head(14, 1);
    asked.extend([1, 0, 0, 0, 0, 0, 0, 0, 1]);
    asked.extend(head(12, 1));
    asked.extend([1, 0, 0, 0, 0, 0, 0, 0, 2]);
    asked.extend(b"\xfe\xff\xff\xfff");
    asked.extend(head(15, 1));
    asked.push(1);
    asked.extend(head(11, 1));
    assert_eq!(heard(&worker, &woken, asked.len()), asked);

    // To be made, with its key; and one that was made, with what it brought.
    for (batch, step, key, payload, outcome, recorded) in [(2, 0, "key", "", 1, "key"), (3, 2, "", "brought", 0, "")] {
        let mut answer = head(9, 1);
        answer.extend([0, 0, 0, 0, step]);
        answer.extend(blob(key.as_bytes()));
        answer.extend(blob(payload.as_bytes()));
        assert_eq!(worker.send(&answer), Ok(batch));
        let mut ended = head(13, 1);
        ended.extend([0, 0, 0, 0, outcome]);
        ended.extend(blob(recorded.as_bytes()));
        ended.extend(head(1, 1));
        ended.extend(0_u64.to_le_bytes());
        ended.extend(1_u64.to_le_bytes());
        ended.extend(b"\xfc\xff\xff\xffend");
        ended.extend(blob(payload.as_bytes()));
        ended.extend(head(3, 1));
        ended.extend(40_u64.to_le_bytes());
        ended.extend(head(11, u64::from(batch)));
        assert_eq!(heard(&worker, &woken, ended.len()), ended);
    }
    worker.stop();
    clean.check();
}

#[test]
fn questions_about_resources_have_a_connection_of_their_own() {
    let clean = Clean::new("exchange");
    let mut settings = settings("work", &clean.0);
    settings.exchange = true;
    let (worker, _) = start(settings);
    let mut worker = worker.unwrap();
    let exchange = worker.exchange().unwrap();
    exchange.ask(1, b"what?").unwrap();
    assert_eq!(
        exchange.said().unwrap(),
        Some(Said::Asked {
            number: 101,
            question: b"what?".to_vec()
        })
    );
    exchange.answer(101, true, b"no").unwrap();
    assert_eq!(
        exchange.said().unwrap(),
        Some(Said::Answered {
            number: 1,
            failed: true,
            value: b"no".to_vec()
        })
    );
    let waiting = std::thread::spawn({
        let exchange = Arc::clone(&exchange);
        move || exchange.said().unwrap()
    });
    worker.stop();
    assert_eq!(waiting.join().unwrap(), None);
    assert!(exchange.ask(2, b"?").is_err());
    clean.check();
}

#[test]
fn a_worker_without_the_connection_for_questions_is_refused() {
    let heard = refusal("one connection", |settings| settings.exchange = true);
    assert_says(&heard, "it did not connect for questions about resources");
}

#[test]
fn tasks_go_there_and_their_results_come_back_in_order() {
    let clean = Clean::new("good");
    let (worker, woken) = start(settings("work", &clean.0));
    let mut worker = worker.unwrap();
    let large = vec![7; 3 << 20];
    let mut records = run(1, &[10]);
    records.extend(run(2, &large));
    assert_eq!(worker.send(&records), Ok(1));
    assert_eq!(worker.send(&run(3, &[30])), Ok(2));

    let mut expected = Vec::new();
    let head = |kind: u8, number: u64| [&[kind][..], &number.to_le_bytes()].concat();
    for (task, attributes) in [(1, &[10][..]), (2, &large), (3, &[30])] {
        expected.extend(head(7, task));
        expected.extend(b"\0\xfb\xff\xff\xffseen");
        expected.extend(head(1, task));
        expected.extend(u64::to_le_bytes(task));
        expected.extend(5_u64.to_le_bytes());
        expected.extend(b"\xfb\xff\xff\xffseen");
        expected.extend(blob(attributes));
        expected.extend(head(3, task));
        expected.extend(40_u64.to_le_bytes());
        if task > 1 {
            expected.extend(head(11, task - 1));
        }
    }
    let mut bytes = Vec::new();
    while bytes.len() < expected.len() {
        woken.recv_timeout(LONG).unwrap();
        bytes.extend(worker.receive().unwrap());
    }
    assert!(bytes == expected);
    let log = worker.log();
    assert_eq!(log.take(LONG).unwrap()[0].text, "plan of 2 bytes for walker");
    worker.stop();
    assert_eq!(log.take(LONG).unwrap()[0].text, "stopped in good order");
    assert_eq!(log.take(LONG), None);
    clean.check();
}

#[test]
fn a_worker_that_ends_is_told_with_its_status_and_last_lines() {
    let heard = fate("exit", |_| {});
    assert_says(&heard, "exited with status 3");
    assert!(heard.ends_with("\n    line 24\n    line 25"), "{heard}");
    assert!(
        heard.contains("    line 6\n") && !heard.contains("    line 5\n"),
        "{heard}"
    );
    assert_says(&fate("abort", |_| {}), "was killed by signal 6 (SIGABRT)");
}

#[test]
fn a_worker_that_is_killed_is_told() {
    let clean = Clean::new("killed");
    let (worker, woken) = start(settings("work", &clean.0));
    let mut worker = worker.unwrap();
    let process = rustix::process::Pid::from_raw(worker.process() as i32).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    woken.recv_timeout(LONG).unwrap();
    let heard = worker.receive().unwrap_err().to_string();
    assert_says(&heard, "was killed by signal 9 (SIGKILL)");
    worker.stop();
    clean.check();
}

#[test]
fn what_is_no_message_ends_the_worker() {
    assert_says(
        &fate("garbage", |_| {}),
        "sent 3 bytes that are no message (they begin with fa fa fa)",
    );
    assert_says(
        &fate("half a frame", |_| {}),
        "closed its connection in the middle of a message",
    );
    assert_says(
        &fate("oversize", |_| {}),
        "sent a message of 4294967295 bytes, where 268435456 are the most",
    );
}

#[test]
fn a_silent_worker_is_ended_and_one_that_gives_signs_of_life_is_not() {
    let heard = fate("hang", |settings| settings.silence = Duration::from_millis(300));
    assert_says(&heard, "s while it had work");
    assert_says(&heard, "python.worker.timeout");

    let clean = Clean::new("alive");
    let mut alive = settings("hang with signs of life", &clean.0);
    alive.silence = Duration::from_millis(600);
    let (worker, woken) = start(alive);
    let mut worker = worker.unwrap();
    worker.send(&run(1, &[1])).unwrap();
    woken.recv_timeout(LONG).unwrap();
    assert!(worker.receive().is_ok());
    worker.stop();
    clean.check();
}

#[test]
fn a_worker_that_blocks_where_it_tells_of_events_is_ended_though_no_action_waits() {
    let clean = Clean::new("deaf");
    let mut settings = settings("hang", &clean.0);
    settings.silence = Duration::from_millis(300);
    let (worker, woken) = start(settings);
    let mut worker = worker.unwrap();
    worker.send(&observed()).unwrap();
    woken.recv_timeout(LONG).unwrap();
    let heard = worker.receive().unwrap_err().to_string();
    assert_says(&heard, "was silent for");
    assert_says(&heard, "an event listener or an event logger");
    assert_says(&heard, "python.worker.timeout");
    assert_says(&heard, "0 of its actions were unfinished");
    worker.stop();
    clean.check();
}

/// What is warned of when a worker that was told of an event is stopped.
fn warned_at_the_end(how: &str, grace: Duration, heard: bool) -> Vec<String> {
    let clean = Clean::new(how);
    let mut settings = settings(how, &clean.0);
    settings.grace = grace;
    let (worker, woken) = start(settings);
    let mut worker = worker.unwrap();
    worker.send(&observed()).unwrap();
    if heard {
        woken.recv_timeout(LONG).unwrap();
    }
    let log = worker.log();
    worker.stop();
    clean.check();
    let mut warnings = Vec::new();
    while let Some(lines) = log.take(LONG) {
        warnings.extend(lines.into_iter().filter(|line| line.level == Level::Warning));
    }
    warnings.into_iter().map(|line| line.text).collect()
}

#[test]
fn that_listeners_are_not_told_of_the_last_events_is_a_warning() {
    let warned = warned_at_the_end("ignore stop", Duration::from_millis(100), false);
    let [warning] = &warned[..] else {
        panic!("{warned:?}");
    };
    assert_says(warning, "agent 'walker' (task agent (1/2)#0)");
    assert_says(
        warning,
        "had not told its event listeners or event logger of the last events",
    );
    assert_eq!(warned_at_the_end("work", LONG, true), Vec::<String>::new());
}

#[test]
fn a_worker_that_takes_too_much_memory_is_ended() {
    let heard = fate("eat memory", |settings| settings.memory = Some(64 << 20));
    assert_says(
        &heard,
        "MiB of memory, where option python.worker.memory allows 64, and was ended",
    );
}

#[test]
fn what_a_worker_started_ends_with_it() {
    let heard = fate("leave a child", |_| {});
    let child = heard.rsplit("child ").next().unwrap().trim();
    let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
    // Its new parent may not have reaped it yet.
    assert!(state.is_empty() || state.contains(") Z"), "{state}");
}

#[test]
fn a_worker_that_does_not_stop_is_killed() {
    let clean = Clean::new("ignores");
    let mut settings = settings("ignore stop", &clean.0);
    settings.grace = Duration::from_millis(100);
    let (worker, _) = start(settings);
    let mut worker = worker.unwrap();
    let process = worker.process();
    let begun = Instant::now();
    worker.stop();
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert!(!Path::new(&format!("/proc/{process}")).exists());
    clean.check();
}

#[test]
fn a_start_that_is_given_up_leaves_nothing() {
    for (how, line) in [
        ("never connect", "not connecting"),
        ("never ready", "plan of 400000 bytes for walker"),
    ] {
        let clean = Clean::new(&format!("gives up {how}"));
        let mut settings = settings(how, &clean.0);
        settings.plan = vec![b' '; 400_000];
        let mut starting = Starting::begin(settings, Box::new(|| {})).unwrap();
        let (process, log) = (starting.process(), starting.log());
        let mut printed = Vec::new();
        while printed.is_empty() {
            let Progress::Starting(still) = starting.wait(Duration::from_millis(20)).unwrap() else {
                panic!("it is ready");
            };
            starting = still;
            printed = log.take(Duration::ZERO).unwrap();
        }
        assert_eq!(printed[0].text, line);
        drop(starting);
        assert!(!Path::new(&format!("/proc/{process}")).exists(), "{process} was left");
        assert_eq!(log.take(LONG), None);
        clean.check();
    }
}

#[test]
fn workers_that_were_asked_end_side_by_side() {
    let clean = Clean::new("side by side");
    let mut workers = [0, 1].map(|_| start(settings("work", &clean.0)).0.unwrap());
    workers.iter_mut().for_each(Worker::ask_to_stop);
    for worker in &mut workers {
        let log = worker.log();
        let mut lines = Vec::new();
        while let Some(more) = log.take(LONG) {
            lines.extend(more);
        }
        assert_eq!(lines[1].text, "stopped in good order");
        worker.stop();
        assert!(!Path::new(&format!("/proc/{}", worker.process())).exists());
    }
    clean.check();
}

#[test]
fn a_worker_that_cannot_start_is_told_with_the_reason() {
    assert_says(
        &refusal("exit before connecting", |_| {}),
        "it exited with status 7 before it connected. Its last lines:\n    No module named agent",
    );
    let soon = |settings: &mut Settings| settings.start = Duration::from_millis(300);
    assert_says(&refusal("never connect", soon), "it did not connect within 0.3 s");
    let later = |settings: &mut Settings| settings.start = Duration::from_secs(3);
    assert_says(&refusal("never ready", later), "it was not ready within 3.0 s");
    assert_says(&refusal("refuse", |_| {}), "module my_agent cannot be imported");
    assert_says(
        &refusal("garbage at once", |_| {}),
        "it sent a message of 1347703880 bytes",
    );
    assert_says(
        &refusal("other protocol", |_| {}),
        &format!(
            "of another release: version 1.2.3 (protocol {}, Python 3.11.7)",
            PROTOCOL + 1
        ),
    );
    assert_says(
        &refusal("other build", |settings| settings.build = "1.2.4".to_owned()),
        &format!("where the job's jar is 1.2.4 (protocol {PROTOCOL}). Install 1.2.4 there"),
    );
    assert_says(
        &refusal("no such program", |settings| {
            settings.program.command = vec!["/nowhere/python".to_owned()];
        }),
        "it cannot be started (No such file or directory",
    );
}
