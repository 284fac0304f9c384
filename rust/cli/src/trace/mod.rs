//! `flink-agents trace` and `flink-agents trace-tree`: what became of the runs that event logs tell of.
//!
//! All records are read once, for an [`index`]; what is shown of a run is read again from its place in the files, so that memory
//! does not grow with what events carry.

mod document;
mod files;
mod index;
mod page;
mod reader;
mod record;
mod runs;
mod text;
mod time;
mod tree;

use crate::arguments::value_of;
use crate::{Answer, EXIT_DONE, EXIT_FAILED, EXIT_USAGE};
use document::{Extent, Summary};
use index::{Index, NONE, Warning};
use runs::{Run, Runs, Status};
use std::fs::File;
use std::io::{self, BufWriter, Write};

const USAGE: &str = "\
flink-agents trace [OPTION…] FILE|DIRECTORY…

Rebuilds the runs that event logs tell of: which events an input caused, which actions took them, what failed, what was replayed.
Of a directory it reads events-*.log and *.event-log.log, rotated and packed ones (.gz) too. Records may be one a line or spread over
lines, of any jobs, in any order; what is no record is passed over, with a warning.

  --format text         for a terminal, the worst runs first (default)
  --format json         one JSON document
  --format html         one page that shows everything in a browser, without any network
  --out FILE            writes there, and not to standard output; a page of a large log needs no memory then

Which runs (all that is given has to hold):
  --failed              that failed, or had failures on the way
  --key KEY             of this business key (logs with execution records have it)
  --type NAME           with an event of this type, or an action, model or tool of this name
  --error TEXT          with TEXT in the class or message of a failure, in whatever case
  --since TIME          that ended then or later, such as 2026-01-31T03:00 or 2026-01-31T03:00:00.5Z (UTC)
  --until TIME          that began before
  --run ID              of the input event with this id, or the run with this id
  --limit N             at most N, failed ones first and then the youngest (text: 20, html: 10000, json: all)

  --payload BYTES       what events carry is cut after so many bytes (html: 4000, json: all)
  -h, --help            this text

Exit status: 0 done, also with warnings; 2 wrong arguments; 3 nothing could be read, or the output not written.
";

const TREE_USAGE: &str = "\
flink-agents-trace-tree [--format text|json] FILE|DIRECTORY

Prints the trees of events that begin with input events, as the command of this name of Apache Flink Agents does. `flink-agents trace`
shows more.

Exit status: 0 done, also with warnings; 2 wrong arguments.
";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Format {
    #[default]
    Text,
    Json,
    Html,
}

impl Format {
    fn parse(name: &str) -> Option<Format> {
        Some(match name {
            "text" => Format::Text,
            "json" => Format::Json,
            "html" => Format::Html,
            _ => return None,
        })
    }
}

/// Which runs are asked for.
#[derive(Debug, Default)]
struct Filter {
    failed: bool,
    key: Option<String>,
    name: Option<String>,
    error: Option<String>,
    since: Option<i64>,
    until: Option<i64>,
    id: Option<String>,
}

#[derive(Debug, Default)]
struct Request {
    paths: Vec<String>,
    format: Format,
    out: Option<String>,
    filter: Filter,
    limit: Option<usize>,
    payload: Option<usize>,
}

/// Runs `trace`.
pub(crate) fn run(words: &[String]) -> Answer {
    if asks_for_help(words) {
        return Answer::done(USAGE.to_owned());
    }
    let request = match parse(words) {
        Ok(request) => request,
        Err(text) => return wrong("trace", &text),
    };
    let index = Index::read(&request.paths);
    if index.files.is_empty() {
        return nothing_read(&index.warnings, &request.paths);
    }
    let mut answer = match answer(&request, &index) {
        Ok(answer) => answer,
        Err(text) => Answer::error(EXIT_FAILED, &format!("trace: {text}")),
    };
    answer.errors = lines(&index.warnings) + &answer.errors;
    answer
}

/// Runs `trace-tree`.
pub(crate) fn run_tree(words: &[String]) -> Answer {
    if asks_for_help(words) {
        return Answer::done(TREE_USAGE.to_owned());
    }
    let request = parse_tree(words);
    let (path, format) = match request {
        Ok(request) => request,
        Err(text) => return wrong("trace-tree", &text),
    };
    if !std::path::Path::new(&path).exists() {
        return wrong("trace-tree", &format!("there is no {path}"));
    }
    let index = Index::read(std::slice::from_ref(&path));
    let mut output = Vec::new();
    match tree::write(&mut output, &index, format == Format::Json) {
        Ok(warnings) => Answer {
            status: EXIT_DONE,
            output: String::from_utf8_lossy(&output).into_owned(),
            errors: lines(&warnings),
        },
        Err(error) => Answer::error(EXIT_FAILED, &format!("trace-tree: {error}")),
    }
}

