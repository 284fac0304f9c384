//! What the journal of a key says after a restart: its runs, and of the run in progress what is still to be reached.

use super::tail::Path;
use super::{
    Attempted, CallRecord, CallStatus, Completion, Digest, First, Origin, Record, RecordBody, RecordError, Tail,
};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A record that was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Whose it is.
    pub tail: Tail,
    /// What it says.
    pub record: Record,
}

impl Recovered {
    /// Reads a record as a store returns it.
    ///
    /// # Errors
    /// When it cannot be read; the store adds where it lies.
    pub fn decode(tail: &[u8], value: &[u8]) -> Result<Recovered, RecordError> {
        let tail = Tail::decode(tail).ok_or_else(|| RecordError::Damaged("its identity makes no sense".into()))?;
        let record = Record::decode(value)?;
        let fits = match record.body {
            RecordBody::Run => tail.task.is_empty() && !tail.is_call(),
            RecordBody::Call(_) => tail.is_call() && !tail.task.is_empty(),
            RecordBody::Completion(_) | RecordBody::Attempt(_) => !tail.is_call() && !tail.task.is_empty(),
        };
        if !fits {
            return Err(RecordError::Damaged("it does not fit its identity".into()));
        }
        Ok(Recovered { tail, record })
    }
}

/// The recovered runs of one key.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub(crate) runs: BTreeMap<u64, RecoveredRun>,
}

impl History {
    /// Of records in any order. Of two with one identity the later one counts.
    pub fn new(records: impl IntoIterator<Item = Recovered>) -> History {
        let mut history = History::default();
        for recovered in records {
            history.put(recovered.tail, Some(recovered.record));
        }
        history
    }

    /// Adds or replaces a record, or takes it away.
    pub(crate) fn put(&mut self, tail: Tail, record: Option<Record>) {
        let run = tail.run;
        let Some(record) = record else {
            if let Some(run) = self.runs.get_mut(&run) {
                run.remove(&tail);
            }
            return;
        };
        self.runs.entry(run).or_default().put(tail, record);
    }

    /// Names actions by their identities of today, where the records have another name of theirs.
    pub(crate) fn rename(&mut self, aliases: &FxHashMap<String, Arc<str>>) {
        if aliases.is_empty() {
            return;
        }
        for (number, run) in &mut self.runs {
            if run.tails(*number).any(|mut tail| tail.rename(aliases)) {
                *run = std::mem::take(run).renamed(*number, aliases);
            }
        }
    }

    /// Place of a record among those of its run, if it is there.
    pub(crate) fn order_of(&self, tail: &Tail) -> Option<u32> {
        self.runs.get(&tail.run)?.order_of(tail)
    }

    /// Whether there is no run.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

/// A call that has a record.
#[derive(Debug, Clone)]
pub(crate) struct RecoveredCall {
    /// Places from the action inwards.
    pub(crate) position: Vec<u32>,
    /// Actions of the run that had completed when it began.
    pub(crate) after: u32,
    pub(crate) record: CallRecord,
    /// Its number, once the action has come to it again.
    pub(crate) requested: Option<u32>,
}

/// Of a completed action: how many had completed before, and the record's order.
type Place = (u32, u32);

/// The records of one run that are still to be reached: completed actions by their place among those, and the calls of
/// actions that had not completed, each task's by their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct RecoveredRun {
    digest: Option<Digest>,
    origin: Origin,
    next_order: u32,
    completions: BTreeMap<Place, (Path, Completion)>,
    places: FxHashMap<Path, Place>,
    pub(super) calls: FxHashMap<Path, BTreeMap<u32, RecoveredCall>>,
    /// Of actions that failed and had not completed.
    pub(super) attempts: FxHashMap<Path, Attempted>,
    /// Calls of attempts that failed, where those go.
    pub(super) earlier: Vec<(Path, Vec<u32>)>,
    /// That the run has begun is a record of its own.
    begun: bool,
    /// Calls that no action has come to again.
    pub(super) to_come: usize,
    /// Under which other names of their actions records lie in the store.
    former: FxHashMap<Tail, Vec<Tail>>,
}

