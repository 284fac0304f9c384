//! Asking Flink's REST interface.

use flink_agents_runtime::http::{Answer, Client, Options, RequestError, Url};
use std::path::PathBuf;
use std::time::Duration;

/// Longer answers are cut: those asked for are short, but for logs, whose beginning is enough.
const MAX_ANSWER: usize = 1 << 20;
/// Of Flink's REST interface.
const PORT: u16 = 8081;

/// Address of a JobManager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Without a slash at its end.
    base: String,
}

impl Address {
    /// Reads `host`, `host:port`, `http://host:port/prefix`; the port is 8081 if it is left out, and that of https behind
    /// `https://`.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn of(text: &str) -> Result<Address, String> {
        let none = || format!("{text} is no address such as localhost:8081 or https://flink.example.com");
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        if !["http", "https"].contains(&scheme) || rest.contains([' ', '@', '?', '#']) {
            return Err(none());
        }
        let (place, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let has_port = place
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.ends_with(':') && !port.ends_with(']'));
        let port = if has_port || scheme == "https" {
            String::new()
        } else {
            format!(":{PORT}")
        };
        let base = format!("{scheme}://{place}{port}/{prefix}")
            .trim_end_matches('/')
            .to_owned();
        match Url::parse(&base) {
            Ok(url) if url.has_host() => Ok(Address { base }),
            Ok(_) => Err(none()),
            Err(error) => Err(format!("{}: {error}", none())),
        }
    }

    pub(super) fn shown(&self) -> &str {
        &self.base
    }
}

/// A cluster that is asked.
pub(super) struct Rest<'a> {
    address: &'a Address,
    client: Client,
    limit: Duration,
}

impl<'a> Rest<'a> {
    /// `ca_file`: certificates that are trusted besides those of the system; `limit`: of each request.
    ///
    /// # Errors
    /// When that file is none.
    pub(super) fn new(address: &'a Address, ca_file: Option<PathBuf>, limit: Duration) -> Result<Rest<'a>, String> {
        let options = Options {
            encrypted: address.base.starts_with("https:"),
            ca_file,
            ..Options::default()
        };
        let client = Client::new(&options).map_err(|error| error.to_string())?;
        Ok(Rest { address, client, limit })
    }

    pub(super) fn place(&self) -> &str {
        self.address.shown()
    }

    /// Asks, and reads the answer, whatever it says.
    ///
    /// # Errors
    /// When there is none; how to mend that.
    pub(super) fn ask(&self, path: &str) -> Result<Answer, String> {
        let url = Url::parse(&format!("{}{path}", self.address.base)).map_err(|error| error.to_string())?;
        self.client
            .get(url, self.limit, MAX_ANSWER)
            .map_err(|error| match error {
                RequestError::Untrusted(_) => {
                    format!("{error}. If its certificate is of an authority of your own, let --ca-file name that one's")
                }
                _ => error.to_string(),
            })
    }
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
            ("[::1]:80", "http://[::1]:80"),
            ("[::1]", "http://[::1]:8081"),
            ("https://flink.example.com/jobs/", "https://flink.example.com/jobs"),
            ("https://jm:8081", "https://jm:8081"),
        ] {
            assert_eq!(Address::of(text).unwrap().shown(), shown, "{text}");
        }
        for text in [
            "", "ftp://jm", "jm:port", "http://", "https://", "user@jm", "jm?x", "a b",
        ] {
            Address::of(text).unwrap_err();
        }
    }
}
