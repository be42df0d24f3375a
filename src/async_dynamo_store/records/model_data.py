"""`user.data` as an instance of a pydantic model."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Generic, cast

from pydantic import ValidationError

from async_dynamo_store.errors import UnreadableItemError, UnsupportedValueError

from .data_model import ModelT, check_names, stored_keys
from .field_errors import field_errors, without_input
from .paths import DataKeys
from .storable import storable


class ModelData(Generic[ModelT]):
    """`user.data` as an instance of a pydantic model.

    Stored keys are the model's aliases. What the model does not know stays stored, and a default that no
    handler has set is not written. Raises TypeError for a model that reads a field under another name than it
    writes.
    """

    def __init__(self, model: type[ModelT]) -> None:
        check_names(model, set())
        self._model = model

    def read(self, stored: dict[str, Any], attribute: str) -> tuple[ModelT, Any]:
        """The validated model.

        Raises `UnreadableItemError` with pydantic's field errors (no values in them); for a new user, of whom
        nothing is stored, when the model has fields without a default.
        """
        try:
            data = self._validate(stored)
        except ValidationError as error:
            clean = without_input(error)
        else:
            return data, self.baseline(data)
        if not stored:
            raise UnreadableItemError(
                f"{self._model.__qualname__} cannot be made without values ({field_errors(clean)}), and nothing is"
                " stored of this user: give its fields defaults",
                attribute,
            ) from clean
        raise UnreadableItemError(
            f"the stored {attribute} does not fit {self._model.__qualname__} ({field_errors(clean)}). Nothing is"
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

    def stored_keys(self, keys: DataKeys) -> DataKeys:
        """The path with the aliases under which the fields in it are stored."""
        return stored_keys(self._model, keys)

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
            clean = without_input(error)
        where = ".".join(map(str, ("data", *clean.errors()[0]["loc"])))
        raise UnsupportedValueError(
            f"user.data does not fit {self._model.__qualname__} any more ({field_errors(clean)}), and could not be"
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
        return cast("dict[str, Any]", storable(native))


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
