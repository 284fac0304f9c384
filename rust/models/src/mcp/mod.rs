//! Tool servers that speak the Model Context Protocol, over streamable HTTP or as a process with pipes.
//!
//! *Owned state*: one session, opened with the first question and again when it is found to be gone; the lists of tools
//! and prompts, until the server says that they changed. *Retries*: to open a session, unless a login was refused, and to
//! read lists, and what the server has not taken; a tool call that may have begun is never made again. *Versions*: those
//! before protocol 2026-07-28 first, then that one.

mod answers;
mod login;

use std::fmt;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rmcp::handler::client::ClientHandler;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, ContentBlock, GetPromptRequestParams, Implementation,
    ProtocolVersion, Role as McpRole,
};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, NotificationContext, RoleClient, RunningService, ServiceError,
    serve_client_with_lifecycle,
};
use rmcp::transport::streamable_http_client::{StreamableHttpClientTransportConfig, StreamableHttpError};
use rmcp::transport::{DynamicTransportError, StreamableHttpClientTransport, TokioChildProcess};
use serde_json::{Map, Value};
use tokio::process::Command;
use tokio::sync::Mutex;

pub use answers::{McpError, McpErrorKind, McpPrompt, McpPromptArgument, McpResult};
use login::login;

use crate::arguments;
use crate::clients::Recipe;
use crate::http;
use crate::message::{Message, Role};
use crate::request::{Parameters, ToolDefinition};
use crate::secret::Secret;

/// A tool server. May be used from many tasks of a tokio runtime at once.
pub struct McpServer {
    name: String,
    arguments: Parameters,
    way: Way,
    secrets: Vec<Secret>,
    session: Mutex<Option<Arc<Session>>>,
}

enum Way {
    Http { endpoint: String, client: reqwest::Client },
    Process { command: String },
}

struct Session {
    service: RunningService<RoleClient, Handler>,
    /// It speaks protocol 2026-07-28, and nobody tells when its lists change.
    newest: bool,
    tools: List<ToolDefinition>,
    prompts: List<McpPrompt>,
}

/// A list of the server's, as long as it is true.
struct List<T> {
    known: Mutex<Option<Arc<Vec<T>>>>,
}

#[derive(Clone, Default)]
struct Handler {
    tools_changed: Arc<AtomicBool>,
    prompts_changed: Arc<AtomicBool>,
}

type Result<T> = std::result::Result<T, McpError>;

impl McpServer {
    /// A server with the arguments of its resource, an object: `endpoint` for streamable HTTP, with `headers`, `auth`
    /// (`{"type": "bearer", "token": …}`, `{"type": "basic", "username": …, "password": …}` or `{"type": "api_key",
    /// "header": …, "key": …}`), `proxy`, `ca_file` and `sse_read_timeout` (300 s); or `command`, `args`, `env` and
    /// `cwd` for a process; `timeout` (30 s), `max_retries` (3), `initial_backoff_ms` (100) and `max_backoff_ms`
    /// (10000) for both. Nothing is opened yet.
    ///
    /// # Errors
    /// Arguments that are unknown, missing or do not fit.
    pub fn new(name: impl Into<String>, arguments: &Value) -> Result<Self> {
        let name = name.into();
        let wrong = |what: String| McpError {
            kind: McpErrorKind::Arguments,
            server: name.clone(),
            question: "its arguments".to_owned(),
            what,
        };
        let read = arguments::mcp_arguments(arguments).map_err(|e| wrong(e.to_string()))?;
        let text = |name: &str| read.get(name).and_then(Value::as_str);
        let mut secrets = Vec::new();
        let way = match (text("endpoint"), text("command")) {
            (Some(endpoint), None) => {
                let keys = read.get("auth").map(login).transpose().map_err(wrong)?;
                let made = Recipe::new(endpoint, keys.into_iter().collect(), &read);
                let (recipe, hidden) = made.map_err(|failure| wrong(failure.what))?;
                secrets = hidden;
                let client = recipe.builder().read_timeout(http::seconds(&read, "sse_read_timeout"));
                let client = client
                    .build()
                    .map_err(|e| wrong(format!("no HTTP client: {}", e.without_url())))?;
                Way::Http {
                    endpoint: endpoint.to_owned(),
                    client,
                }
            }
            (None, Some(command)) => {
                let environment = read.get("env").and_then(Value::as_object).into_iter().flatten();
                secrets.extend(environment.filter_map(|(_, value)| value.as_str()).map(Secret::new));
                Way::Process {
                    command: command.to_owned(),
                }
            }
            _ => return Err(wrong("either 'endpoint' or 'command' is needed".to_owned())),
        };
        Ok(Self {
            name,
            arguments: read,
            way,
            secrets,
            session: Mutex::default(),
        })
    }

