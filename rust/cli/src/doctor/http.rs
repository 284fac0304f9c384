//! Asking Flink's REST interface: GET over HTTP/1.1, without encryption.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Longer answers are cut: those asked for are short, but for logs, whose beginning is enough.
const MAX_ANSWER: usize = 1 << 20;

/// Address of a JobManager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    host: String,
    port: u16,
    prefix: String,
}

/// An answer, whatever it says.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Address {
    /// Reads `host`, `host:port`, `http://host:port/prefix`; the port is 8081 if it is left out.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn of(text: &str) -> Result<Address, String> {
        if text.starts_with("https://") {
            return Err(format!(
                "{text}: encrypted REST cannot be asked; name an address behind the encryption, such as that of \
                 `kubectl port-forward`, or of a tunnel"
            ));
        }
        let rest = text.strip_prefix("http://").unwrap_or(text);
        let (place, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match place.rsplit_once(':').filter(|(host, _)| !host.ends_with(':')) {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().map_err(|_| format!("{text}: '{port}' is no port"))?;
                (host, port)
            }
            _ => (place, 8081),
        };
        if host.is_empty() || host.contains([' ', '@']) {
            return Err(format!("{text} is no address such as localhost:8081"));
        }
        let prefix = prefix.trim_end_matches('/');
        Ok(Address {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("/{prefix}")
            },
        })
    }

    pub(super) fn shown(&self) -> String {
        format!("http://{}:{}{}", self.host, self.port, self.prefix)
    }

    /// Asks, and reads the answer, all within `limit`.
    ///
    /// # Errors
    /// When there is no answer of HTTP.
    pub(super) fn get(&self, path: &str, limit: Duration) -> io::Result<Answer> {
        let until = Instant::now() + limit;
        let left = || {
            until
                .saturating_duration_since(Instant::now())
                .max(Duration::from_millis(1))
        };
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let mut stream = None;
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, left()) {
                Ok(connected) => {
                    stream = Some(connected);
                    break;
                }
                Err(error) => last = error,
            }
        }
        let mut stream = stream.ok_or(last)?;
        stream.set_write_timeout(Some(left()))?;
        let (host, port, prefix) = (&self.host, self.port, &self.prefix);
        write!(
            stream,
            "GET {prefix}{path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        )?;
        let mut bytes = Vec::new();
        let mut block = [0; 16 << 10];
        while bytes.len() < MAX_ANSWER && !is_whole(&bytes) {
            stream.set_read_timeout(Some(left()))?;
            match stream.read(&mut block)? {
                0 => break,
                count => bytes.extend_from_slice(&block[..count]),
            }
            if Instant::now() >= until {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        parse(&bytes)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "what answers there does not speak HTTP"))
    }
}

/// Status, header and body, as far as they have come.
fn split(bytes: &[u8]) -> Option<(u16, String, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.strip_prefix("http/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some((status, head, &bytes[end + 4..]))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
}

/// Whether nothing follows, as far as the answer tells its length.
fn is_whole(bytes: &[u8]) -> bool {
    let length = |head: &str| header(head, "content-length")?.parse::<usize>().ok();
    split(bytes).is_some_and(|(_, head, body)| length(&head).is_some_and(|length| body.len() >= length))
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let (status, head, body) = split(bytes)?;
    let chunked = header(&head, "transfer-encoding").is_some_and(|how| how.contains("chunked"));
    let body = if chunked { joined(body) } else { body.to_vec() };
    Some(Answer {
        status,
        text: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// The chunks of a body, as far as they have come.
fn joined(mut rest: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..end]);
        let size = size
            .split(';')
            .next()
            .and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let Some(size) = size.filter(|size| *size > 0) else {
            break;
        };
        let chunk = &rest[end + 2..];
        whole.extend_from_slice(&chunk[..size.min(chunk.len())]);
        rest = chunk.get(size + 2..).unwrap_or_default();
    }
    whole
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, shown) in [
            ("localhost", "http://localhost:8081"),
            ("localhost:1", "http://localhost:1"),
            ("http://jm:8081/", "http://jm:8081"),
            ("http://proxy/flink/", "http://proxy:8081/flink"),
            ("[::1]:80", "http://::1:80"),
        ] {
            assert_eq!(Address::of(text).unwrap().shown(), shown, "{text}");
        }
        for text in ["", "https://jm", "jm:port", "http://", "user@jm"] {
            Address::of(text).unwrap_err();
        }
    }

    #[test]
    fn answers_come_whole_in_chunks_or_cut_off() {
        let plain = parse(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno").unwrap();
        assert_eq!((plain.status, plain.text.as_str()), (404, "no"));
        let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        assert_eq!(parse(chunks).unwrap().text, "abcde");
        assert_eq!(parse(&chunks[..chunks.len() - 8]).unwrap().text, "abcd");
        assert!(parse(b"SSH-2.0-OpenSSH\r\n\r\n").is_none());
        assert!(parse(b"").is_none());
    }
}
