//! Reading plan JSON of both languages, in the current layout and in that of 0.3.1.
//!
//! The reader is strict where a mistake would change what runs (names, functions, triggers, discriminators) and
//! keeps everything else. It reads level by level over slices of the text, so neither the size of the document nor
//! its depth costs stack.

use rustc_hash::FxHashMap;
use serde_json::value::RawValue;

use super::error::{Place, PlanError, PlanErrorKind, quoted, quoted_list};
use super::json::{Object, RawJson, malformed, string, strings, write_key, wrong_type};
use super::model::{Action, AgentPlan, Descriptor, Function, Language, ProviderBody, ResourceProvider, ResourceType};
use crate::condition;
use crate::config::ConfigMap;

/// The newest document format that this version reads. A document names its own under `format_version`; without
/// that key it is of format 1.
pub const FORMAT_VERSION: u64 = 1;

const NEWER: &str = "The plan was probably written by a newer version: run it with the version that wrote it, or build \
                     it again with this one";

impl AgentPlan {
    /// Reads a plan document.
    ///
    /// # Errors
    /// [`PlanError`] for text that is not UTF-8 or not JSON, for a document of a newer format, and for whatever is
    /// missing, ambiguous or of the wrong type in names, functions, triggers and resource providers.
    pub fn from_json(bytes: &[u8]) -> Result<AgentPlan, PlanError> {
        let root = Place::ROOT;
        let text = std::str::from_utf8(bytes).map_err(|e| {
            PlanError::new(
                PlanErrorKind::NotUtf8,
                root,
                format!(
                    "not UTF-8 text: invalid byte at offset {}. Write the plan as UTF-8",
                    e.valid_up_to()
                ),
            )
        })?;
        // The whole syntax is checked here, so positions in error messages count from the document's start.
        let document: &RawValue = serde_json::from_str(text).map_err(|e| malformed(&root, &e))?;
        let mut object = Object::read(document.get(), &root)?;

        check_format_version(&mut object, &root)?;
        let agent_name = match object.take("agent_name") {
            Some(raw) => Some(string(raw, &root.key("agent_name"))?),
            None => None,
        };
        let (actions, layout) = read_actions(&mut object, &root)?;
        let by_event = object.take("actions_by_event");
        // Only 0.3.1 routed by this table; a document with `trigger_conditions` carries it as a left-over at most.
        if let (Some(raw), Some(Layout::V031 { listens })) = (by_event, layout) {
            check_actions_by_event(raw, &actions, &listens, &root.key("actions_by_event"))?;
        }
        let resource_providers = read_providers(&mut object, &root)?;
        let config = read_config(&mut object, &root)?;
        let extra = object.rest(&root)?;
        Ok(AgentPlan {
            agent_name,
            actions,
            resource_providers,
            config,
            extra,
        })
    }
}

fn check_format_version(object: &mut Object<'_>, root: &Place<'_>) -> Result<(), PlanError> {
    let Some(raw) = object.take("format_version") else {
        return Ok(());
    };
    let path = root.key("format_version");
    match raw.get().parse::<u64>() {
        Ok(version) if (1..=FORMAT_VERSION).contains(&version) => Ok(()),
        Ok(version) if version > FORMAT_VERSION => Err(PlanError::new(
            PlanErrorKind::Newer,
            path,
            format!("found format {version}; this version reads formats up to {FORMAT_VERSION}. {NEWER}"),
        )),
        _ => Err(wrong_type(&path, raw.get(), "a whole number from 1 on")),
    }
}

/// How a document spells its triggers.
enum Layout {
    Head,
    /// With the event types of each action as the document spells them.
    V031 {
        listens: Vec<Vec<String>>,
    },
}

