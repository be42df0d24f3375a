"""What a data model is: how the stored map becomes `user.data`, and how it comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from types import UnionType
from typing import Annotated, Any, Protocol, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel
from typing_extensions import TypeVar

from async_dynamo_store.errors import UnsupportedValueError

from .paths import DataKeys
from .storable import storable_key

DataT = TypeVar("DataT")
ModelT = TypeVar("ModelT", bound=BaseModel)


class DataModel(Protocol[DataT]):
    """How the stored map becomes `user.data`, and how it comes back.

    `baseline` is what `read` gives `write` to tell a value that a handler set from one that the model made.
    """

    def read(self, stored: dict[str, Any], attribute: str) -> tuple[DataT, Any]:
        """The user's data, and its baseline."""
        ...

    def baseline(self, data: DataT) -> Any:
        """What `write` and `changed` tell changes by.

        Raises `UnsupportedValueError` for data that is no map.
        """
        ...

    def write(self, data: DataT, stored: Callable[[], dict[str, Any]], baseline: Any, now: Any) -> Any:
        """The map to be stored, from the baselines at the load and now."""
        ...

    def changed(self, data: DataT, baseline: Any, now: Any) -> AbstractSet[str] | None:
        """The keys of the map to be stored that may have changed; None where each has to be looked at."""
        ...

    def stored_keys(self, keys: DataKeys) -> DataKeys:
        """A path as it is stored: a model's fields under their aliases."""
        ...


def member_names(parent: object, key: str, where: str) -> tuple[Any, str]:
    """Under which name a dict or a model holds `key`, a field's name or its alias, and under which it stores it.

    Raises `UnsupportedValueError` that names `where` for what can hold no such member.
    """
    if isinstance(parent, dict):
        # A key that is no text, such as an int or an Enum, is stored as its JSON text.
        return next((each for each in parent if each == key or storable_key(each) == key), key), key
    if not isinstance(parent, BaseModel):
        raise UnsupportedValueError(f"{where}: {type(parent).__qualname__} has no members to count in", where)
    model = type(parent)
    for name, field in model.model_fields.items():
        stored = field.serialization_alias or name
        if key in (name, stored):
            return name, stored
    if model.model_config.get("extra") != "allow":
        raise UnsupportedValueError(f"{where}: {model.__qualname__} has no field {key!r}", where)
    return key, key


def stored_keys(annotation: Any, keys: DataKeys) -> DataKeys:
    """A path through a type, with each field's name, or alias, as the alias under which it is stored."""
    if not keys:
        return ()
    key, rest = keys[0], keys[1:]
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            for name, field in option.model_fields.items():
                stored = field.serialization_alias or name
                if key in (name, stored):
                    return (stored, *stored_keys(field.annotation, rest))
        elif args := get_args(option):
            # The values of a dict, or the members of a list.
            return (key, *stored_keys(args[-1] if args[-1] is not ... else args[0], rest))
    return keys


def _options(annotation: Any) -> Iterator[Any]:
    """The types that a union, or an annotated type, stands for."""
    if get_origin(annotation) is Annotated:
        yield from _options(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for option in get_args(annotation):
            yield from _options(option)
    else:
        yield annotation


def check_names(model: type[BaseModel], checked: set[type[BaseModel]]) -> None:
    """Raises TypeError for a model, or one in it, that reads a field under another name than it writes."""
    checked.add(model)
    for name, field in model.model_fields.items():
        written = field.serialization_alias or name
        read = field.validation_alias or name
        if isinstance(read, AliasChoices):
            read = read.choices[0]
        if read != written and not field.exclude:
            raise TypeError(
                f"{model.__qualname__}.{name} is read from {read!r} and written to {written!r}, so what is saved"
                " would not be loaded: give it one `alias`, which of several AliasChoices has to be the first"
            )
        for inner in _models_in(field.annotation):
            if inner not in checked:
                check_names(inner, checked)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