    /// The server's tools. Asked for once, and again when the server says that they changed.
    ///
    /// # Errors
    /// The server is not there or does not answer.
    pub async fn tools(&self) -> Result<Arc<Vec<ToolDefinition>>> {
        self.list(
            "the list of tools",
            |session| {
                let changed = &session.service.service().tools_changed;
                (&session.tools, changed)
            },
            async |session: &Session| {
                let tools = session.service.list_all_tools().await?;
                Ok(tools
                    .into_iter()
                    .map(|tool| ToolDefinition {
                        name: tool.name.into_owned(),
                        description: tool.description.unwrap_or_default().into_owned(),
                        parameters: Value::Object(Arc::unwrap_or_clone(tool.input_schema)),
                    })
                    .collect())
            },
        )
        .await
    }

    /// The server's prompts, kept like its tools.
    ///
    /// # Errors
    /// The server is not there or does not answer.
    pub async fn prompts(&self) -> Result<Arc<Vec<McpPrompt>>> {
        self.list(
            "the list of prompts",
            |session| {
                let changed = &session.service.service().prompts_changed;
                (&session.prompts, changed)
            },
            async |session: &Session| {
                let prompts = session.service.list_all_prompts().await?;
                Ok(prompts
                    .into_iter()
                    .map(|prompt| McpPrompt {
                        name: prompt.name,
                        description: prompt.description.unwrap_or_default(),
                        arguments: prompt
                            .arguments
                            .unwrap_or_default()
                            .into_iter()
                            .map(|argument| McpPromptArgument {
                                name: argument.name,
                                description: argument.description.unwrap_or_default(),
                                required: argument.required.unwrap_or(false),
                            })
                            .collect(),
                    })
                    .collect())
            },
        )
        .await
    }

    /// Calls a tool. A tool that fails is an answer ([`McpResult::failed`]).
    ///
    /// # Errors
    /// The server is not there, does not answer, or knows no such tool.
    pub async fn call(&self, tool: &str, arguments: Map<String, Value>) -> Result<McpResult> {
        let question = format!("tool '{tool}'");
        let parameters = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let answer = self
            .ask(&question, |session| {
                let parameters = parameters.clone();
                async move { session.service.call_tool(parameters).await }
            })
            .await?;
        let texts = answer.content.iter().filter_map(text_of).collect::<Vec<_>>();
        let text = match &answer.structured_content {
            Some(structured) if texts.is_empty() => structured.to_string(),
            _ => texts.join("\n"),
        };
        let contents = answer
            .content
            .iter()
            .filter_map(|content| serde_json::to_value(content).ok());
        Ok(McpResult {
            text,
            contents: contents.collect(),
            structured: answer.structured_content,
            failed: answer.is_error.unwrap_or(false),
        })
    }