fn asks_for_help(words: &[String]) -> bool {
    let options = words.iter().take_while(|word| *word != "--");
    words.first().is_some_and(|word| word == "help") || options.into_iter().any(|word| word == "-h" || word == "--help")
}

fn wrong(command: &str, text: &str) -> Answer {
    Answer::error(
        EXIT_USAGE,
        &format!("{command}: {text}. `flink-agents {command} --help` says what there is."),
    )
}

fn lines(warnings: &[Warning]) -> String {
    warnings
        .iter()
        .map(|warning| format!("[{}] {}\n", warning.code, warning.text))
        .collect()
}

fn nothing_read(warnings: &[Warning], paths: &[String]) -> Answer {
    let mut answer = match warnings.is_empty() {
        true => Answer::error(
            EXIT_FAILED,
            &format!(
                "trace: there is no log in {}: of a directory events-*.log and *.event-log.log are read. Name the files if they are \
                 called otherwise",
                paths.join(", ")
            ),
        ),
        false => Answer::error(EXIT_FAILED, "trace: nothing could be read"),
    };
    answer.errors = lines(warnings) + &answer.errors;
    answer
}

fn answer(request: &Request, index: &Index) -> Result<Answer, String> {
    let runs = Runs::of(index);
    let chosen = request.filter.choose(&runs).map_err(|error| error.to_string())?;
    let mut summary = Summary {
        records: index.entries.len(),
        runs: runs.runs.iter().filter(|run| run.status != Status::Unlinked).count(),
        chosen: chosen
            .iter()
            .filter(|number| runs.runs[**number as usize].status != Status::Unlinked)
            .count(),
        shown: 0,
        statuses: Status::ALL.map(|status| {
            chosen
                .iter()
                .filter(|number| runs.runs[**number as usize].status == status)
                .count()
        }),
    };
    let limit = request.limit.unwrap_or(match request.format {
        Format::Text => 20,
        Format::Json => usize::MAX,
        Format::Html => 10_000,
    });
    let shown = &chosen[..chosen.len().min(limit)];
    summary.shown = shown
        .iter()
        .filter(|number| runs.runs[**number as usize].status != Status::Unlinked)
        .count();
    let write = |out: &mut dyn Write| match request.format {
        Format::Text => text::write(out, &runs, shown, &summary, 500),
        Format::Json => {
            let extent = Extent {
                payload: request.payload.unwrap_or(usize::MAX),
                most: usize::MAX,
            };
            document::write(out, &runs, shown, &summary, extent)
        }
        Format::Html => {
            let extent = Extent {
                payload: request.payload.unwrap_or(4_000),
                most: 2_000,
            };
            page::write(out, &runs, shown, &summary, extent)
        }
    };
    match &request.out {
        None => {
            let mut output = Vec::new();
            write(&mut output).map_err(|error| error.to_string())?;
            Ok(Answer::done(String::from_utf8_lossy(&output).into_owned()))
        }
        Some(path) => {
            let to_file = || {
                let mut out = BufWriter::with_capacity(1 << 18, File::create(path)?);
                write(&mut out)?;
                out.flush()
            };
            to_file().map_err(|error: io::Error| format!("{path} cannot be written: {error}"))?;
            let most = summary.shown;
            Ok(Answer::done(format!(
                "{path}: {most} of {} runs, {} failed\n",
                summary.runs, summary.statuses[0]
            )))
        }
    }
}

impl Filter {
    /// The numbers of those runs that it lets through, the worst first, and of each kind the youngest.
    fn choose(&self, runs: &Runs<'_>) -> io::Result<Vec<u32>> {
        let names = &runs.index.names;
        // A text that no record has fits nothing.
        let number = |text: &Option<String>| text.as_ref().map(|text| names.find(text).unwrap_or(NONE - 1));
        let (key, name) = (number(&self.key), number(&self.name));
        let id = self.id.as_deref().map(|id| runs.index.node_of(id).unwrap_or(NONE - 1));
        let error = self.error.as_deref().map(str::to_lowercase);
        let mut chosen = Vec::new();
        for (at, run) in runs.runs.iter().enumerate() {
            let fits = (!self.failed || matches!(run.status, Status::Failed | Status::Problems))
                && key.is_none_or(|key| run.key == key)
                && self.since.is_none_or(|since| run.end >= since)
                && self.until.is_none_or(|until| run.start < until)
                && name.is_none_or(|name| has_name(runs, run, name))
                && id.is_none_or(|id| has_id(runs, run, id))
                && match &error {
                    Some(error) => has_error(runs, run, error)?,
                    None => true,
                };
            if fits {
                chosen.push(at as u32);
            }
        }
        chosen.sort_by_key(|at| {
            let run = &runs.runs[*at as usize];
            (run.status, std::cmp::Reverse(run.start))
        });
        Ok(chosen)
    }
}

