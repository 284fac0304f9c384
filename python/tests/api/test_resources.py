"""Resources, prompts and tools."""

import pytest
from pydantic import BaseModel, ValidationError

from flink_agents.api.chat_message import ChatMessage, MessageRole, find_first_system_message
from flink_agents.api.prompts.prompt import LocalPrompt, Prompt
from flink_agents.api.prompts.utils import SafeFormatter, format_string
from flink_agents.api.resource import (
    ResourceDescriptor,
    ResourceName,
    ResourceType,
    SerializableResource,
    get_resource_class,
)
from flink_agents.api.skills import Skills
from flink_agents.api.tools import InjectedArg, ToolParameterSource
from flink_agents.api.tools.tool import Tool, ToolMetadata
from flink_agents.api.tools.tool_parameter_injection import merge_injected_args, normalize_injected_args
from flink_agents.api.tools.utils import (
    create_java_tool_schema_str_from_model,
    create_model_from_java_tool_schema_str,
    create_model_from_schema,
    create_schema_from_function,
)


def test_descriptors():
    descriptor = ResourceDescriptor(clazz="pkg.mod.Class", arguments={"a": 1, "b": 1}, b=2)
    assert (descriptor.target_module, descriptor.target_clazz) == ("pkg.mod", "Class")
    assert descriptor.arguments == {"a": 1, "b": 2}
    same = ResourceDescriptor(target_module="pkg.mod", target_clazz="Class", a=1, b=2)
    assert same == descriptor
    assert hash(same) == hash(descriptor)
    assert descriptor != ResourceDescriptor(clazz="pkg.mod.Class", a=1)
    assert ResourceDescriptor.model_validate_json(descriptor.model_dump_json()) == descriptor


def test_descriptors_do_not_show_values_which_may_be_secrets():
    assert "hush" not in repr(ResourceDescriptor(clazz="a.B", api_key="hush"))
    assert "api_key" in str(ResourceDescriptor(clazz="a.B", api_key="hush"))


@pytest.mark.parametrize(
    "arguments", [{}, {"clazz": "NoModule"}, {"target_module": "a"}, {"clazz": Prompt}, {"clazz": ""}]
)
def test_descriptors_without_a_class_are_refused(arguments):
    with pytest.raises(ValueError, match="class"):
        ResourceDescriptor(**arguments)


def test_classes_of_resources_are_imported_by_name():
    assert ResourceDescriptor(clazz="flink_agents.api.prompts.prompt.LocalPrompt").clazz is LocalPrompt
    with pytest.raises(ImportError, match="its module no_such_module cannot be imported"):
        get_resource_class("no_such_module", "A")
    with pytest.raises(ImportError, match="has no class Nope"):
        get_resource_class("flink_agents.api.prompts.prompt", "Nope")


def test_resource_names_are_in_groups():
    assert ResourceName.ChatModel.Java.OLLAMA_SETUP.startswith("org.apache.flink.agents.")
    assert ResourceName.MCP_SERVER == "flink_agents.integrations.mcp.mcp.MCPServer"


def test_resources_that_cannot_travel_are_refused():
    class Holder(SerializableResource):
        value: object = None

        @classmethod
        def resource_type(cls):
            return ResourceType.TOOL

    assert Holder(value=1).value == 1
    with pytest.raises(ValidationError, match="Holder travels inside the plan"):
        Holder(value=open)


def test_placeholders():
    assert format_string("{a} {b} {} {{a}} {a b}", a="1", **{"a b": "2"}) == "1 {b} {} {1} 2"
    assert format_string("{a}{b}", a="{b}", b=None) == "{b}"
    assert SafeFormatter().format("{a}") == "{a}"
    assert format_string("{_template}", **{"x": "1"}) == "{_template}"


def test_prompts():
    text = Prompt.from_text("Hi {name}")
    assert text.format_string(name="Ann") == "Hi Ann"
    assert text.format_messages(name="Ann") == [ChatMessage(role=MessageRole.SYSTEM, content="Hi Ann")]
    assert text.format_messages(MessageRole.USER)[0].role == MessageRole.USER
    template = [ChatMessage(role="system", content="{a}"), ChatMessage(content="{b}", extra_args={"k": 1})]
    messages = Prompt.from_messages(template)
    assert messages.format_string(a="1", b="2") == "system: 1\nuser: 2 {'k': 1}"
    formatted = messages.format_messages(a="1", b="2")
    assert [m.content for m in formatted] == ["1", "2"]
    formatted[1].extra_args["k"] = 2
    assert messages.template[1].extra_args == {"k": 1}
    assert LocalPrompt.model_validate_json(messages.model_dump_json()) == messages
    with pytest.raises(ValidationError, match="at least one message"):
        Prompt.from_messages([])


def test_messages():
    assert str(ChatMessage(content="x")) == "user: x"
    assert find_first_system_message([ChatMessage(), ChatMessage(role="system")]) == 1
    assert find_first_system_message([]) == -1