impl RecoveredRun {
    fn put(&mut self, tail: Tail, record: Record) {
        if let First::Yes { origin, digest } = record.first {
            self.digest = digest;
            self.origin = origin;
        }
        self.next_order = self.next_order.max(record.order + 1);
        self.remove(&tail);
        match record.body {
            RecordBody::Run => self.begun = true,
            RecordBody::Completion(completion) => {
                let place = (record.after, record.order);
                self.places.insert(tail.task.clone(), place);
                self.completions.insert(place, (tail.task, completion));
            }
            RecordBody::Call(call) => {
                let call = RecoveredCall {
                    position: tail.call,
                    after: record.after,
                    record: call,
                    requested: None,
                };
                self.calls.entry(tail.task).or_default().insert(record.order, call);
            }
            RecordBody::Attempt(attempt) => {
                let attempted = Attempted::new(attempt, record.order, record.after);
                self.attempts.insert(tail.task, attempted);
            }
        }
    }

    /// The identities of all actions and calls.
    fn tails(&self, run: u64) -> impl Iterator<Item = Tail> {
        let completions = self.completions.values().map(move |(path, _)| tail(run, path, &[]));
        let calls = self.calls.iter();
        let calls =
            calls.flat_map(move |(path, calls)| calls.values().map(move |call| tail(run, path, &call.position)));
        let attempts = self.attempts.keys().map(move |path| tail(run, path, &[]));
        let earlier = self.earlier.iter();
        let earlier = earlier.map(move |(path, position)| tail(run, path, position));
        completions.chain(calls).chain(attempts).chain(earlier)
    }

    /// The same with actions by their identities of today. Of two records that are one then, the later one counts.
    fn renamed(self, run: u64, aliases: &FxHashMap<String, Arc<str>>) -> RecoveredRun {
        let mut renamed = RecoveredRun {
            digest: self.digest,
            origin: self.origin,
            next_order: self.next_order,
            begun: self.begun,
            ..RecoveredRun::default()
        };
        let completions = self
            .completions
            .into_iter()
            .map(|((after, order), (path, completion))| {
                let body = RecordBody::Completion(completion);
                (
                    tail(run, &path, &[]),
                    Record {
                        order,
                        after,
                        first: First::No,
                        body,
                    },
                )
            });
        let calls = self.calls.into_iter().flat_map(|(path, calls)| {
            calls.into_iter().map(move |(order, call)| {
                let body = RecordBody::Call(call.record);
                let record = Record {
                    order,
                    after: call.after,
                    first: First::No,
                    body,
                };
                (tail(run, &path, &call.position), record)
            })
        });
        let attempts = self.attempts.into_iter().map(|(path, attempted)| {
            let record = Record {
                order: attempted.order,
                after: attempted.after,
                first: First::No,
                body: RecordBody::Attempt(attempted.record),
            };
            (tail(run, &path, &[]), record)
        });
        let mut records: Vec<(Tail, Record)> = completions.chain(calls).chain(attempts).collect();
        records.sort_unstable_by_key(|(_, record)| record.order);
        for (written, record) in records {
            let mut tail = written.clone();
            if tail.rename(aliases) {
                renamed.former.entry(tail.clone()).or_default().push(written);
            }
            renamed.put(tail, record);
        }
        renamed
    }

    fn remove(&mut self, tail: &Tail) {
        if tail.is_call() {
            if let Some(order) = self.order_of_call(tail) {
                self.take_call(&tail.task, order);
            }
        } else if tail.task.is_empty() {
            self.begun = false;
        } else {
            self.attempts.remove(&tail.task);
            if let Some(place) = self.places.remove(&tail.task) {
                self.completions.remove(&place);
            }
        }
    }

    fn order_of(&self, tail: &Tail) -> Option<u32> {
        if tail.is_call() {
            return self.order_of_call(tail);
        }
        if tail.task.is_empty() {
            return self.begun.then_some(0);
        }
        let attempt = || self.attempts.get(&tail.task).map(|attempted| attempted.order);
        self.places.get(&tail.task).map(|(_, order)| *order).or_else(attempt)
    }

    /// Digest of the run's input.
    pub(crate) fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The job in which the run began.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// One past the last order in use.
    pub(crate) fn next_order(&self) -> u32 {
        self.next_order
    }

    /// Leaves out the calls of actions that completed, which are not executed. The last step before the run begins.
    pub(crate) fn settle(&mut self) {
        let places = &self.places;
        self.calls.retain(|task, _| !places.contains_key(task));
        self.to_come = self.calls.values().map(BTreeMap::len).sum();
    }

    /// Leaves out what lies outside of these tasks and what comes from them.
    pub(crate) fn keep_below(&mut self, tasks: &[Path]) {
        let keep = |path: &Path| tasks.iter().any(|task| path.starts_with(task));
        self.calls.retain(|path, _| keep(path));
        self.places.retain(|path, _| keep(path));
        self.completions.retain(|_, (path, _)| keep(path));
        self.attempts.retain(|path, _| keep(path));
    }

