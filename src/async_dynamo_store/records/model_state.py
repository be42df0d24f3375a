"""The state of a model at a load or a save, and which of its members have changed between two states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel, RootModel

from .data_model import aliases
from .members import Objects
from .prints import Prints, changed_keys, has_exact_nulls, prints_of
from .storable import storable, storable_key
from .value_paths import equal, picked

_SCALARS = frozenset({str, int, bool, type(None)})


class Parts(NamedTuple):
    """What it takes to write a map of which the model does not hold each member as it is stored.

    `set_values` are the explicitly set values, `objects` the objects that the values were dumped from.
    """

    set_values: dict[str, Any]
    objects: Objects

    def of(self, keys: AbstractSet[str]) -> Parts:
        """The parts of the members under these keys."""
        objects = {path: held for path, held in self.objects.items() if not path or path[0] in keys}
        return Parts(picked(self.set_values, keys), objects)


class ModelState(NamedTuple):
    """All values of a model, as they are stored, and the keys of the explicitly set ones.

    `prints` are those of the values, `stored` those of the stored map that was loaded. `parts` is None if the model
    holds each stored member that it knows exactly as it is stored.
    """

    values: dict[str, Any]
    set_keys: AbstractSet[str]
    prints: Prints
    stored: Prints | None = None
    parts: Parts | None = None

    def holds(self, stored: Mapping[str, Any]) -> bool:
        """Whether each stored member that the model knows is exactly as the model holds it, and no other is set."""
        known = self.values.keys() & stored.keys()
        return self.set_keys <= known and all(equal(self.values[key], stored[key]) for key in known)


def state_of(data: BaseModel, native: dict[Any, Any], like: Mapping[str, Any]) -> ModelState:
    """The state of a model that was dumped as `native`; `like` are the values that it most likely has."""
    values = stored_form(native, like)
    names = stored_names(type(data))
    set_keys = values.keys() if names is None else {names.get(name, name) for name in data.model_fields_set}
    return ModelState(values, values.keys() & set_keys, prints_of(values))


def stored_form(native: dict[Any, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    """Dumped values as they are stored; what equals a stored value needs no conversion."""
    if equal(native, like):
        return native
    return {
        key if type(key) is str else storable_key(key): value
        if key in like and equal(value, like[key])
        else storable(value)
        for key, value in native.items()
    }


def json_text(values: Any) -> bytes | None:
    """The values as JSON; None if JSON cannot represent them."""
    try:
        return orjson.dumps(values, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
    except TypeError:
        return None


def changed(before: ModelState, now: ModelState) -> Iterator[str]:
    """The keys whose value differs, or is set in only one of the states."""
    keys: AbstractSet[str] = before.values.keys() | now.values.keys()
    if has_exact_nulls(before.values, before.prints.text):
        keys = changed_keys(now.values, before.prints, now.prints)
    yield from _differing(picked(before.values, keys), picked(now.values, keys))
    if before.parts and now.parts:
        yield from _differing(before.parts.set_values, now.parts.set_values)
    else:
        yield from before.set_keys ^ now.set_keys


def _differing(one: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    for key in one.keys() | other.keys():
        if key not in one or key not in other or not _is_alike(one[key], other[key]):
            yield key


def _is_alike(one: Any, other: Any) -> bool:
    """Whether two values are equal and of the same types; == would treat True and 1 as equal."""
    if type(one) in _SCALARS and type(one) is type(other):
        return bool(one == other)
    text = json_text(one)
    return (text is not None and text == json_text(other) and one == other) or repr(one) == repr(other)


@lru_cache(maxsize=1024)
def stored_names(model: type[BaseModel]) -> dict[str | int, str] | None:
    """The stored key of each field; None if a serializer makes the keys."""
    if issubclass(model, RootModel) or model.__pydantic_decorators__.model_serializers:
        return None
    return aliases(model)
