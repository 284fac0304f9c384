"""Finds the actions and resources of an agent and turns them into what plans hold."""

from __future__ import annotations

import inspect
from typing import Any, Callable, Dict, Iterator, List, Mapping, Tuple

from flink_agents.api.agents.agent import Agent
from flink_agents.api.function import PythonFunction
from flink_agents.api.resource import ResourceDescriptor, ResourceType, SerializableResource
from flink_agents.plan.actions.action import Action
from flink_agents.plan.actions.built_in import built_in_actions
from flink_agents.plan.configuration import AgentConfiguration
from flink_agents.plan.function import check_action_signature, check_target
from flink_agents.plan.resource_provider import (
    PythonResourceProvider,
    PythonSerializableResourceProvider,
    ResourceProvider,
    provider_of_descriptor,
)

_SKILLS = "_skills_config"
_DESCRIPTOR_MARKS = {
    "_is_chat_model_connection": ResourceType.CHAT_MODEL_CONNECTION,
    "_is_chat_model_setup": ResourceType.CHAT_MODEL,
    "_is_embedding_model_connection": ResourceType.EMBEDDING_MODEL_CONNECTION,
    "_is_embedding_model_setup": ResourceType.EMBEDDING_MODEL,
    "_is_vector_store": ResourceType.VECTOR_STORE,
    "_is_mcp_server": ResourceType.MCP_SERVER,
}
_RESOURCE_MARKS = (*_DESCRIPTOR_MARKS, "_is_prompt", "_is_tool", "_is_skills")
_MARKS = ("_is_action", *_RESOURCE_MARKS)

Providers = Dict[ResourceType, Dict[str, ResourceProvider]]


def members(cls: type) -> Iterator[Tuple[str, Any, Any]]:
    """Yield the functions of a class and its superclasses below Agent: name, as it stands there, function.

    Superclasses come first; a member that a subclass replaces keeps its place.
    """
    names: Dict[str, None] = {}
    for each in reversed(cls.__mro__):
        if each not in Agent.__mro__:
            names.update(dict.fromkeys(each.__dict__))
    for name in names:
        member = inspect.getattr_static(cls, name)
        func = _func_of(member)
        if inspect.isfunction(func):
            yield name, member, func


def _func_of(member: Any) -> Any:
    return member.__func__ if isinstance(member, (staticmethod, classmethod)) else member


def _kind(member: Any) -> str | None:
    """Return the decorator of a member, without the ``@``."""
    func = _func_of(member)
    for mark in _MARKS:
        if inspect.isfunction(func) and getattr(func, mark, False):
            return mark.removeprefix("_is_")
    return None


def check_inherited(cls: type, agent_name: str) -> None:
    """Refuse a class that replaces what is decorated in a superclass by what is not: it would be gone without a word.

    Raises
    ------
    ValueError
        If there is such a member.
    """
    classes = [each for each in cls.__mro__ if each not in Agent.__mro__]
    for above in classes:
        for name, member in above.__dict__.items():
            kind = _kind(member)
            if kind is None or _kind(inspect.getattr_static(cls, name)) is not None:
                continue
            hiding = next(each for each in classes if name in each.__dict__)
            msg = (
                f"Agent '{agent_name}': {hiding.__qualname__}.{name} hides the {kind} of its superclass "
                f"{above.__module__}.{above.__qualname__}, but is none itself. Decorate it with @{kind} to replace it, "
                "or rename it."
            )
            raise ValueError(msg)


