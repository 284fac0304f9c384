//! A log in files: the one that is written, and those before it, numbered from the youngest.

use super::drain::Drain;
use super::queue::Taken;
use flink_agents_core::event_log::Place;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a writer with nothing to do sleeps at most.
const NAP: Duration = Duration::from_secs(60);
/// How often a file that may be gone is looked for, or opened again.
const LOOK: Duration = Duration::from_secs(1);
/// Bytes of the name of a task in that of a file: a chain of operators may have a name longer than a file may.
const MOST_OF_TASK: usize = 160;

pub(super) struct FileSink {
    path: PathBuf,
    file: Option<File>,
    /// Bytes in it.
    size: u64,
    most: u64,
    files: u32,
    look: Duration,
    looked: Instant,
}

impl FileSink {
    /// Opens the file of a subtask, with what it has already. Where that cannot be, the sink tries again as it writes; the reason
    /// comes with it.
    pub(super) fn open(directory: &Path, place: &Place, most: u64, files: u32) -> (FileSink, Option<io::Error>) {
        let mut sink = FileSink {
            path: directory.join(name_of(place)),
            file: None,
            size: 0,
            most,
            files,
            look: LOOK,
            looked: Instant::now(),
        };
        let failure = sink.make().err();
        (sink, failure)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    #[cfg(test)]
    pub(super) fn look_always(&mut self) {
        self.look = Duration::ZERO;
    }

    /// Bytes until the next file.
    pub(super) fn room(&self) -> u64 {
        self.most.saturating_sub(self.size)
    }

    /// Writes whole lines.
    ///
    /// # Errors
    /// When they are not in the file; nothing of them is, then, if the system lets take it back.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.find()?;
        if self.size >= self.most {
            self.rotate()?;
        }
        let Some(file) = &mut self.file else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it is not open"));
        };
        match file.write_all(lines) {
            Ok(()) => {
                self.size += lines.len() as u64;
                Ok(())
            }
            Err(error) => {
                // Half a line would spoil the next one, too. Devices cannot be cut.
                _ = file.set_len(self.size);
                Err(error)
            }
        }
    }

    /// Opens the file again if somebody has taken it away.
    fn find(&mut self) -> io::Result<()> {
        if self.looked.elapsed() < self.look {
            return Ok(());
        }
        self.looked = Instant::now();
        let same = |file: &File| -> io::Result<bool> {
            let (ours, there) = (file.metadata()?, fs::metadata(&self.path)?);
            Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino()))
        };
        if self.file.as_ref().is_some_and(|file| same(file).unwrap_or(false)) {
            return Ok(());
        }
        self.make()
    }

    /// Makes the directory if need be, and the file.
    fn make(&mut self) -> io::Result<()> {
        self.file = None;
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        self.reopen()
    }

    fn reopen(&mut self) -> io::Result<()> {
        let (file, size) = open(&self.path)?;
        self.file = Some(file);
        self.size = size;
        Ok(())
    }

    /// Begins the next file; the oldest goes.
    fn rotate(&mut self) -> io::Result<()> {
        self.file = None;
        if self.files == 1 {
            _ = fs::remove_file(&self.path);
        }
        for number in (1..self.files).rev() {
            // Some are not there yet. Where renaming is not allowed, a file that is too large is better than none.
            _ = fs::rename(self.numbered(number - 1), self.numbered(number));
        }
        self.reopen()
    }

    /// The file that was written so many files ago.
    fn numbered(&self, number: u32) -> PathBuf {
        if number == 0 {
            self.path.clone()
        } else {
            self.path.with_extension(format!("{number}.log"))
        }
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

/// `events-<job>-<task>-<subtask>.log`, without characters that file systems do not take.
pub(super) fn name_of(place: &Place) -> String {
    let clean = |text: &str| -> String {
        let kept = |c: char| !c.is_control() && !r#"\/:*?"<>|"#.contains(c);
        text.chars().map(|c| if kept(c) { c } else { '_' }).collect()
    };
    let mut task = clean(&place.task);
    let fits = |(at, c): &(usize, char)| at + c.len_utf8() <= MOST_OF_TASK;
    let end = task
        .char_indices()
        .take_while(fits)
        .last()
        .map_or(0, |(at, c)| at + c.len_utf8());
    task.truncate(end);
    format!("events-{}-{task}-{}.log", clean(&place.job), place.subtask)
}

/// What is said, once, when a file cannot be written.
pub(super) fn cannot_be_written(path: &Path, error: &io::Error) -> String {
    format!(
        "The event log {} cannot be written: {error}. The job goes on; events that are missing in it are counted by eventLogWriteFailures. It is tried again: give its directory (option baseLogDir), which has to be one that exists or can be made where the tasks run, room and rights. event-log.level: OFF runs without an event log",
        path.display()
    )
}

/// Writes all that comes, until the log is closed. `told`: that it cannot be written is known already.
pub(super) fn write_all(mut drain: Drain, mut sink: FileSink, mut told: bool) {
    let mut lost = 0;
    loop {
        match drain.next(NAP, sink.room()) {
            Taken::Some => {}
            Taken::Nothing => continue,
            Taken::Closed => break,
        }
        let lines = drain.ends.len() as u64;
        if lines == 0 {
            continue;
        }
        let outcome = if drain.queue().is_given_up() {
            Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "it took too long when the task ended",
            ))
        } else {
            sink.write(&drain.block)
        };
        match outcome {
            Ok(()) => {
                drain.queue().written(lines);
                if told {
                    let path = sink.path().display();
                    drain.queue().tell(format!(
                        "The event log {path} is written again; {lost} events are missing in it"
                    ));
                    (told, lost) = (false, 0);
                }
            }
            Err(error) => {
                drain.queue().failed(lines);
                if !told {
                    drain.queue().tell(cannot_be_written(sink.path(), &error));
                    told = true;
                }
                lost += lines;
            }
        }
    }
    drain.queue().end();
}