fn read_actions(object: &mut Object<'_>, root: &Place<'_>) -> Result<(Vec<Action>, Option<Layout>), PlanError> {
    let path = root.key("actions");
    let raw = object.require("actions", root, "an object of action name → action, which may be empty")?;
    let entries = Object::read(raw.get(), &path)?.into_entries();
    let mut actions = Vec::with_capacity(entries.len());
    let mut old = Vec::new();
    for (key, raw) in &entries {
        let (action, listens) = read_action(key, raw, &path.key(key))?;
        actions.push(action);
        old.extend(listens);
    }
    check_identities(&actions, &path)?;
    // A mixture of both spellings has no single table to be held against.
    let layout = match (actions.len(), old.len()) {
        (0, _) => None,
        (all, some) if all == some => Some(Layout::V031 { listens: old }),
        _ => Some(Layout::Head),
    };
    Ok((actions, layout))
}

fn read_action(key: &str, raw: &RawValue, path: &Place<'_>) -> Result<(Action, Option<Vec<String>>), PlanError> {
    let mut object = Object::read(raw.get(), path)?;
    let name = object.require_name("name", path)?;
    same_name(key, &name, "action", &path.key("name"))?;
    let id = match object.take("id") {
        Some(raw) => Some(read_declared(string(raw, &path.key("id"))?, &path.key("id"))?),
        None => None,
    };
    let former_names = match object.take("former_names") {
        Some(raw) => {
            let at = path.key("former_names");
            let names = strings(raw, &at)?.into_iter().enumerate();
            names
                .map(|(index, name)| read_declared(name, &at.index(index)))
                .collect::<Result<_, _>>()?
        }
        None => Vec::new(),
    };
    let exec = read_function(
        object.require("exec", path, "a function descriptor")?,
        &path.key("exec"),
    )?;
    let new = object.take("trigger_conditions");
    let old = object.take("listen_event_types");
    let (triggers, listens) = match (new, old) {
        (Some(_), Some(_)) => {
            return Err(PlanError::new(
                PlanErrorKind::Conflict,
                path,
                "found both \"trigger_conditions\" and \"listen_event_types\". Keep only \"trigger_conditions\"; the \
                 other is its name in 0.3.1",
            ));
        }
        (None, None) => {
            return Err(PlanError::new(
                PlanErrorKind::Missing,
                path.key("trigger_conditions"),
                "missing or null; expected an array with at least one event type or condition (0.3.1: \
                 \"listen_event_types\")",
            ));
        }
        (Some(raw), None) => (read_triggers(raw, &path.key("trigger_conditions"))?, None),
        (None, Some(raw)) => {
            let at = path.key("listen_event_types");
            let types = read_triggers(raw, &at)?;
            let triggers = types.iter().enumerate().map(|(i, t)| as_trigger(t, &at.index(i)));
            (triggers.collect::<Result<_, _>>()?, Some(types))
        }
    };
    let config = match object.take("config") {
        Some(raw) => Some(read_action_config(raw, listens.is_some(), &path.key("config"))?),
        None => None,
    };
    let extra = object.rest(path)?;
    Ok((
        Action {
            name,
            id,
            former_names,
            exec,
            triggers,
            config,
            extra,
        },
        listens,
    ))
}

fn read_declared(name: String, path: &Place<'_>) -> Result<String, PlanError> {
    if !name.trim().is_empty() {
        return Ok(name);
    }
    Err(PlanError::new(
        PlanErrorKind::Blank,
        path,
        format!(
            "found {}; expected a name by which journals know the action. Remove it",
            quoted(&name)
        ),
    ))
}

/// A journal that knows two actions by one name could give each the results of the other.
fn check_identities(actions: &[Action], path: &Place<'_>) -> Result<(), PlanError> {
    let mut owners: FxHashMap<&str, &str> = FxHashMap::default();
    for action in actions {
        for name in action.known_as() {
            let owner = *owners.entry(name).or_insert(&action.name);
            if owner != action.name {
                return Err(PlanError::new(
                    PlanErrorKind::Conflict,
                    path.key(&action.name),
                    format!(
                        "{} is a name, id or former name of this action and of action {}, so a journal could not tell them \
                         apart. Give one of them another name or id; a name that another action had before can be used \
                         again when no run that knows it is left",
                        quoted(name),
                        quoted(owner)
                    ),
                ));
            }
        }
    }
    Ok(())
}

