//! What is kept of every record: who it belongs to and where its text is. The texts stay in the files.
//!
//! *Owned state*: some 60 bytes a record, and the ids, whatever the records carry. *Lifecycle*: filled file by file, closed by
//! [`Index::finish`], then only read.

use super::files::{Source, Unreadable, expand};
use super::reader::{self, Item};
use super::record::{Phase, Record, number, phase_of};
use rustc_hash::FxHashMap;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// No id, no name.
pub(super) const NONE: u32 = u32::MAX;
/// Warnings of one file and code that are told one by one.
const TOLD: u64 = 20;

/// What a record says, in numbers of [`Index::nodes`] and [`Index::names`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Microseconds since 1970.
    pub(super) time: i64,
    offset: u64,
    length: u32,
    file: u32,
    /// Id of the event.
    pub(super) id: u32,
    /// Id of the event that it came from.
    pub(super) upstream: u32,
    pub(super) execution: u32,
    pub(super) parent: u32,
    pub(super) input_run: u32,
    /// Type of the event; of an execution what kind of thing runs.
    pub(super) kind: u32,
    /// The action an event came from; of an execution the name of what runs.
    pub(super) name: u32,
    pub(super) key: u32,
    pub(super) place: u32,
    pub(super) phase: Option<Phase>,
}

/// Job, task and subtask of a log.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Place {
    pub(super) job: String,
    pub(super) task: String,
    pub(super) subtask: Option<i64>,
}

/// Something in the files that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Warning {
    pub(super) code: &'static str,
    pub(super) text: String,
}

/// A file that was read.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) path: PathBuf,
    pub(super) records: u64,
    source: Source,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) files: Vec<LogFile>,
    pub(super) entries: Vec<Entry>,
    pub(super) places: Vec<Place>,
    pub(super) warnings: Vec<Warning>,
    pub(super) names: Names,
    nodes: FxHashMap<u128, u32>,
    /// Of every node one that it belongs together with, up to one that stands for all.
    groups: Vec<u32>,
}

/// Texts by number.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: FxHashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

impl Names {
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.texts.len() as u32;
        self.texts.push(text.into());
        self.numbers.insert(text.into(), number);
        number
    }

    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    pub(super) fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", |text| text)
    }
}

impl Index {
    /// Reads all files that the paths mean.
    pub(super) fn read(paths: &[String]) -> Index {
        let mut index = Index::default();
        let (files, wrong) = expand(paths);
        for file in wrong {
            index.unreadable(file);
        }
        for path in files {
            if let Err(error) = index.file(path.clone()) {
                index.unreadable(Unreadable {
                    path,
                    reason: error.to_string(),
                });
            }
        }
        index.finish();
        index
    }

    fn unreadable(&mut self, file: Unreadable) {
        let text = format!("{} cannot be read: {}", file.path.display(), file.reason);
        self.warnings.push(Warning {
            code: "UNREADABLE_FILE",
            text,
        });
    }

