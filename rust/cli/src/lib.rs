//! The command `flink-agents`, as far as it is the same everywhere: the console script of the wheel and the main class of the
//! jar hand over their arguments, print what comes back, and exit with the code that comes with it.
//!
//! *Constraint*: nothing here prints, exits, or asks a terminal. Each command has a file of its own and a row in [`COMMANDS`].
#![forbid(unsafe_code)]

mod arguments;
mod backends;
mod doctor;
mod letters;
mod store;
mod trace;

/// What the front end prints, and the status it exits with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// One of the `EXIT_` constants.
    pub status: u8,
    /// For standard output, line ends included.
    pub output: String,
    /// For standard error, line ends included.
    pub errors: String,
}

/// It was done, and nothing is wrong.
pub const EXIT_DONE: u8 = 0;
/// It was done, and what was looked at is not as it should be.
pub const EXIT_WRONG: u8 = 1;
/// Arguments or configuration are wrong; nothing was done.
pub const EXIT_USAGE: u8 = 2;
/// It could not be done.
pub const EXIT_FAILED: u8 = 3;

/// Name and purpose of every command.
pub const COMMANDS: &[(&str, &str)] = &[
    (
        "dead-letters",
        "shows dead letters, and gives their inputs to be fed in again",
    ),
    (
        "doctor",
        "looks at what jobs need, here and on a cluster, and says how to mend it",
    ),
    (
        "store",
        "looks into the store of a journal, checks it, makes it smaller",
    ),
    ("trace", "shows what became of the runs that event logs tell of"),
    (
        "trace-tree",
        "prints trees of events, as the command flink-agents-trace-tree does",
    ),
];

impl Answer {
    fn done(output: String) -> Answer {
        Answer {
            output,
            ..Answer::default()
        }
    }

    fn error(status: u8, text: &str) -> Answer {
        Answer {
            status,
            errors: format!("flink-agents: {text}\n"),
            ..Answer::default()
        }
    }
}

/// Runs a command: its name and its arguments, without the name of the program. Blocks until it is done.
pub fn main(words: &[String]) -> Answer {
    match words.split_first() {
        Some((name, rest)) if name == "dead-letters" => letters::run(rest),
        Some((name, rest)) if name == "doctor" => doctor::run(rest),
        Some((name, rest)) if name == "store" => store::run(rest),
        Some((name, rest)) if name == "trace" => trace::run(rest),
        Some((name, rest)) if name == "trace-tree" => trace::run_tree(rest),
        Some((help, _)) if matches!(help.as_str(), "-h" | "--help" | "help") => Answer::done(usage()),
        Some((name, _)) => Answer::error(EXIT_USAGE, &format!("there is no command '{name}'.\n\n{}", usage())),
        None => Answer {
            status: EXIT_USAGE,
            errors: usage(),
            ..Answer::default()
        },
    }
}

fn usage() -> String {
    let mut text = String::from("flink-agents COMMAND …\n\n");
    for (name, purpose) in COMMANDS {
        text.push_str(&format!("  {name:<12} {purpose}\n"));
    }
    text.push_str("\n`flink-agents COMMAND --help` says more.\n");
    text
}
