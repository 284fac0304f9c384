//! Runs as text, the worst first: for a terminal.

use super::document::{Summary, execution_status, head_entry, problem, text, took};
use super::index::NONE;
use super::record::Phase;
use super::runs::{Detail, Execution, Run, Runs, Status};
use super::time;
use std::io::{self, Write};

/// Steps to the right at most: a long chain of events would leave the screen.
const DEEPEST: usize = 24;

/// Writes the runs, and what there was.
///
/// # Errors
/// When it cannot be written, or a file has changed since it was read.
pub(super) fn write(
    out: &mut dyn Write,
    runs: &Runs<'_>,
    chosen: &[u32],
    summary: &Summary,
    most: usize,
) -> io::Result<()> {
    let files = runs.index.files.len();
    write!(
        out,
        "{} records in {files} file{}, {} runs",
        summary.records,
        plural(files),
        summary.runs
    )?;
    if summary.chosen != summary.runs {
        write!(out, ", {} asked for", summary.chosen)?;
    }
    let counts = Status::ALL.iter().zip(summary.statuses).filter(|(_, count)| *count > 0);
    let counts: Vec<_> = counts
        .map(|(status, count)| format!("{count} {}", words(*status)))
        .collect();
    match counts.is_empty() {
        true => writeln!(out)?,
        false => writeln!(out, ": {}", counts.join(", "))?,
    }
    for number in chosen {
        writeln!(out)?;
        write_run(out, runs, &runs.runs[*number as usize], most)?;
    }
    if summary.shown < summary.chosen {
        let rest = summary.chosen - summary.shown;
        writeln!(
            out,
            "\n{rest} more: --limit N shows more of them, --format html all at once"
        )?;
    }
    Ok(())
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn words(status: Status) -> &'static str {
    match status {
        Status::Failed => "failed",
        Status::Unfinished => "unfinished",
        Status::Problems => "done after problems",
        Status::NoOutput => "without output",
        Status::Done => "done",
        Status::Unlinked => "files with events that do not say where they came from",
    }
}

fn write_run(out: &mut dyn Write, runs: &Runs<'_>, run: &Run, most: usize) -> io::Result<()> {
    let index = runs.index;
    let detail = runs.detail(run);
    let mut buffer = Vec::new();
    let first = runs.entry(head_entry(runs, run, &detail));
    let place = &index.places[first.place as usize];
    write!(out, "{}", words(run.status).to_uppercase())?;
    if run.key != NONE {
        write!(out, "  key {}", one_line(index.names.text(run.key)))?;
    }
    write!(
        out,
        "  {}  took {}",
        time::text(run.start),
        time::length(run.end - run.start)
    )?;
    if run.status != Status::Unlinked {
        let record = text(index, first, &mut buffer)?;
        write!(out, "  run {}", one_line(record.id()))?;
    }
    if !place.job.is_empty() {
        write!(out, "  job {}", one_line(&place.job))?;
    }
    if let Some(subtask) = place.subtask {
        write!(out, "  subtask {subtask}")?;
    }
    writeln!(out)?;
    for execution in detail
        .executions
        .iter()
        .filter(|execution| execution.phase == Phase::Failed)
    {
        writeln!(out, "  ! {}", failure(runs, execution, &mut buffer)?)?;
    }
    write_tree(out, runs, run, &detail, most)
}

fn failure(runs: &Runs<'_>, execution: &Execution, buffer: &mut Vec<u8>) -> io::Result<String> {
    let record = text(runs.index, runs.entry(execution.last), buffer)?;
    let problem = problem(execution, &record);
    let kind = runs.index.names.text(runs.entry(execution.last).kind);
    let mut words = format!(
        "{kind} {} failed",
        one_line(record.entity_name.as_deref().unwrap_or("?"))
    );
    for part in [problem.error_type, problem.error_message].into_iter().flatten() {
        words.push_str(": ");
        words.push_str(&one_line(&part));
    }
    if let Some(category) = record.problem_category.as_deref() {
        words.push_str(&format!(" ({category})"));
    }
    Ok(words)
}

/// What is still to be written, and how far to the right.
enum Step {
    Event(usize, usize),
    Action(Taker, usize),
    Inner(usize, usize),
}

