"""`user.data` from what is stored, and back: a plain dict, or a pydantic model."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from copy import deepcopy
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, cast, get_args

import orjson
from pydantic import AliasChoices, BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic_core import (
    InitErrorDetails,
    PydanticCustomError,
    PydanticSerializationError,
    core_schema,
    to_jsonable_python,
)
from typing_extensions import TypeVar

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

from async_dynamo_store.errors import UnreadableItemError, UnsupportedValueError

_AS_PLAIN_JSON = (
    orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
)
_PYDANTICS_OWN = frozenset(get_args(core_schema.ErrorType))
_QUOTES_OF_INPUT = {"error", "encoding_error", "tag"}
"""What the context of pydantic's own errors calls the parts of their messages that may quote the input."""

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


class Prints(NamedTuple):
    """What a dict looks like: its keys, and its JSON text without the members that JSON has no form for."""

    keys: tuple[Any, ...]
    text: bytes
    is_whole: bool


class PlainData:
    """`user.data` as a plain dict. Its baseline is its JSON text, so that most values need no closer look at the save."""

    def read(self, stored: dict[str, Any], attribute: str) -> tuple[dict[str, Any], Prints]:
        """The stored map itself."""
        return stored, self.baseline(stored)

    def baseline(self, data: dict[str, Any]) -> Prints:
        """What the dict looks like now."""
        if not isinstance(data, dict):
            raise UnsupportedValueError(f"user.data is {type(data).__qualname__}; set it to a dict", "data")
        try:
            return Prints(tuple(data), orjson.dumps(data, option=_AS_PLAIN_JSON), is_whole=True)
        except (TypeError, ValueError):
            members = filter(None, itertools.starmap(_member_text, data.items()))
            return Prints(tuple(data), b"{%b}" % b",".join(members), is_whole=False)

    def write(
        self, data: dict[str, Any], stored: Callable[[], dict[str, Any]], baseline: Any, now: Any
    ) -> dict[str, Any]:
        """The dict itself."""
        return data

    def changed(self, data: dict[str, Any], baseline: Prints, now: Prints) -> set[Any]:
        """The keys that have changed, and those that have to be looked at."""
        # JSON writes a NaN as null too.
        nulls = sum(value is None for value in data.values())
        is_exact = baseline.is_whole and now.is_whole and now.text.count(b"null") == nulls
        if now.text == baseline.text and is_exact:
            return set()
        changed = set(baseline.keys).difference(data)
        if not is_exact:
            changed.update(key for key, value in data.items() if not _is_exact(key, value))
        begin, is_same = 1, True
        for key, value in data.items():
            # A text that ends with whole members ends with these members.
            if not is_same and baseline.text.endswith(now.text[begin - 1 :]):
                break
            text = _member_text(key, value)
            if text is None:
                continue
            end = begin + len(text)
            is_same = is_same and baseline.text.startswith(now.text[begin : end + 1], begin)
            if not is_same:
                changed.add(key)
            begin = end + 1
        return changed