fn has_name(runs: &Runs<'_>, run: &Run, name: u32) -> bool {
    let mut entries = runs.entries(run).iter().map(|number| runs.entry(*number));
    entries.any(|entry| entry.name == name || (entry.kind == name && entry.phase.is_none()))
}

fn has_id(runs: &Runs<'_>, run: &Run, id: u32) -> bool {
    let mut entries = runs.entries(run).iter().map(|number| runs.entry(*number));
    entries.any(|entry| entry.id == id || entry.input_run == id)
}

fn has_error(runs: &Runs<'_>, run: &Run, error: &str) -> io::Result<bool> {
    let mut buffer = Vec::new();
    for number in runs.entries(run) {
        let entry = runs.entry(*number);
        if entry.phase != Some(record::Phase::Failed) {
            continue;
        }
        let record = document::text(runs.index, entry, &mut buffer)?;
        let problem = record.problem();
        let said = [problem.error_type, problem.error_message];
        if said.iter().flatten().any(|text| text.to_lowercase().contains(error)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn parse(words: &[String]) -> Result<Request, String> {
    let mut request = Request::default();
    let mut rest = words.iter();
    let mut only_files = false;
    while let Some(word) = rest.next() {
        let filter = &mut request.filter;
        if only_files || !word.starts_with('-') {
            request.paths.push(word.clone());
        } else if word == "--" {
            only_files = true;
        } else if word == "--failed" {
            filter.failed = true;
        } else if let Some(name) = value_of("--format", word, &mut rest)? {
            request.format =
                Format::parse(&name).ok_or_else(|| format!("--format {name} is none of text, json, html"))?;
        } else if let Some(path) = value_of("--out", word, &mut rest)? {
            request.out = Some(path);
        } else if let Some(key) = value_of("--key", word, &mut rest)? {
            filter.key = Some(key);
        } else if let Some(name) = value_of("--type", word, &mut rest)? {
            filter.name = Some(name);
        } else if let Some(text) = value_of("--error", word, &mut rest)? {
            filter.error = Some(text);
        } else if let Some(time) = value_of("--since", word, &mut rest)? {
            filter.since = Some(time_of("--since", &time)?);
        } else if let Some(time) = value_of("--until", word, &mut rest)? {
            filter.until = Some(time_of("--until", &time)?);
        } else if let Some(id) = value_of("--run", word, &mut rest)? {
            filter.id = Some(id);
        } else if let Some(number) = value_of("--limit", word, &mut rest)? {
            request.limit = Some(number_of("--limit", &number)?);
        } else if let Some(number) = value_of("--payload", word, &mut rest)? {
            request.payload = Some(number_of("--payload", &number)?);
        } else {
            return Err(format!("there is no option {word}"));
        }
    }
    if request.paths.is_empty() {
        return Err("which logs? Name files, or the directory they are in".to_owned());
    }
    Ok(request)
}

fn parse_tree(words: &[String]) -> Result<(String, Format), String> {
    let mut format = Format::Text;
    let mut paths = Vec::new();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if let Some(name) = value_of("--format", word, &mut rest)? {
            let known = Format::parse(&name).filter(|format| *format != Format::Html);
            format = known.ok_or_else(|| format!("--format {name} is none of text, json"))?;
        } else if word == "--" {
            paths.extend(rest.by_ref().cloned());
        } else if word.starts_with('-') {
            return Err(format!("there is no option {word}"));
        } else {
            paths.push(word.clone());
        }
    }
    match <[String; 1]>::try_from(paths) {
        Ok([path]) => Ok((path, format)),
        Err(paths) => Err(format!("one file or directory, not {}", paths.len())),
    }
}

fn time_of(option: &str, text: &str) -> Result<i64, String> {
    time::parse(text).ok_or_else(|| format!("{option} {text} is no time such as 2026-01-31T03:00 (UTC)"))
}

fn number_of(option: &str, text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("{option} {text} is no whole number"))
}
