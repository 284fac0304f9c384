//! One HTTP exchange: a request out, an answer in, whole or as a stream, with limits of time and size.

use std::error::Error;
use std::ops::Deref;
use std::time::Duration;

use reqwest::{Client, Method, Response, Url};
use serde_json::Value;

use crate::clients::{Clients, Recipe};
use crate::error::{Failure, ModelErrorKind, excerpt};
use crate::idempotency;
use crate::request::Parameters;
use crate::retry;
use crate::secret::Secret;

/// Of an error's body no more is read.
const LONGEST_ERROR: usize = 64 * 1024;

/// A request, ready to be sent any number of times.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// After the base address, with a query if it needs one.
    pub path: String,
    pub body: Value,
    /// Of the durable call that asks.
    pub idempotency_key: Option<String>,
}

/// How the events of a streamed answer are set apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Framing {
    /// Server-sent events.
    Events,
    /// A JSON document on each line.
    Lines,
}

/// Calls of one server side by side, over as many connections as they need.
pub(crate) struct Http {
    clients: Clients,
    base: String,
    secrets: Vec<Secret>,
    timeout: Duration,
    longest: usize,
}

impl Http {
    /// Builds the client from the arguments of a connection. `keys` are headers, each with the secret that it carries.
    pub fn new(base: &str, keys: Vec<(&str, String, Secret)>, arguments: &Parameters) -> Result<Self, Failure> {
        let (recipe, secrets) = Recipe::new(base, keys, arguments)?;
        Ok(Self {
            clients: Clients::new(recipe)?,
            base: base.trim_end_matches('/').to_owned(),
            secrets,
            timeout: seconds(arguments, "timeout"),
            longest: arguments
                .get("max_response_bytes")
                .and_then(Value::as_u64)
                .unwrap_or(u64::MAX) as usize,
        })
    }

    /// Sends a call and reads the whole answer.
    pub async fn whole(&self, call: &Call) -> Result<Value, Failure> {
        self.whole_by(Method::POST, call).await
    }

    /// The same by another method; a null body is none.
    pub async fn whole_by(&self, method: Method, call: &Call) -> Result<Value, Failure> {
        let lease = self.clients.lease();
        let exchange = async {
            let mut response = self.send(lease.client(), method, call).await?;
            let mut body = Vec::new();
            while let Some(bytes) = self.more(&mut response, body.len()).await? {
                body.extend_from_slice(&bytes);
            }
            serde_json::from_slice(&body).map_err(|e| {
                let text = self.clean(&excerpt(&String::from_utf8_lossy(&body)));
                Failure::invalid(format!("the answer of {} is no JSON ({e}): {text}", self.place(call)))
            })
        };
        tokio::time::timeout(self.timeout, exchange)
            .await
            .unwrap_or_else(|_| Err(self.too_late(call, "no whole answer")))
    }

    /// Sends a call and hands on each event of the answer: its name, empty if it has none, and its data.
    ///
    /// Ends well when the server ends the answer; whether all was said is for the caller to see. The time-out is that
    /// of silence.
    pub async fn stream(
        &self,
        call: &Call,
        framing: Framing,
        mut take: impl FnMut(&str, &str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let silent = |_| self.too_late(call, "nothing");
        let lease = self.clients.lease();
        let mut response = tokio::time::timeout(self.timeout, self.send(lease.client(), Method::POST, call))
            .await
            .map_err(silent)??;
        let mut lines = Lines::new(framing);
        let mut size = 0;
        loop {
            let more = self.more(&mut response, size);
            let Some(bytes) = tokio::time::timeout(self.timeout, more).await.map_err(silent)?? else {
                return lines.end(&mut take);
            };
            size += bytes.len();
            lines.feed(&bytes, &mut take)?;
        }
    }

    async fn send(&self, client: &Client, method: Method, call: &Call) -> Result<Response, Failure> {
        let mut request = client.request(method, format!("{}{}", self.base, call.path));
        if call.body.is_null() {
            let response = request.send().await.map_err(|e| self.broken(call, &e))?;
            return self.accepted(call, response).await;
        }
        request = request.header("content-type", "application/json");
        let body = serde_json::to_vec(&call.body)
            .map_err(|e| Failure::arguments(format!("the request cannot be written as JSON: {e}")))?;
        if let Some(key) = &call.idempotency_key {
            request = request.header("idempotency-key", idempotency::key(key, &call.path, &body));
        }
        let response = request.body(body).send().await.map_err(|e| self.broken(call, &e))?;
        self.accepted(call, response).await
    }

    async fn accepted(&self, call: &Call, response: Response) -> Result<Response, Failure> {
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(self.refused(call, response).await)
        }
    }

