//! The runs that records belong to, and what became of each.

use super::index::{Entry, Index, NONE};
use super::record::{INPUT, OUTPUT, Phase};
use rustc_hash::{FxHashMap, FxHashSet};
use std::ops::Range;

/// What became of a run, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    /// The last execution of one of its actions failed.
    Failed,
    /// An execution has begun, and no end of it is in the log.
    Unfinished,
    /// Something failed on the way, and its actions went on.
    Problems,
    /// Nothing left the agent, as far as a log without execution records tells.
    NoOutput,
    /// All went well.
    Done,
    /// No run, but events that do not say where they came from.
    Unlinked,
}

impl Status {
    pub(super) const ALL: [Status; 6] = [
        Status::Failed,
        Status::Unfinished,
        Status::Problems,
        Status::NoOutput,
        Status::Done,
        Status::Unlinked,
    ];

    /// Its name in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Status::Failed => "failed",
            Status::Unfinished => "unfinished",
            Status::Problems => "problems",
            Status::NoOutput => "no-output",
            Status::Done => "done",
            Status::Unlinked => "unlinked",
        }
    }
}

/// A run: which of [`Runs::order`] are its records, and what is needed to choose it.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) entries: Range<usize>,
    pub(super) status: Status,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) key: u32,
}

/// All runs.
#[derive(Debug)]
pub(super) struct Runs<'i> {
    pub(super) index: &'i Index,
    /// Numbers of the index's entries: run by run, each in the order of time.
    order: Vec<u32>,
    pub(super) runs: Vec<Run>,
    /// Types of events that actions were seen to get: (action, type).
    takes: FxHashSet<(u32, u32)>,
}

/// An event of a run. Logged again in a replay it is still one.
#[derive(Debug)]
pub(super) struct Event {
    /// Where it was first logged.
    pub(super) entry: u32,
    pub(super) times: u32,
    /// The event that the action got which sent it.
    pub(super) parent: Option<usize>,
    /// That action.
    pub(super) action: u32,
}

/// The execution of an action, or of something inside one.
#[derive(Debug)]
pub(super) struct Execution {
    /// Its first and its last record; the same if there is but one.
    pub(super) first: u32,
    pub(super) last: u32,
    /// Phase that the last one tells of.
    pub(super) phase: Phase,
    /// Whether its start is known, and with it how long it took.
    pub(super) timed: bool,
    /// The event that it got.
    pub(super) trigger: Option<usize>,
    /// The execution it is part of.
    pub(super) parent: Option<usize>,
}

/// A run in full.
#[derive(Debug, Default)]
pub(super) struct Detail {
    pub(super) events: Vec<Event>,
    pub(super) executions: Vec<Execution>,
}

