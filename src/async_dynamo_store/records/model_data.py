"""`user.data` as an instance of a pydantic model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import cache, cached_property, partial
from typing import Any, Generic, cast

from pydantic import BaseModel, TypeAdapter, ValidationError

from async_dynamo_store.errors import UnreadableItemError, UnsupportedValueError

from .data_model import ModelT, Written, check_names, default_at, runs_code, stored_keys
from .field_errors import field_errors, without_input
from .members import Objects, objects_in
from .merging import Merging, Values
from .model_state import ModelState, Parts, changed, state_of, stored_form, stored_names
from .nulls import as_null, with_empty_strings
from .paths import DataKeys
from .prints import prints_of
from .storable import copied, storable
from .value_paths import ValuePath, culprits, differing, found, is_within, only_in, others, picked, without

_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


class ModelData(Generic[ModelT]):
    """`user.data` as an instance of a pydantic model.

    Stored keys are the model's aliases. Keys that the model does not know stay stored, and a default that no handler
    has set is not written. Raises TypeError for a model that reads a field under another name than it writes.

    The validators run once per load. They run once more per save with changes, to check that the new data can be
    loaded: on the changed fields alone if no validator is a function, twice if validators change values, three times
    if they are not pure functions. A save drops keys of older data that validators still read: with n keys unknown to
    the model, this takes up to log2(n) + 2 runs for each dropped key, and 5 more. A null that is read as an empty
    string takes one more run each time.
    """

    def __init__(self, model: type[ModelT], *, empty_strings_as_null: bool = False) -> None:
        check_names(model, set())
        self._model = model
        self._empty_strings_as_null = empty_strings_as_null
        fields = model.model_fields.items()
        self._excluded = {field.serialization_alias or name for name, field in fields if field.exclude}

    def read(self, stored: dict[str, Any], attribute: str) -> tuple[ModelT, ModelState]:
        """The validated model.

        A null is read as an empty string if the model does not accept None. Raises `UnreadableItemError` with
        pydantic's field errors (without values); for a new user, if the model has fields without a default.
        """
        prints = prints_of(stored)
        try:
            data = self._validate(stored)
        except ValidationError as error:
            clean = without_input(error)
        else:
            state = state_of(data, self._dump(data), like=stored)
            is_unchanged = prints.is_whole and (self._keeps_input or prints == prints_of(stored))
            is_held = is_unchanged and state.holds(stored)
            return data, state._replace(stored=prints, parts=None if is_held else self._parts(data, state))
        if not stored:
            raise UnreadableItemError(
                f"{self._model.__qualname__} cannot be created without values ({field_errors(clean)}), and nothing is"
                " stored for this user: give its fields defaults",
                attribute,
            ) from clean
        raise UnreadableItemError(
            f"the stored {attribute} does not fit {self._model.__qualname__} ({field_errors(clean)}). The"
            " item is left unchanged: give the model a validator that upgrades the data, or repair the item",
            attribute,
        ) from clean

    def baseline(self, data: ModelT, before: ModelState | None = None) -> ModelState:
        """The model's state now."""
        if not isinstance(data, self._model):
            raise UnsupportedValueError(
                f"user.data is {type(data).__qualname__}; set it to a {self._model.__qualname__}", "data"
            )
        state = state_of(data, self._dump(data), like=before.values if before else {})
        # What is written of a model that holds all as it is stored is held as it is stored, too.
        return state if before and not before.parts else state._replace(parts=self._parts(data, state))

    def _parts(self, data: ModelT, state: ModelState) -> Parts:
        set_values = stored_form(self._dump(data, exclude_unset=True), like=state.values)
        return Parts(set_values, dict(objects_in(data, state.values)))

    def stored_keys(self, keys: DataKeys) -> DataKeys:
        """The path with each field replaced by the alias under which it is stored."""
        return stored_keys(self._model, keys)

    def default(self, keys: DataKeys) -> Any:
        """The model's default at a stored path."""
        native = _ANYTHING.dump_python(
            default_at(self._model, keys), by_alias=True, round_trip=True, warnings=False
        )
        return storable(native)

    def loaded_value(self, baseline: ModelState, keys: DataKeys) -> Any:
        """The model's value at a stored path at the load."""
        return found(baseline.values, keys)

    def write(
        self,
        data: ModelT,
        stored: Callable[[], dict[str, Any]],
        baseline: ModelState,
        now: ModelState,
        counted: AbstractSet[str],
    ) -> Written:
        """The model's values merged into the stored map.

        Raises `UnsupportedValueError` for values that the model would not read back.
        """
        changes = set(changed(baseline, now))
        keys = counted | changes
        if not keys:
            return Written({}, keys)
        before, after = baseline.parts, now.parts
        if before is None or after is None:
            return self._write_held(data, cache(stored), (baseline, now), (keys, changes))
        kept = baseline.stored and baseline.stored.members()

        def merged(set_values: dict[str, Any]) -> dict[str, Any]:
            merging = Merging(stored(), baseline.values, before.objects, after.objects)
            return merging.merged(Values(now.values, set_values, data))

        if (
            kept is not None
            and picked(kept, baseline.values.keys()) == before.set_values
            and not _is_shared(keys, before.objects, after.objects)
        ):
            written = _with_members(data, kept, keys, (baseline.values, now.values), (before, after))
            if self._fits(data, picked(written, keys), keys):
                return Written(written, keys)
            readable = self._readable(written, now.values, partial(merged, now.values))
            return Written(readable, keys if readable is written else None)
        return Written(
            self._readable(merged(after.set_values), now.values, partial(merged, now.values)), None
        )

    def _write_held(
        self,
        data: ModelT,
        stored: Callable[[], dict[str, Any]],
        states: tuple[ModelState, ModelState],
        keys_and_changes: tuple[AbstractSet[str], AbstractSet[str]],
    ) -> Written:
        """The values of a model that holds each stored member that it knows as it is stored."""
        (before, now), (keys, changes) = states, keys_and_changes
        names = before.stored.keys if before.stored else stored()
        members = {
            key: now.values[key] for key in keys if key in now.values and (key in names or key in changes)
        }
        if self._fits(data, members, keys):
            return Written(members, keys)
        kept = (before.stored and before.stored.members()) or stored()
        written = others(kept, keys) | members
        with_defaults = others(kept, before.values.keys()) | now.values
        readable = self._readable(written, now.values, lambda: with_defaults)
        return Written(readable, keys if readable is written else None)

    def _fits(self, data: ModelT, members: dict[str, Any], keys: AbstractSet[str]) -> bool:
        """Whether these members can be read back, as far as each of them alone shows it; False if one is missing."""
        names = self._independent_fields
        if members.keys() != keys or not keys <= names.keys():
            return False
        # Neither a method nor the validator of a model's subclass: the data is loaded as this model.
        read = BaseModel.__copy__(data)
        try:
            for key, value in members.items():
                self._model.__pydantic_validator__.validate_assignment(read, names[key], value, strict=False)
        except ValidationError:
            return False
        return True

    @cached_property
    def _independent_fields(self) -> dict[str, str]:
        """The name of each field by its stored key; empty if what is read of a field depends on more than its value."""
        names = stored_names(self._model)
        if names is None or self._empty_strings_as_null or not self._keeps_input:
            return {}
        return {stored: str(name) for name, stored in names.items()}

    def _readable(
        self, written: dict[str, Any], values: dict[str, Any], with_defaults: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """The map to write, without keys of older data that the model's validators would still read."""
        left_away = set(only_in(values, written))
        reading = self._reading(written, values)
        if _is_same(reading, values, left_away):
            return written
        # Validators may change values, so compare with what they make of the values alone.
        alone = values | {key: written[key] for key in self._excluded if key in written}
        expected = self._read_back(alone)
        if _is_same(reading, expected, left_away):
            return written
        # Ignore what differs between two runs on the same values.
        unsteady = set(differing(expected, self._reading(alone, values)))
        if _is_same(reading, expected, left_away | unsteady):
            return written
        unknown = set(only_in(written, alone))
        ignored = left_away | unsteady

        def is_fine(kept: Sequence[ValuePath]) -> bool:
            return _is_same(
                self._reading(without(written, unknown.difference(kept)), values), expected, ignored
            )

        if not is_fine(()):
            written, ignored = with_defaults(), unsteady
            if not is_fine(()):
                return written
        return cast("dict[str, Any]", without(written, culprits(sorted(unknown, key=repr), is_fine)))

    def _read_back(self, values: dict[str, Any]) -> dict[str, Any]:
        try:
            return stored_form(self._dump(self._validate(self._as_stored(values))), values)
        except ValidationError as error:
            clean = without_input(error)
        where = ".".join(map(str, ("data", *clean.errors()[0]["loc"])))
        raise UnsupportedValueError(
            f"user.data does not fit {self._model.__qualname__} any more ({field_errors(clean)}), and could not be"
            " read again. Nothing was saved: set valid values; with validate_assignment in its config the model"
            " checks each value when it is set",
            where,
        ) from clean

    def _reading(self, values: dict[str, Any], like: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return stored_form(self._dump(self._validate(self._as_stored(values))), like)
        except Exception:  # noqa: BLE001 - a validator may raise any exception for unexpected keys
            return None

    def _as_stored(self, values: dict[str, Any]) -> dict[str, Any]:
        if self._empty_strings_as_null:
            return cast("dict[str, Any]", as_null(values))
        return values if self._keeps_input else cast("dict[str, Any]", copied(values))

    @cached_property
    def _keeps_input(self) -> bool:
        """Whether validators leave the validated map as it is. Not asked before a validation has built the schema."""
        return not runs_code(self._model.__pydantic_core_schema__)

    def _validate(self, stored: dict[str, Any]) -> ModelT:
        # Not strict: a strict model would refuse dates, which are stored as text.
        try:
            return self._model.model_validate(stored, strict=False)
        except ValidationError as error:
            mended = with_empty_strings(stored, error)
            if mended is None:
                raise
            try:
                return self._validate(mended)
            except ValidationError:
                raise error from None

    def _dump(self, data: ModelT, *, exclude_unset: bool = False) -> dict[Any, Any]:
        # Pydantic's warnings would quote user data; `write` refuses invalid values itself.
        return data.model_dump(by_alias=True, exclude_unset=exclude_unset, round_trip=True, warnings=False)


def _with_members(
    data: BaseModel,
    stored: dict[str, Any],
    keys: AbstractSet[str],
    values: tuple[dict[str, Any], dict[str, Any]],
    parts: tuple[Parts, Parts],
) -> dict[str, Any]:
    """A stored map whose other members the model holds as they are stored, or does not know, with these merged into it."""
    loaded, now = (picked(each, keys) for each in values)
    before, after = (each.of(keys) for each in parts)
    merging = Merging(picked(stored, keys), loaded, before.objects, after.objects)
    return others(stored, keys) | merging.merged(Values(now, after.set_values, data))


def _is_shared(keys: AbstractSet[str], before: Objects, now: Objects) -> bool:
    """Whether an object is or was both under these keys and elsewhere."""
    places: dict[bool, set[int]] = {True: set(), False: set()}
    for objects in (before, now):
        for path, held in objects.items():
            if path:
                places[path[0] in keys].add(id(held))
    return not places[True].isdisjoint(places[False])


def _is_same(reading: Any, expected: Any, ignored: AbstractSet[ValuePath]) -> bool:
    return all(is_within(path, ignored) for path in differing(reading, expected))
