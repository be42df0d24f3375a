"""Maps each part of a model's dump to the object that it was dumped from."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, PlainSerializer, RootModel, WrapSerializer

from .storable import storable_key
from .value_paths import ValuePath

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_CONTAINERS = frozenset({dict, list})
_SERIALIZERS = (PlainSerializer, WrapSerializer)

Objects = dict[ValuePath, Any]
"""The objects that are dumped as maps, by their paths."""


def objects_in(value: Any, dumped: Any, path: ValuePath = ()) -> Iterator[tuple[ValuePath, Any]]:
    """The objects in a value that are dumped as maps."""
    if type(dumped) is dict:
        yield path, unwrapped(value)
    if not _CONTAINERS.isdisjoint(map(type, dumped.values() if type(dumped) is dict else dumped)):
        for key, member in members_of(value, dumped):
            if type(dumped[key]) in _CONTAINERS:
                yield from objects_in(member, dumped[key], (*path, key))


def members_of(value: Any, dumped: Any) -> list[tuple[Any, Any]]:
    """The members of a value, by the keys under which they were dumped.

    Empty if a serializer dumped the value in another form.
    """
    value = unwrapped(value)
    if isinstance(dumped, list):
        is_listed = isinstance(value, list | tuple | deque) and len(value) == len(dumped)
        return list(enumerate(value)) if is_listed else []
    return [(key, member) for key, member in _named_members(value) if key in dumped]


def unwrapped(value: Any) -> Any:
    """The value inside nested root models."""
    while isinstance(value, RootModel):
        value = value.root
    return value


def _named_members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield storable_key(key), member
        return
    if isinstance(value, BaseModel):
        yield from (value.__pydantic_extra__ or {}).items()
    kind: Any = type(value)
    held: dict[str, Any] = getattr(value, "__dict__", {})
    yield from ((key, held[name]) for name, key in _dumped_fields(kind).items() if name in held)


@lru_cache(maxsize=1024)
def _dumped_fields(kind: Any) -> dict[str, str]:
    """The field name for each stored key of a model or a dataclass, without fields that have a serializer."""
    if not issubclass(kind, BaseModel):
        fields: dict[str, FieldInfo] = getattr(kind, "__pydantic_fields__", {})
        names = (
            {field.name: field.name for field in dataclasses.fields(kind)}
            if dataclasses.is_dataclass(kind)
            else {}
        )
        return names | {name: field.serialization_alias or name for name, field in fields.items()}
    serializers = kind.__pydantic_decorators__.field_serializers.values()
    serialized = {name for each in serializers for name in each.info.fields}
    return {
        name: field.serialization_alias or name
        for name, field in kind.model_fields.items()
        if not serialized & {name, "*"} and not any(isinstance(each, _SERIALIZERS) for each in field.metadata)
    }