def compile_actions(agent: Agent, agent_name: str) -> Dict[str, Action]:
    """Return the actions of an agent: decorated ones in the order of the class, added ones, built-in ones.

    Raises
    ------
    TypeError, ValueError
        If one cannot run, or two have one name.
    """
    check_inherited(type(agent), agent_name)
    actions: Dict[str, Action] = {}
    for name, member, func in members(type(agent)):
        if not getattr(func, "_is_action", False):
            continue
        where = f"Agent '{agent_name}', action '{name}'"
        _check_static(where, member)
        conditions = list(func._trigger_conditions)
        if not conditions or not all(condition.strip() for condition in conditions):
            msg = (
                f"{where}: @action needs at least one trigger condition, and none may be blank. Give it the type of "
                "the event it is for: @action(EventType.InputEvent)."
            )
            raise ValueError(msg)
        if func._target is not None:
            function = check_target(where, func._target)
        else:
            function = _python_function(where, func)
            check_action_signature(where, func)
        actions[name] = Action(name, function, conditions, identity=_identity(func))
    for name, (conditions, function, config) in agent.actions.items():
        where = f"Agent '{agent_name}', action '{name}'"
        if name in actions:
            msg = f"{where} is defined twice: by @action in its class and by add_action. Rename one of them."
            raise ValueError(msg)
        if isinstance(function, PythonFunction) and function._func is not None:
            check_action_signature(where, function._func)
        else:
            check_target(where, function)
        own = dict(config) if config is not None else None
        actions[name] = Action(name, function, list(conditions), own, _identity(getattr(function, "_func", None)))
    for action in built_in_actions():
        if action.name in actions:
            msg = (
                f"Agent '{agent_name}', action '{action.name}': every agent has a built-in action of that name. "
                "Rename yours."
            )
            raise ValueError(msg)
        actions[action.name] = action
    return actions


def _identity(func: Any) -> Tuple[str | None, Tuple[str, ...]]:
    return getattr(func, "_identity", (None, ()))


def compile_resources(
    agent: Agent,
    agent_name: str,
    environment: Mapping[ResourceType, Mapping[str, Any]],
    config: AgentConfiguration,
) -> Providers:
    """Return the recipes of an agent's resources and of those of its environment that it does not have itself.

    Raises
    ------
    TypeError, ValueError, KeyError
        If one cannot be made, or two have one type and name.
    """
    # The order is that of upstream's plans; readers do not depend on it.
    providers: Providers = {ResourceType.PROMPT: {}, ResourceType.TOOL: {}}
    skills: List[Any] = []
    for name, member, func in members(type(agent)):
        for mark in _RESOURCE_MARKS:
            if getattr(func, mark, False):
                _add_declared(agent_name, providers, skills, name, mark, member, func)
    for resource_type, added in agent.resources.items():
        for name, instance in added.items():
            where = f"Agent '{agent_name}', {resource_type.value} '{name}'"
            _put(where, providers, skills, resource_type, name, instance)
    own = {(kind, name) for kind, named in providers.items() for name in named}
    for resource_type, shared in environment.items():
        for name, instance in shared.items():
            if (resource_type, name) not in own:
                where = f"Environment, {resource_type.value} '{name}' (for agent '{agent_name}')"
                _put(where, providers, skills, resource_type, name, instance)
    if skills:
        _add_skills(agent_name, providers, skills)
    for name, provider in list(providers.get(ResourceType.MCP_SERVER, {}).items()):
        _add_listed(f"Agent '{agent_name}', mcp_server '{name}'", providers, provider, config)
    return {kind: named for kind, named in providers.items() if named}


def _add_declared(
    agent_name: str,
    providers: Providers,
    skills: List[Any],
    name: str,
    mark: str,
    member: Any,
    func: Any,
) -> None:
    kind = mark.removeprefix("_is_")
    where = f"Agent '{agent_name}', @{kind} '{name}'"
    _check_static(where, member)
    if mark == "_is_tool":
        from flink_agents.api.tools.function_tool import FunctionTool as DeclaredTool
        from flink_agents.api.tools.tool_parameter_injection import (
            normalize_injected_args,
            validate_injected_arg_names,
        )

        function = _python_function(where, func)
        try:
            injected = normalize_injected_args(func._injected_args)
            validate_injected_arg_names(func, injected)
        except (TypeError, ValueError) as error:
            msg = f"{where}: {error}"
            raise ValueError(msg) from error
        declared = DeclaredTool(func=function, injected_args=injected)
        _put(where, providers, skills, ResourceType.TOOL, name, declared)
        return
    if inspect.signature(func).parameters:
        msg = f"{where} takes parameters; it is called without any, when the agent is applied."
        raise TypeError(msg)
    try:
        value = func()
    except Exception as error:
        msg = f"{where} failed when it was called to get it: {type(error).__name__}: {error}"
        raise ValueError(msg) from error
    if mark in _DESCRIPTOR_MARKS:
        if not isinstance(value, ResourceDescriptor):
            msg = f"{where} returned {_shown(value)}; it must return a ResourceDescriptor."
            raise TypeError(msg)
        _put(where, providers, skills, _DESCRIPTOR_MARKS[mark], name, value)
        return
    resource_type = ResourceType.PROMPT if mark == "_is_prompt" else ResourceType.SKILLS
    if not isinstance(value, SerializableResource) or value.resource_type() != resource_type:
        wanted = "Prompt" if mark == "_is_prompt" else "Skills"
        msg = f"{where} returned {_shown(value)}; it must return a {wanted}."
        raise TypeError(msg)
    _put(where, providers, skills, resource_type, name, value)


