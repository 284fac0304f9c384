//! `trace-tree`: trees of events, in the texts, JSON and warnings of the command of this name of Apache Flink Agents.

use super::document::{text, warnings as as_json};
use super::index::{Entry, Index, NONE, Warning};
use super::record::INPUT;
use rustc_hash::FxHashMap;
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// An event, logged once or several times.
struct Node {
    id: String,
    event_type: String,
    timestamp: String,
    /// Ids as numbers and as texts, and the actions.
    upstream: Vec<(u32, String, Option<String>)>,
    /// By action, in the order of the log.
    children: Vec<(String, Vec<usize>)>,
}

/// Writes the trees; returns the warnings.
///
/// # Errors
/// When it cannot be written, or a file has changed since it was read.
pub(super) fn write(out: &mut dyn Write, index: &Index, as_json_document: bool) -> io::Result<Vec<Warning>> {
    let mut forest = Forest {
        warnings: index.warnings.clone(),
        ..Forest::default()
    };
    forest.collect(index)?;
    forest.link();
    let roots: Vec<usize> = (0..forest.nodes.len())
        .filter(|at| forest.nodes[*at].event_type == INPUT)
        .collect();
    let lines = forest.walk(&roots);
    if as_json_document {
        serde_json::to_writer_pretty(&mut *out, &forest.document(&roots))?;
        out.write_all(b"\n")?;
    } else {
        out.write_all(lines.as_bytes())?;
    }
    Ok(forest.warnings)
}

#[derive(Default)]
struct Forest {
    nodes: Vec<Node>,
    by_id: FxHashMap<u32, usize>,
    warnings: Vec<Warning>,
}

impl Forest {
    fn warn(&mut self, code: &'static str, text: String) {
        self.warnings.push(Warning { code, text });
    }

    /// One node for each event, however often it was logged.
    fn collect(&mut self, index: &Index) -> io::Result<()> {
        let mut buffer = Vec::new();
        for entry in &index.entries {
            let record = text(index, entry, &mut buffer)?;
            if entry.phase.is_some() {
                if record.status.is_none() {
                    let said = format!(
                        "event {} has the type {}, which is reserved; it is ignored",
                        record.id(),
                        record.event_type()
                    );
                    self.warn("RESERVED_EVENT_TYPE", said);
                }
                continue;
            }
            let upstream = self.upstream(entry, &record);
            match self.by_id.get(&entry.id).copied() {
                None => {
                    self.by_id.insert(entry.id, self.nodes.len());
                    self.nodes.push(Node {
                        id: record.id().to_owned(),
                        event_type: record.event_type().to_owned(),
                        timestamp: record.timestamp().to_owned(),
                        upstream: upstream.into_iter().collect(),
                        children: Vec::new(),
                    });
                }
                Some(at) => {
                    if self.nodes[at].event_type != record.event_type() {
                        let known = &self.nodes[at].event_type;
                        let said = format!(
                            "event {} is {known}, and elsewhere {}; the first counts",
                            record.id(),
                            record.event_type()
                        );
                        self.warn("EVENT_ID_CONFLICT", said);
                    } else if let Some(edge) = upstream
                        && !self.nodes[at].upstream.contains(&edge)
                    {
                        self.nodes[at].upstream.push(edge);
                    }
                }
            }
        }
        Ok(())
    }

    fn upstream(&mut self, entry: &Entry, record: &super::record::Record<'_>) -> Option<(u32, String, Option<String>)> {
        let id = record.id();
        let event = record.upstream_event_id.as_deref().filter(|event| !event.is_empty());
        let action = record
            .upstream_action_name
            .as_deref()
            .filter(|action| !action.is_empty());
        if record.event_type() == INPUT {
            if event.is_some() || action.is_some() {
                self.warn(
                    "INVALID_ROOT_LINEAGE",
                    format!("input event {id} names an event or action that it came from; that is ignored"),
                );
            }
            return None;
        }
        let Some(event) = event else {
            let said = format!(
                "event {id} ({}) does not say which event it came from",
                record.event_type()
            );
            self.warn("UNLINKED_EVENT", said);
            return None;
        };
        if action.is_none() {
            self.warn(
                "MISSING_ACTION_NAME",
                format!("event {id} does not name the action that sent it"),
            );
        }
        Some((entry.upstream, event.to_owned(), action.map(str::to_owned)))
    }

