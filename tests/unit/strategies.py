"""What hypothesis draws for the rooms that compute: values that DynamoDB can hold, and items."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from async_dynamo_store.wire.codec import encode
from async_dynamo_store.wire.values import Item

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KEYS = st.one_of(
    st.sampled_from(["a", "b", "c", "size", "a.b", "#0", ":v", "[0]", "né", "日本", " "]), TEXT.filter(bool)
)

WHOLE = st.integers(-(10**38) + 1, 10**38 - 1)
FLOATS = st.floats(-9.9e125, 9.9e125).filter(lambda number: not number or abs(number) >= 1e-130)
DECIMALS = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent - len(str(abs(digits))) + 1),
    st.integers(-(10**28) + 1, 10**28 - 1),
    st.integers(-130, 125),
)
NUMBERS = st.one_of(st.integers(-9, 9), WHOLE, FLOATS, DECIMALS)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXT, st.binary(max_size=8))
SETS = st.one_of(
    st.frozensets(TEXT, min_size=1, max_size=3),
    st.frozensets(st.one_of(WHOLE, DECIMALS), min_size=1, max_size=3),
    st.frozensets(st.binary(max_size=4), min_size=1, max_size=3),
)


def _containers(members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.lists(members, max_size=3), st.dictionaries(KEYS, members, max_size=3))


VALUES = st.recursive(st.one_of(SCALARS, SETS), _containers, max_leaves=8)
DICTS = st.dictionaries(KEYS, VALUES, max_size=4)

_FEW_KEYS = st.sampled_from(["a", "b", "c.d", "size"])
_FEW_VALUES = st.one_of(st.integers(-3, 3), st.sampled_from(["x", "y", "", None, True, 1.5]))
SMALL_DICTS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    _FEW_KEYS,
    st.recursive(
        _FEW_VALUES,
        lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(_FEW_KEYS, inner, max_size=3)),
        max_leaves=6,
    ),
    max_size=4,
)
"""Few keys, so that two of them meet."""


def item(value: dict[str, Any]) -> Item:
    """A dict as an item in wire form."""
    members: Item = encode(value)["M"]
    return members
