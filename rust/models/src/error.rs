//! What may go wrong with a model, said so that it can be mended.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// What kind of failure it was. As JSON the names in lower case with underscores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelErrorKind {
    /// The arguments of the connection, or those of the call.
    Arguments,
    /// The server says the request is wrong (400, 404, 422, …).
    Refused,
    /// The server does not accept the key (401, 403).
    Authentication,
    /// The server wants fewer requests (429).
    RateLimited,
    /// The server cannot answer now (408, 409, 5xx).
    Unavailable,
    /// No connection to the server.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The answer ended too early.
    Cut,
    /// The answer is not what the protocol says.
    InvalidAnswer,
    /// The answer is larger than `max_response_bytes`.
    TooLarge,
    /// So many calls in a row failed that none are made for a while.
    CircuitOpen,
}

impl ModelErrorKind {
    /// Whether the same call may succeed if it is made again without any change.
    pub fn may_pass(self) -> bool {
        match self {
            Self::RateLimited | Self::Unavailable | Self::Unreachable | Self::Timeout | Self::Cut => true,
            Self::CircuitOpen => true,
            // Models do not say the same twice.
            Self::InvalidAnswer => true,
            Self::Arguments | Self::Refused | Self::Authentication | Self::TooLarge => false,
        }
    }

    /// Whether the client itself makes the call again: only where the server gave no whole answer, which would have
    /// been paid for.
    pub(crate) fn again(self) -> bool {
        self.may_pass() && !matches!(self, Self::InvalidAnswer | Self::CircuitOpen)
    }

    /// Whether it says something about the server's health, for the circuit breaker.
    pub(crate) fn server_is_ill(self) -> bool {
        matches!(self, Self::Unavailable | Self::Unreachable | Self::Timeout | Self::Cut)
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Arguments => "Correct the argument of the resource",
            Self::Refused => "Check model name, parameters and tools against what the server supports",
            Self::Authentication => "Check the key of the connection and what it may use",
            Self::RateLimited => {
                "Lower requests_per_minute, tokens_per_minute or max_concurrent_requests of the connection, or ask \
                 the provider for a higher limit"
            }
            Self::Unavailable => "Look at the server's state and logs; a higher max_retries bridges longer outages",
            Self::Unreachable => "Check address, proxy and ca_file of the connection, and that the server runs",
            Self::Timeout => "Raise the time-out of the connection, or ask for shorter answers",
            Self::Cut => "Look at the server and at proxies on the way; they may end long answers",
            Self::InvalidAnswer => "Check that the address is that of a server with this protocol, and the model",
            Self::TooLarge => "Raise max_response_bytes of the connection, or limit the answer's tokens",
            Self::CircuitOpen => {
                "Look at the errors before this one; breaker_failures and breaker_pause of the connection set when \
                 calls stop and for how long"
            }
        }
    }
}

/// A failed call. Its text names connection, model and attempt, what happened and how to mend it; never a key. As JSON
/// it has its fields, for hosts that make exceptions of their own of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelError {
    /// The kind of failure.
    pub kind: ModelErrorKind,
    /// The connection's name.
    pub connection: String,
    /// The model that was asked; empty when the connection itself could not be made.
    pub model: String,
    /// Which attempt failed last, from 1; 0 if none was made.
    pub attempt: u32,
    /// How many there could have been.
    pub attempts: u32,
    /// The status of the HTTP answer, if there was one.
    pub status: Option<u16>,
    /// How long the server wants to be left alone; as JSON in seconds.
    #[serde(serialize_with = "seconds")]
    pub retry_after: Option<Duration>,
    /// What happened.
    pub what: String,
}

impl ModelError {
    /// The connection could not be made.
    pub(crate) fn opening(connection: &str, what: String) -> Self {
        Self {
            kind: ModelErrorKind::Arguments,
            connection: connection.to_owned(),
            model: String::new(),
            attempt: 0,
            attempts: 0,
            status: None,
            retry_after: None,
            what,
        }
    }

    /// Whether the same call may succeed later without any change.
    pub fn may_pass(&self) -> bool {
        self.kind.may_pass()
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.model.is_empty() {
            write!(f, "model '{}' of ", self.model)?;
        }
        write!(f, "connection '{}'", self.connection)?;
        if self.attempt > 0 {
            write!(f, ", attempt {} of {}", self.attempt, self.attempts)?;
        }
        write!(f, ": {}", self.what)?;
        if let Some(wait) = self.retry_after {
            write!(f, " (again in {:.0} s at the earliest)", wait.as_secs_f64().ceil())?;
        }
        write!(f, ". {}.", self.kind.advice())
    }
}

impl std::error::Error for ModelError {}

fn seconds<S: Serializer>(wait: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    wait.map(|wait| wait.as_secs_f64()).serialize(to)
}

/// A failure as the layers below a connection see it, before name, model and attempt are known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub kind: ModelErrorKind,
    pub status: Option<u16>,
    pub retry_after: Option<Duration>,
    pub what: String,
}

impl Failure {
    pub fn new(kind: ModelErrorKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            status: None,
            retry_after: None,
            what: what.into(),
        }
    }

    /// An answer that does not follow the protocol.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self::new(ModelErrorKind::InvalidAnswer, what)
    }

    /// An argument of the call that cannot be.
    pub fn arguments(what: impl Into<String>) -> Self {
        Self::new(ModelErrorKind::Arguments, what)
    }
}

/// The beginning of a text, for an error.
pub(crate) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 300;
    let text = text.trim();
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes in all)", &text[..end], text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_error_is_json_for_hosts() {
        let mut error = ModelError::opening("c", "no".to_owned());
        error.kind = ModelErrorKind::RateLimited;
        error.retry_after = Some(Duration::from_millis(1500));
        let expected = json!({"kind": "rate_limited", "connection": "c", "model": "", "attempt": 0, "attempts": 0,
            "status": null, "retry_after": 1.5, "what": "no"});
        assert_eq!(serde_json::to_value(&error).unwrap(), expected);
    }
}
