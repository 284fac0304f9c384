//! The writer of the event log. A host hands over events with their attributes encoded; lines are made and written on another
//! thread: one of this module for files, one of the host for what it takes as [`LineReader`].
//!
//! *Owned state*: a bounded queue, the figures, the thread and the file of a [`file`] sink. *Lifecycle*: from [`EventLog::open`]
//! to [`EventLog::close`], which writes what is left. *Constraint*: a log that cannot be written, from the start or later, loses
//! lines, counts them, says so once and tries again; it neither blocks nor fails who opens it or appends. One that is slow blocks,
//! or drops, as `event-log.on-full` says.

mod drain;
mod file;
mod headers;
mod keys;
mod queue;
#[cfg(test)]
mod tests;

pub use drain::{Found, LineReader};
pub use headers::Headers;
pub use keys::Keys;

use drain::Drain;
use file::FileSink;
use flink_agents_core::config::{ConfigError, ConfigMap};
use flink_agents_core::event_log::{Entry, Lines, Place, Settings};
use queue::Queue;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const DEFAULT_QUEUE: usize = 65_536;
const DEFAULT_FILE_SIZE: u64 = 100 << 20;
const DEFAULT_FILES: u32 = 10;
/// Name of the directory of files that have none, below that for temporary files.
const DEFAULT_DIRECTORY: &str = "flink-agents";

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sink {
    /// To whoever has the [`LineReader`].
    Reader,
    /// To a file of the subtask in this directory.
    Directory(PathBuf),
}

/// What the configuration says of a log.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is logged, and how.
    pub lines: Settings,
    /// Where it goes.
    pub sink: Sink,
    /// Events that may wait for the writer.
    pub queue_size: usize,
    /// Whether events are dropped, and not waited for, when there is no room.
    pub drop_when_full: bool,
    /// Bytes at which a file is followed by the next.
    pub max_file_size: u64,
    /// Files kept.
    pub max_files: u32,
}

impl Options {
    /// Reads the options of the event log.
    ///
    /// # Errors
    /// When a value is none of its option.
    pub fn read(config: &ConfigMap, temporary: &Path) -> Result<Options, ConfigError> {
        let directory = config.get_text("baseLogDir")?.filter(|text| !text.trim().is_empty());
        let sink = match directory {
            Some(directory) => Sink::Directory(directory.into()),
            None if config.get_enum("eventLoggerType")? == Some("file") => {
                Sink::Directory(temporary.join(DEFAULT_DIRECTORY))
            }
            None => Sink::Reader,
        };
        let count = |key: &str| Ok(config.get_int(key)?.and_then(|number| u32::try_from(number).ok()));
        Ok(Options {
            lines: Settings::read(config)?,
            sink,
            queue_size: count("event-log.queue-size")?.map_or(DEFAULT_QUEUE, |size| size as usize),
            drop_when_full: config.get_enum("event-log.on-full")? == Some("drop"),
            max_file_size: config
                .get_size("event-log.max-file-size")?
                .unwrap_or(DEFAULT_FILE_SIZE)
                .max(1),
            max_files: count("event-log.max-files")?.unwrap_or(DEFAULT_FILES).max(1),
        })
    }
}

/// What happened to events so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Lines that were written, or taken by the reader.
    pub written: u64,
    /// Of them, those with something cut.
    pub truncated: u64,
    /// Events that could not be shown or written.
    pub failures: u64,
    /// Events dropped because the queue was full.
    pub dropped: u64,
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no thread for it.
    #[error("The event log has no thread to write with: {0}. `event-log.level: OFF` runs without an event log")]
    Thread(std::io::Error),
}

/// An open log. Appending is for one thread at a time; everything else is for any.
#[derive(Debug)]
pub struct EventLog {
    queue: Arc<Queue>,
    writer: Mutex<Option<JoinHandle<()>>>,
    path: Option<PathBuf>,
}

impl EventLog {
    /// Opens the log of an agent. There is a reader if [`Options::sink`] is one. Where a file cannot be written there is a
    /// [`EventLog::report`] at once.
    ///
    /// # Errors
    /// When there is no thread to write with.
    pub fn open(options: &Options, place: &Place, agent: &str) -> Result<(EventLog, Option<LineReader>), OpenError> {
        let queue = Arc::new(Queue::new(options.queue_size, options.drop_when_full));
        match &options.sink {
            Sink::Reader => {
                let lines = Lines::new(&options.lines, Some(place), agent);
                let log = EventLog {
                    queue: Arc::clone(&queue),
                    writer: Mutex::new(None),
                    path: None,
                };
                Ok((log, Some(LineReader::new(Drain::new(queue, lines)))))
            }
            Sink::Directory(directory) => {
                let (sink, failure) = FileSink::open(directory, place, options.max_file_size, options.max_files);
                let path = sink.path().to_owned();
                let fails = failure.is_some();
                if let Some(error) = failure {
                    queue.tell(file::cannot_be_written(&path, &error));
                }
                let drain = Drain::new(Arc::clone(&queue), Lines::new(&options.lines, None, agent));
                let writer = std::thread::Builder::new()
                    .name("flink-agents-event-log".to_owned())
                    .spawn(move || file::write_all(drain, sink, fails))
                    .map_err(OpenError::Thread)?;
                let log = EventLog {
                    queue,
                    writer: Mutex::new(Some(writer)),
                    path: Some(path),
                };
                Ok((log, None))
            }
        }
    }

    /// The file, if there is one.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Hands over events; `attributes` has those of each, one after another, as values without version bytes. Waits for
    /// room, or drops them all, as the options say. Says whether there is a [`EventLog::report`].
    pub fn append(&self, entries: &mut Vec<Entry>, attributes: &[u8]) -> bool {
        self.queue.append(entries, attributes)
    }

    /// Counts events that the host could not show.
    pub fn failed(&self, events: u64) {
        self.queue.failed(events);
    }

    /// What happened so far.
    pub fn figures(&self) -> Figures {
        self.queue.figures()
    }

    /// Something that who runs the job should know, once.
    pub fn report(&self) -> Option<String> {
        self.queue.report()
    }

    /// Nobody waits for room any more: the host is being cancelled.
    pub fn hurry(&self) {
        self.queue.hurry();
    }

    /// No event follows. Waits for a file's writer to write what is left, at most as long as `patience`; then the rest is
    /// given up. Says whether the writer has ended. A reader gets what is left, then nothing more.
    pub fn close(&self, patience: Duration) -> bool {
        self.queue.close();
        let mut writer = self.writer.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if writer.is_none() {
            return true;
        }
        if !self.queue.wait_for_end(patience) {
            return false;
        }
        if let Some(writer) = writer.take() {
            // It has said that it is at its end.
            _ = writer.join();
        }
        true
    }
}

impl Drop for EventLog {
    /// Waits for the writer: the code that it runs may be about to be unloaded.
    fn drop(&mut self) {
        self.queue.close();
        self.queue.give_up();
        let writer = self.writer.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(writer) = writer.take() {
            _ = writer.join();
        }
    }
}