    /// Whether nothing is left to be reached.
    pub(crate) fn is_over(&self) -> bool {
        self.completions.is_empty() && self.calls.is_empty()
    }

    /// Whether all recorded actions have completed, and all recorded calls have been come to: what follows was not seen.
    pub(crate) fn is_reached(&self) -> bool {
        self.completions.is_empty() && self.to_come == 0
    }

    /// The action has come to a call.
    pub(crate) fn request(&mut self, task: &Path, order: u32, number: u32) {
        if let Some(call) = self.call(task, order)
            && call.requested.replace(number).is_none()
        {
            self.to_come -= 1;
        }
    }

    /// Actions that have completed, as the records count them; all there are when no record of one is left.
    pub(crate) fn completed(&self) -> u32 {
        self.completions
            .first_key_value()
            .map_or(u32::MAX, |((completed, _), _)| *completed)
    }

    /// The next action to complete.
    pub(crate) fn next_completion(&self) -> Option<&Path> {
        self.completions.first_key_value().map(|(_, (path, _))| path)
    }

    pub(crate) fn has_completed(&self, task: &Path) -> bool {
        self.places.contains_key(task)
    }

    pub(crate) fn take_completion(&mut self, task: &Path) -> Option<Completion> {
        let place = self.places.remove(task)?;
        self.completions.remove(&place).map(|(_, completion)| completion)
    }

    /// How many actions had completed when a task made the first of its calls that it has not come to again, of those
    /// that ended after `order`; nothing if there is none.
    pub(crate) fn next_call_after(&self, task: &Path, order: Option<u32>) -> Option<u32> {
        let calls = self.calls.get(task)?.range(order.map_or(0, |order| order + 1)..);
        let to_come = calls.filter(|(_, call)| call.requested.is_none());
        to_come.map(|(_, call)| call.after).min()
    }

    pub(crate) fn order_of_call(&self, tail: &Tail) -> Option<u32> {
        let mut calls = self.calls.get(&tail.task)?.iter();
        calls
            .find(|(_, call)| call.position == tail.call)
            .map(|(order, _)| *order)
    }

    pub(crate) fn call(&mut self, task: &Path, order: u32) -> Option<&mut RecoveredCall> {
        self.calls.get_mut(task)?.get_mut(&order)
    }

    pub(crate) fn take_call(&mut self, task: &Path, order: u32) -> Option<RecoveredCall> {
        let calls = self.calls.get_mut(task)?;
        let call = calls.remove(&order);
        if calls.is_empty() {
            self.calls.remove(task);
        }
        call
    }

    /// The first call of a task that is left, and its order.
    pub(crate) fn first_call_of(&self, task: &Path) -> Option<(u32, &RecoveredCall)> {
        let (order, call) = self.calls.get(task)?.first_key_value()?;
        Some((*order, call))
    }

    /// Something that is left, in words: the first action, else the first call.
    pub(crate) fn shown_left(&self, run: u64) -> Option<String> {
        if let Some(path) = self.next_completion() {
            let tail = tail(run, path, &[]);
            return Some(format!("{tail}: completed"));
        }
        let calls = self
            .calls
            .iter()
            .flat_map(|(path, calls)| calls.iter().map(move |call| (path, call)));
        let (path, (_, call)) = calls.min_by_key(|(_, (order, _))| **order)?;
        Some(call.shown(run, path))
    }

    /// Whether there is a record that says no more than that the run has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Everything that is left, and that the run has begun if that is to go too.
    pub(crate) fn into_tails(self, run: u64, whole: bool) -> Vec<Tail> {
        let mut tails: Vec<Tail> = self.tails(run).collect();
        let former = tails.iter().filter_map(|tail| self.former.get(tail)).flatten();
        let former: Vec<Tail> = former.cloned().collect();
        tails.extend(former);
        if whole && self.begun {
            tails.push(tail(run, &Vec::new(), &[]));
        }
        // Maps have no order that stays.
        tails.sort_unstable();
        tails
    }
}

pub(super) fn tail(run: u64, path: &Path, position: &[u32]) -> Tail {
    Tail {
        run,
        task: path.clone(),
        call: position.to_vec(),
    }
}

impl RecoveredCall {
    pub(crate) fn shown(&self, run: u64, path: &Path) -> String {
        let tail = tail(run, path, &self.position);
        format!("{tail}: function '{}' {}", self.record.function, self.record.status)
    }
}

impl fmt::Display for CallStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CallStatus::Pending => "had begun",
            CallStatus::Succeeded => "returned",
            CallStatus::Failed => "failed",
        })
    }
}
