//! HTTP clients of one server: what they have in common, and how many of them the calls under way need.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Proxy, Url, redirect};
use serde_json::Value;

use crate::error::Failure;
use crate::http::{causes, seconds};
use crate::request::Parameters;
use crate::secret::Secret;

/// What every client of a server has: headers, TLS, proxy, and how long a connection may take.
pub(crate) struct Recipe {
    headers: HeaderMap,
    connect_timeout: Duration,
    proxy: Option<Proxy>,
    trusted: Vec<Certificate>,
    /// Server or proxy is spoken to by TLS.
    encrypted: bool,
    /// The server is.
    secure: bool,
}

impl Recipe {
    /// Reads it from the arguments of a connection; with the secrets among all that.
    pub fn new(
        base: &str,
        keys: Vec<(&str, String, Secret)>,
        arguments: &Parameters,
    ) -> Result<(Self, Vec<Secret>), Failure> {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // An error says that somebody has installed one before us, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let wrong = |name: &str, why: &str| Failure::arguments(format!("argument '{name}': {why}"));
        let address = Url::parse(base)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let Some(address) = address else {
            return Err(wrong("base address", "has to be a URL such as https://host:port/path"));
        };
        let mut secrets = Vec::new();
        let mut headers = HeaderMap::new();
        let given = ["default_headers", "headers"]
            .iter()
            .find_map(|name| arguments.get(*name)?.as_object());
        for (name, value) in given.into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            if is_secret(name) {
                secrets.push(Secret::new(value));
            }
            let (Ok(name), Ok(mut header)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) else {
                return Err(wrong(
                    "headers",
                    &format!("'{name}' is no header with text that can be sent"),
                ));
            };
            header.set_sensitive(true);
            headers.insert(name, header);
        }
        for (name, text, secret) in keys {
            let (Ok(name), Ok(mut header)) = (HeaderName::try_from(name), HeaderValue::from_str(&text)) else {
                return Err(wrong(
                    "api_key",
                    "contains what no header may contain, such as the end of a line",
                ));
            };
            header.set_sensitive(true);
            headers.entry(name).or_insert(header);
            secrets.push(secret);
        }
        secrets.extend(address.password().map(Secret::new));
        let secure = address.scheme() == "https";
        let mut encrypted = secure || has_encrypted_proxy();
        let mut by_way_of = None;
        if let Some(proxy) = arguments.get("proxy").and_then(Value::as_str) {
            let url = Url::parse(proxy).ok().filter(Url::has_host);
            let Some(url) = url else {
                return Err(wrong("proxy", "has to be a URL such as http://host:port"));
            };
            encrypted |= url.scheme() == "https";
            secrets.extend(url.password().map(Secret::new));
            let Ok(proxy) = Proxy::all(url) else {
                return Err(wrong("proxy", "is of a kind that is not supported"));
            };
            by_way_of = Some(proxy);
        }
        let mut trusted = Vec::new();
        if let Some(path) = arguments.get("ca_file").and_then(Value::as_str) {
            let pem = std::fs::read(path).map_err(|e| wrong("ca_file", &format!("{path} cannot be read: {e}")))?;
            trusted = Certificate::from_pem_bundle(&pem)
                .ok()
                .filter(|certificates| !certificates.is_empty())
                .ok_or_else(|| wrong("ca_file", &format!("{path} holds no certificate in PEM form")))?;
        }
        let recipe = Recipe {
            headers,
            connect_timeout: seconds(arguments, "connect_timeout"),
            proxy: by_way_of,
            trusted,
            encrypted,
            secure,
        };
        Ok((recipe, secrets))
    }

    pub fn builder(&self) -> ClientBuilder {
        let mut client = Client::builder()
            // A redirect would carry the key to wherever it points.
            .redirect(redirect::Policy::none())
            .default_headers(self.headers.clone())
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(usize::MAX)
            .user_agent(concat!("flink-agents-rs/", env!("CARGO_PKG_VERSION")));
        if let Some(proxy) = &self.proxy {
            client = client.proxy(proxy.clone());
        }
        if self.encrypted {
            client.tls_certs_merge(self.trusted.clone())
        } else {
            // Looking for those of the system fails where it has none, as in a slim container, which may well have a model beside it.
            client.tls_certs_only(self.trusted.clone())
        }
    }
}

/// Calls side by side over one connection of HTTP/2: servers allow so many, or more (RFC 9113, section 6.5.2, recommends no less
/// than 100). One more would wait until another has ended.
const STREAMS: usize = 100;

/// As many clients as the calls under way need. A client has a pool of connections of HTTP/1.1, but one connection of HTTP/2.
pub(crate) struct Clients {
    recipe: Recipe,
    room: usize,
    shards: Mutex<Vec<Arc<Shard>>>,
}

/// A client, and how many calls it is making.
struct Shard {
    client: Client,
    calls: AtomicUsize,
}

/// A call's place with a client, free again at its end.
pub(crate) struct Lease {
    shard: Arc<Shard>,
}

impl Lease {
    /// The client to call with.
    pub fn client(&self) -> &Client {
        &self.shard.client
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shard.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Clients {
    pub fn new(recipe: Recipe) -> Result<Self, Failure> {
        // Only behind TLS is HTTP/2 agreed upon.
        let room = if recipe.secure { STREAMS } else { usize::MAX };
        let first = Shard::new(&recipe)?;
        Ok(Self {
            recipe,
            room,
            shards: Mutex::new(vec![first]),
        })
    }

    /// The first that has room, so that the connections of later ones end after a time without calls.
    pub fn lease(&self) -> Lease {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        let free = shards
            .iter()
            .find(|shard| shard.calls.load(Ordering::Relaxed) < self.room);
        let shard = free.cloned().unwrap_or_else(|| match Shard::new(&self.recipe) {
            Ok(made) => {
                shards.push(Arc::clone(&made));
                made
            }
            // The first could be made: what is lacking now is memory, or files. The call waits where the others are.
            Err(_) => Arc::clone(&shards[0]),
        });
        shard.calls.fetch_add(1, Ordering::Relaxed);
        Lease { shard }
    }
}

impl Shard {
    fn new(recipe: &Recipe) -> Result<Arc<Self>, Failure> {
        let client = recipe.builder().build();
        let client = client.map_err(|e| Failure::arguments(format!("no HTTP client: {}", causes(&e))))?;
        Ok(Arc::new(Self {
            client,
            calls: AtomicUsize::new(0),
        }))
    }
}

/// Whether one of the proxies that the environment names, and the client takes, is spoken to by TLS.
fn has_encrypted_proxy() -> bool {
    ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .any(|proxy| proxy.starts_with("https:"))
}

/// Whether a header of this name carries what nobody may see.
fn is_secret(header: &str) -> bool {
    let name = header.to_ascii_lowercase();
    ["auth", "key", "token", "secret", "cookie", "password"]
        .iter()
        .any(|part| name.contains(part))
}
