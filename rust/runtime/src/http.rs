//! One request and its answer, over HTTP/1.1 or 2, encrypted or not, for threads that may wait: what sends spans, and the
//! commands that ask a cluster.
//!
//! *Owned state*: a runtime of tokio's on the caller's thread, which runs only while a request does. *Constraint*: a redirect is an
//! answer like any other, since it would carry headers with secrets to wherever it points; and no proxy is asked, but the
//! address itself.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, RequestBuilder, redirect};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Once;
use std::time::{Duration, Instant};

pub use reqwest::Url;

/// How often it is looked whether there is still time.
const SLICE: Duration = Duration::from_millis(200);

/// What all requests of a client have.
#[derive(Default)]
pub struct Options {
    /// Whether requests are encrypted. Where they are not, the machine need have no certificates.
    pub encrypted: bool,
    /// Certificates in PEM form that are trusted besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// Headers, by name. Their values are shown nowhere.
    pub headers: Vec<(String, String)>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Of a header nothing but its name is told.
    #[error("header {0:?} cannot be sent: a name has letters, digits and hyphens, a value one line of text")]
    Header(String),
    /// The file of certificates.
    #[error("{} {why}", path.display())]
    Certificates {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Anything else.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// An answer, whatever it says.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Such as 404.
    pub status: u16,
    /// Such as "404 Not Found".
    pub line: String,
    /// As much of the body as was wanted.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The time is over.
    #[error("there was no answer in time")]
    TimedOut,
    /// The certificate of the other side is not to be trusted.
    #[error("{0}")]
    Untrusted(String),
    /// The connection failed, or broke.
    #[error("{0}")]
    Broken(String),
    /// There is something else at that address.
    #[error("what answers there does not speak HTTP ({0})")]
    Garbage(String),
}

/// Sends requests, one at a time.
pub struct Client {
    runtime: tokio::runtime::Runtime,
    client: reqwest::Client,
}

impl Client {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    /// When a header or the file of certificates is no such thing.
    pub fn new(options: &Options) -> Result<Client, OptionsError> {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // An error says that somebody has installed one before us, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let mut headers = HeaderMap::new();
        for (name, value) in &options.headers {
            let wrong = || OptionsError::Header(name.clone());
            let mut header = HeaderValue::from_str(value).map_err(|_| wrong())?;
            header.set_sensitive(true);
            headers.insert(HeaderName::try_from(name).map_err(|_| wrong())?, header);
        }
        let mut builder = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .default_headers(headers)
            // There is one a second at most, and a connection that was left alone may be gone.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("flink-agents-rs/", env!("CARGO_PKG_VERSION")));
        let mut trusted = Vec::new();
        if let Some(path) = &options.ca_file {
            let wrong = |why: String| OptionsError::Certificates {
                path: path.clone(),
                why,
            };
            let pem = std::fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
            trusted = Certificate::from_pem_bundle(&pem)
                .ok()
                .filter(|certificates| !certificates.is_empty())
                .ok_or_else(|| wrong("holds no certificate in PEM form".to_owned()))?;
        }
        builder = if options.encrypted {
            builder.tls_certs_merge(trusted)
        } else {
            // Where the system has none, that is an error.
            builder.tls_certs_only(trusted)
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| OptionsError::Client(error.to_string()))?;
        let client = builder.build().map_err(|error| OptionsError::Client(causes(&error)))?;
        Ok(Client { runtime, client })
    }

    /// Asks, and reads at most so many bytes of the answer, all within `limit`.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn get(&self, url: Url, limit: Duration, most: usize) -> Result<Answer, RequestError> {
        let until = Instant::now() + limit;
        self.exchange(self.client.get(url), most, || {
            until.saturating_duration_since(Instant::now())
        })
    }

    /// Sends a body, and reads at most so many bytes of the answer, as long as there is time `left`: it is asked again and again.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn post(
        &self,
        url: Url,
        content_type: &'static str,
        body: Vec<u8>,
        most: usize,
        left: impl Fn() -> Duration,
    ) -> Result<Answer, RequestError> {
        let request = self.client.post(url).header("content-type", content_type).body(body);
        self.exchange(request, most, left)
    }

    fn exchange(
        &self,
        request: RequestBuilder,
        most: usize,
        left: impl Fn() -> Duration,
    ) -> Result<Answer, RequestError> {
        self.runtime.block_on(async {
            let mut exchange = std::pin::pin!(exchange(request, most));
            loop {
                let left = left();
                if left.is_zero() {
                    return Err(RequestError::TimedOut);
                }
                if let Ok(ended) = tokio::time::timeout(left.min(SLICE), &mut exchange).await {
                    return ended;
                }
            }
        })
    }
}

async fn exchange(request: RequestBuilder, most: usize) -> Result<Answer, RequestError> {
    let mut response = request.send().await.map_err(|error| failed(&error))?;
    let status = response.status();
    let mut body = Vec::new();
    while body.len() < most {
        match response.chunk().await {
            Ok(Some(bytes)) => body.extend_from_slice(&bytes),
            Ok(None) => break,
            Err(error) => return Err(failed(&error)),
        }
    }
    body.truncate(most);
    Ok(Answer {
        status: status.as_u16(),
        line: status.to_string(),
        body,
    })
}

fn failed(error: &reqwest::Error) -> RequestError {
    let text = causes(error);
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(_)) = tls_error(error) {
            return RequestError::Untrusted(text);
        }
        if error
            .downcast_ref::<hyper::Error>()
            .is_some_and(|error| error.is_parse() || spoke_first(error))
        {
            return RequestError::Garbage(text);
        }
        cause = error.source();
    }
    RequestError::Broken(text)
}

/// A server of HTTP waits for the request; that of gRPC or SSH may be faster. Hyper has no other name for it.
fn spoke_first(error: &hyper::Error) -> bool {
    error.to_string() == "received unexpected message from connection"
}

/// It may be wrapped into errors of I/O, whose `source` is not it but what is behind it.
fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    error
        .downcast_ref::<rustls::Error>()
        .or_else(|| tls_error(error.downcast_ref::<std::io::Error>()?.get_ref()?))
}

/// What led to it, without the address, which whoever asks knows.
fn causes(error: &reqwest::Error) -> String {
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
