//! The server: listens, keeps what it was asked, answers by the script.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::asked::Asked;
use crate::body::Pieces;
use crate::embed;
use crate::mcp::Reply;
use crate::reply;
use crate::script::{Answer, Protocol, Script};
use crate::tls;

/// Of the requests, the last so many are kept.
const KEPT: usize = 1000;
/// Of the chats, the first so many.
const CHATS: usize = 100_000;
/// Calls side by side over one connection of HTTP/2, as most servers allow.
const STREAMS: u32 = 100;

/// The server could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the model server cannot listen on 127.0.0.1:{port}: {source}")]
pub struct StartError {
    port: u16,
    source: io::Error,
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Seen {
    /// Path and query.
    pub path: String,
    /// Headers, their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body; null if it was no JSON.
    pub body: Value,
}

/// A chat that was asked for, with an answer or without. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chat {
    /// Its header `Idempotency-Key`.
    pub key: Option<String>,
    /// Text of the conversation's first message of a user.
    pub first: String,
    /// How often the model has spoken in it before.
    pub round: usize,
    /// When the question was here.
    pub asked: f64,
    /// When the answer was ready to leave; `None` while it is held back, and if who asked has gone meanwhile.
    pub answered: Option<f64>,
}

/// A running server. It runs in a thread of its own and ends when this is dropped.
///
/// Besides the protocols it answers `GET /_requests` with what it was asked, `GET /_chats` with which chats when;
/// `DELETE /_requests` forgets both. `PUT /_script` gives it another script, and `PUT /_gate` with `{"held": true}` holds
/// back the answers of chats until it is told `{"held": false}`.
pub struct ModelServer {
    address: SocketAddr,
    certificate: Option<String>,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// Whether answers are held back.
    held: watch::Sender<bool>,
}

struct State {
    script: Script,
    /// How often each rule has answered.
    used: Vec<usize>,
    seen: VecDeque<Seen>,
    chats: Vec<Chat>,
    /// How often the chats were forgotten: a chat that is answered later is none of those that are there.
    age: u64,
    count: u64,
    open: u64,
    most_open: u64,
    connections: u64,
}

impl ModelServer {
    /// Starts a server on a free port.
    ///
    /// # Errors
    /// There is no free port or no thread.
    pub fn start(script: Script) -> Result<Self, StartError> {
        Self::start_on(0, script)
    }

    /// Starts a server on a port of the loopback address.
    ///
    /// # Errors
    /// The port is taken, or there is no thread.
    pub fn start_on(port: u16, script: Script) -> Result<Self, StartError> {
        Self::begin(port, script, None)
    }

    /// Starts one that speaks TLS, and HTTP/2 with those who can, with a certificate of its own for `localhost`.
    ///
    /// # Errors
    /// The port is taken, or there is no thread or no certificate.
    pub fn start_secure(port: u16, script: Script) -> Result<Self, StartError> {
        let (certificate, acceptor) = tls::certified().map_err(|source| StartError { port, source })?;
        let mut server = Self::begin(port, script, Some(acceptor))?;
        server.certificate = Some(certificate);
        Ok(server)
    }

    fn begin(port: u16, script: Script, tls: Option<TlsAcceptor>) -> Result<Self, StartError> {
        let failed = |source| StartError { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let used = vec![0; script.rules.len()];
        let state = State {
            script,
            used,
            seen: VecDeque::new(),
            chats: Vec::new(),
            age: 0,
            count: 0,
            open: 0,
            most_open: 0,
            connections: 0,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            held: watch::Sender::new(false),
        });
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let served = Arc::clone(&shared);
        let serve = move || {
            runtime.block_on(async {
                if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
                    tokio::select! { () = accept(listener, tls, served) => {}, _ = stopped => {} }
                }
            });
        };
        let thread = std::thread::Builder::new()
            .name("model-server".to_owned())
            .spawn(serve)
            .map_err(failed)?;
        Ok(Self {
            address,
            certificate: None,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Its address, such as `http://127.0.0.1:4711` or `https://localhost:4711`, without a path: OpenAI's is `/v1` behind it.
    pub fn url(&self) -> String {
        match self.certificate {
            None => format!("http://{}", self.address),
            Some(_) => format!("https://localhost:{}", self.address.port()),
        }
    }

    /// What makes clients trust it, in PEM form; `None` without TLS.
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// Gives it another script, from its first answer on.
    pub fn play(&self, script: Script) {
        self.shared.play(script);
    }

    /// What it was asked, the last thousand requests.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.lock().seen.iter().cloned().collect()
    }

    /// Which chats it was asked for, and when.
    pub fn chats(&self) -> Vec<Chat> {
        self.shared.lock().chats.clone()
    }

    /// How many requests came in all.
    pub fn count(&self) -> u64 {
        self.shared.lock().count
    }

    /// Over how many connections requests came.
    pub fn connections(&self) -> u64 {
        self.shared.lock().connections
    }

    /// Holds back the answers of chats, or lets go of them.
    pub fn hold(&self, held: bool) {
        self.shared.held.send_replace(held);
    }

    /// How many requests waited for an answer at once, at most.
    pub fn most_at_once(&self) -> u64 {
        self.shared.lock().most_open
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // No more files, say. The next one may be accepted.
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let Some(tls) = tls else {
                return answer(stream, false, shared).await;
            };
            // Who does not trust the certificate, or takes this for a server without TLS, has gone.
            if let Ok(stream) = tls.accept(stream).await {
                let many = stream.get_ref().1.alpn_protocol() == Some(tls::HTTP_2);
                answer(stream, many, shared).await;
            }
        });
    }
}