    async fn more(
        &self,
        response: &mut Response,
        size: usize,
    ) -> Result<Option<impl Deref<Target = [u8]> + use<>>, Failure> {
        let bytes = response.chunk().await.map_err(|e| {
            let what = format!("the answer was cut off after {size} bytes: {}", self.clean(&causes(&e)));
            Failure::new(ModelErrorKind::Cut, what)
        })?;
        if bytes.as_ref().is_some_and(|bytes| size + bytes.len() > self.longest) {
            let what = format!("the answer has more than {} bytes", self.longest);
            return Err(Failure::new(ModelErrorKind::TooLarge, what));
        }
        Ok(bytes)
    }

    async fn refused(&self, call: &Call, mut response: Response) -> Failure {
        let status = response.status();
        let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let mut retry_after = retry::retry_after(header);
        let mut body = Vec::new();
        // As much as comes: the status has said what matters.
        let rest = async {
            while let Ok(Some(bytes)) = response.chunk().await {
                body.extend_from_slice(&bytes);
                if body.len() > LONGEST_ERROR {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(self.timeout.min(Duration::from_secs(10)), rest).await;
        let json = serde_json::from_slice::<Value>(&body).ok();
        retry_after = retry_after.or_else(|| google_retry_delay(json.as_ref()?));
        let said = match json.as_ref().and_then(message) {
            Some(message) => excerpt(message),
            None => excerpt(&String::from_utf8_lossy(&body)),
        };
        let kind = match status.as_u16() {
            401 | 403 => ModelErrorKind::Authentication,
            429 => ModelErrorKind::RateLimited,
            408 | 409 | 425 | 500.. => ModelErrorKind::Unavailable,
            _ => ModelErrorKind::Refused,
        };
        let mut what = format!("{} answered {status}", self.place(call));
        if !said.is_empty() {
            what = format!("{what}: {}", self.clean(&said));
        }
        Failure {
            kind,
            status: Some(status.as_u16()),
            retry_after,
            what,
        }
    }

    fn broken(&self, call: &Call, error: &reqwest::Error) -> Failure {
        let (kind, what) = if error.is_connect() {
            (ModelErrorKind::Unreachable, "cannot be reached")
        } else if error.is_timeout() {
            (ModelErrorKind::Timeout, "did not answer in time")
        } else if error.is_builder() {
            (ModelErrorKind::Arguments, "cannot be asked")
        } else {
            (ModelErrorKind::Cut, "ended the connection without an answer")
        };
        Failure::new(
            kind,
            format!("{} {what}: {}", self.place(call), self.clean(&causes(error))),
        )
    }

    fn too_late(&self, call: &Call, what: &str) -> Failure {
        let what = format!("{what} from {} for {} s", self.place(call), self.timeout.as_secs_f64());
        Failure::new(ModelErrorKind::Timeout, what)
    }

    fn place(&self, call: &Call) -> String {
        shown(&format!("{}{}", self.base, call.path))
    }

    /// A text of the server or of a library, without any secret.
    pub fn clean(&self, text: &str) -> String {
        self.secrets
            .iter()
            .fold(text.to_owned(), |text, secret| secret.cut_from(&text))
    }
}

/// Seconds of an argument; 0 and nothing are for ever.
pub(crate) fn seconds(arguments: &Parameters, name: &str) -> Duration {
    let seconds = arguments
        .get(name)
        .and_then(Value::as_f64)
        .filter(|seconds| *seconds > 0.0);
    seconds.map_or(Duration::from_secs(1_000_000_000), Duration::from_secs_f64)
}

/// An address without user, password and query.
pub(crate) fn shown(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else {
        return "the server".to_owned();
    };
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.to_string()
}

/// The error and what led to it, without the address, which may hold a password.
pub(crate) fn causes(error: &reqwest::Error) -> String {
    let mut texts = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts.dedup();
    if texts.is_empty() {
        "the request failed".to_owned()
    } else {
        texts.join(": ")
    }
}

/// The text that the providers' errors have in one of these places.
fn message(body: &Value) -> Option<&str> {
    let body = body.get(0).unwrap_or(body);
    let error = body.get("error").unwrap_or(body);
    // Some name the kind of the error, and say what it is beside it.
    if error.is_string()
        && let Some(message) = body.get("message").and_then(Value::as_str)
    {
        return Some(message);
    }
    error
        .as_str()
        .or_else(|| error.get("message")?.as_str())
        .or_else(|| body.get("detail")?.as_str())
}

/// `retryDelay` of Google's `RetryInfo`, such as `34s`.
fn google_retry_delay(body: &Value) -> Option<Duration> {
    let body = body.get(0).unwrap_or(body);
    let delay = body["error"]["details"]
        .as_array()?
        .iter()
        .find_map(|detail| detail["retryDelay"].as_str())?;
    let seconds = delay.strip_suffix('s')?.parse::<f64>().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Bytes to events, wherever the network cuts them.
struct Lines {
    framing: Framing,
    rest: Vec<u8>,
    name: String,
    data: String,
}

impl Lines {
    fn new(framing: Framing) -> Self {
        Self {
            framing,
            rest: Vec::new(),
            name: String::new(),
            data: String::new(),
        }
    }

    fn feed(&mut self, bytes: &[u8], take: &mut impl FnMut(&str, &str) -> Result<(), Failure>) -> Result<(), Failure> {
        let searched = self.rest.len();
        self.rest.extend_from_slice(bytes);
        let rest = std::mem::take(&mut self.rest);
        let (mut start, mut search) = (0, searched);
        while let Some(end) = rest[search..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|at| search + at)
        {
            self.line(&rest[start..end], take)?;
            (start, search) = (end + 1, end + 1);
        }
        self.rest = rest[start..].to_vec();
        Ok(())
    }

    fn end(mut self, take: &mut impl FnMut(&str, &str) -> Result<(), Failure>) -> Result<(), Failure> {
        let rest = std::mem::take(&mut self.rest);
        self.line(&rest, take)?;
        self.line(b"", take)
    }

    fn line(&mut self, line: &[u8], take: &mut impl FnMut(&str, &str) -> Result<(), Failure>) -> Result<(), Failure> {
        let line = std::str::from_utf8(line).map_err(|_| Failure::invalid("the answer is not in UTF-8"))?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        if self.framing == Framing::Lines {
            return if line.trim().is_empty() { Ok(()) } else { take("", line) };
        }
        if line.is_empty() {
            let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            return if data.is_empty() { Ok(()) } else { take(&name, &data) };
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // Comments keep the connection alive; ids and pauses are for those who come back.
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn events(framing: Framing, text: &str, piece: usize) -> Vec<(String, String)> {
        let mut seen = Vec::new();
        let mut lines = Lines::new(framing);
        let mut take = |name: &str, data: &str| {
            seen.push((name.to_owned(), data.to_owned()));
            Ok(())
        };
        for piece in text.as_bytes().chunks(piece) {
            lines.feed(piece, &mut take).unwrap();
        }
        lines.end(&mut take).unwrap();
        seen
    }

    #[test]
    fn events_come_whole_however_they_are_cut() {
        let text = ": hello\r\n\r\nevent: a\r\ndata: {\"ü\":\r\ndata: 1}\r\n\r\nid: 7\ndata: [DONE]\n\ndata: last";
        for piece in [1, 2, 3, 7, 1000] {
            let seen = events(Framing::Events, text, piece);
            let expected = [("a", "{\"ü\":\n1}"), ("", "[DONE]"), ("", "last")];
            assert_eq!(
                seen,
                expected.map(|(name, data)| (name.to_owned(), data.to_owned())),
                "{piece}"
            );
        }
        assert_eq!(events(Framing::Lines, "{1}\n\n{2}", 2).len(), 2);
    }

    #[test]
    fn errors_are_read_from_where_providers_put_them() {
        for body in [
            json!({"error": {"message": "no"}}),
            json!({"error": "no"}),
            json!({"detail": "no"}),
            json!([{"error": {"message": "no"}}]),
            json!({"message": "no", "object": "error"}),
            json!({"error": "NotFoundError", "message": "no"}),
        ] {
            assert_eq!(message(&body), Some("no"), "{body}");
        }
        let google = json!({"error": {"details": [{"@type": "x"}, {"retryDelay": "1.5s"}]}});
        assert_eq!(google_retry_delay(&google), Some(Duration::from_millis(1500)));
    }
}
