//! What hosts know of a processed event before they look at its attributes.

use flink_agents_core::event_log::{Entry, Level, Levels, Settings};
use flink_agents_core::ids::{ActionId, Symbol};
use flink_agents_core::run::{Machine, Observed, Router};
use flink_agents_core::symbols::Symbols;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Makes entries of what a machine says of processed events. For the thread of the machine.
#[derive(Debug)]
pub struct Headers {
    levels: Levels,
    actions: Vec<Arc<str>>,
}

impl Headers {
    /// For the events of a machine, which tells of them from now on.
    pub fn of<R: Router>(machine: &mut Machine<R>, settings: Settings) -> Headers {
        machine.observe_events();
        let router = machine.router();
        let names = (0..router.action_count()).map(|index| Arc::from(router.action_name(ActionId(index as u16))));
        Headers {
            levels: Levels::new(settings),
            actions: names.collect(),
        }
    }

    /// Whether an event that is processed now is to be logged.
    pub fn takes(&mut self, event: &Observed, symbols: &Symbols) -> bool {
        self.levels.of(event.event_type, symbols).0 != Level::Off
    }

    /// The entry of an event that is processed now, if it is to be logged.
    pub fn entry(&mut self, event: &Observed, symbols: &Symbols) -> Option<Entry> {
        let (level, event_type) = self.levels.of(event.event_type, symbols);
        if level == Level::Off {
            return None;
        }
        let action = |action: ActionId| self.actions.get(usize::from(action.0)).cloned().unwrap_or_default();
        Some(Entry {
            time: now(),
            level,
            id: event.id,
            event_type: Arc::clone(event_type),
            upstream: event.lineage.map(|(id, by)| (id, action(by))),
        })
    }

    /// The numbers of these texts may be given out again.
    pub fn forget(&mut self, freed: &[Symbol]) {
        self.levels.forget(freed);
    }
}

fn now() -> (i64, u32) {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        // Microseconds, as Java's clock has them.
        Ok(time) => (time.as_secs() as i64, time.subsec_micros() * 1000),
        Err(_) => (0, 0),
    }
}
