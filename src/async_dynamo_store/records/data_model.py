"""Data models: how the stored map becomes `user.data`, and how `user.data` becomes the stored map."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Protocol, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel, RootModel, TypeAdapter, ValidationError
from typing_extensions import TypeVar

from async_dynamo_store.errors import UnsupportedValueError

from .paths import DataKeys
from .storable import storable_key

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

DataT = TypeVar("DataT")
ModelT = TypeVar("ModelT", bound=BaseModel)

_OF_NO_VALIDATION = frozenset({"default", "metadata", "serialization"})
"""The keys of a schema of pydantic's core under which nothing validates."""


class Written(NamedTuple):
    """The map to store; of `keys` alone, unless it is None: the other members have not changed."""

    values: dict[str, Any]
    keys: AbstractSet[str] | None


class DataModel(Protocol[DataT]):
    """Converts the stored map to `user.data` and back.

    `read` returns a baseline. `write` compares with it to distinguish values that a handler set from values that the
    model created.
    """

    def read(self, stored: dict[str, Any], attribute: str) -> tuple[DataT, Any]:
        """The user's data, and its baseline."""
        ...

    def baseline(self, data: DataT, before: Any = None) -> Any:
        """The state of the data, with which `write` detects changes; `before` is the baseline so far.

        Raises `UnsupportedValueError` for data of the wrong type.
        """
        ...

    def write(
        self,
        data: DataT,
        stored: Callable[[], dict[str, Any]],
        baseline: Any,
        now: Any,
        counted: AbstractSet[str],
    ) -> Written:
        """What to store; `baseline` is from the load, `now` from the save.

        `stored` decodes the stored map. `counted` are its keys that the turn incremented.
        """
        ...

    def stored_keys(self, keys: DataKeys) -> DataKeys:
        """The stored form of a path: a model's fields under their aliases."""
        ...

    def default(self, keys: DataKeys) -> Any:
        """The default value at a stored path, read if nothing is stored there; None if there is no default."""
        ...

    def loaded_value(self, baseline: Any, keys: DataKeys) -> Any:
        """The value that the model read at a stored path, if the baseline has it; otherwise None."""
        ...


def member_names(parent: object, key: str, where: str) -> tuple[Any, str]:
    """The name under which a dict or a model holds `key`, and the name under which the member is stored.

    `key` may be a field's name or its alias. Raises `UnsupportedValueError`, which names `where`, if `parent` cannot
    have such a member.
    """
    if isinstance(parent, dict):
        # A key that is not a str, such as an int or an Enum, is stored as its JSON text.
        return next((each for each in parent if each == key or storable_key(each) == key), key), key
    if not isinstance(parent, BaseModel):
        raise UnsupportedValueError(f"{where}: {type(parent).__qualname__} has no members", where)
    model = type(parent)
    for name, field in model.model_fields.items():
        stored = field.serialization_alias or name
        if key in (name, stored):
            return name, stored
    if model.model_config.get("extra") != "allow":
        raise UnsupportedValueError(f"{where}: {model.__qualname__} has no field {key!r}", where)
    return key, key


def stored_keys(annotation: Any, keys: DataKeys) -> DataKeys:
    """A path through a type, with each field replaced by the alias under which it is stored."""
    stored: DataKeys = ()
    for key in keys:
        names = (_stored_name(option, key) for option in _options(annotation))
        alias = next((alias for alias in names if alias is not None), key)
        annotation = type_at(annotation, (alias,))
        stored = (*stored, alias)
    return stored


def default_at(annotation: Any, keys: DataKeys) -> Any:
    """The default of the field at a stored path through a type, or None."""
    for option in _options(type_at(annotation, keys[:-1])):
        if field := _field(option, keys[-1]):
            return field.get_default(call_default_factory=True, validated_data={})
    return None


def type_at(annotation: Any, keys: DataKeys) -> Any:
    """The type at a stored path through a type; None if it is unknown."""
    for key in keys:
        annotation = next((inner for option in _options(annotation) if (inner := _inside(option, key))), None)
    return annotation


def _inside(option: Any, key: str | int) -> Any:
    if field := _field(option, key):
        return field.annotation
    if isinstance(option, type) and issubclass(option, BaseModel):
        return None
    # The values of a dict, or the members of a list.
    args = [each for each in get_args(option) if each is not ...]
    return args[-1] if args else None


def _field(option: Any, alias: str | int) -> FieldInfo | None:
    names = (name for name, stored in aliases(option).items() if alias == stored)
    return next((option.model_fields[name] for name in names), None)


def _stored_name(option: Any, key: str | int) -> str | int | None:
    names = aliases(option)
    return key if key in names.values() else names.get(key)


def aliases(option: Any) -> dict[str | int, str]:
    """The stored alias of each field of a model, by field name; empty for any other type."""
    if not isinstance(option, type) or not issubclass(option, BaseModel):
        return {}
    return {name: field.serialization_alias or name for name, field in option.model_fields.items()}


def key_as_held(data: object, parent_keys: DataKeys, parent: object, name: Any) -> Any:
    """A new key of a dict in a model, converted to the dict's key type, such as int or an Enum."""
    if not isinstance(parent, dict) or name in parent or not isinstance(data, BaseModel):
        return name
    for option in _options(type_at(type(data), parent_keys)):
        if get_origin(option) is dict:
            with suppress(ValidationError):
                return TypeAdapter(get_args(option)[0]).validate_python(name, strict=False)
    return name


def _options(annotation: Any) -> Iterator[Any]:
    """The member types of a union, or the inner type of an annotated type or a root model."""
    if get_origin(annotation) is Annotated:
        yield from _options(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for option in get_args(annotation):
            yield from _options(option)
    elif isinstance(annotation, type) and issubclass(annotation, RootModel):
        yield from _options(annotation.model_fields["root"].annotation)
    else:
        yield annotation


def check_names(model: type[BaseModel], checked: set[type[BaseModel]]) -> None:
    """Raise TypeError if the model, or a model nested in it, reads a field under another name than it writes."""
    checked.add(model)
    for name, field in model.model_fields.items():
        written = field.serialization_alias or name
        read = field.validation_alias or name
        if isinstance(read, AliasChoices):
            read = read.choices[0]
        if read != written and not field.exclude:
            raise TypeError(
                f"{model.__qualname__}.{name} is read from {read!r} and written to {written!r}, so a saved"
                " value would not be loaded: give the field one `alias`, and put it first in its AliasChoices"
            )
        for inner in _models_in(field.annotation):
            if inner not in checked:
                check_names(inner, checked)


def runs_code(schema: Any) -> bool:
    """Whether a validation with this schema of pydantic's core runs code that may change the input."""
    if isinstance(schema, list | tuple):
        return any(map(runs_code, schema))
    if not isinstance(schema, Mapping):
        return False
    kind = schema.get("type")
    if isinstance(kind, str):  # otherwise these are fields, by their names
        if kind.startswith("function-") or schema.get("custom_init") or schema.get("post_init"):
            return True
        if callable(schema.get("discriminator")) or schema.get("default_factory_takes_data"):
            return True
        schema = {key: each for key, each in schema.items() if key not in _OF_NO_VALIDATION}
    return any(map(runs_code, schema.values()))


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
