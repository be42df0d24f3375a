from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log2
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_dynamo_store.records.value_paths import (
    ValuePath,
    culprits,
    differing,
    found,
    is_within,
    only_in,
    without,
)
from tests.unit.strategies import SMALL_DICTS


@pytest.mark.parametrize(
    ("one", "other", "paths"),
    [
        ({"a": 1}, {"a": 1}, set()),
        ({"a": 1}, {"a": 2}, {("a",)}),
        ({"a": 1}, {"b": 1}, {("a",), ("b",)}),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 3}]}}, {("a", "b", 1, "c")}),
        ({"a": [1]}, {"a": [1, 2]}, {("a",)}),
        (None, {"a": 1}, {()}),
        ({"a": {"b"}}, {"a": {"c"}}, {("a",)}),
    ],
    ids=range(7),
)
def test_differing(one: Any, other: Any, paths: set[ValuePath]) -> None:
    assert set(differing(one, other)) == paths


@given(SMALL_DICTS, SMALL_DICTS)
def test_what_only_one_has(one: dict[str, Any], other: dict[str, Any]) -> None:
    paths = set(only_in(one, other))
    assert set(only_in(without(one, paths), other)) == set()
    assert without(one, set()) == one
    assert all(is_within((*path, "x"), paths) for path in paths)
    assert not is_within((), paths)


def test_found() -> None:
    assert found({"a": {"b": 1}}, ("a", "b")) == 1
    assert found({"a": [1]}, ("a", 0)) is None
    assert found({}, ("a", "b")) is None


@given(st.integers(0, 40), st.lists(st.sets(st.integers(0, 39), min_size=1, max_size=3), max_size=3))
def test_culprits(count: int, groups: list[set[int]]) -> None:
    """Some of the paths are wrong, some only together."""
    paths: list[ValuePath] = [(number,) for number in range(count)]
    wrong = [{(number,) for number in group} for group in groups if max(group) < count]
    asked: list[Sequence[ValuePath]] = []

    def is_fine(kept: Sequence[ValuePath]) -> bool:
        asked.append(kept)
        return not any(group <= set(kept) for group in wrong)

    gone = culprits(paths, is_fine)
    assert is_fine([path for path in paths if path not in gone])
    assert gone <= set().union(*wrong)
    assert len(asked) <= 2 + len(gone) * (ceil(log2(count + 1)) + 2)
