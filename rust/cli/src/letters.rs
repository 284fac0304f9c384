//! `flink-agents dead-letters`: what became of inputs whose actions failed for good, and those inputs, to be fed in again.
//!
//! A file has one letter a line, as `DeadLetter.toJson` of Java writes them.

use crate::arguments::value_of;
use crate::{Answer, EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_WRONG};
use flink_agents_core::letter::CUT;
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};

const USAGE: &str = "\
flink-agents dead-letters [OPTION…] FILE…

Shows the dead letters in files of JSON, one letter a line, or gives their inputs to be fed in again. - is standard input.

  --format text         for a terminal (default)
  --format json         the letters, one a line
  --format inputs       the input of each, one a line, in the order of the letters. An input that several letters tell of, since
                        several actions of its run failed, is given once
  --keys                inputs: the key and a tab before each
  --raw                 inputs: what is a text is written as it is, not as JSON

Which letters (all that is given has to hold):
  --action NAME         of this action
  --key KEY             of this key
  --error TEXT          with TEXT in the class or message of the exception, in whatever case

  -h, --help            this text

Exit status: 0 done, also with warnings; 1 some inputs are not whole, and were left out; 2 wrong arguments; 3 nothing could be read.
";

/// Characters shown of an input on a terminal.
const SHOWN: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Format {
    #[default]
    Text,
    Json,
    Inputs,
}

#[derive(Debug, Default)]
struct Request {
    files: Vec<String>,
    format: Format,
    keys: bool,
    raw: bool,
    action: Option<String>,
    key: Option<String>,
    error: Option<String>,
}

type Letter = Map<String, Value>;

/// Runs `dead-letters`.
pub(crate) fn run(words: &[String]) -> Answer {
    if words.iter().any(|word| word == "-h" || word == "--help") {
        return Answer::done(USAGE.to_owned());
    }
    let request = match parse(words) {
        Ok(request) => request,
        Err(text) => return Answer::error(EXIT_USAGE, &format!("dead-letters: {text}\n\n{USAGE}")),
    };
    let mut letters = Vec::new();
    let mut warnings = String::new();
    let mut read = false;
    for file in &request.files {
        match letters_of(file, &request, &mut letters) {
            Ok(None) => read = true,
            Ok(Some(warning)) => {
                read = true;
                warnings.push_str(&format!("flink-agents: dead-letters: {file}: {warning}\n"));
            }
            Err(error) => warnings.push_str(&format!("flink-agents: dead-letters: {file} cannot be read: {error}\n")),
        }
    }
    let mut answer = match request.format {
        Format::Text => Answer::done(shown(&letters)),
        Format::Json => Answer::done(
            letters
                .iter()
                .map(|letter| line(&Value::from(letter.clone())))
                .collect(),
        ),
        Format::Inputs => inputs(&request, &letters),
    };
    if !read {
        answer.status = EXIT_FAILED;
    }
    answer.errors = warnings + &answer.errors;
    answer
}

fn parse(words: &[String]) -> Result<Request, String> {
    let mut request = Request::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if let Some(name) = value_of("--format", word, &mut rest)? {
            request.format = match name.as_str() {
                "text" => Format::Text,
                "json" => Format::Json,
                "inputs" => Format::Inputs,
                _ => return Err(format!("there is no format '{name}': text, json or inputs")),
            };
        } else if let Some(name) = value_of("--action", word, &mut rest)? {
            request.action = Some(name);
        } else if let Some(text) = value_of("--error", word, &mut rest)? {
            request.error = Some(text.to_lowercase());
        } else if word == "--keys" {
            request.keys = true;
        } else if let Some(key) = value_of("--key", word, &mut rest)? {
            request.key = Some(key);
        } else if word == "--raw" {
            request.raw = true;
        } else if word.starts_with('-') && word != "-" {
            return Err(format!("there is no option {word}"));
        } else {
            request.files.push(word.clone());
        }
    }
    if request.files.is_empty() {
        return Err("which files?".to_owned());
    }
    if (request.keys || request.raw) && request.format != Format::Inputs {
        return Err("--keys and --raw are of --format inputs".to_owned());
    }
    Ok(request)
}

