//! The parts of a plan as data.

use super::json::RawJson;
use crate::config::ConfigMap;

/// A compiled agent. Everything that the core does not interpret is kept as it was written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AgentPlan {
    /// Name under which the agent was registered, or its class's simple name; plans of 0.3.1 have none.
    pub agent_name: Option<String>,
    /// The actions in dispatch order.
    pub actions: Vec<Action>,
    /// Recipes for resources, grouped by type, in the order of the document.
    pub resource_providers: Vec<ResourceProvider>,
    /// Configuration values that were baked in on the client.
    pub config: ConfigMap,
    /// Top-level keys that this version does not know, written back unchanged.
    pub extra: Vec<(String, RawJson)>,
}

/// A named function with the events that start it.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Name, unique in the plan.
    pub name: String,
    /// What journals and snapshots know it by, if that is declared, so that it stays when the action is renamed.
    pub id: Option<String>,
    /// Names it had before, the oldest first: journals and snapshots may know it by one of them.
    pub former_names: Vec<String>,
    /// The function to run.
    pub exec: Function,
    /// Event types and conditions, at least one, any of which starts the action. Event types of 0.3.1 plans that
    /// would read as a condition today are quoted.
    pub triggers: Vec<String>,
    /// The action's own configuration with its discriminator `__config_type__`, for the action's language.
    pub config: Option<RawJson>,
    /// Keys that this version does not know, written back unchanged.
    pub extra: Vec<(String, RawJson)>,
}

impl Action {
    /// What journals and snapshots know it by from now on: its id, else the oldest of its names, which those of before have.
    pub fn identity(&self) -> &str {
        let oldest = self.former_names.first().unwrap_or(&self.name);
        self.id.as_ref().unwrap_or(oldest)
    }

    /// Everything that journals and snapshots may know it by, its identity among them.
    pub fn known_as(&self) -> impl Iterator<Item = &str> {
        let names = std::iter::once(&self.name).chain(&self.former_names);
        self.id.iter().chain(names).map(String::as_str)
    }
}

/// A language in which user code is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Java and other JVM languages.
    Java,
    /// Python.
    Python,
}

impl Language {
    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Language::Java => "Java",
            Language::Python => "Python",
        }
    }
}

/// Where to find a function.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Function {
    /// A static Java method.
    Java {
        /// Binary class name, such as `com.example.Outer$Inner`.
        qualname: String,
        /// Method name.
        method_name: String,
        /// Type names of the parameters; primitives as `int`, `long`, ….
        parameter_types: Vec<String>,
    },
    /// A Python callable.
    Python {
        /// Module to import.
        module: String,
        /// `function` or `Class.function` in that module.
        qualname: String,
    },
}

impl Function {
    /// The language the function is written in.
    pub fn language(&self) -> Language {
        match self {
            Function::Java { .. } => Language::Java,
            Function::Python { .. } => Language::Python,
        }
    }

    /// The action of the framework that this function stands for, in whichever language the plan names it.
    pub fn built_in(&self) -> Option<BuiltIn> {
        let (class, name) = match self {
            Function::Java {
                qualname, method_name, ..
            } => (qualname.as_str(), method_name.as_str()),
            Function::Python { module, qualname } => (module.as_str(), qualname.as_str()),
        };
        BUILT_INS
            .iter()
            .find(|entry| entry.0 == self.language() && entry.1 == class && entry.2 == name)
            .map(|entry| entry.3)
    }
}

/// An action that the framework itself brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BuiltIn {
    /// Answers chat requests and goes on after tool responses.
    ChatModel,
    /// Runs the tools that a model asked for.
    ToolCall,
    /// Fetches documents from a vector store.
    ContextRetrieval,
    /// First step of a ReAct agent: turns the input into a chat request.
    ReActStart,
    /// Last step of a ReAct agent: turns the answer into the output.
    ReActStop,
}