impl<'i> Runs<'i> {
    /// Finds the runs in what was read.
    pub(super) fn of(index: &'i Index) -> Runs<'i> {
        let mut members = vec![0u32; index.nodes()];
        for entry in &index.entries {
            members[index.group_of(entry) as usize] += 1;
        }
        let alone = |entry: &Entry| {
            members[index.group_of(entry) as usize] == 1
                && entry.phase.is_none()
                && index.names.text(entry.kind) != INPUT
                && (entry.upstream, entry.execution, entry.input_run) == (NONE, NONE, NONE)
        };
        let group = |entry: &Entry| match alone(entry) {
            true => (1, index.file_of(entry)),
            false => (0, index.group_of(entry)),
        };
        let mut order: Vec<u32> = (0..index.entries.len() as u32).collect();
        order.sort_unstable_by_key(|number| {
            let entry = &index.entries[*number as usize];
            (group(entry), Index::order_of(entry))
        });
        let mut all = Runs {
            index,
            order,
            runs: Vec::new(),
            takes: takes(index),
        };
        let of = |place: usize, all: &Runs<'_>| group(&index.entries[all.order[place] as usize]);
        let mut from = 0;
        while from < all.order.len() {
            let first = of(from, &all);
            let mut to = from + 1;
            while to < all.order.len() && of(to, &all) == first {
                to += 1;
            }
            let run = all.run(from..to, first.0 == 1);
            all.runs.push(run);
            from = to;
        }
        all
    }

    fn run(&self, entries: Range<usize>, unlinked: bool) -> Run {
        let all = || {
            self.order[entries.clone()]
                .iter()
                .map(|number| &self.index.entries[*number as usize])
        };
        let start = all().map(|entry| entry.time).min().unwrap_or_default();
        let end = all().map(|entry| entry.time).max().unwrap_or_default();
        let key = all().map(|entry| entry.key).find(|key| *key != NONE).unwrap_or(NONE);
        let mut run = Run {
            entries: entries.clone(),
            status: Status::Unlinked,
            start,
            end,
            key,
        };
        if !unlinked {
            run.status = if all().any(|entry| entry.phase.is_some()) {
                self.traced_status(&self.detail(&run))
            } else if all().any(|entry| self.index.names.text(entry.kind) == OUTPUT) {
                Status::Done
            } else {
                Status::NoOutput
            };
        }
        run
    }

    fn traced_status(&self, detail: &Detail) -> Status {
        let mut worst = Status::Done;
        // What an action did when it was tried last counts; before that it was a problem on the way.
        let mut last: FxHashMap<(Option<usize>, u32), Phase> = FxHashMap::default();
        for execution in &detail.executions {
            let entry = self.entry(execution.first);
            if self.is_action(execution) {
                last.insert((execution.trigger, entry.name), execution.phase);
            } else if execution.phase == Phase::Started {
                worst = worst.min(Status::Unfinished);
            }
            if execution.phase == Phase::Failed {
                worst = worst.min(Status::Problems);
            }
        }
        for phase in last.values() {
            worst = worst.min(match phase {
                Phase::Failed => Status::Failed,
                Phase::Started => Status::Unfinished,
                Phase::Finished | Phase::Reused => Status::Done,
            });
        }
        worst
    }

    pub(super) fn is_action(&self, execution: &Execution) -> bool {
        self.index.names.text(self.entry(execution.first).kind) == "action"
    }

    pub(super) fn entry(&self, number: u32) -> &'i Entry {
        &self.index.entries[number as usize]
    }

    /// The records of a run, in the order of time.
    pub(super) fn entries(&self, run: &Run) -> &[u32] {
        &self.order[run.entries.clone()]
    }

    /// Links the events and executions of a run.
    pub(super) fn detail(&self, run: &Run) -> Detail {
        let mut detail = Detail::default();
        let mut by_id: FxHashMap<u32, usize> = FxHashMap::default();
        for number in self.entries(run) {
            let entry = self.entry(*number);
            if entry.phase.is_some() {
                continue;
            }
            let place = *by_id.entry(entry.id).or_insert(detail.events.len());
            match detail.events.get_mut(place) {
                Some(event) => event.times += 1,
                None => detail.events.push(Event {
                    entry: *number,
                    times: 1,
                    parent: None,
                    action: entry.name,
                }),
            }
        }
        for place in 0..detail.events.len() {
            let upstream = self.entry(detail.events[place].entry).upstream;
            detail.events[place].parent = by_id.get(&upstream).copied().filter(|_| upstream != NONE);
        }
        cut_circles(&mut detail.events);
        self.link_executions(run, &by_id, &mut detail);
        detail
    }