/// Adds the letters of a file that are asked for; returns a warning about lines that are none.
fn letters_of(file: &str, request: &Request, letters: &mut Vec<Letter>) -> Result<Option<String>, std::io::Error> {
    let source: Box<dyn BufRead> = match file {
        "-" => Box::new(std::io::stdin().lock()),
        _ => Box::new(BufReader::new(File::open(file)?)),
    };
    let (mut strange, mut first) = (0, 0);
    for (number, line) in source.split(b'\n').enumerate() {
        let line = line?;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(Value::Object(letter)) if letter.contains_key("action") && letter.contains_key("error_message") => {
                if is_asked_for(request, &letter) {
                    letters.push(letter);
                }
            }
            _ => {
                strange += 1;
                first = if strange == 1 { number + 1 } else { first };
            }
        }
    }
    Ok(match strange {
        0 => None,
        1 => Some(format!("line {first} is no dead letter, and is passed over")),
        _ => Some(format!(
            "{strange} lines are no dead letters, and are passed over; line {first} is the first"
        )),
    })
}

fn is_asked_for(request: &Request, letter: &Letter) -> bool {
    let is = |name: &str, wanted: &Option<String>| wanted.as_ref().is_none_or(|wanted| text(letter, name) == *wanted);
    let error = format!("{}\n{}", text(letter, "error_type"), text(letter, "error_message")).to_lowercase();
    is("action", &request.action)
        && is("key", &request.key)
        && request.error.as_ref().is_none_or(|wanted| error.contains(wanted))
}

/// A field as text; empty if it is missing or null.
fn text(letter: &Letter, name: &str) -> String {
    match letter.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

fn shown(letters: &[Letter]) -> String {
    let mut output = String::new();
    for letter in letters {
        let field = |name| text(letter, name);
        let error = match field("error_type") {
            kind if kind.is_empty() => field("error_message"),
            kind => format!("{kind}: {}", field("error_message")),
        };
        let input = letter.get("input").map(Value::to_string).unwrap_or_default();
        let mut short: String = input.chars().take(SHOWN).collect();
        if short.len() < input.len() {
            short.push('…');
        }
        output.push_str(&format!(
            "action {}, key {}, {} attempts, event {}\n  {}\n  input {short}\n",
            field("action"),
            field("key"),
            field("attempts"),
            field("event_type"),
            error.replace('\n', "\n  "),
        ));
    }
    let letters = letters.len();
    output.push_str(&format!(
        "{letters} dead letter{}\n",
        if letters == 1 { "" } else { "s" }
    ));
    output
}

/// The inputs, to be fed in again.
fn inputs(request: &Request, letters: &[Letter]) -> Answer {
    let mut output = String::new();
    let mut seen = HashSet::new();
    let mut left_out = 0;
    for letter in letters {
        let input = letter.get("input").unwrap_or(&Value::Null);
        let key = text(letter, "key");
        let event = text(letter, "input_event_id");
        if !event.is_empty() && !seen.insert(event) {
            continue;
        }
        if input.is_null() || input.as_str().is_some_and(|text| text.contains(CUT)) {
            left_out += 1;
            continue;
        }
        if request.keys {
            output.push_str(&key);
            output.push('\t');
        }
        match input {
            Value::String(text) if request.raw => {
                output.push_str(text);
                output.push('\n');
            }
            other => output.push_str(&line(other)),
        }
    }
    let mut answer = Answer::done(output);
    answer.status = if left_out == 0 { EXIT_DONE } else { EXIT_WRONG };
    if left_out > 0 {
        answer.errors = format!(
            "flink-agents: dead-letters: {left_out} inputs are left out, since their letters do not have the whole of them: raise action-state.max-record-size for those to come\n"
        );
    }
    answer
}
