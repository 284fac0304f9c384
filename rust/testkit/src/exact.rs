//! A router by exact types, for tests and measurements that need no conditions.

use flink_agents_core::ids::{ActionId, EventId};
use flink_agents_core::run::{FailurePolicy, Router};

/// Actions, each triggered by one type.
#[derive(Debug, Default)]
pub struct Exact {
    names: Vec<String>,
    table: Vec<(String, Vec<ActionId>)>,
    policy: FailurePolicy,
}

impl Exact {
    /// The actions by their names, in plan order, each with the type that triggers it.
    pub fn new<N: Into<String>, T: Into<String>>(actions: impl IntoIterator<Item = (N, T)>) -> Exact {
        let mut exact = Exact::default();
        for (name, event_type) in actions {
            let id = ActionId(exact.names.len() as u16);
            let event_type = event_type.into();
            exact.names.push(name.into());
            match exact.table.iter_mut().find(|(known, _)| *known == event_type) {
                Some((_, ids)) => ids.push(id),
                None => exact.table.push((event_type, vec![id])),
            }
        }
        exact
    }

    /// With a policy for failures of each action.
    #[must_use]
    pub fn failing(mut self, policy: FailurePolicy) -> Exact {
        self.policy = policy;
        self
    }
}

impl Router for Exact {
    type Attributes = ();

    fn action_count(&self) -> usize {
        self.names.len()
    }

    fn action_name(&self, action: ActionId) -> &str {
        &self.names[action.0 as usize]
    }

    fn failure_policy(&self, _: ActionId) -> FailurePolicy {
        self.policy
    }

    fn exact(&self, event_type: &str) -> &[ActionId] {
        let found = self.table.iter().find(|(known, _)| known == event_type);
        found.map_or(&[], |(_, ids)| ids)
    }

    fn has_conditions(&self) -> bool {
        false
    }

    fn conditional(
        &self,
        _: &str,
        _: EventId,
        _: Option<&()>,
        _: &mut Vec<ActionId>,
        _: &mut Vec<String>,
    ) -> Result<(), String> {
        Ok(())
    }
}
