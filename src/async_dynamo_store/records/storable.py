"""Converts pydantic's dumps to types that DynamoDB supports."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import PurePath
from typing import Any

import orjson
from pydantic import SecretBytes, SecretStr
from pydantic_core import PydanticSerializationError, to_jsonable_python

_STORED_AS_THEY_ARE = frozenset({str, int, float, bool, type(None)})
"""The most common types."""

_NAMES = frozenset({str})


def storable(native: Any) -> Any:
    """A dumped value, with types that DynamoDB lacks (dates, UUIDs, enums …) in pydantic's JSON form."""
    match native:
        case dict():
            return _storable_map(native)
        case list() | tuple() | deque():
            return _storable_list(native)
        case set() | frozenset():
            is_set_of_one_type = any(_are(native, kind) for kind in (str, (int, float, Decimal), bytes))
            return native if is_set_of_one_type else sorted(map(storable, native), key=repr)
        case None | str() | int() | float() | Decimal() | bytes():
            return native
        case SecretStr() | SecretBytes():
            return native.get_secret_value()
        case PurePath() | IPv4Address() | IPv6Address() | IPv4Network() | IPv6Network():
            return str(native)
        case _:
            try:
                return to_jsonable_python(native)
            except PydanticSerializationError:
                return native  # the codec will refuse it with an error that names the path


# One look at the types of all members takes a third of the time of a look at each.
def _storable_map(native: dict[Any, Any]) -> dict[str, Any]:
    is_named = _NAMES.issuperset(map(type, native))
    if is_named and type(native) is dict and _STORED_AS_THEY_ARE.issuperset(map(type, native.values())):
        return native
    names = native if is_named else map(storable_key, native)
    return {
        name: value if type(value) in _STORED_AS_THEY_ARE else storable(value)
        for name, value in zip(names, native.values(), strict=True)
    }


def _storable_list(native: Sequence[Any]) -> list[Any]:
    if type(native) is list and _STORED_AS_THEY_ARE.issuperset(map(type, native)):
        return native
    return [storable(value) for value in native]


def copied(value: Any) -> Any:
    """A deep copy of a storable value."""
    with suppress(TypeError):
        copy = orjson.loads(orjson.dumps(value))
        if copy == value:  # NaN comes back as None
            return copy
    match value:
        case dict():
            return {
                key: member if type(member) in _STORED_AS_THEY_ARE else copied(member)
                for key, member in value.items()
            }
        case list():
            return [member if type(member) in _STORED_AS_THEY_ARE else copied(member) for member in value]
        case set():
            return set(value)
        case _:
            return value


def storable_key(key: Any) -> str:
    """The text under which a dict's key is stored in a map."""
    return key if type(key) is str else next(iter(to_jsonable_python({key: None})))


def _are(members: Iterable[Any], kind: Any) -> bool:
    """Whether there are members and all of them have the type `kind`."""
    return bool(members) and all(isinstance(member, kind) and type(member) is not bool for member in members)
