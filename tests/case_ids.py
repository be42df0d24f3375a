"""Names of parametrised cases that are the same in every process, as pytest-xdist's workers need them."""

from __future__ import annotations

import reprlib
from collections.abc import Set as AbstractSet
from typing import Any


class _CaseRepr(reprlib.Repr):
    """`repr`, with a set's members in order and without addresses, cut where it is long."""

    def repr_set(self, x: AbstractSet[Any], level: int) -> str:
        return self._in_order(x, level)

    def repr_frozenset(self, x: AbstractSet[Any], level: int) -> str:
        return f"frozenset({self._in_order(x, level)})"

    def repr_instance(self, x: Any, level: int) -> str:
        return type(x).__name__ if " at 0x" in repr(x) else super().repr_instance(x, level)

    def _in_order(self, members: AbstractSet[Any], level: int) -> str:
        return f"{{{', '.join(sorted(self.repr1(member, level - 1) for member in members))}}}"


case_id = _CaseRepr().repr
