//! Which uses of memory become events: options `memory.generate-event.*`. Hosts, whose values these are, send them when an action
//! ends, after the events of its own.

use crate::config::{ConfigError, ConfigMap};
use crate::plan::Routes;

/// A kind of use; it has an event type and an option of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Values set in sensory memory.
    SensoryWrite,
    /// Values set in short-term memory.
    ShortTermWrite,
    /// Values read of sensory memory.
    SensoryRead,
    /// Values read of short-term memory.
    ShortTermRead,
}

impl Use {
    /// All of them, in the order in which their events are sent. Hosts know them by their place here.
    pub const ALL: [Use; 4] = [
        Use::SensoryWrite,
        Use::ShortTermWrite,
        Use::SensoryRead,
        Use::ShortTermRead,
    ];

    /// Type of its events.
    pub fn event_type(self) -> &'static str {
        match self {
            Use::SensoryWrite => "_sensory_write_event",
            Use::ShortTermWrite => "_short_term_write_event",
            Use::SensoryRead => "_sensory_read_event",
            Use::ShortTermRead => "_short_term_read_event",
        }
    }

    fn option(self) -> &'static str {
        match self {
            Use::SensoryWrite => "memory.generate-event.sensory-write",
            Use::ShortTermWrite => "memory.generate-event.short-term-write",
            Use::SensoryRead => "memory.generate-event.sensory-read",
            Use::ShortTermRead => "memory.generate-event.short-term-read",
        }
    }

    fn is_write(self) -> bool {
        matches!(self, Use::SensoryWrite | Use::ShortTermWrite)
    }
}

/// The uses that become events: a bit for each, by its place in [`Use::ALL`].
///
/// What an option says, or else the main switch `memory.generate-event`, is done. Where neither is set, writes become events if an
/// action listens to them, by their type, by a condition that names it or by `true`: nobody else would see them but listeners and the
/// event log, of which they would be the larger part.
///
/// # Errors
/// When an option has a wrong value.
pub fn memory_events(config: &ConfigMap, routes: &Routes) -> Result<u8, ConfigError> {
    let main = config.get_bool("memory.generate-event")?;
    let mut bits = 0;
    for (place, kind) in Use::ALL.into_iter().enumerate() {
        let set = config.get_bool(kind.option())?.or(main);
        if set.unwrap_or_else(|| kind.is_write() && routes.listens_to(kind.event_type())) {
            bits |= 1 << place;
        }
    }
    Ok(bits)
}

/// Type of the event before the input of each run, if option `agent-run.begin-event` asks for it.
pub const BEGIN_EVENT: &str = "_agent_run_begin_event";

/// Whether each run begins with an event of short-term memory as it is then: option `agent-run.begin-event`.
///
/// # Errors
/// When the option has a wrong value.
pub fn begin_events(config: &ConfigMap) -> Result<bool, ConfigError> {
    Ok(config.get_bool("agent-run.begin-event")?.unwrap_or(false))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plan::AgentPlan;
    use serde_json::json;

    fn bits(triggers: &[&str], config: &serde_json::Value) -> Result<u8, ConfigError> {
        let plan = json!({
            "actions": {
                "act": {
                    "name": "act",
                    "exec": {"func_type": "PythonFunction", "module": "m", "qualname": "f"},
                    "trigger_conditions": triggers,
                }
            },
            "config": {"conf_data": config},
        });
        let plan = AgentPlan::from_json(plan.to_string().as_bytes()).unwrap();
        memory_events(&plan.config, &Routes::compile(&plan).unwrap())
    }

    #[test]
    fn without_options_writes_are_events_for_those_who_listen() {
        let nothing = json!({});
        assert_eq!(bits(&["_input_event"], &nothing), Ok(0));
        assert_eq!(bits(&["_short_term_write_event"], &nothing), Ok(2));
        assert_eq!(
            bits(&["type == '_sensory_write_event' && has(attributes.value)"], &nothing),
            Ok(1)
        );
        assert_eq!(bits(&["has(attributes.value)"], &nothing), Ok(0));
        assert_eq!(bits(&["true"], &nothing), Ok(3));
        assert_eq!(
            bits(&["_short_term_read_event", "_sensory_read_event"], &nothing),
            Ok(0)
        );
    }

    #[test]
    fn an_option_wins_over_the_main_switch_and_that_over_the_default() {
        assert_eq!(bits(&["_input_event"], &json!({"memory.generate-event": true})), Ok(15));
        assert_eq!(
            bits(&["_short_term_write_event"], &json!({"memory.generate-event": "false"})),
            Ok(0)
        );
        let one = json!({"memory.generate-event": false, "memory.generate-event.sensory-read": true});
        assert_eq!(bits(&["_input_event"], &one), Ok(4));
        let other = json!({"memory.generate-event.short-term-write": false});
        assert_eq!(bits(&["_short_term_write_event"], &other), Ok(0));
    }

    #[test]
    fn a_wrong_value_is_an_error_by_name() {
        let error = bits(
            &["_input_event"],
            &json!({"memory.generate-event.sensory-write": "perhaps"}),
        );
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("memory.generate-event.sensory-write")
        );
    }
}