fn same_name(key: &str, name: &str, what: &str, path: &Place<'_>) -> Result<(), PlanError> {
    if key == name {
        return Ok(());
    }
    Err(PlanError::new(
        PlanErrorKind::Conflict,
        path,
        format!(
            "found {}, but the {what} is listed under {}. Give both the same name",
            quoted(name),
            quoted(key)
        ),
    ))
}

fn read_triggers(raw: &RawValue, path: &Place<'_>) -> Result<Vec<String>, PlanError> {
    let triggers = strings(raw, path)?;
    if triggers.is_empty() {
        return Err(PlanError::new(
            PlanErrorKind::Blank,
            path,
            "found an empty array; an action needs at least one event type or condition, or it could never run",
        ));
    }
    match triggers.iter().position(|t| t.trim().is_empty()) {
        Some(blank) => Err(PlanError::new(
            PlanErrorKind::Blank,
            path.index(blank),
            format!(
                "found {}; expected an event type or a condition. Remove the entry",
                quoted(&triggers[blank])
            ),
        )),
        None => Ok(triggers),
    }
}

/// In 0.3.1 every entry is an event type, also one that would read as a condition today; those are quoted.
fn as_trigger(event_type: &str, path: &Place<'_>) -> Result<String, PlanError> {
    let is_type = |entry: &str| matches!(condition::classify(entry), Ok(condition::Trigger::EventType(found)) if found == event_type);
    if is_type(event_type) {
        return Ok(event_type.to_owned());
    }
    let quoted_form = format!("'{event_type}'");
    if is_type(&quoted_form) {
        return Ok(quoted_form);
    }
    Err(PlanError::new(
        PlanErrorKind::Conflict,
        path,
        format!(
            "the event type {} of a 0.3.1 plan cannot be written as a trigger: white space, quotes, backslashes and \
             control characters are not allowed in event types any more. Rename the event type",
            quoted(event_type)
        ),
    ))
}

fn read_action_config(raw: &RawValue, is_v031: bool, path: &Place<'_>) -> Result<RawJson, PlanError> {
    let mut object = Object::read(raw.get(), path)?;
    let kind = discriminator(&mut object, "__config_type__", &["java", "python"], path)?;
    if is_v031 && kind == "python" {
        return upgrade_python_config(raw, path);
    }
    RawJson::take(raw, path)
}

/// 0.3.1 writes a pydantic object as `[module, class, fields]`, where today's readers see a plain list.
fn upgrade_python_config(raw: &RawValue, path: &Place<'_>) -> Result<RawJson, PlanError> {
    let mut out = String::from("{");
    for (key, raw) in Object::read(raw.get(), path)?.into_entries() {
        let value = RawJson::take(raw, &path.key(&key))?;
        write_key(&mut out, &key);
        match pydantic_parts(&value) {
            Some([module, class, fields]) => {
                out.push_str("{\"__pydantic_model__\":true,\"module\":");
                out.push_str(module.get());
                out.push_str(",\"class\":");
                out.push_str(class.get());
                out.push_str(",\"value\":");
                out.push_str(fields.get());
                out.push('}');
            }
            None => out.push_str(value.as_str()),
        }
    }
    out.push('}');
    RawJson::parse(&out)
}

/// The parts of `["some.module", "SomeClass", {…}]`; `None` for every other value, which may well be a user's list.
fn pydantic_parts(value: &RawJson) -> Option<[&RawValue; 3]> {
    let parts: [&RawValue; 3] = serde_json::from_str(value.as_str()).ok()?;
    let is_name = |raw: &RawValue, dots: bool| {
        let text: Option<String> = serde_json::from_str(raw.get()).ok();
        text.is_some_and(|t| {
            let name = |part: &str| {
                part.starts_with(|c: char| c == '_' || c.is_alphabetic())
                    && part.chars().all(|c| c == '_' || c.is_alphanumeric())
            };
            t.split('.').all(name) && (dots || !t.contains('.'))
        })
    };
    let fits = is_name(parts[0], true) && is_name(parts[1], false) && parts[2].get().starts_with('{');
    fits.then_some(parts)
}