    /// The messages of a prompt, filled in by the server with all arguments that are given, required or not.
    ///
    /// # Errors
    /// An argument that the prompt requires is missing; there is no such prompt; the server is not there or does not
    /// answer.
    pub async fn prompt(&self, prompt: &str, arguments: &Map<String, Value>) -> Result<Vec<Message>> {
        let question = format!("prompt '{prompt}'");
        let known = self.prompts().await?;
        let Some(described) = known.iter().find(|known| known.name == prompt) else {
            let names = known
                .iter()
                .map(|known| known.name.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            return Err(self.error(
                McpErrorKind::Refused,
                &question,
                format!("there is none; there are: {names}"),
            ));
        };
        let missing = described
            .arguments
            .iter()
            .find(|wanted| wanted.required && !arguments.contains_key(&wanted.name));
        if let Some(missing) = missing {
            let what = format!("the argument '{}' is required and was not given", missing.name);
            return Err(self.error(McpErrorKind::Arguments, &question, what));
        }
        let known = |name: &String| described.arguments.iter().any(|argument| argument.name == *name);
        let given = arguments.iter().filter(|(name, _)| known(name)).map(|(name, value)| {
            // The protocol has texts only.
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), Value::String(text))
        });
        let parameters = GetPromptRequestParams::new(prompt).with_arguments(given.collect());
        let answer = self
            .ask(&question, |session| {
                let parameters = parameters.clone();
                async move { session.service.get_prompt(parameters).await }
            })
            .await?;
        let message = |message: &rmcp::model::PromptMessage| {
            let role = if message.role == McpRole::Assistant {
                Role::Assistant
            } else {
                Role::User
            };
            let text = text_of(&message.content);
            Message::new(
                role,
                text.unwrap_or_else(|| serde_json::to_string(&message.content).unwrap_or_default()),
            )
        };
        Ok(answer.messages.iter().map(message).collect())
    }

    /// Ends the session, if there is one; the next question opens another.
    pub async fn close(&self) {
        // Its end is waited for by whoever still uses it.
        if let Some(session) = self.session.lock().await.take() {
            session.service.cancellation_token().cancel();
        }
    }

    async fn list<T>(
        &self,
        question: &str,
        place: impl Fn(&Session) -> (&List<T>, &Arc<AtomicBool>),
        ask: impl AsyncFn(&Session) -> std::result::Result<Vec<T>, ServiceError>,
    ) -> Result<Arc<Vec<T>>> {
        let mut tried = 0;
        loop {
            let session = self.session(question).await?;
            let (list, changed) = place(&session);
            let mut known = list.known.lock().await;
            if changed.swap(false, Ordering::AcqRel) || session.newest {
                *known = None;
            }
            if let Some(known) = &*known {
                return Ok(Arc::clone(known));
            }
            let again = [McpErrorKind::Gone, McpErrorKind::Unreachable];
            match self.in_time(question, &session, ask(&session)).await {
                Ok(all) => return Ok(Arc::clone(known.insert(Arc::new(all)))),
                Err(error) if tried < self.retries() && again.contains(&error.kind) => tried += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Asks in the session; what the server has not taken, as of a session that it has forgotten, once more in a new one.
    async fn ask<T, A>(&self, question: &str, ask: impl Fn(Arc<Session>) -> A) -> Result<T>
    where
        A: Future<Output = std::result::Result<T, ServiceError>>,
    {
        let session = self.session(question).await?;
        match self.in_time(question, &session, ask(Arc::clone(&session))).await {
            Err(error) if error.kind == McpErrorKind::Unreachable => {
                let session = self.session(question).await?;
                self.in_time(question, &session, ask(Arc::clone(&session))).await
            }
            answer => answer,
        }
    }

    /// The session, or a new one if there is none or it has ended.
    async fn session(&self, question: &str) -> Result<Arc<Session>> {
        let mut session = self.session.lock().await;
        if let Some(session) = session
            .as_ref()
            .filter(|session| !session.service.is_transport_closed())
        {
            return Ok(Arc::clone(session));
        }
        let mut failed = 0;
        loop {
            let opened = tokio::time::timeout(http::seconds(&self.arguments, "timeout"), self.open()).await;
            let NotOpened { what, obstacle } = match opened {
                Ok(Ok(opened)) => return Ok(Arc::clone(session.insert(Arc::new(opened)))),
                Ok(Err(why)) => why,
                Err(_) => NotOpened::of("no answer in time"),
            };
            if obstacle == Obstacle::Login || failed == self.retries() {
                let attempts = if failed == 0 {
                    String::new()
                } else {
                    format!(" after {} attempts", failed + 1)
                };
                let what = format!("no session with {}{attempts}: {what}", self.place());
                return Err(self.error(McpErrorKind::Unreachable, question, what));
            }
            failed += 1;
            tokio::time::sleep(self.backoff(failed)).await;
        }
    }

    async fn open(&self) -> std::result::Result<Session, NotOpened> {
        match self.open_as(ClientLifecycleMode::Initialize).await {
            // Most servers know the protocols before 2026-07-28, few only that one.
            Err(refused) if refused.obstacle == Obstacle::Protocol => {
                let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
                let newest = self.open_as(ClientLifecycleMode::Discover { preferred_versions }).await;
                newest.map_err(|_| refused)
            }
            opened => opened,
        }
    }

    async fn open_as(&self, lifecycle: ClientLifecycleMode) -> std::result::Result<Session, NotOpened> {
        let handler = Handler::default();
        let newest = lifecycle != ClientLifecycleMode::Initialize;
        let service = match &self.way {
            Way::Http { endpoint, client } => {
                // A new session may have other lists, so it is we who open it.
                let config = StreamableHttpClientTransportConfig::with_uri(endpoint.as_str());
                let config = config.reinit_on_expired_session(false);
                let transport = StreamableHttpClientTransport::with_client(client.clone(), config);
                let serving = serve_client_with_lifecycle(handler, transport, lifecycle).await;
                serving.map_err(|e| not_opened(&e))?
            }
            Way::Process { command } => {
                let mut process = Command::new(command);
                let list = |name: &str| self.arguments.get(name).and_then(Value::as_array).into_iter().flatten();
                process.args(list("args").filter_map(Value::as_str));
                let environment = self
                    .arguments
                    .get("env")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten();
                process.envs(environment.filter_map(|(name, value)| Some((name, value.as_str()?))));
                if let Some(directory) = self.arguments.get("cwd").and_then(Value::as_str) {
                    process.current_dir(directory);
                }
                // What it says there would otherwise end up among the host's own lines.
                let process = TokioChildProcess::builder(process).stderr(Stdio::null()).spawn();
                let (transport, _) =
                    process.map_err(|e| NotOpened::of(format!("'{command}' cannot be started: {e}")))?;
                let serving = serve_client_with_lifecycle(handler, transport, lifecycle).await;
                serving.map_err(|e| not_opened(&e))?
            }
        };
        let (tools, prompts) = (
            List {
                known: Mutex::default(),
            },
            List {
                known: Mutex::default(),
            },
        );
        Ok(Session {
            service,
            newest,
            tools,
            prompts,
        })
    }

    async fn in_time<T>(
        &self,
        question: &str,
        session: &Arc<Session>,
        answer: impl Future<Output = std::result::Result<T, ServiceError>>,
    ) -> Result<T> {
        let limit = http::seconds(&self.arguments, "timeout");
        let Ok(answer) = tokio::time::timeout(limit, answer).await else {
            let what = format!("no answer for {} s", limit.as_secs_f64());
            return Err(self.error(McpErrorKind::Timeout, question, what));
        };
        let error = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let ended = |what: &str| format!("the session with {} ended: {what}", self.place());
        let (kind, what) = match error {
            ServiceError::McpError(error) => (McpErrorKind::Refused, error.message.into_owned()),
            ServiceError::Timeout { .. } => (McpErrorKind::Timeout, error.to_string()),
            ServiceError::UnexpectedResponse => (
                McpErrorKind::InvalidAnswer,
                "the answer is to another question".to_owned(),
            ),
            ServiceError::TransportSend(error) if not_taken(&error) => {
                (McpErrorKind::Unreachable, ended(&broken(&error)))
            }
            ServiceError::TransportSend(error) => (McpErrorKind::Gone, ended(&broken(&error))),
            _ => (McpErrorKind::Gone, ended(&causes(&error))),
        };
        if matches!(kind, McpErrorKind::Gone | McpErrorKind::Unreachable) {
            self.forget(session).await;
        }
        Err(self.error(kind, question, what))
    }

    /// The next question opens a new session. Whoever waits for an answer in this one keeps it until then.
    async fn forget(&self, ended: &Arc<Session>) {
        let mut session = self.session.lock().await;
        if session.as_ref().is_some_and(|now| Arc::ptr_eq(now, ended)) {
            *session = None;
        }
    }

    fn error(&self, kind: McpErrorKind, question: &str, what: String) -> McpError {
        let what = self.secrets.iter().fold(what, |what, secret| secret.cut_from(&what));
        McpError {
            kind,
            server: self.name.clone(),
            question: question.to_owned(),
            what,
        }
    }

    fn place(&self) -> String {
        match &self.way {
            Way::Http { endpoint, .. } => http::shown(endpoint),
            Way::Process { command } => format!("'{command}'"),
        }
    }

    fn retries(&self) -> u64 {
        self.arguments.get("max_retries").and_then(Value::as_u64).unwrap_or(0)
    }

    fn backoff(&self, failed: u64) -> Duration {
        let number = |name: &str| self.arguments.get(name).and_then(Value::as_u64).unwrap_or(0);
        let wait = number("initial_backoff_ms").saturating_mul(1 << (failed - 1).min(20));
        Duration::from_millis(wait.min(number("max_backoff_ms")))
    }
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpServer")
            .field("name", &self.name)
            .field("place", &self.place())
            .finish_non_exhaustive()
    }
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        let us = Implementation::new("flink-agents-rs", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), us)
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.tools_changed.store(true, Ordering::Release);
    }

    async fn on_prompt_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.prompts_changed.store(true, Ordering::Release);
    }
}

