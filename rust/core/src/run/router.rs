//! How the machine asks which actions an event triggers.

use super::FailurePolicy;
use crate::ids::{ActionId, EventId};

/// The routing rules of a plan. The machine is generic over them so that tests can put a naive one in their place.
pub trait Router {
    /// What conditions read of an event, decoded once when the event is sent.
    type Attributes;

    /// Number of actions; ids are below it.
    fn action_count(&self) -> usize;

    /// Name of an action, for messages.
    fn action_name(&self, action: ActionId) -> &str;

    /// What journals and snapshots know an action by: unlike its name, it stays when the action is renamed.
    fn action_identity(&self, action: ActionId) -> &str {
        self.action_name(action)
    }

    /// What else journals and snapshots of before may know it by. No two actions share such a name, or an identity.
    fn action_aliases(&self, _action: ActionId) -> &[String] {
        &[]
    }

    /// What is done about failures of an action.
    fn failure_policy(&self, _action: ActionId) -> FailurePolicy {
        FailurePolicy::default()
    }

    /// Actions with a trigger entry equal to this type, in plan order.
    fn exact(&self, event_type: &str) -> &[ActionId];

    /// Whether any action has an expression entry.
    fn has_conditions(&self) -> bool;

    /// Appends the actions whose expressions hold, in plan order, leaving out those already in `selected`.
    ///
    /// # Errors
    /// A text naming action and condition when an evaluation failed and the plan says that this is fatal.
    fn conditional(
        &self,
        event_type: &str,
        id: EventId,
        attributes: Option<&Self::Attributes>,
        selected: &mut Vec<ActionId>,
        warnings: &mut Vec<String>,
    ) -> Result<(), String>;
}