/// Answers what comes over a connection; by HTTP/2 if it takes many questions at once.
async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, many: bool, shared: Arc<Shared>) {
    let first = Once::new();
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        first.call_once(|| shared.lock().connections += 1);
        async move { Ok::<_, Infallible>(shared.serve(request).await) }
    });
    let stream = TokioIo::new(stream);
    // How a connection ends is the client's affair, or the script's.
    if many {
        let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = server
            .max_concurrent_streams(STREAMS)
            .serve_connection(stream, service)
            .await;
    } else {
        let _ = hyper::server::conn::http1::Builder::new()
            .serve_connection(stream, service)
            .await;
    }
}

/// A request that waits for its answer.
struct Open<'a>(&'a Shared);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.lock().open -= 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn play(&self, script: Script) {
        let mut state = self.lock();
        state.used = vec![0; script.rules.len()];
        state.script = script;
    }

    async fn serve(&self, request: Request<Incoming>) -> Response<Pieces> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let Ok(body) = body.collect().await.map(|body| body.to_bytes()) else {
            return json_response(400, &json!({"error": {"message": "the body did not come whole"}}));
        };
        match (&parts.method, path.as_str()) {
            (&Method::GET, "/_requests") => {
                let seen = self.lock().seen.iter().cloned().collect::<Vec<_>>();
                return json_response(200, &json!(seen));
            }
            (&Method::GET, "/_chats") => {
                let chats = self.lock().chats.clone();
                return json_response(200, &json!(chats));
            }
            (&Method::DELETE, "/_requests") => {
                let mut state = self.lock();
                state.seen.clear();
                state.chats.clear();
                state.age += 1;
                return json_response(200, &json!({}));
            }
            (&Method::PUT, "/_gate") => {
                let told = serde_json::from_slice::<Value>(&body).ok();
                return match told.and_then(|told| told["held"].as_bool()) {
                    Some(held) => {
                        self.held.send_replace(held);
                        json_response(200, &json!({}))
                    }
                    None => json_response(
                        400,
                        &json!({"error": {"message": "a gate is told {\"held\": true} or false"}}),
                    ),
                };
            }
            (&Method::PUT, "/_script") => {
                return match serde_json::from_slice(&body) {
                    Ok(script) => {
                        self.play(script);
                        json_response(200, &json!({}))
                    }
                    Err(e) => json_response(400, &json!({"error": {"message": format!("this is no script: {e}")}})),
                };
            }
            // Streams that nobody asked for are not offered.
            (method, "/mcp") if method != Method::POST => return json_response(405, &json!({})),
            (&Method::GET, path) if path.ends_with("/models") => {
                return json_response(
                    200,
                    &json!({"object": "list", "data": [{"id": "scripted", "object": "model"}]}),
                );
            }
            _ => {}
        }
        self.model(&parts, &path, &body).await
    }

    async fn model(&self, parts: &hyper::http::request::Parts, path: &str, body: &Bytes) -> Response<Pieces> {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let asked = Asked::read(path, &body);
        let protocol = asked.as_ref().map_or(Protocol::Completions, |asked| asked.protocol);
        let (answer, dimensions, wrong_key, chat) = {
            let mut state = self.lock();
            let answer = asked.as_ref().and_then(|asked| state.next(asked));
            let wrong_key = state.wrong_key(&parts.headers);
            let dimensions = if state.script.dimensions == 0 {
                64
            } else {
                state.script.dimensions
            };
            state.count += 1;
            state.open += 1;
            state.most_open = state.most_open.max(state.open);
            let mut chat = None;
            if !state.script.forgets {
                state.keep(parts, path, &body);
                chat = asked.as_ref().and_then(|asked| state.begin(&parts.headers, asked));
            }
            (answer, dimensions, wrong_key, chat)
        };
        let _open = Open(self);
        if path == "/mcp" && wrong_key.is_none() {
            return self.tool(&body).await;
        }
        let refuse = |status: u16, message: &str| json_response(status, &reply::error(protocol, status, message));
        if let Some(key) = wrong_key {
            return refuse(401, &format!("Incorrect API key provided: {key}"));
        }
        if let Some(vectors) = embed::answer(path, &body, dimensions) {
            return json_response(200, &vectors);
        }
        match (asked, answer) {
            (Some(asked), Some(answer)) => {
                let said = say(&asked, &answer).await;
                // Nobody closes the gate for good: its sender is here.
                let _ = self.held.subscribe().wait_for(|held| !held).await;
                if let Some(chat) = chat {
                    self.lock().end(chat);
                }
                said
            }
            (Some(asked), None) => refuse(
                400,
                &format!("no rule of the script fits '{}', round {}", asked.last, asked.round),
            ),
            (None, _) => refuse(404, &format!("there is no {path}")),
        }
    }
}