def test_skills_merge_by_source():
    skills = Skills.from_package(("pkg", "res"))
    assert skills.sources[0].params == {"package": "pkg", "resource": "res"}
    assert len({*Skills.from_url("u").sources, *Skills.from_url("u").sources}) == 1


class Address(BaseModel):
    street: str
    number: int | None = None


def search(query: str, limit: int = 5, where: Address | None = None, tags: list[str] = [], *, user: str, **more):  # noqa: B006
    """Search documents.

    Longer text.

    Args:
        query: What to look for.
        limit: How many.
    """
    return (query, limit, where, tags, user)


def test_the_schema_of_a_function():
    schema = create_schema_from_function("search", search, ["user"]).model_json_schema()
    assert list(schema["properties"]) == ["query", "limit", "where", "tags"]
    assert schema["required"] == ["query"]
    assert schema["properties"]["query"] == {"description": "What to look for.", "title": "Query", "type": "string"}
    assert schema["properties"]["limit"]["default"] == 5
    with pytest.raises(TypeError, match="cannot be given by name"):
        create_schema_from_function("f", lambda *args: None)


def test_a_schema_goes_through_a_class_without_loss():
    model = create_schema_from_function("search", search)
    metadata = ToolMetadata(name="search", description="d", args_schema=model)
    again = ToolMetadata.model_validate_json(metadata.model_dump_json())
    assert again == metadata
    assert again.get_parameters_dict() == model.model_json_schema()
    arguments = again.args_schema.model_validate({"query": "x", "where": {"street": "s"}, "user": "u"})
    assert (arguments.query, arguments.where.street, arguments.limit) == ("x", "s", 5)
    with pytest.raises(ValidationError):
        again.args_schema.model_validate({"limit": 3})
    assert again != ToolMetadata(name="other", description="d", args_schema=model)


def test_classes_made_of_schemas_check_what_they_can():
    model = create_model_from_schema(
        "M",
        {
            "type": "object",
            "properties": {
                "n": {"type": "integer", "minimum": 1, "maximum": 3},
                "kind": {"enum": ["a", "b"]},
                "list": {"type": "array", "items": {"type": "number"}, "minItems": 1},
                "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "both": {"type": ["string", "integer"]},
                "map": {"type": "object", "additionalProperties": {"type": "boolean"}},
                "tree": {"$ref": "#/$defs/Node"},
                "_private": {"type": "string"},
                "model_dump": {"type": "string"},
            },
            "required": ["n"],
            "$defs": {"Node": {"type": "object", "properties": {"child": {"$ref": "#/$defs/Node"}}}},
        },
    )
    good = {"n": 2, "kind": "a", "list": [1.5], "either": None, "both": 3, "map": {"x": True}, "tree": {"child": {}}}
    assert model.model_validate({**good, "_private": "p", "model_dump": "q"}).n == 2
    for wrong in ({"n": 4}, {"n": 0}, {}, {"n": 1, "kind": "c"}, {"n": 1, "list": []}, {"n": 1, "map": {"x": 5}}):
        with pytest.raises(ValidationError):
            model.model_validate(wrong)
    with pytest.raises(ValueError, match="leads nowhere"):
        create_model_from_schema("M", {"properties": {"x": {"$ref": "#/$defs/Nope"}}})
    with pytest.raises(ValueError, match="not that of an object"):
        create_model_from_schema("M", {"type": "string"})


def test_schemas_of_java_tools_are_texts():
    model = create_model_from_java_tool_schema_str("T", '{"type": "object", "properties": {"a": {"type": "string"}}}')
    assert create_java_tool_schema_str_from_model(model) == (
        '{"type": "object", "properties": {"a": {"type": "string"}}}'
    )
    with pytest.raises(ValueError, match="Java tool 'T' is no JSON"):
        create_model_from_java_tool_schema_str("T", "{")


def test_injected_arguments():
    args = normalize_injected_args({"a": InjectedArg.from_config("k"), "b": {"source": "short_term_memory"}, "c": {}})
    assert args["a"] == InjectedArg(source=ToolParameterSource.CONFIG, key="k")
    assert args["b"] == InjectedArg.from_short_term_memory("b")
    assert args["c"] == InjectedArg.from_sensory_memory("c")
    assert normalize_injected_args(None) == {}
    with pytest.raises(TypeError, match="'a' must be an InjectedArg"):
        normalize_injected_args({"a": "config"})
    with pytest.raises(ValueError, match="injected in two ways"):
        merge_injected_args(args, {"a": InjectedArg.from_config("other")}, tool_name="t")
    assert merge_injected_args(None, args, tool_name="t") == args


def test_declared_tools():
    declared = Tool.from_callable(search, injected_args={"user": {"source": "config"}})
    assert declared.func.qualname == "search"
    assert declared.injected_args["user"].key == "user"
    with pytest.raises(ValueError, match="has no parameter nobody"):
        Tool.from_callable(search, injected_args={"nobody": {}})
    with pytest.raises(TypeError, match="is a lambda"):
        Tool.from_callable(lambda x: x)
