"""Ids of events: random UUIDs of version 4, from a generator that is fast rather than secret."""

from __future__ import annotations

import os
import random
from uuid import UUID, SafeUUID

_generator = random.Random(os.urandom(64))
# A forked child has its parent's state: it would give the same ids.
os.register_at_fork(after_in_child=lambda: _generator.seed(os.urandom(64)))

_bits = _generator.getrandbits
_KEEP = ~(0xF << 76 | 0b11 << 62)
_VERSION_4 = 0x4 << 76 | 0b10 << 62

# UUID's constructor checks its arguments one by one, and takes as long as the rest of an event.
_new = object.__new__
_set_int = UUID.__dict__["int"].__set__
_set_safe = UUID.__dict__["is_safe"].__set__
_unknown = SafeUUID.unknown


def random_id() -> UUID:
    """Return a new id. May be called from any thread."""
    result = _new(UUID)
    _set_int(result, _bits(128) & _KEEP | _VERSION_4)
    _set_safe(result, _unknown)
    return result


def id_of(bits: int) -> UUID:
    """Return the id with these 128 bits."""
    result = _new(UUID)
    _set_int(result, bits)
    _set_safe(result, _unknown)
    return result