    fn link(&mut self) {
        for at in 0..self.nodes.len() {
            for place in 0..self.nodes[at].upstream.len() {
                let (number, event, action) = self.nodes[at].upstream[place].clone();
                debug_assert_ne!(number, NONE);
                let Some(parent) = self.by_id.get(&number).copied() else {
                    let said = format!(
                        "event {} came from event {event}, which is not in the log",
                        self.nodes[at].id
                    );
                    self.warn("MISSING_PARENT", said);
                    continue;
                };
                let name = action.unwrap_or_default();
                let children = &mut self.nodes[parent].children;
                match children.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, events)) => events.push(at),
                    None => children.push((name, vec![at])),
                }
            }
        }
    }

    /// The text of the trees; finds circles, those that hang on nothing too.
    fn walk(&mut self, roots: &[usize]) -> String {
        enum Step {
            Event(usize, usize),
            Action(String, usize),
            Leave(usize),
        }
        let mut lines = String::new();
        let mut path = vec![false; self.nodes.len()];
        let mut seen = vec![false; self.nodes.len()];
        let mut circles = Vec::new();
        let starts = roots
            .iter()
            .map(|at| (*at, true))
            .chain((0..self.nodes.len()).map(|at| (at, false)));
        let mut trees = 0;
        for (start, is_root) in starts {
            if !is_root && seen[start] {
                continue;
            }
            if is_root {
                trees += 1;
                let gap = if trees > 1 { "\n" } else { "" };
                lines.push_str(&format!("{gap}Trace Tree {trees}\n"));
            }
            let mut steps = vec![Step::Event(start, 0)];
            while let Some(step) = steps.pop() {
                let (at, depth) = match step {
                    Step::Leave(at) => {
                        path[at] = false;
                        continue;
                    }
                    Step::Action(name, depth) => {
                        if is_root {
                            indent(&mut lines, depth);
                            lines.push_str(&format!("[Action: {name}]\n"));
                        }
                        continue;
                    }
                    Step::Event(at, depth) => (at, depth),
                };
                if path[at] {
                    circles.push(at);
                    continue;
                }
                // Without a root only circles are looked for, and each event once is enough.
                if !is_root && seen[at] {
                    continue;
                }
                seen[at] = true;
                path[at] = true;
                let node = &self.nodes[at];
                if is_root {
                    indent(&mut lines, depth);
                    lines.push_str(&format!("{} ({})\n", node.event_type, node.id));
                }
                steps.push(Step::Leave(at));
                for (name, events) in node.children.iter().rev() {
                    steps.extend(events.iter().rev().map(|event| Step::Event(*event, depth + 2)));
                    steps.push(Step::Action(name.clone(), depth + 1));
                }
            }
        }
        circles.dedup();
        for at in circles {
            let said = format!(
                "event {} came from itself by way of others; it is shown once",
                self.nodes[at].id
            );
            self.warn("CYCLE_DETECTED", said);
        }
        lines
    }

    fn document(&self, roots: &[usize]) -> Value {
        let id = |at: &usize| Value::from(self.nodes[*at].id.as_str());
        let mut nodes = Map::new();
        for node in &self.nodes {
            let edges = node
                .upstream
                .iter()
                .map(|(_, event, action)| json!({"upstreamEventId": event, "upstreamActionName": action}));
            let actions = node.children.iter().map(|(name, events)| {
                let name = if name.is_empty() {
                    Value::Null
                } else {
                    name.as_str().into()
                };
                json!({"name": name, "children": events.iter().map(id).collect::<Vec<_>>()})
            });
            let document = json!({
                "eventType": node.event_type,
                "timestamp": node.timestamp,
                "upstreamEdges": edges.collect::<Vec<_>>(),
                "actions": actions.collect::<Vec<_>>(),
            });
            nodes.insert(node.id.clone(), document);
        }
        json!({
            "roots": roots.iter().map(id).collect::<Vec<_>>(),
            "nodes": nodes,
            "warnings": as_json(&self.warnings),
        })
    }
}

fn indent(lines: &mut String, depth: usize) {
    lines.extend(std::iter::repeat_n("  ", depth));
}