    fn file(&mut self, path: PathBuf) -> io::Result<()> {
        let source = Source::open(&path)?;
        let number = self.files.len() as u32;
        let from_name = place_in_name(&path);
        let (mut records, mut malformed, mut foreign) = (0u64, 0u64, 0u64);
        let mut place = (Place::default(), NONE);
        let mut each = |item: Item<'_>| {
            match item {
                Item::Record { record, offset, length } => {
                    records += 1;
                    self.entry(record, (number, offset, length), &from_name, &mut place);
                }
                Item::Malformed { line, reason } => {
                    malformed += 1;
                    if malformed <= TOLD {
                        let text = format!("{}:{line}: no record: {reason}", path.display());
                        self.warnings.push(Warning {
                            code: "MALFORMED_RECORD",
                            text,
                        });
                    }
                }
                Item::Foreign => foreign += 1,
            }
            ControlFlow::Continue(())
        };
        let read = reader::read(source.text(), &mut each);
        if malformed > TOLD {
            let text = format!("{}: {} more that are no records", path.display(), malformed - TOLD);
            self.warnings.push(Warning {
                code: "MALFORMED_RECORD",
                text,
            });
        }
        if records == 0 && foreign > 0 {
            let text = format!(
                "{}: none of its {foreign} lines is a record of an event log",
                path.display()
            );
            self.warnings.push(Warning {
                code: "MALFORMED_RECORD",
                text,
            });
        }
        self.files.push(LogFile { path, records, source });
        read.map(|_| ())
    }

    fn entry(
        &mut self,
        record: &Record<'_>,
        (file, offset, length): (u32, u64, u32),
        from_name: &Place,
        last: &mut (Place, u32),
    ) {
        let phase = phase_of(record.event_type());
        let text =
            |text: &Option<super::record::Text<'_>>| text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
        let own = record.job_id.is_some() || record.task_name.is_some() || record.subtask_id.is_some();
        let place = if own {
            let (job, task) = (record.job_id.as_deref(), record.task_name.as_deref());
            let known = last.0.job == job.unwrap_or_default()
                && last.0.task == task.unwrap_or_default()
                && last.0.subtask == record.subtask_id;
            if !known {
                last.0 = Place {
                    job: text(&record.job_id).unwrap_or_default(),
                    task: text(&record.task_name).unwrap_or_default(),
                    subtask: record.subtask_id,
                };
                last.1 = NONE;
            }
            &last.0
        } else {
            if last.0 != *from_name {
                *last = (from_name.clone(), NONE);
            }
            &last.0
        };
        if last.1 == NONE {
            last.1 = match self.places.iter().position(|known| known == place) {
                Some(at) => at as u32,
                None => {
                    self.places.push(place.clone());
                    self.places.len() as u32 - 1
                }
            };
        }
        let (kind, name) = match phase {
            None => (record.event_type(), record.upstream_action_name.as_deref()),
            Some(_) => (
                record.entity_type.as_deref().unwrap_or("action"),
                record.entity_name.as_deref(),
            ),
        };
        let kind = self.names.number(kind);
        let name = name
            .filter(|name| !name.is_empty())
            .map_or(NONE, |name| self.names.number(name));
        let key = record
            .business_key
            .as_deref()
            .map_or(NONE, |key| self.names.number(key));
        let mut node = |id: Option<&str>| id.filter(|id| !id.is_empty()).map_or(NONE, |id| self.node(number(id)));
        let entry = Entry {
            time: record.time(),
            offset,
            length,
            file,
            id: node(Some(record.id())),
            upstream: node(record.upstream_event_id.as_deref()),
            execution: node(record.execution_id.as_deref()),
            parent: node(record.parent_execution_id.as_deref()),
            input_run: node(record.input_run_id.as_deref()),
            kind,
            name,
            key,
            place: last.1,
            phase,
        };
        for other in [entry.upstream, entry.execution, entry.parent, entry.input_run] {
            self.join(entry.id, other);
        }
        self.entries.push(entry);
    }

    fn node(&mut self, id: u128) -> u32 {
        let next = self.groups.len() as u32;
        let node = *self.nodes.entry(id).or_insert(next);
        if node == next {
            self.groups.push(next);
        }
        node
    }

    /// The node that stands for all that a node belongs together with.
    fn group(&mut self, mut node: u32) -> u32 {
        loop {
            let next = self.groups[node as usize];
            if next == node {
                return node;
            }
            let after = self.groups[next as usize];
            self.groups[node as usize] = after;
            node = after;
        }
    }

    fn join(&mut self, one: u32, other: u32) {
        if one == NONE || other == NONE {
            return;
        }
        let (one, other) = (self.group(one), self.group(other));
        if one != other {
            self.groups[other as usize] = one;
        }
    }

    /// All is read: every node is told its group.
    fn finish(&mut self) {
        for node in 0..self.groups.len() as u32 {
            self.groups[node as usize] = self.group(node);
        }
    }

    /// The group of an event.
    pub(super) fn group_of(&self, entry: &Entry) -> u32 {
        self.groups[entry.id as usize]
    }

    /// The number of an id, if any record has it.
    pub(super) fn node_of(&self, id: &str) -> Option<u32> {
        self.nodes.get(&number(id)).copied()
    }

    /// Number of nodes: ids of any kind.
    pub(super) fn nodes(&self) -> usize {
        self.groups.len()
    }

    /// Reads the text of a record again.
    ///
    /// # Errors
    /// When the file has changed since.
    pub(super) fn text<'b>(&self, entry: &Entry, buffer: &'b mut Vec<u8>) -> Result<Record<'b>, String> {
        let file = &self.files[entry.file as usize];
        let changed = |reason: String| format!("{} has changed while it was read: {reason}", file.path.display());
        file.source
            .read(entry.offset, entry.length, buffer)
            .map_err(|error| changed(error.to_string()))?;
        Record::parse(buffer).map_err(changed)
    }

    /// The file of a record.
    pub(super) fn file_of(&self, entry: &Entry) -> u32 {
        entry.file
    }

    /// Where a record comes among those of the same time.
    pub(super) fn order_of(entry: &Entry) -> (i64, u32, u64) {
        (entry.time, entry.file, entry.offset)
    }
}

/// What `events-<job>-<task>-<subtask>.log` says; nothing of other names.
fn place_in_name(path: &std::path::Path) -> Place {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let read = || {
        let rest = name.strip_prefix("events-")?;
        let rest = &rest[..rest.rfind(".log")?];
        // `….1.log` of a rotation.
        let rest = match rest.rsplit_once('.') {
            Some((before, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => before,
            _ => rest,
        };
        let (rest, subtask) = rest.rsplit_once('-')?;
        let (job, task) = rest.split_once('-')?;
        Some(Place {
            job: job.to_owned(),
            task: task.to_owned(),
            subtask: Some(subtask.parse().ok()?),
        })
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn names_of_files_say_where_they_were_written() {
        let place = |job: &str, task: &str, subtask| Place {
            job: job.to_owned(),
            task: task.to_owned(),
            subtask,
        };
        for (name, expected) in [
            (
                "events-0a-action-execute-operator-3.log",
                place("0a", "action-execute-operator", Some(3)),
            ),
            ("events-0a-op-3.1.log", place("0a", "op", Some(3))),
            ("events-0a-op-12.log.4.gz", place("0a", "op", Some(12))),
            ("taskmanager.log.event-log.log", Place::default()),
            ("events-x.log", Place::default()),
        ] {
            assert_eq!(place_in_name(Path::new(name)), expected, "{name}");
        }
    }
}