fn text_of(content: &ContentBlock) -> Option<String> {
    content.as_text().map(|text| text.text.clone())
}

/// Why there is no session.
struct NotOpened {
    what: String,
    obstacle: Obstacle,
}

/// What to try next.
#[derive(PartialEq)]
enum Obstacle {
    /// May pass: the same again.
    Way,
    /// The server has understood the question, and refused it: another protocol.
    Protocol,
    /// The login was refused, as it would be again: nothing.
    Login,
}

impl NotOpened {
    fn of(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            obstacle: Obstacle::Way,
        }
    }
}

fn not_opened(error: &ClientInitializeError) -> NotOpened {
    match error {
        ClientInitializeError::TransportError { error, .. } => NotOpened {
            what: broken(error),
            obstacle: match over_http(error) {
                Some(StreamableHttpError::AuthRequired(_) | StreamableHttpError::InsufficientScope(_)) => {
                    Obstacle::Login
                }
                _ => Obstacle::Way,
            },
        },
        ClientInitializeError::JsonRpcError(_) => NotOpened {
            what: causes(error),
            obstacle: Obstacle::Protocol,
        },
        _ => NotOpened::of(causes(error)),
    }
}

fn over_http(error: &DynamicTransportError) -> Option<&StreamableHttpError<reqwest::Error>> {
    error.error.downcast_ref()
}

/// Whether the server has certainly not begun with what was sent.
fn not_taken(error: &DynamicTransportError) -> bool {
    match over_http(error) {
        Some(StreamableHttpError::SessionExpired | StreamableHttpError::AuthRequired(_)) => true,
        Some(StreamableHttpError::Client(error)) => error.is_connect(),
        _ => false,
    }
}

/// What was wrong on the way, without the library's names of its types.
fn broken(error: &DynamicTransportError) -> String {
    match over_http(error) {
        Some(StreamableHttpError::Client(error)) => http::causes(error),
        Some(StreamableHttpError::AuthRequired(login)) => {
            format!("it wants another login: {}", login.www_authenticate_header)
        }
        _ => causes(error.error.as_ref()),
    }
}

/// The error and what led to it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !texts.last().is_some_and(|last| last.contains(&text)) {
            texts.push(text);
        }
        cause = error.source();
    }
    texts.join(": ")
}
