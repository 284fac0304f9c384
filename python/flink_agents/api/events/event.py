"""The event: what actions receive and send.

An event is made about as often as anything else here, so its constructor fills the fields by itself instead of having
pydantic validate them (ten times faster); what is not as plain as expected goes through pydantic, with its messages.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, Dict
from uuid import UUID

import pydantic_core
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    field_serializer,
    field_validator,
    model_validator,
)
from typing_extensions import Self

from flink_agents import _core
from flink_agents.api.events.ids import random_id

_check_plain = _core.check_plain

_new = object.__new__
# The slots of every pydantic object, as functions: they go past __setattr__.
_set_dict = BaseModel.__dict__["__dict__"].__set__
_set_fields_set = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_set_extra = BaseModel.__dict__["__pydantic_extra__"].__set__
_set_private = BaseModel.__dict__["__pydantic_private__"].__set__


class Event(BaseModel, extra="allow"):
    """An event.

    Actions are chosen by its ``type`` and, in trigger conditions, by its attributes. Attributes must be JSON-plain
    (``None``, Booleans, numbers, text, lists, dicts with text keys) or be made so: tuples, UUIDs, dates, enums,
    dataclasses, pydantic models, rows of PyFlink, bytes that are UTF-8. Who receives the event sees the plain form.

    Parameters
    ----------
    type
        The type, not empty.
    attributes
        The content; the dict is copied, the values in it are not.
    id
        A UUID; a random one (version 4, not for secrets) if it is left out. Cannot be changed.
    upstream_event_id, upstream_action_name
        The event and the action that this one came from; set by the runtime.
    **extra
        More top-level fields. They are in the JSON, but are not passed on from action to action.

    Raises
    ------
    TypeError, ValueError
        If a value cannot be made plain; the message has the path to it.
    pydantic.ValidationError
        If a field has the wrong type or ``type`` is missing.
    """

    # Most programs never need the validators of most events; pydantic builds them when they do.
    model_config = ConfigDict(defer_build=True)

    id: UUID = Field(default_factory=random_id, frozen=True)
    type: str
    attributes: Dict[str, Any] = Field(default_factory=dict)
    upstream_event_id: UUID | None = Field(
        default=None,
        validation_alias=AliasChoices("upstream_event_id", "upstreamEventId"),
        serialization_alias="upstreamEventId",
    )
    upstream_action_name: str | None = Field(
        default=None,
        validation_alias=AliasChoices("upstream_action_name", "upstreamActionName"),
        serialization_alias="upstreamActionName",
    )

    if TYPE_CHECKING:
        # Whether the constructor may fill the fields by itself: not for subclasses with fields or validators of their
        # own. Set below the class: inside, older versions of pydantic would take it for a private attribute.
        _plain: ClassVar[bool]

    def __init__(
        self,
        /,
        *,
        type: Any = None,
        attributes: Any = None,
        id: Any = None,
        upstream_event_id: Any = None,
        upstream_action_name: Any = None,
        **extra: Any,
    ) -> None:
        if (
            extra
            or type.__class__ is not str
            or not type
            or not (attributes is None or attributes.__class__ is dict)
            or not (id is None or id.__class__ is UUID)
            or not (upstream_event_id is None or upstream_event_id.__class__ is UUID)
            or not (upstream_action_name is None or upstream_action_name.__class__ is str)
            or not self._plain
        ):
            data = {
                "type": type,
                "attributes": attributes,
                "upstream_event_id": upstream_event_id,
                "upstream_action_name": upstream_action_name,
            }
            data = {name: value for name, value in data.items() if value is not None}
            super().__init__(id=id, **data, **extra)
            if self._plain:
                # Some versions of pydantic leave an empty dict, and an event would not equal its copy.
                _set_private(self, None)
            return
        if attributes:
            _check_plain(attributes, "attributes")
            attributes = attributes.copy()
        else:
            attributes = {}
        _set_dict(
            self,
            {
                "id": random_id() if id is None else id,
                "type": type,
                "attributes": attributes,
                "upstream_event_id": upstream_event_id,
                "upstream_action_name": upstream_action_name,
            },
        )
        _set_fields_set(self, {"type", "attributes"})
        _set_extra(self, {})
        _set_private(self, None)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        decorators = cls.__pydantic_decorators__
        own = Event.__pydantic_decorators__
        cls._plain = (
            cls.model_fields.keys() == Event.model_fields.keys()
            and not cls.__private_attributes__
            and cls.__pydantic_post_init__ is None
            and cls.model_config == Event.model_config
            and decorators.field_validators.keys() == own.field_validators.keys()
            and decorators.model_validators.keys() == own.model_validators.keys()
            and not decorators.validators
            and not decorators.root_validators
        )

    @field_validator("id", mode="before")
    @classmethod
    def generate_id_when_explicitly_none(cls, value: Any) -> Any:
        """Give an event whose id is ``None`` a random one."""
        return random_id() if value is None else value

    @field_validator("type")
    @classmethod
    def _type_is_not_empty(cls, value: str) -> str:
        if not value:
            msg = "the type of an event must not be empty"
            raise ValueError(msg)
        return value

    @field_serializer("attributes", when_used="json")
    def _plain_attributes(self, value: Dict[str, Any]) -> Any:
        return _core.to_plain(value, "attributes")

    def model_dump_json(self, **kwargs: Any) -> str:
        """Return the event as JSON: ``id``, ``type``, ``attributes``, lineage if there is one, extra fields."""
        kwargs.setdefault("by_alias", True)
        exclude = kwargs.pop("exclude", None)
        unknown = {
            name for name in ("upstream_event_id", "upstream_action_name") if self.__dict__.get(name) is None
        }
        if isinstance(exclude, dict):
            exclude = {**exclude, **dict.fromkeys(unknown, True)}
        else:
            exclude = {*(exclude or ()), *unknown}
        return super().model_dump_json(exclude=exclude, **kwargs)

    @model_validator(mode="after")
    def validate_serializable_fields(self) -> Event:
        """Check that attributes and extra fields can be made plain.

        Raises
        ------
        TypeError, ValueError
            If one cannot; the message has the path to it.
        """
        _check_plain(self.__dict__["attributes"], "attributes")
        for name, value in (self.__pydantic_extra__ or {}).items():
            _check_plain(value, name)
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "attributes":
            if not isinstance(value, dict):
                msg = f"The attributes of an event must be a dict, not {value.__class__.__name__}."
                raise TypeError(msg)
            _check_plain(value, "attributes")
        elif name == "type":
            if not isinstance(value, str) or not value:
                msg = f"The type of an event must be a text that is not empty, not {value!r}."
                raise ValueError(msg)
        elif name not in type(self).model_fields and not name.startswith("_"):
            _check_plain(value, name)
        super().__setattr__(name, value)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError as error:
                if name not in self.__dict__.get("attributes", ()):
                    raise
                msg = (
                    f"Actions receive a plain Event, and its attribute {name!r} is no field of it: read it by "
                    f"event.get_attr({name!r}), or through the class that it was sent as, such as "
                    "InputEvent.from_event(event)."
                )
                raise AttributeError(msg) from error

    def reconstruct_from(self, source: Event) -> Self:
        """Take over the id and the lineage of another event, and return this one."""
        mine, theirs = self.__dict__, source.__dict__
        mine["id"] = theirs["id"]
        mine["upstream_event_id"] = theirs["upstream_event_id"]
        mine["upstream_action_name"] = theirs["upstream_action_name"]
        return self

    def get_type(self) -> str:
        """Return the type."""
        return self.type

    def get_attr(self, name: str) -> Any:
        """Return an attribute, ``None`` if there is none of that name."""
        return self.__dict__["attributes"].get(name)

    def set_attr(self, name: str, value: Any) -> None:
        """Set an attribute. That it can be made plain is checked when the event is sent."""
        self.__dict__["attributes"][name] = value

    @classmethod
    def from_event(cls, event: Event) -> Event:
        """Return an event as one of this class: same id, type, attributes and lineage.

        Raises
        ------
        ValueError
            If an attribute is missing that events of this class have.
        """
        return cls._view(event)

    @classmethod
    def _view(cls, event: Event) -> Any:
        """Make an object of this class from the fields of an event, without its constructor."""
        fields = event.__dict__.copy()
        fields["attributes"] = fields["attributes"].copy()
        extra = event.__pydantic_extra__
        result = _new(cls)
        if not cls._plain:
            # Fields of its own may be among the extra ones; defaults and validators of the class apply.
            fields.update(extra or {})
            return cls.__pydantic_validator__.validate_python(fields, self_instance=result)
        _set_dict(result, fields)
        _set_fields_set(result, {"type", "attributes"})
        _set_extra(result, extra.copy() if extra else {})
        _set_private(result, None)
        return result

    @classmethod
    def _require(cls, event: Event, *names: str) -> None:
        """Refuse an event that lacks an attribute which every event of this class has."""
        fields = event.__dict__
        for name in names:
            if name not in fields["attributes"]:
                msg = (
                    f"Event {event.id} of type '{event.type}' has no attribute '{name}', which every "
                    f"{cls.__name__} has; its attributes are {sorted(fields['attributes'])}."
                )
                raise ValueError(msg)

    @classmethod
    def from_json(cls, json_str: str) -> Event:
        """Read an event from its JSON. Without an ``id`` it gets a random one.

        Raises
        ------
        ValueError
            If the text is no JSON object, or has no ``type``.
        """
        try:
            data = pydantic_core.from_json(json_str)
        except ValueError as error:
            msg = f"Not the JSON of an event: {error}"
            raise ValueError(msg) from error
        if not isinstance(data, dict) or not isinstance(data.get("type"), str) or not data["type"]:
            msg = "Not the JSON of an event: it must be an object with a 'type', a text that is not empty."
            raise ValueError(msg)
        attributes = data.get("attributes")
        if isinstance(attributes, dict):
            data["attributes"] = {name: _with_rows(value) for name, value in attributes.items()}
        elif attributes is None:
            data["attributes"] = {}
        event = Event(**data)
        return event if cls is Event else cls.from_event(event)


Event._plain = True


def _with_rows(value: Any) -> Any:
    """Make rows of PyFlink again of what stands for them, where PyFlink is in use."""
    if isinstance(value, list):
        return [_with_rows(element) for element in value]
    if not isinstance(value, dict):
        return value
    value = {name: _with_rows(element) for name, element in value.items()}
    # Without PyFlink loaded nobody here made or expects a Row; importing it for this would take seconds.
    common = sys.modules.get("pyflink.common")
    if common is None or value.get("type") != "Row" or not value.keys() <= {"type", "values", "fields"}:
        return value
    values, fields = value.get("values"), value.get("fields")
    if not isinstance(values, list):
        return value
    if fields is not None and not (
        isinstance(fields, list) and len(fields) == len(values) and all(isinstance(name, str) for name in fields)
    ):
        return value
    row = common.Row(*values)
    if fields is not None:
        row.set_field_names(fields)
    return row


class InputEvent(Event):
    """The event of an input record; made by the runtime.

    Parameters
    ----------
    input
        The record.
    """

    EVENT_TYPE: ClassVar[str] = "_input_event"

    def __init__(self, input: Any) -> None:
        super().__init__(type="_input_event", attributes={"input": input})

    @classmethod
    def from_event(cls, event: Event) -> InputEvent:
        """Return an event as an InputEvent: same id, attributes and lineage.

        Raises
        ------
        ValueError
            If it has no input.
        """
        if "input" not in event.__dict__["attributes"]:
            cls._require(event, "input")
        return cls._view(event)

    @property
    def input(self) -> Any:
        """The record."""
        return self.__dict__["attributes"]["input"]


class OutputEvent(Event):
    """An event that is a result: it leaves the agent and reaches no action.

    Parameters
    ----------
    output
        The result.
    """

    EVENT_TYPE: ClassVar[str] = "_output_event"

    def __init__(self, output: Any) -> None:
        super().__init__(type="_output_event", attributes={"output": output})

    @classmethod
    def from_event(cls, event: Event) -> OutputEvent:
        """Return an event as an OutputEvent: same id, attributes and lineage.

        Raises
        ------
        ValueError
            If it has no output.
        """
        cls._require(event, "output")
        return cls._view(event)

    @property
    def output(self) -> Any:
        """The result."""
        return self.__dict__["attributes"]["output"]
