//! `flink-agents store inspect | verify | compact`.

use crate::arguments::{Configuration, value_of};
use crate::backends;
use crate::{Answer, EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_WRONG};
use flink_agents_core::config::parse_duration;
use flink_agents_runtime::store::StoreError;
use flink_agents_runtime::store::tool::{Tool, json};
use std::time::Duration;

const USAGE: &str = "\
flink-agents store inspect [OPTION…] [FILE]
flink-agents store verify  [OPTION…] [FILE]
flink-agents store compact --plan|--apply [--abandoned AGE] [OPTION…] [FILE]

  inspect   what lies in the store: job lineages, claims, records, keys, bytes
  verify    reads everything, and says what is wrong with it
  compact   --plan: what would be removed; --apply: removes it and gives back the space

What compact removes are records that no checkpoint needs and that are older than action-state.retention; of a topic, what
a job has left of these when it ended, and what attempts wrote after others had taken over. With --abandoned AGE (such as
30d) also those of job lineages that have not claimed or written anything for so long: a restore of one of their savepoints
then finds history missing.

Where the store is:
  FILE                 the file of a sqlite store
  --config FILE        a configuration file of Flink; without it the one in the directory FLINK_CONF_DIR, if that is set
  -Dagent.KEY=VALUE    an option, above that file: actionStateStoreBackend, sqlite.path, kafkaBootstrapServers,
                       kafkaActionStateTopic, kafka.properties.…, action-state.retention, …

  --json               the report as one line of JSON
  -h, --help           this text

Exit status: 0 done; 1 verify found something wrong; 2 wrong arguments or configuration; 3 the store cannot be opened, read
or written. Jobs may go on meanwhile; only giving back space to the file system then fails, with
the reason.
";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Inspect,
    Verify,
    Compact,
}

#[derive(Debug)]
struct Request {
    verb: Verb,
    json: bool,
    /// Of compact: do it, or only say what would be done.
    apply: Option<bool>,
    abandoned: Option<Duration>,
    configuration: Configuration,
}

/// Runs it.
pub(crate) fn run(words: &[String]) -> Answer {
    if words.iter().any(|word| word == "-h" || word == "--help") || words.first().is_some_and(|word| word == "help") {
        return Answer::done(USAGE.to_owned());
    }
    let wrong = |text: String| {
        let hint = "`flink-agents store --help` says what there is.";
        Answer::error(EXIT_USAGE, &format!("store: {text}. {hint}"))
    };
    let Request {
        verb,
        json,
        apply,
        abandoned,
        configuration,
    } = match parse(words) {
        Ok(request) => request,
        Err(text) => return wrong(text),
    };
    let (config, warnings) = match configuration.read() {
        Ok(read) => read,
        Err(text) => return wrong(text),
    };
    let tool = match backends::of(&config) {
        Ok(tool) => tool,
        Err(text) => return wrong(text),
    };
    let mut answer = match report(&*tool, verb, json, apply == Some(true), abandoned) {
        Ok((status, output)) => Answer {
            status,
            output,
            ..Answer::default()
        },
        Err(error) => Answer::error(EXIT_FAILED, &error.to_string()),
    };
    let warnings = warnings.iter().map(|text| format!("flink-agents: warning: {text}\n"));
    answer.errors = warnings.collect::<String>() + &answer.errors;
    answer
}

fn report(
    tool: &dyn Tool,
    verb: Verb,
    as_json: bool,
    apply: bool,
    abandoned: Option<Duration>,
) -> Result<(u8, String), StoreError> {
    let text = |plain: String, json: String| if as_json { json + "\n" } else { plain };
    match verb {
        Verb::Inspect => {
            let report = tool.inspect()?;
            Ok((EXIT_DONE, text(report.to_string(), json(&report))))
        }
        Verb::Verify => {
            let report = tool.verify()?;
            let status = if report.is_right() { EXIT_DONE } else { EXIT_WRONG };
            Ok((status, text(report.to_string(), json(&report))))
        }
        Verb::Compact => {
            let report = tool.compact(apply, abandoned)?;
            Ok((EXIT_DONE, text(report.to_string(), json(&report))))
        }
    }
}

fn parse(words: &[String]) -> Result<Request, String> {
    let mut rest = words.iter();
    let verb = match rest.next().map(String::as_str) {
        Some("inspect") => Verb::Inspect,
        Some("verify") => Verb::Verify,
        Some("compact") => Verb::Compact,
        Some(other) => return Err(format!("'{other}' is none of inspect, verify, compact")),
        None => return Err("inspect, verify or compact".to_owned()),
    };
    let mut request = Request {
        verb,
        json: false,
        apply: None,
        abandoned: None,
        configuration: Configuration::default(),
    };
    let mut file: Option<&String> = None;
    let mut only_files = false;
    while let Some(word) = rest.next() {
        if only_files || !word.starts_with('-') {
            if let Some(first) = file.replace(word) {
                return Err(format!("{first} and {word}: one store at a time"));
            }
        } else if word == "--" {
            only_files = true;
        } else if word == "--json" {
            request.json = true;
        } else if verb == Verb::Compact && (word == "--plan" || word == "--apply") {
            let apply = word == "--apply";
            if request.apply.replace(apply).is_some_and(|before| before != apply) {
                return Err("--plan and --apply exclude each other".to_owned());
            }
        } else if verb == Verb::Compact
            && let Some(age) = value_of("--abandoned", word, &mut rest)?
        {
            let age = parse_duration(&age)
                .ok_or_else(|| format!("--abandoned {age} is no duration such as 30d, 12h, 90 min"))?;
            request.abandoned = Some(age);
        } else if !request.configuration.take(word, &mut rest)? {
            return Err(format!("there is no option {word} of {}", words[0]));
        }
    }
    if verb == Verb::Compact && request.apply.is_none() {
        return Err("compact needs --plan, to see what would be removed, or --apply".to_owned());
    }
    if let Some(file) = file {
        request.configuration.set(backends::BACKEND, "sqlite");
        request.configuration.set(backends::SQLITE_PATH, file);
    }
    Ok(request)
}
