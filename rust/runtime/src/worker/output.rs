//! What a worker prints: its log, and its last words.
//!
//! Standard output and standard error share one pipe, so that lines keep their order. The worker's logging goes the same way,
//! so that it comes out also when nothing else works any more: a line that starts with the byte 1E, then a letter for the
//! level, the logger's name, 1F and the message, in which 1D stands for a line feed. What the line belongs to stands behind the
//! logger's name, each as 1C, name, `=` and value: `action`, `key`, `event`, `run`; hosts take it from there.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{PipeReader, Read};
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Lines kept for whoever asks how a worker ended.
const LAST_WORDS: usize = 20;
/// Lines kept for a host that is slow to log them.
const WAITING: usize = 10_000;
/// Of lines about the worker.
const LOGGER: &str = "flink_agents";
/// A longer line is cut.
const LONGEST: usize = 64 << 10;

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// For those who look for something.
    Debug,
    /// What was printed, too.
    Info,
    /// Worth a look.
    Warning,
    /// Something went wrong.
    Error,
}

/// A line of a worker's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How important it is.
    pub level: Level,
    /// Name of the logger, and behind it what the line belongs to, as above; empty for what was printed.
    pub logger: String,
    /// The message.
    pub text: String,
}

impl LogLine {
    fn parse(line: &[u8]) -> LogLine {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if let [0x1e, level, rest @ ..] = line
            && let Some(split) = rest.iter().position(|byte| *byte == 0x1f)
        {
            return LogLine {
                level: match level {
                    b'D' => Level::Debug,
                    b'W' => Level::Warning,
                    b'E' => Level::Error,
                    _ => Level::Info,
                },
                logger: text(&rest[..split]),
                text: text(&rest[split + 1..]).replace('\u{1d}', "\n"),
            };
        }
        LogLine {
            level: Level::Info,
            logger: String::new(),
            text: text(line),
        }
    }
}

#[derive(Default)]
struct Lines {
    waiting: VecDeque<LogLine>,
    dropped: u64,
    last: VecDeque<String>,
    ended: bool,
}

/// The lines of one worker.
#[derive(Default)]
pub(crate) struct Output {
    lines: Mutex<Lines>,
    changed: Condvar,
}

impl Output {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn add(&self, line: &[u8]) {
        self.put(LogLine::parse(line));
    }

    /// Adds a line that the worker cannot write itself.
    pub(crate) fn warn(&self, text: String) {
        self.put(LogLine {
            level: Level::Warning,
            logger: LOGGER.to_owned(),
            text,
        });
    }

    fn put(&self, line: LogLine) {
        let mut lines = self.lines();
        if lines.last.len() == LAST_WORDS {
            lines.last.pop_front();
        }
        lines.last.push_back(line.text.clone());
        if lines.waiting.len() == WAITING {
            lines.waiting.pop_front();
            lines.dropped += 1;
        }
        lines.waiting.push_back(line);
        self.changed.notify_all();
    }

    /// Reads until the pipe ends or `stop` does.
    pub(crate) fn read_from(&self, pipe: PipeReader, stop: PipeReader) {
        let mut line = Vec::new();
        let mut bytes = [0; 8192];
        let mut pipe = File::from(std::os::fd::OwnedFd::from(pipe));
        loop {
            let mut ready = [
                rustix::event::PollFd::from_borrowed_fd(pipe.as_fd(), rustix::event::PollFlags::IN),
                rustix::event::PollFd::from_borrowed_fd(stop.as_fd(), rustix::event::PollFlags::IN),
            ];
            match rustix::event::poll(&mut ready, None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => break,
            }
            if ready[0].revents().is_empty() {
                // Only the stop is ready: a process that the worker left behind keeps the pipe open.
                break;
            }
            match pipe.read(&mut bytes) {
                Ok(0) => break,
                Ok(count) => {
                    for byte in &bytes[..count] {
                        if *byte == b'\n' {
                            self.add(&line);
                            line.clear();
                        } else if line.len() < LONGEST {
                            line.push(*byte);
                        }
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if !line.is_empty() {
            self.add(&line);
        }
        self.lines().ended = true;
        self.changed.notify_all();
    }

    /// Waits until everything that was printed has been read, but no longer than `limit`.
    pub(crate) fn wait_for_end(&self, limit: Duration) {
        let lines = self.lines();
        let _ = self.changed.wait_timeout_while(lines, limit, |lines| !lines.ended);
    }

    /// The last lines, each indented.
    pub(crate) fn last_words(&self) -> String {
        let lines = self.lines();
        lines.last.iter().map(|line| format!("\n    {line}")).collect()
    }

    /// Lines that nobody has taken yet; waits for some, but no longer than `limit`. `None` when there will be none any more.
    pub(crate) fn take(&self, limit: Duration) -> Option<Vec<LogLine>> {
        let lines = self.lines();
        let idle = |lines: &mut Lines| lines.waiting.is_empty() && !lines.ended;
        let mut lines = match self.changed.wait_timeout_while(lines, limit, idle) {
            Ok((lines, _)) => lines,
            Err(poisoned) => poisoned.into_inner().0,
        };
        if lines.waiting.is_empty() && lines.ended {
            return None;
        }
        let mut taken = Vec::with_capacity(lines.waiting.len() + 1);
        if lines.dropped > 0 {
            taken.push(LogLine {
                level: Level::Warning,
                logger: String::new(),
                text: format!(
                    "{} lines of this worker were dropped: it logs faster than they are taken",
                    lines.dropped
                ),
            });
            lines.dropped = 0;
        }
        taken.extend(lines.waiting.drain(..));
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_carry_level_logger_and_line_feeds() {
        let line = LogLine::parse(b"\x1eWmy.logger\x1ffirst\x1dsecond");
        assert_eq!(
            (line.level, line.logger.as_str(), line.text.as_str()),
            (Level::Warning, "my.logger", "first\nsecond")
        );
        let printed = LogLine::parse(b"\x1eno separator \xff");
        assert_eq!((printed.level, printed.logger.as_str()), (Level::Info, ""));
        assert!(printed.text.ends_with('\u{fffd}'));
    }

    #[test]
    fn a_flood_of_lines_is_bounded_and_told() {
        let output = Output::default();
        for line in 0..WAITING + 5 {
            output.add(line.to_string().as_bytes());
        }
        let lines = output.take(Duration::ZERO).unwrap();
        assert_eq!(lines.len(), WAITING + 1);
        assert!(lines[0].text.starts_with("5 lines"));
        assert_eq!(lines[1].text, "5");
        assert!(
            output
                .last_words()
                .starts_with(&format!("\n    {}", WAITING + 5 - LAST_WORDS))
        );
    }
}
