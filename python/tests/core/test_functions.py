"""Keys, ids, plans and configuration."""

import json
import os
import uuid

import pytest

from flink_agents import _core

KEYS = ["user", "", "1", 1, -5, 2**70, 1.0, 1.5, True, False, None, b"1", b"", (), (1, "1", (b"x", None)), "l:[]", "ü"]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_a_key_comes_back_from_its_text(key):
    back = _core.key_of(_core.key_text(key))
    assert back == key
    assert type(back) is type(key)


def test_no_two_keys_share_a_text():
    assert len({_core.key_text(key) for key in KEYS}) == len(KEYS)


def test_lists_are_the_same_key_as_tuples_and_the_two_zeros_are_one():
    assert _core.key_text([1, 2]) == _core.key_text((1, 2))
    assert _core.key_of(_core.key_text([1, 2])) == (1, 2)
    assert _core.key_text(0.0) == _core.key_text(-0.0)


@pytest.mark.parametrize(("key", "words"), [
    ({"a": 1}, "type 'dict' cannot be a key"),
    (uuid.uuid4(), r"uuid\.UUID.*str\(key\)"),
    (float("nan"), "NaN"),
    ("\ud800", "surrogates"),
    ((1, object()), "object"),
])
def test_other_keys_are_refused_with_the_remedy(key, words):
    with pytest.raises((TypeError, ValueError), match=words):
        _core.key_text(key)


@pytest.mark.parametrize("text", ["", "x:1", "user", "l:1"])
def test_a_text_that_is_no_key_is_refused(text):
    with pytest.raises(ValueError, match="not the text of a key"):
        _core.key_of(text)


def test_random_uuids_are_distinct_and_of_version_4():
    ids = [_core.random_uuid() for _ in range(10_000)]
    assert len(set(ids)) == len(ids)
    assert all(id.version == 4 and id.variant == uuid.RFC_4122 for id in ids)
    assert uuid.UUID(str(ids[0])) == ids[0]
    assert ids[0].is_safe is uuid.SafeUUID.unknown


def test_a_uuid_is_made_of_its_bits():
    expected = uuid.uuid4()
    assert _core.uuid_of(expected.int) == expected
    assert hash(_core.uuid_of(expected.int)) == hash(expected)
    assert repr(_core.uuid_of(0)) == repr(uuid.UUID(int=0))


def test_a_forked_child_makes_other_ids():
    _core.random_uuid()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, _core.random_uuid().bytes)
        os._exit(0)
    mine = _core.random_uuid()
    os.waitpid(child, 0)
    assert os.read(reader, 16) != mine.bytes
    os.close(reader)
    os.close(writer)


def test_a_plan_comes_back_in_the_current_form():
    plan = {"actions": {"run": {
        "name": "run",
        "exec": {"func_type": "PythonFunction", "module": "m", "qualname": "A.run"},
        "trigger_conditions": ["_input_event"],
        "config": None,
    }}, "resource_providers": {}, "config": {"conf_data": {}}}
    again = json.loads(_core.validate_plan(json.dumps(plan)))
    assert list(again["actions"]) == ["run"]
    assert again["actions"]["run"]["trigger_conditions"] == ["_input_event"]


@pytest.mark.parametrize(("plan", "words"), [
    ("{", "plan"),
    ('{"actions": {"run": {"name": "run"}}}', "actions.run"),
])
def test_a_wrong_plan_is_refused_with_the_place(plan, words):
    with pytest.raises(ValueError, match=words):
        _core.validate_plan(plan)


def test_a_wrong_configuration_request_is_refused():
    with pytest.raises(ValueError):
        _core.load_config("[")


def test_the_constants_pickle_as_themselves():
    import pickle

    for marker in (_core.ABSENT, _core.OBJECT, _core.WAIT):
        assert pickle.loads(pickle.dumps(marker)) is marker