/// Takes a key out whose value selects how the rest is read.
fn discriminator(
    object: &mut Object<'_>,
    key: &str,
    known: &'static [&'static str],
    path: &Place<'_>,
) -> Result<&'static str, PlanError> {
    let raw = object.require(key, path, &format!("one of {}", quoted_list(known.iter().copied())))?;
    let at = path.key(key);
    let found = string(raw, &at)?;
    known.iter().copied().find(|k| *k == found).ok_or_else(|| {
        PlanError::new(
            PlanErrorKind::Newer,
            at,
            format!(
                "found {}, which this version does not know; it knows {}. {NEWER}",
                quoted(&found),
                quoted_list(known.iter().copied())
            ),
        )
    })
}

fn read_function(raw: &RawValue, path: &Place<'_>) -> Result<Function, PlanError> {
    let mut object = Object::read(raw.get(), path)?;
    if discriminator(&mut object, "func_type", &["JavaFunction", "PythonFunction"], path)? == "JavaFunction" {
        let raw = object.require("parameter_types", path, "an array of type names")?;
        Ok(Function::Java {
            qualname: object.require_name("qualname", path)?,
            method_name: object.require_name("method_name", path)?,
            parameter_types: strings(raw, &path.key("parameter_types"))?,
        })
    } else {
        Ok(Function::Python {
            module: object.require_name("module", path)?,
            qualname: object.require_name("qualname", path)?,
        })
    }
}

fn check_actions_by_event(
    raw: &RawValue,
    actions: &[Action],
    listens: &[Vec<String>],
    path: &Place<'_>,
) -> Result<(), PlanError> {
    let by_name: rustc_hash::FxHashMap<&str, &[String]> = actions
        .iter()
        .map(|a| a.name.as_str())
        .zip(listens.iter().map(Vec::as_slice))
        .collect();
    for (event_type, raw) in Object::read(raw.get(), path)?.into_entries() {
        let at = path.key(&event_type);
        for (i, name) in strings(raw, &at)?.iter().enumerate() {
            let Some(types) = by_name.get(name.as_str()) else {
                return Err(PlanError::new(
                    PlanErrorKind::Conflict,
                    at.index(i),
                    format!("found the action {}, which \"actions\" does not contain", quoted(name)),
                ));
            };
            if !types.contains(&event_type) {
                return Err(PlanError::new(
                    PlanErrorKind::Conflict,
                    at.index(i),
                    format!(
                        "the action {} is routed by this event type, but its \"listen_event_types\" do not name it. \
                         Add it there; the current format has no second table",
                        quoted(name)
                    ),
                ));
            }
        }
    }
    Ok(())
}

fn read_providers(object: &mut Object<'_>, root: &Place<'_>) -> Result<Vec<ResourceProvider>, PlanError> {
    let Some(raw) = object.take("resource_providers") else {
        return Ok(Vec::new());
    };
    let path = root.key("resource_providers");
    let mut providers = Vec::new();
    for (type_name, raw) in Object::read(raw.get(), &path)?.into_entries() {
        let at = path.key(&type_name);
        let Some(resource_type) = ResourceType::from_value(&type_name) else {
            return Err(PlanError::new(
                PlanErrorKind::Newer,
                at,
                format!(
                    "the resource type {} is not known to this version; it knows {}. {NEWER}",
                    quoted(&type_name),
                    quoted_list(ResourceType::ALL.iter().map(|t| t.value()))
                ),
            ));
        };
        for (name, raw) in Object::read(raw.get(), &at)?.into_entries() {
            providers.push(read_provider(&name, resource_type, raw, &at.key(&name))?);
        }
    }
    Ok(providers)
}