impl Shared {
    /// Answers a message to the tool server.
    async fn tool(&self, message: &Value) -> Response<Pieces> {
        let reply = self.lock().script.mcp.answer(message);
        match reply {
            Reply::Nothing => json_response(202, &json!({})),
            Reply::Hang => std::future::pending().await,
            Reply::Die => {
                let mut response = json_response(200, &json!({}));
                *response.body_mut() = Pieces::new(Vec::new(), Duration::ZERO, Some((0, false)));
                response
            }
            Reply::Say(said) if said.len() == 1 => json_response(200, &said[0]),
            Reply::Say(said) => {
                let events = said.iter().map(|message| format!("data: {message}\n\n").into_bytes());
                let mut response = Response::new(Pieces::new(events.collect(), Duration::ZERO, None));
                response
                    .headers_mut()
                    .insert("content-type", HeaderValue::from_static("text/event-stream"));
                response
            }
        }
    }
}

impl State {
    fn next(&mut self, asked: &Asked) -> Option<Answer> {
        let place = self.script.rules.iter().position(|rule| rule.when.fits(asked))?;
        let rule = &self.script.rules[place];
        let turn = self.used[place].min(rule.answers.len().saturating_sub(1));
        self.used[place] += 1;
        rule.answers.get(turn).cloned()
    }

    fn keep(&mut self, parts: &hyper::http::request::Parts, path: &str, body: &Value) {
        let headers = parts.headers.iter().map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        });
        if self.seen.len() == KEPT {
            self.seen.pop_front();
        }
        self.seen.push_back(Seen {
            path: parts.uri.path_and_query().map_or(path, |path| path.as_str()).to_owned(),
            headers: headers.collect(),
            body: body.clone(),
        });
    }

    /// Writes a chat down; returns its age and place, if there is room for it.
    fn begin(&mut self, headers: &HeaderMap, asked: &Asked) -> Option<(u64, usize)> {
        if self.chats.len() == CHATS {
            return None;
        }
        self.chats.push(Chat {
            key: header(headers, "idempotency-key").map(str::to_owned),
            first: asked.first.clone(),
            round: asked.round,
            asked: now(),
            answered: None,
        });
        Some((self.age, self.chats.len() - 1))
    }

    fn end(&mut self, (age, place): (u64, usize)) {
        if age == self.age
            && let Some(chat) = self.chats.get_mut(place)
        {
            chat.answered = Some(now());
        }
    }

    /// The key of a request that the script does not know.
    fn wrong_key(&self, headers: &HeaderMap) -> Option<String> {
        if self.script.keys.is_empty() {
            return None;
        }
        let bearer = header(headers, "authorization").map(|value| value.trim_start_matches("Bearer "));
        let others = ["x-api-key", "api-key", "x-goog-api-key"]
            .iter()
            .find_map(|name| header(headers, name));
        let key = bearer.or(others).unwrap_or("none");
        (!self.script.keys.iter().any(|known| known == key)).then(|| key.to_owned())
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64()
}

async fn say(asked: &Asked, answer: &Answer) -> Response<Pieces> {
    if answer.hang {
        std::future::pending::<()>().await;
    }
    if answer.delay_ms > 0 {
        sleep(Duration::from_millis(answer.delay_ms)).await;
    }
    let status = if answer.status == 0 { 200 } else { answer.status };
    let pieces = match (&answer.raw, &answer.error) {
        (Some(raw), _) => vec![raw.clone().into_bytes()],
        (None, Some(message)) => vec![reply::error(asked.protocol, status, message).to_string().into_bytes()],
        (None, None) => reply::body(asked, answer),
    };
    let kind = match asked.protocol {
        _ if !asked.streamed || status != 200 => "application/json",
        Protocol::Ollama => "application/x-ndjson",
        _ => "text/event-stream",
    };
    let cut = answer.cut_after.map(|bytes| (bytes, answer.cut_cleanly));
    let mut response = Response::new(Pieces::new(pieces, Duration::from_millis(answer.piece_delay_ms), cut));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let retry_after = answer
        .retry_after
        .map(|seconds| ("retry-after".to_owned(), seconds.to_string()));
    let headers = answer.headers.clone().into_iter().chain(retry_after);
    for (name, value) in headers.chain([("content-type".to_owned(), kind.to_owned())]) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn json_response(status: u16, body: &Value) -> Response<Pieces> {
    let mut response = Response::new(Pieces::new(vec![body.to_string().into_bytes()], Duration::ZERO, None));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/json"));
    response
}
