//! One kind of HTTP request: spans to a receiver. Plain HTTP/1.1, a connection each: there is one a second at most.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one step of it may take, so that the end of a job is seen.
const SLICE: Duration = Duration::from_secs(1);
/// What is read of an answer.
const LONGEST_ANSWER: u64 = 4096;
const PATH: &str = "/v1/traces";

/// Where spans are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
    path: String,
}

/// Why an endpoint is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not in the form that is needed.
    #[error(
        "Option otlp.endpoint is {0:?}: it must be a URL such as http://localhost:4318, where OTLP over HTTP is received"
    )]
    Form(String),
    /// Encrypted.
    #[error(
        "Option otlp.endpoint is {0:?}: spans are sent by http:// only. Run an OpenTelemetry collector beside the TaskManagers, and have it send them on by https"
    )]
    Encrypted(String),
}

impl Endpoint {
    /// Reads a URL. Without a path it is that of OTLP; other paths are followed by it, unless they end so.
    ///
    /// # Errors
    /// When it is none, or of another scheme.
    pub fn parse(url: &str) -> Result<Endpoint, EndpointError> {
        let form = || EndpointError::Form(url.to_owned());
        let (scheme, rest) = url.split_once("://").ok_or_else(form)?;
        if scheme.eq_ignore_ascii_case("https") {
            return Err(EndpointError::Encrypted(url.to_owned()));
        }
        if !scheme.eq_ignore_ascii_case("http")
            || rest.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@')
        {
            return Err(form());
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            // The colons of an address of IPv6 without a port.
            Some((_, port)) if port.ends_with(']') => (authority, 4318),
            Some((host, port)) => (host, port.parse().map_err(|_| form())?),
            None => (authority, 4318),
        };
        if host.is_empty() {
            return Err(form());
        }
        let path = path.trim_end_matches('/');
        Ok(Endpoint {
            host: host.to_owned(),
            port,
            path: if path.ends_with(PATH) {
                path.to_owned()
            } else {
                format!("{path}{PATH}")
            },
        })
    }

    /// Sends a request, and reads the beginning of its answer, until nothing of `patience` is left.
    pub(super) fn post(&self, body: &[u8], patience: impl Fn() -> Duration) -> Result<(), Failure> {
        let since = Instant::now();
        let left = || match patience().min(PATIENCE.saturating_sub(since.elapsed())) {
            Duration::ZERO => Err(io::Error::from(io::ErrorKind::TimedOut)),
            left => Ok(left.min(SLICE)),
        };
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let mut error = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        let mut connected = None;
        for address in (host, self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, left()?) {
                Ok(stream) => {
                    connected = Some(stream);
                    break;
                }
                Err(failed) => error = failed,
            }
        }
        let Some(mut stream) = connected else {
            return Err(error.into());
        };
        stream.set_write_timeout(Some(left()?))?;
        let Endpoint { host, port, path } = self;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\nUser-Agent: flink-agents-rs/{}\r\nConnection: close\r\n\r\n",
            body.len(),
            env!("CARGO_PKG_VERSION"),
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = Vec::new();
        let mut part = [0; 1024];
        while !answer.windows(2).any(|end| end == b"\r\n") && (answer.len() as u64) < LONGEST_ANSWER {
            stream.set_read_timeout(Some(left()?))?;
            match stream.read(&mut part) {
                Ok(0) => break,
                Ok(count) => answer.extend_from_slice(&part[..count]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let line = String::from_utf8_lossy(answer.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
        let mut words = line.split(' ');
        let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
        match words
            .next()
            .and_then(|word| word.parse::<u16>().ok())
            .filter(|_| is_http)
        {
            Some(200..=299) => Ok(()),
            Some(status) => Err(Failure::Status(status, line)),
            None => Err(Failure::Garbage(line)),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}{}", self.host, self.port, self.path)
    }
}

/// Why spans were not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// There was no answer.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The receiver says no.
    #[error("it answers \"{1}\"")]
    Status(u16, String),
    /// What is there speaks something else.
    #[error("what answers there does not speak HTTP: {0:?}")]
    Garbage(String),
}

impl Failure {
    /// Whether the same may be taken later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Failure::Io(_) => true,
            // Those that OTLP names.
            Failure::Status(status, _) => matches!(status, 429 | 502 | 503 | 504),
            Failure::Garbage(_) => false,
        }
    }
}