fn write_tree(out: &mut dyn Write, runs: &Runs<'_>, run: &Run, detail: &Detail, most: usize) -> io::Result<()> {
    let index = runs.index;
    let under = Under::of(runs, detail);
    let mut steps: Vec<Step> = under.roots.iter().rev().map(|event| Step::Event(*event, 1)).collect();
    steps.extend(under.loose.iter().rev().map(|execution| Step::Inner(*execution, 1)));
    let mut written = 0;
    while let Some(step) = steps.pop() {
        written += 1;
        if written > most {
            let all = detail.events.len() + detail.executions.len();
            return writeln!(out, "  … {} events and executions in all; --format json has them", all);
        }
        match step {
            Step::Event(at, depth) => {
                let event = &detail.events[at];
                let entry = runs.entry(event.entry);
                indent(out, depth)?;
                write!(
                    out,
                    "{} +{}",
                    one_line(index.names.text(entry.kind)),
                    time::length(entry.time - run.start)
                )?;
                if event.times > 1 {
                    write!(out, "  logged {} times", event.times)?;
                }
                writeln!(out)?;
                steps.extend(
                    under.takers[at]
                        .iter()
                        .rev()
                        .map(|taker| Step::Action(taker.clone(), depth + 1)),
                );
            }
            Step::Action(
                Taker {
                    name,
                    executions,
                    events,
                },
                depth,
            ) => {
                indent(out, depth)?;
                write!(
                    out,
                    "[{}]",
                    if name == NONE {
                        "?".to_owned()
                    } else {
                        one_line(index.names.text(name))
                    }
                )?;
                for execution in &executions {
                    state(out, runs, &detail.executions[*execution])?;
                }
                writeln!(out)?;
                steps.extend(events.iter().rev().map(|event| Step::Event(*event, depth + 1)));
                let inner = executions.iter().flat_map(|execution| &under.inner[*execution]);
                let mut inner: Vec<_> = inner.map(|execution| Step::Inner(*execution, depth + 1)).collect();
                inner.reverse();
                steps.append(&mut inner);
            }
            Step::Inner(at, depth) => {
                let execution = &detail.executions[at];
                let entry = runs.entry(execution.first);
                indent(out, depth)?;
                let name = if entry.name == NONE {
                    ""
                } else {
                    index.names.text(entry.name)
                };
                write!(out, "{} {}", one_line(index.names.text(entry.kind)), one_line(name))?;
                state(out, runs, execution)?;
                writeln!(out)?;
                steps.extend(under.inner[at].iter().rev().map(|inner| Step::Inner(*inner, depth + 1)));
            }
        }
    }
    Ok(())
}

/// An action that got an event: with its executions and the events it sent.
#[derive(Debug, Clone)]
struct Taker {
    name: u32,
    executions: Vec<usize>,
    events: Vec<usize>,
}

/// What is shown under what.
struct Under {
    roots: Vec<usize>,
    /// Of each event the actions that got it.
    takers: Vec<Vec<Taker>>,
    /// Of each execution those that are part of it.
    inner: Vec<Vec<usize>>,
    /// Executions that belong to nothing that is known.
    loose: Vec<usize>,
}

impl Under {
    fn of(runs: &Runs<'_>, detail: &Detail) -> Under {
        let mut under = Under {
            roots: Vec::new(),
            takers: vec![Vec::new(); detail.events.len()],
            inner: vec![Vec::new(); detail.executions.len()],
            loose: Vec::new(),
        };
        fn taker(takers: &mut Vec<Taker>, name: u32) -> &mut Taker {
            let at = takers
                .iter()
                .position(|known| known.name == name)
                .unwrap_or(takers.len());
            if at == takers.len() {
                takers.push(Taker {
                    name,
                    executions: Vec::new(),
                    events: Vec::new(),
                });
            }
            &mut takers[at]
        }
        for (at, execution) in detail.executions.iter().enumerate() {
            match (execution.parent, execution.trigger) {
                (Some(parent), _) => under.inner[parent].push(at),
                (None, Some(event)) if runs.is_action(execution) => {
                    let name = runs.entry(execution.first).name;
                    taker(&mut under.takers[event], name).executions.push(at);
                }
                _ => under.loose.push(at),
            }
        }
        for (at, event) in detail.events.iter().enumerate() {
            match event.parent {
                Some(parent) => taker(&mut under.takers[parent], event.action).events.push(at),
                None => under.roots.push(at),
            }
        }
        under
    }
}

fn state(out: &mut dyn Write, runs: &Runs<'_>, execution: &Execution) -> io::Result<()> {
    if let Some(micros) = took(runs, execution) {
        write!(out, "  {}", time::length(micros))?;
    }
    match execution.phase {
        Phase::Finished => Ok(()),
        _ => write!(out, "  {}", execution_status(execution).to_uppercase()),
    }
}

fn indent(out: &mut dyn Write, depth: usize) -> io::Result<()> {
    write!(out, "{:1$}", "", depth.min(DEEPEST) * 2)
}

/// Text of others, which may have line ends, or orders to the terminal, in it.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => line.push(' '),
            c if c.is_control() => line.push('\u{fffd}'),
            c => line.push(c),
        }
    }
    line
}
