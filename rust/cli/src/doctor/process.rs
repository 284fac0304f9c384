//! Programs that are asked something, for a limited time.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What a program said.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) success: bool,
    pub(super) output: String,
    pub(super) errors: String,
}

impl Said {
    /// What it complained of, or printed: its last lines.
    pub(super) fn last_words(&self) -> String {
        let text = if self.errors.trim().is_empty() {
            &self.output
        } else {
            &self.errors
        };
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(6)..].join("\n")
    }
}

/// Runs a program to its end, and ends it after `limit`.
///
/// # Errors
/// When it cannot be started, or takes longer.
pub(super) fn run(program: &str, arguments: &[&str], limit: Duration) -> Result<Said, String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let (sender, told) = mpsc::channel();
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as _),
        child.stderr.take().map(|stream| Box::new(stream) as _),
    ];
    for (number, stream) in streams.into_iter().enumerate() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(stream) = stream {
                let _ = stream.take(1 << 20).read_to_end(&mut bytes);
            }
            let _ = sender.send((number, String::from_utf8_lossy(&bytes).into_owned()));
        });
    }
    let until = Instant::now() + limit;
    let mut texts = [String::new(), String::new()];
    let mut heard = 0;
    while heard < texts.len() {
        let Ok((number, text)) = told.recv_timeout(until.saturating_duration_since(Instant::now())) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("it did not end within {} s", limit.as_secs()));
        };
        texts[number] = text;
        heard += 1;
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let [output, errors] = texts;
    Ok(Said {
        success: status.success(),
        output,
        errors,
    })
}
