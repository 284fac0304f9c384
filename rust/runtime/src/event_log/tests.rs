use super::drain::Found;
use super::file::{FileSink, name_of};
use super::*;
use flink_agents_core::event_log::Level;
use flink_agents_core::ids::EventId;
use flink_agents_core::value::{Value, encode};
use serde_json::{Value as Json, json};
use std::fs;
use std::sync::mpsc;

const PATIENCE: Duration = Duration::from_secs(60);

struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("event-log-{test}-{}", std::process::id()));
        _ = fs::remove_dir_all(&path);
        Directory(path)
    }

    /// Names of files, and the outputs that their lines show.
    fn outputs(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.0.join(name)).unwrap();
        assert!(text.ends_with('\n'), "{text}");
        let output = |line: &str| {
            let line: Json = serde_json::from_str(line).unwrap();
            line["eventAttributes"]["output"].as_str().unwrap().to_owned()
        };
        text.lines().map(output).collect()
    }

    fn names(&self) -> Vec<String> {
        let files = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

fn place() -> Place {
    Place {
        job: "job1".into(),
        task: "action-execute-operator".into(),
        subtask: 2,
    }
}

const FILE: &str = "events-job1-action-execute-operator-2.log";

fn options(config: Json) -> Options {
    let mut map = ConfigMap::default();
    for (key, value) in config.as_object().unwrap() {
        map.set(key, value);
    }
    Options::read(&map, Path::new("/tmp-of-java")).unwrap()
}

fn in_directory(directory: &Directory, config: Json) -> EventLog {
    let mut options = options(config);
    options.sink = Sink::Directory(directory.0.clone());
    EventLog::open(&options, &place(), "agent").unwrap().0
}

fn append(log: &EventLog, outputs: &[&str]) {
    let mut entries = Vec::new();
    let mut bytes = Vec::new();
    for output in outputs {
        entries.push(Entry {
            time: (0, 0),
            level: Level::Standard,
            id: EventId(1),
            event_type: "_output_event".into(),
            upstream: None,
            context: None,
            lifecycle: None,
        });
        encode(&Value::Map(vec![("output".into(), (*output).into())]), &mut bytes).unwrap();
    }
    log.append(&mut entries, &bytes);
    assert!(entries.is_empty());
}

#[test]
fn options_say_where_lines_go() {
    let sink = |config| options(config).sink;
    assert_eq!(sink(json!({})), Sink::Reader);
    assert_eq!(
        sink(json!({"eventLoggerType": "SLF4J", "baseLogDir": " "})),
        Sink::Reader
    );
    assert_eq!(sink(json!({"baseLogDir": "/logs"})), Sink::Directory("/logs".into()));
    assert_eq!(
        sink(json!({"eventLoggerType": "file"})),
        Sink::Directory("/tmp-of-java/flink-agents".into())
    );
    let rest = options(
        json!({"event-log.queue-size": 5, "event-log.on-full": "drop", "event-log.max-files": "3",
        "event-log.max-file-size": "2 kb"}),
    );
    assert_eq!(
        (rest.queue_size, rest.drop_when_full, rest.max_files, rest.max_file_size),
        (5, true, 3, 2048)
    );
    let usual = options(json!({}));
    assert_eq!(
        (
            usual.queue_size,
            usual.drop_when_full,
            usual.max_files,
            usual.max_file_size
        ),
        (65_536, false, 10, 100 << 20)
    );
}

#[test]
fn a_file_has_every_line_when_the_log_is_closed_and_is_appended_to() {
    let directory = Directory::new("all");
    let log = in_directory(&directory, json!({}));
    assert_eq!(log.path(), Some(directory.0.join(FILE).as_path()));
    append(&log, &["1", "2"]);
    append(&log, &["3"]);
    assert!(log.close(PATIENCE));
    assert_eq!(log.figures().written, 3);
    append(&log, &["late"]);
    assert_eq!(log.figures().dropped, 1);
    let again = in_directory(&directory, json!({}));
    append(&again, &["4"]);
    assert!(again.close(PATIENCE));
    assert_eq!(directory.outputs(FILE), ["1", "2", "3", "4"]);
    assert_eq!(again.report(), None);
}

#[test]
fn what_is_cut_is_counted_once_for_each_line() {
    let directory = Directory::new("cut");
    let log = in_directory(&directory, json!({"event-log.standard.max-string-length": 2}));
    let mut bytes = Vec::new();
    let long: Value = "long".into();
    encode(
        &Value::Map(vec![("a".into(), long.clone()), ("b".into(), long)]),
        &mut bytes,
    )
    .unwrap();
    let entry = Entry {
        time: (0, 0),
        level: Level::Standard,
        id: EventId(1),
        event_type: "t".into(),
        upstream: None,
        context: None,
        lifecycle: None,
    };
    log.append(&mut vec![entry.clone()], &bytes);
    let verbose = Entry {
        level: Level::Verbose,
        ..entry
    };
    log.append(&mut vec![verbose], &bytes);
    assert!(log.close(PATIENCE));
    assert_eq!((log.figures().written, log.figures().truncated), (2, 1));
}

#[test]
fn files_follow_one_another_and_the_oldest_goes() {
    let directory = Directory::new("rotation");
    let log = in_directory(
        &directory,
        json!({"event-log.max-file-size": "1 b", "event-log.max-files": 3}),
    );
    append(&log, &["1", "2", "3", "4"]);
    append(&log, &["5"]);
    assert!(log.close(PATIENCE));
    let first = "events-job1-action-execute-operator-2.1.log";
    let second = "events-job1-action-execute-operator-2.2.log";
    assert_eq!(directory.names(), [first, second, FILE]);
    assert_eq!(directory.outputs(FILE), ["5"]);
    assert_eq!(directory.outputs(first), ["4"]);
    assert_eq!(directory.outputs(second), ["3"]);
    assert_eq!(log.figures().written, 5);
}

#[test]
fn one_file_is_begun_anew() {
    let directory = Directory::new("one");
    let log = in_directory(
        &directory,
        json!({"event-log.max-file-size": "1 b", "event-log.max-files": 1}),
    );
    append(&log, &["1", "2", "3"]);
    assert!(log.close(PATIENCE));
    assert_eq!(directory.names(), [FILE]);
    assert_eq!(directory.outputs(FILE), ["3"]);
}

#[test]
fn a_full_disk_loses_lines_and_says_so_once() {
    let directory = Directory::new("full");
    fs::create_dir_all(&directory.0).unwrap();
    std::os::unix::fs::symlink("/dev/full", directory.0.join(FILE)).unwrap();
    let log = in_directory(&directory, json!({"event-log.queue-size": 1}));
    for _ in 0..100 {
        append(&log, &["1", "2"]);
    }
    assert!(log.close(PATIENCE));
    assert_eq!((log.figures().written, log.figures().failures), (0, 200));
    let report = log.report().unwrap();
    assert!(report.contains(FILE) && report.contains("No space left"), "{report}");
    assert_eq!(log.report(), None);
}

#[test]
fn a_directory_that_vanishes_is_made_again() {
    let directory = Directory::new("gone");
    let (mut sink, failure) = FileSink::open(&directory.0, &place(), 1000, 2);
    assert!(failure.is_none());
    sink.look_always();
    sink.write(b"1\n").unwrap();
    fs::remove_dir_all(&directory.0).unwrap();
    sink.write(b"2\n").unwrap();
    assert_eq!(fs::read_to_string(directory.0.join(FILE)).unwrap(), "2\n");
    // Something is in its place: it cannot be written, until that goes.
    fs::remove_dir_all(&directory.0).unwrap();
    fs::write(&directory.0, "").unwrap();
    assert!(sink.write(b"3\n").is_err());
    fs::remove_file(&directory.0).unwrap();
    sink.write(b"4\n").unwrap();
    assert_eq!(fs::read_to_string(directory.0.join(FILE)).unwrap(), "4\n");
}

#[test]
fn a_directory_that_cannot_be_made_is_named_once_and_every_line_is_counted() {
    let directory = Directory::new("refused");
    fs::write(&directory.0, "").unwrap();
    let mut options = options(json!({}));
    for below in [directory.0.clone(), directory.0.join("below"), "/proc/none/x".into()] {
        options.sink = Sink::Directory(below.clone());
        let (log, _) = EventLog::open(&options, &place(), "agent").unwrap();
        let report = log.report().unwrap();
        assert!(
            report.contains(&*below.join(FILE).to_string_lossy()) && report.contains("option baseLogDir"),
            "{report}"
        );
        append(&log, &["1", "2"]);
        append(&log, &["3"]);
        assert!(log.close(PATIENCE));
        assert_eq!((log.figures().written, log.figures().failures), (0, 3));
        assert_eq!(log.report(), None, "it is said once");
    }
}

#[test]
fn a_file_that_cannot_be_opened_at_the_start_is_written_when_it_can() {
    let directory = Directory::new("later");
    fs::create_dir_all(directory.0.join(FILE)).unwrap();
    let (mut sink, failure) = FileSink::open(&directory.0, &place(), 1000, 2);
    assert_eq!(failure.unwrap().kind(), std::io::ErrorKind::IsADirectory);
    assert!(sink.write(b"1\n").is_err());
    fs::remove_dir(directory.0.join(FILE)).unwrap();
    sink.look_always();
    let queue = Arc::new(Queue::new(10, false));
    let drain = Drain::new(Arc::clone(&queue), Lines::new(&options(json!({})).lines, None, "agent"));
    let log = EventLog {
        queue,
        writer: Mutex::new(None),
        path: None,
    };
    append(&log, &["2"]);
    log.close(PATIENCE);
    file::write_all(drain, sink, true);
    assert_eq!(directory.outputs(FILE), ["2"]);
    assert!(log.report().unwrap().contains("is written again"));
}

#[test]
fn names_of_files_have_no_characters_that_paths_have() {
    let mut strange = place();
    strange.task = r#"Source: a\b/c*d?e"f<g>h|i"#.into();
    assert_eq!(name_of(&strange), "events-job1-Source_ a_b_c_d_e_f_g_h_i-2.log");
    strange.task = "äö".repeat(200);
    let name = name_of(&strange);
    assert!(name.len() < 255 && name.ends_with("ö-2.log"), "{name}");
}

#[test]
fn keys_are_shown_as_the_option_says() {
    let keys = |word: Option<&str>| {
        let mut map = ConfigMap::default();
        if let Some(word) = word {
            map.set("log.keys", &json!(word));
        }
        Keys::read(&map).unwrap().show("k")
    };
    // The first half of the SHA-256 of "java.lang.String/k", as the operator shows it.
    assert_eq!(keys(None).as_deref(), Some("#9b046e6d3b52"));
    assert_eq!(keys(Some("PLAIN")).as_deref(), Some("k"));
    assert_eq!(keys(Some("none")), None);
}

fn reader(config: Json) -> (EventLog, LineReader) {
    let (log, reader) = EventLog::open(&options(config), &place(), "agent").unwrap();
    (log, reader.unwrap())
}

/// Lines that are there, without waiting for more.
fn read(reader: &mut LineReader) -> usize {
    match reader.next(PATIENCE) {
        Found::Lines(text, ends) => {
            assert_eq!(text.len(), *ends.last().unwrap());
            assert!(ends.iter().all(|end| text[end - 1] == b'\n'));
            ends.len()
        }
        Found::Nothing | Found::End => 0,
    }
}

#[test]
fn a_reader_gets_lines_with_their_place_until_the_log_is_closed() {
    let (log, mut reader) = reader(json!({}));
    assert!(matches!(reader.next(Duration::ZERO), Found::Nothing));
    append(&log, &["1"]);
    let Found::Lines(text, _) = reader.next(PATIENCE) else {
        panic!("no line")
    };
    let line: Json = serde_json::from_slice(text).unwrap();
    assert_eq!(
        (line["jobId"].as_str(), line["subtaskId"].as_i64()),
        (Some("job1"), Some(2))
    );
    append(&log, &["2", "3"]);
    assert!(log.close(PATIENCE));
    assert_eq!(read(&mut reader), 2);
    assert!(matches!(reader.next(PATIENCE), Found::End));
}

#[test]
fn lines_for_which_there_was_no_room_are_found_again_and_lost_ones_count_as_failures() {
    let (log, mut reader) = reader(json!({}));
    append(&log, &["1", "2", "3"]);
    assert_eq!(read(&mut reader), 3);
    reader.again();
    assert_eq!(read(&mut reader), 3);
    assert_eq!((log.figures().written, log.figures().failures), (3, 0));
    reader.lost(1);
    assert_eq!((log.figures().written, log.figures().failures), (2, 1));
    append(&log, &["4"]);
    assert_eq!(read(&mut reader), 1);
    reader.lost(usize::MAX);
    assert_eq!((log.figures().written, log.figures().failures), (2, 2));
}

#[test]
fn many_events_come_in_parts_in_their_order() {
    let (log, mut reader) = reader(json!({}));
    let outputs: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
    for some in outputs.chunks(7) {
        append(&log, &some.iter().map(String::as_str).collect::<Vec<_>>());
    }
    assert!(log.close(PATIENCE));
    let (mut parts, mut found) = (0, Vec::new());
    while let Found::Lines(text, _) = reader.next(PATIENCE) {
        parts += 1;
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: Json = serde_json::from_slice(line).unwrap();
            found.push(line["eventAttributes"]["output"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(found, outputs);
    assert!(parts > 10, "{parts}");
}

#[test]
fn a_full_queue_waits_for_its_reader() {
    let (log, mut reader) = reader(json!({"event-log.queue-size": 2}));
    let (said, heard) = mpsc::channel();
    std::thread::scope(|scope| {
        let log = &log;
        scope.spawn(move || {
            for _ in 0..50 {
                append(log, &["1", "2"]);
            }
            said.send(()).unwrap();
        });
        let mut lines = 0;
        while lines < 98 {
            assert!(heard.try_recv().is_err(), "nobody has made room");
            lines += read(&mut reader);
        }
        heard.recv().unwrap();
        while lines < 100 {
            lines += read(&mut reader);
        }
    });
    assert_eq!(log.figures().dropped, 0);
}

#[test]
fn a_full_queue_drops_and_counts_where_it_is_told_to() {
    let (log, mut reader) = reader(json!({"event-log.queue-size": 2, "event-log.on-full": "drop"}));
    append(&log, &["1"]);
    append(&log, &["2"]);
    append(&log, &["3"]);
    assert_eq!(log.figures().dropped, 1);
    assert_eq!(read(&mut reader), 2);
    append(&log, &["4"]);
    assert_eq!(read(&mut reader), 1);
    assert_eq!(log.figures().written, 3);
}

#[test]
fn who_is_cancelled_waits_no_longer() {
    let (log, _reader) = reader(json!({"event-log.queue-size": 1}));
    append(&log, &["1"]);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| append(&log, &["2"]));
        log.hurry();
        waiting.join().unwrap();
    });
    append(&log, &["3"]);
    assert_eq!(log.figures().dropped, 2);
}

#[test]
fn attributes_that_cannot_be_read_are_counted_and_said() {
    let (log, mut reader) = reader(json!({}));
    let entry = Entry {
        time: (0, 0),
        level: Level::Standard,
        id: EventId(1),
        event_type: "broken".into(),
        upstream: None,
        context: None,
        lifecycle: None,
    };
    log.append(&mut vec![entry.clone(), entry], &[12, 1, 200]);
    append(&log, &["1"]);
    // What is left of the part that was handed over with them is lost, what comes after it is not.
    assert!(log.close(PATIENCE));
    while !matches!(reader.next(PATIENCE), Found::End) {}
    assert!(log.figures().failures >= 2);
    assert!(log.report().unwrap().contains("broken"));
    assert_eq!(log.figures().failures + log.figures().written, 3);
}
