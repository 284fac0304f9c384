//! The process of a worker.

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What to start, as far as the process is concerned.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// Program and arguments; the socket's path is put behind.
    pub command: Vec<String>,
    /// Variables that are set, or removed, for the worker.
    pub environment: Vec<(String, Option<String>)>,
    /// Working directory; the host's own if there is none.
    pub directory: Option<String>,
}

/// A process with all those it started in its group.
pub(crate) struct Process {
    child: Child,
    status: Option<ExitStatus>,
}

impl Process {
    pub(crate) fn start(program: &Program, socket: &Path, output: io::PipeWriter) -> io::Result<Process> {
        let (first, rest) = program
            .command
            .split_first()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "there is no program"))?;
        let mut command = Command::new(first);
        command
            .args(rest)
            .arg(socket)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Its own group: what it started can be ended with it, and a Ctrl-C is the host's affair.
            .process_group(0);
        for (name, value) in &program.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(directory) = &program.directory {
            command.current_dir(directory);
        }
        Ok(Process {
            child: command.spawn()?,
            status: None,
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has. What it started ends with it.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
        if self.status.is_none()
            && let Some(process) = Pid::from_raw(self.child.id() as i32)
        {
            let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            if !matches!(waitid(WaitId::Pid(process), look), Ok(None)) {
                // While it is not reaped its number belongs to nobody else.
                self.kill_group();
                self.status = self.child.wait().ok();
            }
        }
        self.status
    }

    fn kill_group(&self) {
        if let Some(group) = rustix::process::Pid::from_raw(self.child.id() as i32) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }

    /// Waits for its end, but no longer than `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + limit;
        let mut pause = Duration::from_millis(1);
        while self.ended().is_none() && Instant::now() < until {
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
        self.status
    }

    /// Ends it and all processes of its group, and reaps it.
    pub(crate) fn kill(&mut self) {
        if self.ended().is_none() {
            self.kill_group();
            // It may have left its group.
            let _ = self.child.kill();
            self.status = self.child.wait().ok();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Resident memory of a process in bytes.
pub(crate) fn resident(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// How a process ended, for people.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => "was killed by signal 9 (SIGKILL): by somebody, or by the system for want of memory".to_owned(),
        (Some(signal), _) => {
            let name = match signal {
                4 => " (SIGILL)",
                6 => " (SIGABRT)",
                7 => " (SIGBUS)",
                8 => " (SIGFPE)",
                11 => " (SIGSEGV)",
                15 => " (SIGTERM)",
                _ => "",
            };
            format!("was killed by signal {signal}{name}")
        }
        (None, Some(code)) => format!("exited with status {code}"),
        (None, None) => "ended".to_owned(),
    }
}
