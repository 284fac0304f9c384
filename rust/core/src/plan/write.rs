//! Writing plan JSON: always the current layout, whatever was read.

use super::json::{RawJson, write_key, write_string, write_strings};
use super::model::{Action, AgentPlan, Function, Language, ProviderBody, ResourceProvider, ResourceType};

impl AgentPlan {
    /// The plan as compact JSON in the current layout: no `actions_by_event`, triggers under `trigger_conditions`.
    pub fn to_json(&self) -> String {
        let mut out = String::from("{");
        if let Some(name) = &self.agent_name {
            write_key(&mut out, "agent_name");
            write_string(&mut out, name);
        }
        write_key(&mut out, "actions");
        out.push('{');
        for action in &self.actions {
            write_key(&mut out, &action.name);
            write_action(&mut out, action);
        }
        out.push('}');
        write_key(&mut out, "resource_providers");
        write_providers(&mut out, &self.resource_providers);
        write_key(&mut out, "config");
        out.push_str("{\"conf_data\":");
        self.config.write_json(&mut out);
        out.push('}');
        write_extra(&mut out, &self.extra);
        out.push('}');
        out
    }
}

fn write_action(out: &mut String, action: &Action) {
    out.push('{');
    write_key(out, "name");
    write_string(out, &action.name);
    if let Some(id) = &action.id {
        write_key(out, "id");
        write_string(out, id);
    }
    if !action.former_names.is_empty() {
        write_key(out, "former_names");
        write_strings(out, &action.former_names);
    }
    write_key(out, "exec");
    write_function(out, &action.exec);
    write_key(out, "trigger_conditions");
    write_strings(out, &action.triggers);
    write_key(out, "config");
    out.push_str(action.config.as_ref().map_or("null", RawJson::as_str));
    write_extra(out, &action.extra);
    out.push('}');
}

fn write_function(out: &mut String, function: &Function) {
    out.push('{');
    write_key(out, "func_type");
    match function {
        Function::Java {
            qualname,
            method_name,
            parameter_types,
        } => {
            write_string(out, "JavaFunction");
            write_key(out, "qualname");
            write_string(out, qualname);
            write_key(out, "method_name");
            write_string(out, method_name);
            write_key(out, "parameter_types");
            write_strings(out, parameter_types);
        }
        Function::Python { module, qualname } => {
            write_string(out, "PythonFunction");
            write_key(out, "module");
            write_string(out, module);
            write_key(out, "qualname");
            write_string(out, qualname);
        }
    }
    out.push('}');
}

fn write_providers(out: &mut String, providers: &[ResourceProvider]) {
    // Grouped anew, so that a plan put together in any order still has each type once.
    let mut types: Vec<ResourceType> = Vec::new();
    for provider in providers {
        if !types.contains(&provider.resource_type) {
            types.push(provider.resource_type);
        }
    }
    out.push('{');
    for resource_type in types {
        write_key(out, resource_type.value());
        out.push('{');
        for provider in providers.iter().filter(|p| p.resource_type == resource_type) {
            write_key(out, &provider.name);
            write_provider(out, provider);
        }
        out.push('}');
    }
    out.push('}');
}

fn write_provider(out: &mut String, provider: &ResourceProvider) {
    out.push('{');
    write_key(out, "name");
    write_string(out, &provider.name);
    write_key(out, "type");
    write_string(out, provider.resource_type.value());
    let kind = match &provider.body {
        ProviderBody::Descriptor(descriptor) => {
            write_key(out, "descriptor");
            out.push('{');
            write_key(out, "target_module");
            write_string(out, &descriptor.target_module);
            write_key(out, "target_clazz");
            write_string(out, &descriptor.target_class);
            write_key(out, "arguments");
            out.push_str(descriptor.arguments.as_str());
            out.push('}');
            match provider.language {
                Language::Java => "JavaResourceProvider",
                Language::Python => "PythonResourceProvider",
            }
        }
        ProviderBody::Serialized {
            module,
            class,
            resource,
        } => {
            write_key(out, "module");
            write_string(out, module);
            write_key(out, "clazz");
            write_string(out, class);
            let (key, kind) = match provider.language {
                Language::Java => ("serializedResource", "JavaSerializableResourceProvider"),
                Language::Python => ("serialized", "PythonSerializableResourceProvider"),
            };
            write_key(out, key);
            out.push_str(resource.as_str());
            kind
        }
    };
    write_extra(out, &provider.extra);
    write_key(out, "__resource_provider_type__");
    write_string(out, kind);
    out.push('}');
}

fn write_extra(out: &mut String, extra: &[(String, RawJson)]) {
    for (key, value) in extra {
        write_key(out, key);
        out.push_str(value.as_str());
    }
}