    fn link_executions(&self, run: &Run, by_id: &FxHashMap<u32, usize>, detail: &mut Detail) {
        // The execution that is under way or was last, by its id, or by what it is of if it has none.
        let mut latest: FxHashMap<(u32, u32, u32), usize> = FxHashMap::default();
        for number in self.entries(run) {
            let entry = self.entry(*number);
            let Some(phase) = entry.phase else { continue };
            let key = match entry.execution {
                NONE => (NONE, entry.kind, entry.name),
                id => (id, NONE, NONE),
            };
            let open = latest.get(&key).copied().filter(|at| match phase {
                Phase::Started => false,
                _ => detail.executions[*at].phase == Phase::Started,
            });
            match open {
                Some(at) => {
                    let execution = &mut detail.executions[at];
                    (execution.last, execution.phase) = (*number, phase);
                }
                None => {
                    latest.insert(key, detail.executions.len());
                    let timed = phase == Phase::Started;
                    detail.executions.push(Execution {
                        first: *number,
                        last: *number,
                        phase,
                        timed,
                        trigger: None,
                        parent: None,
                    });
                }
            }
        }
        // One id may have been begun several times.
        let mut by_execution: FxHashMap<u32, Vec<usize>> = FxHashMap::default();
        for (at, execution) in detail.executions.iter().enumerate() {
            let id = self.entry(execution.first).execution;
            if id != NONE {
                by_execution.entry(id).or_default().push(at);
            }
        }
        // Events that an action sent name its execution: what they came from is what it got.
        let mut of_sent: FxHashMap<(u32, u32), usize> = FxHashMap::default();
        for event in &detail.events {
            let entry = self.entry(event.entry);
            if let (Some(parent), true) = (event.parent, entry.execution != NONE) {
                of_sent.entry((entry.execution, entry.name)).or_insert(parent);
            }
        }
        let root = detail.events.iter().position(|event| event.parent.is_none());
        for at in 0..detail.executions.len() {
            let (first, last) = (
                self.entry(detail.executions[at].first),
                self.entry(detail.executions[at].last),
            );
            let told = [first.upstream, last.upstream]
                .into_iter()
                .find_map(|id| by_id.get(&id).copied());
            let parents = by_execution.get(&first.parent).map_or(&[][..], Vec::as_slice);
            let parent = parents.iter().rev().find(|parent| **parent < at).copied();
            let trigger = told.or_else(|| of_sent.get(&(first.execution, first.name)).copied());
            let execution = &mut detail.executions[at];
            execution.parent = parent;
            execution.trigger = trigger;
            if trigger.is_some() {
                continue;
            }
            let trigger = match parent {
                Some(parent) => detail.executions[parent].trigger,
                None => self.likely_trigger(detail, at).or(root),
            };
            detail.executions[at].trigger = trigger;
        }
    }

    /// Nothing says which event an action got: the first of a type that it gets, that was there when it began, and that no
    /// other execution of it got.
    fn likely_trigger(&self, detail: &Detail, at: usize) -> Option<usize> {
        let begun = self.entry(detail.executions[at].first);
        let taken = |event: usize| {
            let mut before = detail.executions[..at].iter();
            before.any(|other| other.trigger == Some(event) && self.entry(other.first).name == begun.name)
        };
        let fits = |event: &Event| {
            let entry = self.entry(event.entry);
            entry.time <= begun.time && self.takes.contains(&(begun.name, entry.kind))
        };
        let fitting: Vec<usize> = (0..detail.events.len())
            .filter(|event| fits(&detail.events[*event]))
            .collect();
        fitting
            .iter()
            .copied()
            .find(|event| !taken(*event))
            .or(fitting.last().copied())
    }
}

/// What events say of the action that sent them and of what that had got.
fn takes(index: &Index) -> FxHashSet<(u32, u32)> {
    let mut kinds = vec![NONE; index.nodes()];
    let events = || index.entries.iter().filter(|entry| entry.phase.is_none());
    for entry in events() {
        kinds[entry.id as usize] = entry.kind;
    }
    let mut takes = FxHashSet::default();
    for entry in events().filter(|entry| entry.upstream != NONE && entry.name != NONE) {
        takes.insert((entry.name, kinds[entry.upstream as usize]));
    }
    takes
}

/// Takes away one link of every circle: no event is its own cause, whatever a log says.
fn cut_circles(events: &mut [Event]) {
    // 0 not seen, otherwise the walk on which it was.
    let mut seen = vec![0usize; events.len()];
    for start in 0..events.len() {
        let mut at = start;
        seen[at] = if seen[at] == 0 { start + 1 } else { continue };
        while let Some(parent) = events[at].parent {
            if seen[parent] == start + 1 {
                events[at].parent = None;
                break;
            }
            if seen[parent] != 0 {
                break;
            }
            seen[parent] = start + 1;
            at = parent;
        }
    }
}
