//! A tool server that speaks the Model Context Protocol: tools and prompts of the script, over streamable HTTP (`/mcp`)
//! and over pipes. Written from the protocol's published description; answers need no session.

use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Of a list, a page has so many.
const PAGE: usize = 2;

/// What the tool server has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct McpScript {
    /// Its tools.
    pub tools: Vec<McpTool>,
    /// Its prompts.
    pub prompts: Vec<McpPrompt>,
}

/// A tool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct McpTool {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The schema of its arguments; any object if null.
    pub schema: Value,
    /// Its answer; `$arguments` stands for the arguments as JSON.
    pub text: String,
    /// Its structured answer.
    pub structured: Option<Value>,
    /// Whether it says that it failed.
    pub failed: bool,
    /// Whether it never answers.
    pub hang: bool,
    /// Whether the server dies of it: a process ends, a connection is cut.
    pub dies: bool,
    /// Tools that are there after it was called, which the server then tells.
    pub adds: Vec<McpTool>,
}

/// A prompt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct McpPrompt {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The arguments that it needs.
    pub required: Vec<String>,
    /// Those that it may have.
    pub optional: Vec<String>,
    /// Its text, a user's message; `$arguments` stands for the arguments as JSON.
    pub text: String,
}

/// What is to be done about a message.
#[derive(Debug, PartialEq)]
pub(crate) enum Reply {
    /// It is a notification.
    Nothing,
    /// Messages, the last one the answer.
    Say(Vec<Value>),
    /// Never answer.
    Hang,
    /// End.
    Die,
}

impl McpScript {
    /// Answers a message.
    pub(crate) fn answer(&mut self, message: &Value) -> Reply {
        let Some(id) = message.get("id") else {
            return Reply::Nothing;
        };
        let parameters = &message["params"];
        let say = |result: Value| Reply::Say(vec![json!({"jsonrpc": "2.0", "id": id, "result": result})]);
        let refuse = |code: i64, text: String| {
            let error = json!({"code": code, "message": text});
            Reply::Say(vec![json!({"jsonrpc": "2.0", "id": id, "error": error})])
        };
        let name = parameters["name"].as_str().unwrap_or_default();
        match message["method"].as_str().unwrap_or_default() {
            "initialize" => say(json!({
                "protocolVersion": parameters["protocolVersion"],
                "capabilities": {"tools": {"listChanged": true}, "prompts": {"listChanged": true}},
                "serverInfo": {"name": "flink-agents-model-server", "version": env!("CARGO_PKG_VERSION")},
            })),
            "ping" => say(json!({})),
            "tools/list" => say(page(
                "tools",
                self.tools.iter().map(McpTool::listed).collect(),
                parameters,
            )),
            "prompts/list" => say(page(
                "prompts",
                self.prompts.iter().map(McpPrompt::listed).collect(),
                parameters,
            )),
            "tools/call" => {
                let Some(tool) = self.tools.iter().find(|tool| tool.name == name).cloned() else {
                    return refuse(-32602, format!("Unknown tool: {name}"));
                };
                if tool.hang {
                    return Reply::Hang;
                }
                if tool.dies {
                    return Reply::Die;
                }
                let mut said = Vec::new();
                if !tool.adds.is_empty() {
                    self.tools.extend(tool.adds.iter().cloned());
                    said.push(json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}));
                }
                let text = filled(&tool.text, &parameters["arguments"]);
                let content = if text.is_empty() {
                    json!([])
                } else {
                    json!([{"type": "text", "text": text}])
                };
                let mut result = json!({"content": content, "isError": tool.failed});
                if let Some(structured) = tool.structured {
                    result["structuredContent"] = structured;
                }
                said.push(json!({"jsonrpc": "2.0", "id": id, "result": result}));
                Reply::Say(said)
            }
            "prompts/get" => match self.prompts.iter().find(|prompt| prompt.name == name) {
                Some(prompt) => {
                    let content = json!({"type": "text", "text": filled(&prompt.text, &parameters["arguments"])});
                    say(json!({"description": prompt.description, "messages": [{"role": "user", "content": content}]}))
                }
                None => refuse(-32602, format!("Unknown prompt: {name}")),
            },
            other => refuse(-32601, format!("Method not found: {other}")),
        }
    }

    /// Answers messages of a line each until there are no more, or a tool lets it die.
    ///
    /// # Errors
    /// Those of the pipes.
    pub fn serve(mut self, from: impl BufRead, mut to: impl Write) -> std::io::Result<()> {
        for line in from.lines() {
            let Ok(message) = serde_json::from_str::<Value>(&line?) else {
                continue;
            };
            match self.answer(&message) {
                Reply::Nothing | Reply::Hang => {}
                Reply::Die => return Ok(()),
                Reply::Say(said) => {
                    for message in said {
                        writeln!(to, "{message}")?;
                    }
                    to.flush()?;
                }
            }
        }
        Ok(())
    }
}

impl McpTool {
    fn listed(&self) -> Value {
        let schema = if self.schema.is_null() {
            json!({"type": "object"})
        } else {
            self.schema.clone()
        };
        json!({"name": self.name, "description": self.description, "inputSchema": schema})
    }
}

impl McpPrompt {
    fn listed(&self) -> Value {
        let argument = |name: &String, required: bool| json!({"name": name, "required": required});
        let required = self.required.iter().map(|name| argument(name, true));
        let all = required.chain(self.optional.iter().map(|name| argument(name, false)));
        json!({"name": self.name, "description": self.description, "arguments": all.collect::<Vec<_>>()})
    }
}

fn filled(text: &str, arguments: &Value) -> String {
    text.replace("$arguments", &arguments.to_string())
}

/// A part of a list, with the place of the next one.
fn page(name: &str, all: Vec<Value>, parameters: &Value) -> Value {
    let start = parameters["cursor"]
        .as_str()
        .and_then(|cursor| cursor.parse::<usize>().ok())
        .unwrap_or(0);
    let end = (start + PAGE).min(all.len());
    let mut page = Map::new();
    page.insert(name.to_owned(), all.get(start..end).unwrap_or_default().to_vec().into());
    if end < all.len() {
        page.insert("nextCursor".to_owned(), end.to_string().into());
    }
    page.into()
}