fn read_provider(
    key: &str,
    resource_type: ResourceType,
    raw: &RawValue,
    path: &Place<'_>,
) -> Result<ResourceProvider, PlanError> {
    let mut object = Object::read(raw.get(), path)?;
    let kind = discriminator(
        &mut object,
        "__resource_provider_type__",
        &[
            "JavaResourceProvider",
            "PythonResourceProvider",
            "JavaSerializableResourceProvider",
            "PythonSerializableResourceProvider",
        ],
        path,
    )?;
    let name = object.require_name("name", path)?;
    same_name(key, &name, "resource", &path.key("name"))?;
    let type_name = object.require_name("type", path)?;
    same_name(resource_type.value(), &type_name, "resource", &path.key("type"))?;
    let language = if kind.starts_with("Java") {
        Language::Java
    } else {
        Language::Python
    };
    let body = if kind.ends_with("SerializableResourceProvider") {
        let key = match language {
            Language::Java => "serializedResource",
            Language::Python => "serialized",
        };
        let at = path.key(key);
        let raw = match language {
            Language::Java => object.require(key, path, "a string that holds JSON text")?,
            Language::Python => object.require(key, path, "an object")?,
        };
        match language {
            Language::Java => check_json_text(raw, &at)?,
            Language::Python if !raw.get().starts_with('{') => {
                return Err(wrong_type(&at, raw.get(), "an object {…}"));
            }
            Language::Python => {}
        }
        ProviderBody::Serialized {
            module: optional_string(&mut object, "module", path)?,
            class: object.require_name("clazz", path)?,
            resource: RawJson::take(raw, &at)?,
        }
    } else {
        let raw = object.require("descriptor", path, "an object {target_module, target_clazz, arguments}")?;
        ProviderBody::Descriptor(read_descriptor(raw, &path.key("descriptor"))?)
    };
    let extra = object.rest(path)?;
    Ok(ResourceProvider {
        name,
        resource_type,
        language,
        body,
        extra,
    })
}

/// The text inside the string is read on the task managers; a plan that cannot work is better refused here.
fn check_json_text(raw: &RawValue, path: &Place<'_>) -> Result<(), PlanError> {
    let text = string(raw, path)?;
    let inner: &RawValue = serde_json::from_str(&text).map_err(|e| {
        PlanError::new(
            PlanErrorKind::Malformed,
            path,
            format!("the string does not hold JSON text: {e}"),
        )
    })?;
    RawJson::take(inner, path).map(|_| ())
}

fn optional_string(object: &mut Object<'_>, key: &str, path: &Place<'_>) -> Result<String, PlanError> {
    object
        .take(key)
        .map_or(Ok(String::new()), |raw| string(raw, &path.key(key)))
}

fn read_descriptor(raw: &RawValue, path: &Place<'_>) -> Result<Descriptor, PlanError> {
    let mut object = Object::read(raw.get(), path)?;
    let target_class = object.require_name("target_clazz", path)?;
    let target_module = optional_string(&mut object, "target_module", path)?;
    let arguments = match object.take("arguments") {
        None => RawJson::empty_object(),
        Some(raw) => {
            let at = path.key("arguments");
            if !raw.get().starts_with('{') {
                return Err(wrong_type(&at, raw.get(), "an object {…}"));
            }
            RawJson::take(raw, &at)?
        }
    };
    Ok(Descriptor {
        target_module,
        target_class,
        arguments,
    })
}

fn read_config(object: &mut Object<'_>, root: &Place<'_>) -> Result<ConfigMap, PlanError> {
    let mut config = ConfigMap::default();
    let Some(raw) = object.take("config") else {
        return Ok(config);
    };
    let path = root.key("config");
    let Some(raw) = Object::read(raw.get(), &path)?.take("conf_data") else {
        return Ok(config);
    };
    let at = path.key("conf_data");
    for (key, raw) in Object::read(raw.get(), &at)?.into_entries() {
        let value = RawJson::take(raw, &at.key(&key))?;
        config.set_raw(key, value);
    }
    Ok(config)
}
