//! One core with what the JVM host needs around it.

use crate::errors::Failure;
use flink_agents_core::ids::{ActionId, EventId};
use flink_agents_core::run::{Limits, Machine, Router};

/// What conditions read of an event.
pub(crate) type Attributes = ();

/// Provisional.
pub(crate) struct Routes {
    names: Vec<String>,
    exact: Vec<(String, Vec<ActionId>)>,
    json: String,
}

impl Router for Routes {
    type Attributes = Attributes;
    fn action_count(&self) -> usize {
        self.names.len()
    }
    fn action_name(&self, action: ActionId) -> &str {
        &self.names[action.0 as usize]
    }
    fn exact(&self, event_type: &str) -> &[ActionId] {
        self.exact
            .iter()
            .find(|(name, _)| name == event_type)
            .map_or(&[], |(_, actions)| actions)
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

/// A machine, the texts of its last effects, and whether a panic has left it unusable.
pub(crate) struct Engine {
    pub(crate) machine: Machine<Routes>,
    pub(crate) texts: Vec<String>,
    inside: bool,
}

impl Engine {
    /// Compiles the plan.
    pub(crate) fn open(plan: &[u8]) -> Result<Engine, Failure> {
        let json: serde_json::Value =
            serde_json::from_slice(plan).map_err(|e| Failure::argument(format!("plan: {e}")))?;
        let mut routes = Routes {
            names: vec![],
            exact: vec![],
            json: String::new(),
        };
        let mut list = vec![];
        if let Some(actions) = json["actions"].as_object() {
            for (i, (name, action)) in actions.iter().enumerate() {
                routes.names.push(name.clone());
                list.push(action["exec"].clone());
                let t = action.get("trigger_conditions").or(action.get("listen_event_types"));
                for trigger in t
                    .and_then(|t| t.as_array())
                    .into_iter()
                    .flatten()
                    .filter_map(|t| t.as_str())
                {
                    match routes.exact.iter_mut().find(|(n, _)| n == trigger) {
                        Some((_, a)) => a.push(ActionId(i as u16)),
                        None => routes.exact.push((trigger.to_owned(), vec![ActionId(i as u16)])),
                    }
                }
            }
        }
        let actions: Vec<_> = routes
            .names
            .iter()
            .zip(list)
            .map(|(name, exec)| serde_json::json!({"name": name, "exec": exec}))
            .collect();
        routes.json = serde_json::json!({"actions": actions, "attributes": []}).to_string();
        Ok(Engine {
            machine: Machine::new(routes, Limits::default()),
            texts: Vec::new(),
            inside: false,
        })
    }

    pub(crate) fn describe(&self) -> &str {
        &self.machine.router().json
    }

    pub(crate) fn attributes(&self, _bytes: &[u8]) -> Result<Attributes, Failure> {
        Ok(())
    }

    /// Refuses an engine that a panic has left half changed.
    #[inline]
    pub(crate) fn check_usable(&self) -> Result<(), Failure> {
        if self.inside {
            return Err(Failure::state(
                "The core failed earlier by a panic and cannot be used any more; the task has to be restarted",
            ));
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn enter(&mut self) {
        self.inside = true;
    }

    #[inline]
    pub(crate) fn leave(&mut self) {
        self.inside = false;
    }
}
