//! Where spans are sent, and how: the options, and one request.

use super::answer::{self, Partial};
use crate::http::{Client, Options, RequestError, Url};
use crate::secrets;
use flink_agents_core::config::{ConfigError, ConfigMap};
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Name of the option.
pub const OPTION: &str = "otlp.endpoint";
const CA_FILE: &str = "otlp.ca-file";
/// Before the name of a header.
const HEADERS: &str = "otlp.headers.";
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes that are read of an answer: room for the reason why some spans are refused.
const MOST_ANSWER: usize = 4096;
const PATH: &str = "/v1/traces";
/// Of OTLP over HTTP, where a collector listens without encryption.
const PORT: u16 = 4318;

/// Where spans are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// Why an endpoint is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Option otlp.endpoint is {0:?}: it must be a URL such as http://localhost:4318, where OTLP over HTTP is received, without user, password and query. Credentials belong into headers: otlp.headers.<name>"
)]
pub struct EndpointError(String);

impl Endpoint {
    /// Reads a URL. Without a path it is that of OTLP; other paths are followed by it, unless they end so. Without a port it is
    /// OTLP's, and with encryption that of https.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Endpoint, EndpointError> {
        // What stands before the host is not to be shown: it may be a password.
        let shown = match text
            .split_once("://")
            .map(|(scheme, rest)| (scheme, rest.rsplit_once('@')))
        {
            Some((scheme, Some((_, rest)))) => format!("{scheme}://…@{rest}"),
            _ => text.to_owned(),
        };
        let wrong = || EndpointError(shown.clone());
        let has_scheme = text
            .split_once("://")
            .is_some_and(|(scheme, _)| ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)));
        if !has_scheme || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(wrong());
        }
        let mut url = Url::parse(text).map_err(|_| wrong())?;
        if !url.has_host()
            || !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(wrong());
        }
        // The parser leaves out the port that is the scheme's own.
        let authority = text.split('/').nth(2).unwrap_or_default();
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        if url.scheme() == "http" && !has_port {
            url.set_port(Some(PORT)).map_err(|()| wrong())?;
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if path.ends_with(PATH) {
            url.set_path(&path);
        } else {
            url.set_path(&format!("{path}{PATH}"));
        }
        Ok(Endpoint(url))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// The endpoint that the configuration names; nothing if it names none.
///
/// # Errors
/// When it is no URL that spans can be sent to.
pub fn endpoint(config: &ConfigMap) -> Result<Option<Endpoint>, String> {
    let text = text(config, OPTION)?;
    text.map(|text| Endpoint::parse(&text).map_err(|error| error.to_string()))
        .transpose()
}

fn text(config: &ConfigMap, key: &str) -> Result<Option<String>, String> {
    let text = config.get_text(key).map_err(|error: ConfigError| error.to_string())?;
    Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// Who receives spans.
pub(super) struct Receiver {
    endpoint: Endpoint,
    client: Client,
}

impl Receiver {
    /// The one that the configuration names; nothing if it names none. Secrets are looked up here.
    ///
    /// # Errors
    /// When an option is wrong, or refers to a secret that is not there. No message has a secret.
    pub(super) fn of(config: &ConfigMap) -> Result<Option<Receiver>, String> {
        let Some(endpoint) = endpoint(config)? else {
            return Ok(None);
        };
        let mut options = Options {
            encrypted: endpoint.0.scheme() == "https",
            ca_file: text(config, CA_FILE)?.map(PathBuf::from),
            ..Options::default()
        };
        let keys = config.iter().map(|(key, _)| key).filter(|key| key.starts_with(HEADERS));
        for key in keys {
            let value = config.get_text(key).map_err(|error| error.to_string())?;
            let value = secrets::resolve(&value.unwrap_or_default())
                .map_err(|missing| format!("Option {key}: {}", missing.told()))?;
            options.headers.push((key[HEADERS.len()..].to_owned(), value));
        }
        let client = Client::new(&options).map_err(|error| match error {
            crate::http::OptionsError::Header(_) => format!("Option {HEADERS}<name>: {error}"),
            crate::http::OptionsError::Certificates { .. } => {
                format!("Option {CA_FILE}: {error}. It has to be on every machine that runs the job's tasks")
            }
            crate::http::OptionsError::Client(_) => {
                format!(
                    "Option {OPTION}: {error}. Where the system has no certificates, let {CA_FILE} name a file of them"
                )
            }
        })?;
        Ok(Some(Receiver { endpoint, client }))
    }

    /// Sends a request, and reads what its answer says, until nothing of `patience` is left.
    pub(super) fn post(&self, body: &[u8], patience: impl Fn() -> Duration) -> Result<Partial, Failure> {
        let since = Instant::now();
        let left = || patience().min(PATIENCE.saturating_sub(since.elapsed()));
        let url = self.endpoint.0.clone();
        let answer = self
            .client
            .post(url, "application/x-protobuf", body.to_vec(), MOST_ANSWER, left)?;
        match answer.status {
            200..=299 => Ok(answer::partial(&answer.body)),
            status => Err(Failure::Status {
                status,
                line: answer.line,
            }),
        }
    }
}

impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.endpoint.fmt(f)
    }
}

/// Why spans were not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// There was no answer.
    #[error("{error}{}", remedy(error))]
    Request {
        /// Why.
        #[from]
        error: RequestError,
    },
    /// The receiver says no.
    #[error("it answers \"{line}\"{}", remedy_of_status(*status))]
    Status {
        /// Such as 401.
        status: u16,
        /// The same with its meaning.
        line: String,
    },
}

fn remedy(error: &RequestError) -> &'static str {
    match error {
        RequestError::Untrusted(_) => {
            ": if its certificate is of an authority of your own, let otlp.ca-file name that one's"
        }
        RequestError::TimedOut => ": see whether the receiver keeps up, and whether it is one of OTLP over HTTP",
        RequestError::Garbage(_) => {
            ": OTLP over HTTP has a port of its own, mostly 4318, and what listens on 4317 is mostly that over gRPC"
        }
        _ => "",
    }
}

fn remedy_of_status(status: u16) -> &'static str {
    match status {
        401 | 403 => ": set otlp.headers.<name> as it wants them",
        _ => "",
    }
}

impl Failure {
    /// Whether the same may be taken later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Failure::Request {
                error: RequestError::Garbage(_),
            } => false,
            // A certificate may be renewed.
            Failure::Request { .. } => true,
            // Those that OTLP names.
            Failure::Status { status, .. } => matches!(status, 429 | 502 | 503 | 504),
        }
    }
}