def _put(
    where: str,
    providers: Providers,
    skills: List[Any],
    resource_type: ResourceType,
    name: str,
    instance: Any,
) -> None:
    if resource_type == ResourceType.SKILLS:
        # All skills of an agent become one resource.
        skills.append(instance)
        return
    named = providers.setdefault(resource_type, {})
    if name in named:
        msg = f"{where} is defined twice. Rename one of them."
        raise ValueError(msg)
    named[name] = _provider(where, resource_type, name, instance)


def _provider(where: str, resource_type: ResourceType, name: str, instance: Any) -> ResourceProvider:
    from flink_agents.api.tools.function_tool import FunctionTool as DeclaredTool

    try:
        if isinstance(instance, ResourceDescriptor):
            return provider_of_descriptor(name, resource_type, instance)
        if isinstance(instance, DeclaredTool):
            from flink_agents.plan.tools.function_tool import compile_tool

            instance = compile_tool(name, instance.func, instance.injected_args)
        return PythonSerializableResourceProvider.of(name, resource_type, instance)
    except KeyError as error:
        raise KeyError(f"{where}: {error.args[0]}") from error
    except TypeError as error:
        raise TypeError(f"{where}: {error}") from error
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _add_listed(
    where: str, providers: Providers, provider: ResourceProvider, config: AgentConfiguration
) -> None:
    """Ask a tool server for its tools and prompts, and add them by their names."""
    from flink_agents.integrations.mcp.mcp import MCPServer

    server = provider.provide(None, config)
    if not isinstance(server, MCPServer):
        msg = f"{where}: {type(server).__name__} is no MCPServer."
        raise TypeError(msg)
    try:
        listed: List[Any] = [
            *((ResourceType.TOOL, tool) for tool in server.list_tools()),
            *((ResourceType.PROMPT, prompt) for prompt in server.list_prompts()),
        ]
    except RuntimeError as error:
        msg = f"{where}: its tools and prompts are asked for when the agent is applied, and that failed: {error}"
        raise ValueError(msg) from error
    finally:
        server.close()
    for kind, one in listed:
        if one.name in providers.setdefault(kind, {}):
            msg = f"{where} has a {kind.value} '{one.name}', and so has the agent already. Rename that of the agent."
            raise ValueError(msg)
        providers[kind][one.name] = PythonSerializableResourceProvider.of(one.name, kind, one)


def _add_skills(agent_name: str, providers: Providers, skills: List[Any]) -> None:
    from flink_agents.api.skills import BASH_TOOL, LOAD_SKILL_TOOL, Skills

    sources: List[Any] = []
    for each in skills:
        sources.extend(source for source in each.sources if source not in sources)
    providers[ResourceType.SKILLS] = {
        _SKILLS: PythonSerializableResourceProvider.of(_SKILLS, ResourceType.SKILLS, Skills(sources=sources))
    }
    tools = providers[ResourceType.TOOL]
    for name, clazz in (
        (LOAD_SKILL_TOOL, "flink_agents.runtime.skill.skill_tools.LoadSkillTool"),
        (BASH_TOOL, "flink_agents.plan.tools.bash.bash_tool.BashTool"),
    ):
        if name in tools:
            msg = (
                f"Agent '{agent_name}': it has skills, which bring a tool '{name}', and a tool of that name itself. "
                "Rename it."
            )
            raise ValueError(msg)
        tools[name] = PythonResourceProvider(name, ResourceType.TOOL, ResourceDescriptor(clazz=clazz))


def _python_function(where: str, func: Callable) -> PythonFunction:
    try:
        return PythonFunction.from_callable(func)
    except TypeError as error:
        msg = f"{where}: {error}"
        raise TypeError(msg) from error


def _check_static(where: str, member: Any) -> None:
    if isinstance(member, classmethod):
        msg = f"{where} is a class method. Make it a static method: @staticmethod instead of @classmethod."
        raise TypeError(msg)


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
