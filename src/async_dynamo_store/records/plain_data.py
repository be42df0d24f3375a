"""`user.data` as a plain dict."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

from async_dynamo_store.errors import UnsupportedValueError

from .data_model import Written
from .paths import DataKeys
from .prints import Prints, changed_keys, prints_of


class PlainData:
    """`user.data` as a plain dict. Its baseline is its JSON text, so a save has to compare only a few values."""

    def read(self, stored: dict[str, Any], attribute: str) -> tuple[dict[str, Any], Prints]:
        """The stored map itself."""
        return stored, self.baseline(stored)

    def baseline(self, data: dict[str, Any], before: Prints | None = None) -> Prints:
        """The current state of the dict."""
        if not isinstance(data, dict):
            raise UnsupportedValueError(f"user.data is {type(data).__qualname__}; set it to a dict", "data")
        return prints_of(data)

    def write(
        self,
        data: dict[str, Any],
        stored: Callable[[], dict[str, Any]],
        baseline: Prints,
        now: Prints,
        counted: AbstractSet[str],
    ) -> Written:
        """The dict itself."""
        return Written(data, dict.fromkeys((*counted, *changed_keys(data, baseline, now))).keys())

    def stored_keys(self, keys: DataKeys) -> DataKeys:
        """The keys themselves."""
        return keys

    def default(self, keys: DataKeys) -> None:
        """A dict has no defaults."""

    def loaded_value(self, baseline: Prints, keys: DataKeys) -> None:
        """A dict creates no values itself."""
