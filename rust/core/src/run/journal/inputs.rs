//! Which input is which run. Inputs of one key may come in another order after a crash when they come from several
//! channels, so a run that the journal knows is found by the digest of its input, and runs are executed in the order of the
//! journal: an input that comes early waits for its predecessor, for as long as the host allows. Runs that wrote nothing
//! leave gaps in the journal; inputs that it does not know fill them.

use super::Progress;
use super::replay::Replay;
use crate::ids::KeySlot;
use crate::journal::Digest;
use crate::run::{Effect, Machine, Router};

/// Which waiting input starts a run.
enum Pick {
    /// The one at this place.
    Input(usize),
    /// None may yet.
    None,
    /// A run was given up: look again.
    Again,
}

impl<R: Router> Machine<R> {
    /// The host has waited long enough for the input of a run, see [`Effect::AwaitInput`].
    pub fn handle_await_over(&mut self, key: KeySlot, run: u64) {
        let Some(state) = self.keys.get_mut(key.0 as usize) else {
            return;
        };
        match &mut state.journal {
            Some(journal) if journal.awaited == Some(run) => journal.expired = Some(run),
            _ => return,
        }
        if !state.active {
            self.start_next(key);
            self.settle(key);
        }
    }

    /// Places the input whose run begins now at the front of those that wait, and gives the run its number and its records;
    /// false if none may begin.
    pub(in crate::run) fn pick_input(&mut self, key: KeySlot) -> bool {
        loop {
            match self.pick(key) {
                Pick::Input(place) => {
                    let waiting = &mut self.keys[key.0 as usize].waiting;
                    if let Some(input) = waiting.remove(place) {
                        waiting.push_front(input);
                    }
                    return true;
                }
                Pick::None => return false,
                Pick::Again => {}
            }
        }
    }

    fn pick(&mut self, key: KeySlot) -> Pick {
        let ended = self.ended;
        let state = &mut self.keys[key.0 as usize];
        let Some(journal) = &mut state.journal else {
            return Pick::Input(0);
        };
        let Some(oldest) = state.waiting.front() else {
            return Pick::None;
        };
        if journal.unread {
            return Pick::None;
        }
        let unknown = Progress {
            digest: oldest.digest,
            origin: self
                .journal
                .as_ref()
                .map_or_else(Default::default, |all| all.settings.origin),
            ..Progress::default()
        };
        journal.replay = None;
        journal.attempts.clear();
        journal.progress = unknown;
        let Some((run, recovered)) = journal.history.runs.first_key_value() else {
            return Pick::Input(0);
        };
        let (run, digest) = (*run, recovered.digest());
        let given_up = ended || journal.expired == Some(run);
        let runs = &journal.history.runs;
        if run > state.sequence {
            // Runs that wrote nothing come first, and their inputs are not known to the journal.
            let known = |digest: Option<Digest>| digest.is_some() && runs.values().any(|run| run.digest() == digest);
            if let Some(place) = state.waiting.iter().position(|input| !known(input.digest)) {
                journal.progress.digest = state.waiting[place].digest;
                return Pick::Input(place);
            }
        }
        let found = state
            .waiting
            .iter()
            .position(|input| digest.is_none() || input.digest == digest);
        match found.filter(|_| run == state.sequence || given_up) {
            Some(place) => {
                state.sequence = run;
                if let Some(mut recovered) = journal.history.runs.remove(&run) {
                    journal.progress = Progress {
                        begun: true,
                        order: recovered.next_order(),
                        completed: 0,
                        digest,
                        origin: recovered.origin(),
                    };
                    journal.attempts = recovered.take_attempts();
                    journal.replay = Replay::of(recovered, &journal.attempts);
                }
                journal.awaited = None;
                Pick::Input(place)
            }
            None if given_up => {
                journal.awaited = None;
                state.sequence = run + 1;
                let recovered = journal.history.runs.remove(&run);
                self.tell_divergence(key, run, "its input did not come again, and others did");
                if let Some(recovered) = recovered {
                    self.discard(key, recovered.into_tails(run, true));
                }
                Pick::Again
            }
            None => {
                if journal.awaited != Some(run) {
                    journal.awaited = Some(run);
                    self.effects.push_back(Effect::AwaitInput { key, run });
                }
                Pick::None
            }
        }
    }

    /// No input follows: those that wait for others go on.
    pub(in crate::run) fn end_awaiting(&mut self) {
        for number in 0..self.keys.len() {
            let state = &self.keys[number];
            let awaits = state.journal.as_ref().is_some_and(|journal| journal.awaited.is_some());
            if awaits && !state.active {
                let key = KeySlot(number as u32);
                self.start_next(key);
                self.settle(key);
            }
        }
    }
}
