//! The way to one server: HTTP client, limiter and retries, for whatever is asked over it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::error::{Failure, ModelError, ModelErrorKind};
use crate::http::Http;
use crate::limits::{Limiter, Limits, Membership, Outcome};
use crate::request::Parameters;
use crate::retry;

/// What connections of one name and with equal arguments share in this process.
pub(crate) struct Wire {
    pub http: Http,
    pub limiter: Arc<Limiter>,
    attempts: u32,
    longest_wait: Duration,
}

impl Wire {
    /// Makes the client and the limiter that the arguments describe.
    pub fn new(http: Http, arguments: &Parameters) -> Self {
        let whole = |name: &str| arguments.get(name).and_then(Value::as_u64);
        let seconds = |name: &str| Duration::from_secs_f64(arguments.get(name).and_then(Value::as_f64).unwrap_or(0.0));
        let limits = Limits {
            concurrency: whole("max_concurrent_requests"),
            requests_per_minute: whole("requests_per_minute"),
            tokens_per_minute: whole("tokens_per_minute"),
            breaker_failures: whole("breaker_failures").unwrap_or(0).min(u64::from(u32::MAX)) as u32,
            breaker_pause: seconds("breaker_pause"),
        };
        Self {
            http,
            limiter: Limiter::new(limits),
            attempts: whole("max_retries").unwrap_or(0).min(1_000_000) as u32 + 1,
            longest_wait: seconds("max_retry_wait"),
        }
    }

    /// Makes a call until it succeeds, fails for good, or has failed too often. `tokens` is about what it will cost;
    /// each attempt says what it did cost, if it knows. Returns the number of failed attempts too.
    pub async fn run<T, F, Fut>(
        &self,
        name: &str,
        model: &str,
        tokens: u64,
        mut attempt: F,
    ) -> Result<(T, u32), ModelError>
    where
        F: FnMut(u32) -> Fut,
        Fut: Future<Output = Result<(T, Option<u64>), Failure>>,
    {
        let mut tried = 0;
        loop {
            let failure = match self.limiter.admit(tokens).await {
                Err(open) => {
                    let what = "no call is made, because too many in a row have failed".to_owned();
                    let retry_after = Some(open.0);
                    return Err(self.error(
                        name,
                        model,
                        tried,
                        Failure {
                            kind: ModelErrorKind::CircuitOpen,
                            status: None,
                            retry_after,
                            what,
                        },
                    ));
                }
                Ok(permit) => {
                    tried += 1;
                    match attempt(tried).await {
                        Ok((answer, tokens)) => {
                            permit.end(Outcome::Answered { tokens });
                            return Ok((answer, tried - 1));
                        }
                        Err(failure) => {
                            permit.end(if failure.kind.server_is_ill() {
                                Outcome::Ill
                            } else {
                                Outcome::Alive
                            });
                            failure
                        }
                    }
                }
            };
            let wait = failure.retry_after.unwrap_or_else(|| retry::backoff(tried));
            if failure.retry_after.is_some() && wait <= self.longest_wait {
                // For all calls of the connection: the next would be refused as well.
                self.limiter.hold(wait);
            }
            if !failure.kind.again() || tried >= self.attempts || wait > self.longest_wait {
                return Err(self.error(name, model, tried, failure));
            }
            if failure.retry_after.is_none() {
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// The failure as the caller sees it.
    pub fn error(&self, name: &str, model: &str, attempt: u32, failure: Failure) -> ModelError {
        let Failure {
            kind,
            status,
            retry_after,
            what,
        } = failure;
        let what = self.http.clean(&what);
        ModelError {
            kind,
            connection: name.to_owned(),
            model: model.to_owned(),
            attempt,
            attempts: self.attempts,
            status,
            retry_after,
            what,
        }
    }
}

/// A wire with the part of it that one subtask has.
pub(crate) struct Joined {
    pub wire: Arc<Wire>,
    _part: Membership,
}

impl Joined {
    pub fn new(wire: Arc<Wire>, parallelism: u32) -> Self {
        let part = wire.limiter.join(parallelism);
        Self { wire, _part: part }
    }
}
