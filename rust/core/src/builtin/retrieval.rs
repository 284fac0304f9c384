//! Retrieval of context: one query of a vector store.

use serde::Serialize;
use serde_json::Value;

use super::command::{Command, Commands, Send};
use super::start::Start;
use super::{BuiltInError, outcome};

/// Documents that are asked for when the request does not say how many.
const DEFAULT_MAX_RESULTS: i64 = 3;

#[derive(Debug)]
pub(super) struct Retrieval {
    request_id: String,
    store: String,
    query: String,
}

/// The attributes of the event that brings them.
#[derive(Serialize)]
struct Found<'a> {
    request_id: &'a str,
    query: &'a str,
    documents: &'a Value,
}

impl Retrieval {
    pub fn begin(start: Start, commands: &mut Commands) -> Result<Self, BuiltInError> {
        if start.event.event_type != "_context_retrieval_request_event" {
            return Err(start.refuse("it takes _context_retrieval_request_event only"));
        }
        let store = start.text("vector_store")?.to_owned();
        let query = start.text("query")?.to_owned();
        let limit = start.whole("max_results")?.unwrap_or(DEFAULT_MAX_RESULTS);
        commands.push(&Command::Retrieve {
            store: &store,
            query: &query,
            limit,
            asynchronous: start.settings.rag_async,
        });
        Ok(Retrieval {
            request_id: start.event.id,
            store,
            query,
        })
    }

    pub fn answer(self, answer: Value, commands: &mut Commands) -> Result<(), BuiltInError> {
        match outcome("retrieve", answer)? {
            Ok(documents @ Value::Array(_)) => {
                commands.send(&Send {
                    event_type: "_context_retrieval_response_event",
                    attributes: Found {
                        request_id: &self.request_id,
                        query: &self.query,
                        documents: &documents,
                    },
                    id: None,
                    structured: false,
                });
                commands.done();
            }
            Ok(_) => {
                return Err(BuiltInError::Answer {
                    command: "retrieve",
                    reason: "'ok' must be a list of documents".to_owned(),
                });
            }
            Err(failure) => commands.fail(
                &format!(
                    "The query of vector store '{}' for request {} failed: {failure}",
                    self.store, self.request_id
                ),
                failure.rethrow,
            ),
        }
        Ok(())
    }
}
