//! What tests of several commands need.
#![allow(clippy::unwrap_used)]
#![allow(dead_code)] // Not every test needs all of it.

pub mod doctor;

use flink_agents_cli::{Answer, EXIT_DONE, EXIT_USAGE, main};
use std::fs;
use std::path::PathBuf;

/// A directory that goes with the test.
pub struct Directory(PathBuf);

impl Directory {
    /// A new one.
    pub fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("flink-agents-cli-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    /// Its own path.
    pub fn path(&self) -> String {
        self.0.to_str().unwrap().to_owned()
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// A file in it, with a text.
    pub fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).unwrap();
        self.file(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a command.
pub fn call(words: &[&str]) -> Answer {
    main(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
}

/// What it says; it has nothing to complain of.
pub fn done(words: &[&str]) -> String {
    let answer = call(words);
    assert_eq!((answer.status, answer.errors.as_str()), (EXIT_DONE, ""), "{words:?}");
    answer.output
}

/// What it says of arguments that are wrong.
pub fn refused(words: &[&str]) -> String {
    let answer = call(words);
    assert_eq!(
        (answer.status, answer.output.as_str()),
        (EXIT_USAGE, ""),
        "{words:?}: {}",
        answer.errors
    );
    answer.errors
}