/// Language, class or module, method or function. Plans name the implementation of the language that wrote them.
const BUILT_INS: &[(Language, &str, &str, BuiltIn)] = &[
    (
        Language::Java,
        "org.apache.flink.agents.plan.actions.ChatModelAction",
        "processChatRequestOrToolResponse",
        BuiltIn::ChatModel,
    ),
    (
        Language::Java,
        "org.apache.flink.agents.plan.actions.ToolCallAction",
        "processToolRequest",
        BuiltIn::ToolCall,
    ),
    (
        Language::Java,
        "org.apache.flink.agents.plan.actions.ContextRetrievalAction",
        "processContextRetrievalRequest",
        BuiltIn::ContextRetrieval,
    ),
    (
        Language::Java,
        "org.apache.flink.agents.api.agents.ReActAgent",
        "startAction",
        BuiltIn::ReActStart,
    ),
    (
        Language::Java,
        "org.apache.flink.agents.api.agents.ReActAgent",
        "stopAction",
        BuiltIn::ReActStop,
    ),
    (
        Language::Python,
        "flink_agents.plan.actions.chat_model_action",
        "process_chat_request_or_tool_response",
        BuiltIn::ChatModel,
    ),
    (
        Language::Python,
        "flink_agents.plan.actions.tool_call_action",
        "process_tool_request",
        BuiltIn::ToolCall,
    ),
    (
        Language::Python,
        "flink_agents.plan.actions.context_retrieval_action",
        "process_context_retrieval_request",
        BuiltIn::ContextRetrieval,
    ),
    (
        Language::Python,
        "flink_agents.api.agents.react_agent",
        "ReActAgent.start_action",
        BuiltIn::ReActStart,
    ),
    (
        Language::Python,
        "flink_agents.api.agents.react_agent",
        "ReActAgent.stop_action",
        BuiltIn::ReActStop,
    ),
];

/// The kind of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceType {
    /// A chat model with its settings.
    ChatModel,
    /// The connection that chat models share.
    ChatModelConnection,
    /// An embedding model with its settings.
    EmbeddingModel,
    /// The connection that embedding models share.
    EmbeddingModelConnection,
    /// A vector store.
    VectorStore,
    /// A prompt.
    Prompt,
    /// A tool.
    Tool,
    /// An MCP server.
    McpServer,
    /// The agent's skills.
    Skills,
}

impl ResourceType {
    /// Every resource type.
    pub const ALL: &'static [ResourceType] = &[
        ResourceType::ChatModel,
        ResourceType::ChatModelConnection,
        ResourceType::EmbeddingModel,
        ResourceType::EmbeddingModelConnection,
        ResourceType::VectorStore,
        ResourceType::Prompt,
        ResourceType::Tool,
        ResourceType::McpServer,
        ResourceType::Skills,
    ];

    /// The name in documents.
    pub fn value(self) -> &'static str {
        match self {
            ResourceType::ChatModel => "chat_model",
            ResourceType::ChatModelConnection => "chat_model_connection",
            ResourceType::EmbeddingModel => "embedding_model",
            ResourceType::EmbeddingModelConnection => "embedding_model_connection",
            ResourceType::VectorStore => "vector_store",
            ResourceType::Prompt => "prompt",
            ResourceType::Tool => "tool",
            ResourceType::McpServer => "mcp_server",
            ResourceType::Skills => "skills",
        }
    }

    /// The type with this name in documents.
    pub fn from_value(value: &str) -> Option<ResourceType> {
        Self::ALL.iter().copied().find(|t| t.value() == value)
    }
}

/// A recipe for one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceProvider {
    /// Name, unique within the type.
    pub name: String,
    /// Kind of resource.
    pub resource_type: ResourceType,
    /// The language in which the resource is made.
    pub language: Language,
    /// How to make it.
    pub body: ProviderBody,
    /// Keys that this version does not know, written back unchanged.
    pub extra: Vec<(String, RawJson)>,
}

/// How a resource is made.
#[derive(Debug, Clone, PartialEq)]
pub enum ProviderBody {
    /// An instance of a class is built from arguments.
    Descriptor(Descriptor),
    /// The resource itself, in its language's form.
    Serialized {
        /// Package or module.
        module: String,
        /// Class: a binary name in Java, a bare name in Python.
        class: String,
        /// Java: a JSON string that holds JSON text. Python: a JSON object.
        resource: RawJson,
    },
}

/// A class with its constructor arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Descriptor {
    /// Python module; empty for Java.
    pub target_module: String,
    /// Class: fully qualified in Java, a bare name in Python.
    pub target_class: String,
    /// Arguments, a JSON object.
    pub arguments: RawJson,
}

impl AgentPlan {
    /// The action of the framework that `action` stands for. Its function decides, not its name.
    pub fn built_in(action: &Action) -> Option<BuiltIn> {
        action.exec.built_in()
    }

    /// The actions written by users in another language than `host`'s, which `host` cannot run itself. Actions of
    /// the framework are never among them: every host has its own.
    pub fn foreign_actions(&self, host: Language) -> impl Iterator<Item = &Action> {
        self.actions
            .iter()
            .filter(move |a| a.exec.language() != host && a.exec.built_in().is_none())
    }

    /// The resources that are made in another language than `host`'s.
    pub fn foreign_resources(&self, host: Language) -> impl Iterator<Item = &ResourceProvider> {
        self.resource_providers.iter().filter(move |p| p.language != host)
    }

    /// The action with this name.
    pub fn action(&self, name: &str) -> Option<&Action> {
        self.actions.iter().find(|a| a.name == name)
    }
}