class ModelData(Generic[ModelT]):
    """`user.data` as an instance of a pydantic model.

    Stored keys are the model's aliases. What the model does not know stays stored, and a default that no
    handler has set is not written. Raises TypeError for a model that reads a field under another name than it
    writes.
    """

    def __init__(self, model: type[ModelT]) -> None:
        _check_names(model, set())
        self._model = model

    def read(self, stored: dict[str, Any], attribute: str) -> tuple[ModelT, Any]:
        """The validated model.

        Raises `UnreadableItemError` with pydantic's field errors (no values in them); for a new user, of whom
        nothing is stored, when the model has fields without a default.
        """
        try:
            data = self._validate(stored)
        except ValidationError as error:
            clean = _without_input(error)
        else:
            return data, self.baseline(data)
        if not stored:
            raise UnreadableItemError(
                f"{self._model.__qualname__} cannot be made without values ({_field_errors(clean)}), and nothing is"
                " stored of this user: give its fields defaults",
                attribute,
            ) from clean
        raise UnreadableItemError(
            f"the stored {attribute} does not fit {self._model.__qualname__} ({_field_errors(clean)}). Nothing is"
            " written over it: give the model a validator that upgrades it, or mend the item",
            attribute,
        ) from clean

    def baseline(self, data: ModelT) -> tuple[dict[str, Any], dict[str, Any]]:
        """The model's values now: all of them, and those that were set."""
        if not isinstance(data, self._model):
            raise UnsupportedValueError(
                f"user.data is {type(data).__qualname__}; set it to a {self._model.__qualname__}", "data"
            )
        return self._dump(data), self._dump(data, exclude_unset=True)

    def changed(self, data: ModelT, baseline: Any, now: Any) -> None:
        """Each has to be looked at: what is written may be older than what the model makes of it."""

    def write(self, data: ModelT, stored: Callable[[], dict[str, Any]], baseline: Any, now: Any) -> Any:
        """The model's values laid over the stored map.

        Raises `UnsupportedValueError` for values that the model would not read back.
        """
        before = stored()
        if repr(now) == repr(baseline):  # unlike ==, it tells True from 1
            return before
        (loaded, _), (values, values_set) = baseline, now
        expected = self._read_back(values)
        result = _overlay(before, loaded, values_set, values)
        for key in self._upgraded(_overlay(before, loaded, values, values), values, expected):
            result.pop(key)
            if key in values:
                result[key] = values[key]
        return result

    def _upgraded(self, laid: dict[str, Any], now: dict[str, Any], expected: object) -> list[str]:
        """The keys of older data that the model's validators still read, in place of what is written now."""
        kept = [key for key in laid if key not in now or laid[key] != now[key]]
        upgraded: list[str] = []
        while kept and self._reading(now | {key: laid[key] for key in kept}) != expected:
            read = [key for key in kept if self._reading(now | {key: laid[key]}) != expected] or kept
            upgraded += read
            kept = [key for key in kept if key not in read]
        return upgraded

    def _read_back(self, now: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._dump(self._validate(deepcopy(now)))
        except ValidationError as error:
            clean = _without_input(error)
        where = ".".join(map(str, ("data", *clean.errors()[0]["loc"])))
        raise UnsupportedValueError(
            f"user.data does not fit {self._model.__qualname__} any more ({_field_errors(clean)}), and could not be"
            " read again. Nothing was saved: set values that fit; with validate_assignment in its config the model"
            " checks them when they are set",
            where,
        ) from clean

    def _reading(self, values: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return self._dump(self._validate(deepcopy(values)))
        except ValidationError:
            return None

    def _validate(self, stored: dict[str, Any]) -> ModelT:
        try:
            return self._model.model_validate(stored)
        except ValidationError:
            # A strict model takes a date from JSON's text, but not from Python's; what is stored is JSON-
            # like.
            return self._model.model_validate(stored, strict=False)

    def _dump(self, data: ModelT, *, exclude_unset: bool = False) -> dict[str, Any]:
        # Pydantic's warnings would quote a user's values; what does not fit is refused by `write`.
        native = data.model_dump(by_alias=True, exclude_unset=exclude_unset, round_trip=True, warnings=False)
        return cast("dict[str, Any]", _storable(native))


def _member_text(key: Any, value: Any) -> bytes | None:
    """A member of a dict as JSON writes it between its braces; None for what JSON has no form for."""
    try:
        return orjson.dumps({key: value}, option=_AS_PLAIN_JSON)[1:-1]
    except (TypeError, ValueError):
        return None


def _is_exact(key: Any, value: Any) -> bool:
    """Whether the JSON text of a member is that of no other one."""
    text = _member_text(key, value)
    return text is not None and (value is None or b"null" not in text)


def member_names(parent: object, key: str, where: str) -> tuple[str, str]:
    """Under which name a dict or a model holds `key`, a field's name or its alias, and under which it stores it.

    Raises `UnsupportedValueError` that names `where` for what can hold no such member.
    """
    if isinstance(parent, dict):
        return key, key
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


def _check_names(model: type[BaseModel], checked: set[type[BaseModel]]) -> None:
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
                _check_names(inner, checked)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _field_errors(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())


def _without_input(error: ValidationError) -> ValidationError:
    """The same field errors without the values, which are a user's."""
    return ValidationError.from_exception_data(
        error.title,
        [
            InitErrorDetails(
                type=PydanticCustomError(problem["type"], _own_words(problem)),  # pyright: ignore[reportArgumentType]
                loc=problem["loc"],
                input=None,
            )
            for problem in error.errors(include_url=False, include_input=False)
        ],
        hide_input=True,
    )


def _own_words(problem: ErrorDetails) -> str:
    """The message, if it is pydantic's and about the type alone.

    A validator's own words may quote the value.
    """
    quotes = problem["type"] not in _PYDANTICS_OWN or _QUOTES_OF_INPUT & problem.get("ctx", {}).keys()
    return f"refused ({problem['type']})" if quotes else problem["msg"]


def _storable(native: Any) -> Any:
    """A dumped value with what DynamoDB has no type for (dates, UUIDs, enums …) in pydantic's JSON form."""
    match native:
        case dict():
            return {_storable_key(key): _storable(value) for key, value in native.items()}
        case list() | tuple() | deque():
            return [_storable(value) for value in native]
        case set() | frozenset():
            is_set_of_one_type = any(_are(native, kind) for kind in (str, (int, float, Decimal), bytes))
            return native if is_set_of_one_type else sorted(map(_storable, native), key=repr)
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
                return native  # the codec refuses it, and names the path


def _storable_key(key: Any) -> str:
    return key if type(key) is str else next(iter(to_jsonable_python({key: None})))


def _are(members: Iterable[Any], kind: Any) -> bool:
    """Whether there are members, and each is of the kind."""
    return bool(members) and all(isinstance(member, kind) and type(member) is not bool for member in members)


def _overlay(
    stored: dict[str, Any], loaded: dict[str, Any], now_set: dict[str, Any], now: dict[str, Any]
) -> dict[str, Any]:
    """What to store, key by key: keys that the model does not know stay.

    Defaults that nobody has set or changed stay away.
    """
    result = {key: value for key, value in stored.items() if key not in loaded and key not in now}
    for key, value in now.items():
        is_changed = key not in loaded or repr(value) != repr(loaded[key])
        if key in stored or key in now_set or is_changed:
            result[key] = _laid_over(stored.get(key), loaded.get(key), now_set.get(key), value)
    return result


def _laid_over(stored: Any, loaded: Any, now_set: Any, now: Any) -> Any:
    parts = (stored, loaded, now_set, now)
    if all(isinstance(part, dict) for part in parts):
        return _overlay(stored, loaded, now_set, now)
    if all(isinstance(part, list) and len(part) == len(now) for part in parts):
        # A member that has moved within the list does not take over what the one at its new place had.
        return [
            value if value != old and old in now else _laid_over(kept, old, value_set, value)
            for kept, old, value_set, value in zip(*parts, strict=True)
        ]
    return now
