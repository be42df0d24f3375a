"""Converts Python values to DynamoDB's attribute values and back (`decoding`), and checks DynamoDB's limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import zip_longest
from operator import is_
from typing import Any

from async_dynamo_store.errors import UnsupportedValueError

from .decoding import decode
from .numbers import EXACT, number, plain
from .values import AttributeValue, Item, ItemPath, path_text, same

__all__ = ["MAX_LEVELS", "decode", "encode", "sum_of"]

MAX_LEVELS = 32
"""Levels of nesting in one attribute, including the innermost scalar (AWS, 'Quotas in Amazon DynamoDB',
'Nested attribute depth').

A list or a map at the lowest level is refused even if it is empty.
"""

_MAX_NAME_BYTES = 65_535
_MAX_DIGITS = 38
_MAX_EXPONENT = 125
_MIN_EXPONENT = -130
_SAFE_INT = 10**_MAX_DIGITS

Encoder = Callable[[Any, int, "Encoders", "AttributeValue | None"], AttributeValue]


class Encoders(dict[type, Encoder]):
    """The encoder for each type; a subclass uses the encoder of its base class."""

    def __missing__(self, kind: type) -> Encoder:
        for base, encoder in self.items():
            if issubclass(kind, base):
                return encoder
        raise _RefusedError(
            f"DynamoDB has no type for {kind.__qualname__}; store a str, a number, a dict or a list made from it"
        )


class _RefusedError(Exception):
    """DynamoDB cannot store a value; `path` collects the keys to it from the inside out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str | int] = []


def encode(
    value: Any,
    path: ItemPath = (),
    *,
    like: AttributeValue | None = None,
    empty_strings_as_null: bool = False,
) -> AttributeValue:
    """The attribute value of `value`.

    A part of the value that equals the part of `like` at the same path is returned as the same object. `path` is
    the path of the value in the item: it counts towards the nesting limit and starts the path in an error message.
    Raises `UnsupportedValueError` for values that DynamoDB cannot store.
    """
    encoders = _ENCODERS_WITHOUT_EMPTY_STRINGS if empty_strings_as_null else _ENCODERS
    try:
        if len(path) > MAX_LEVELS:
            raise _too_deep()
        return encoders[type(value)](value, len(path) or 1, encoders, like)
    except _RefusedError as refused:
        where = path_text((*path, *reversed(refused.path)))
        raise UnsupportedValueError(f"{where or 'the value'}: {refused.reason}", where) from None


def _text(value: str, level: int, encoders: Encoders, like: AttributeValue | None) -> AttributeValue:
    if like is not None and like.get("S") == value:
        return like
    if not value.isascii():
        _utf8(value)
    return {"S": value if type(value) is str else str.__str__(value)}


def _text_or_null(value: str, level: int, encoders: Encoders, like: AttributeValue | None) -> AttributeValue:
    return _text(value, level, encoders, like) if value else {"NULL": True}


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _RefusedError(
            "the text is not valid Unicode (a lone surrogate); repair it before it is stored"
        ) from None


def _whole(value: int, level: int, encoders: Encoders, like: AttributeValue | None) -> AttributeValue:
    if -_SAFE_INT < value < _SAFE_INT:
        return _number_like(int.__repr__(value), like)
    if value.bit_length() > 4 * _MAX_EXPONENT:
        raise _RefusedError("the number is larger than DynamoDB's 9.99E+125; store it as a str")
    return _decimal(Decimal(int(value)), level, encoders, like)


def _float(value: float, level: int, encoders: Encoders, like: AttributeValue | None) -> AttributeValue:
    if not math.isfinite(value):
        raise _RefusedError("DynamoDB has no NaN and no infinity; store None or a str")
    if 1e-130 <= abs(value) < 1e126 or not value:
        return _number_like(plain(float.__repr__(value)), like)
    raise _RefusedError("the number is outside DynamoDB's range of 1E-130 to 9.99E+125; store it as a str")


def _decimal(value: Decimal, level: int, encoders: Encoders, like: AttributeValue | None) -> AttributeValue:
    if not value.is_finite():
        raise _RefusedError("DynamoDB has no NaN and no infinity; store None or a str")
    if value and not _MIN_EXPONENT <= value.adjusted() <= _MAX_EXPONENT:
        raise _RefusedError(
            "the number is outside DynamoDB's range of 1E-130 to 9.99E+125; store it as a str"
        )
    if len("".join(map(str, value.as_tuple().digits)).strip("0")) > _MAX_DIGITS:
        raise _RefusedError(
            f"the number has more than DynamoDB's {_MAX_DIGITS} digits; round it, or store it as a str"
        )
    return _number_like(plain(str(value)) if value else "0", like)


def _number_like(text: str, like: AttributeValue | None) -> AttributeValue:
    return like if like is not None and like.get("N") == text else {"N": text}


def _list(
    value: list[Any] | tuple[Any, ...], level: int, encoders: Encoders, like: AttributeValue | None
) -> AttributeValue:
    if level >= MAX_LEVELS:
        raise _too_deep()
    before: list[AttributeValue] | None = like.get("L") if like is not None else None
    encoded: list[AttributeValue] = []
    try:
        if before is None:
            for member in value:
                encoded.append(encoders[type(member)](member, level + 1, encoders, None))  # noqa: PERF401 - quicker here
            return {"L": encoded}
        for member, old in zip_longest(value, before[: len(value)]):
            encoded.append(encoders[type(member)](member, level + 1, encoders, old))
    except _RefusedError as refused:
        refused.path.append(len(encoded))
        raise
    is_like = len(encoded) == len(before) and all(map(is_, encoded, before))
    return like if like is not None and is_like else {"L": encoded}


def _map(  # noqa: C901 - inlined branches for the common types
    value: Mapping[Any, Any], level: int, encoders: Encoders, like: AttributeValue | None
) -> AttributeValue:
    if level >= MAX_LEVELS:
        raise _too_deep()
    if like is not None and "M" in like:
        return _map_like(value, level + 1, encoders, like)
    encoded: Item = {}
    for key, member in value.items():
        kind, name = type(member), key
        if type(key) is not str or not key.isascii() or not 0 < len(key) <= _MAX_NAME_BYTES:
            name = _name(key)
        try:
            # The common types are inlined: function calls would take most of the time of a save.
            if kind is str and member.isascii() and member:
                encoded[name] = {"S": member}
            elif kind is int and -_SAFE_INT < member < _SAFE_INT:
                encoded[name] = {"N": str(member)}
            elif kind is bool:
                encoded[name] = {"BOOL": member}
            elif kind is float and 1e-4 <= member < 1e16:  # repr has no exponent in this range
                encoded[name] = {"N": repr(member)}
            elif kind is dict:
                encoded[name] = _map(member, level + 1, encoders, None)
            else:
                encoded[name] = encoders[kind](member, level + 1, encoders, None)
        except _RefusedError as refused:
            refused.path.append(name)
            raise
    return {"M": encoded}


def _map_like(  # noqa: C901 - inlined like `_map`; a quarter faster for a user with few changes
    value: Mapping[Any, Any], inner: int, encoders: Encoders, like: AttributeValue
) -> AttributeValue:
    before: Item = like["M"]
    changed: Item = {}
    for key, member in value.items():
        old = before.get(key)
        kind = type(member)
        if old is None:
            pass
        elif kind is str and member:
            if old.get("S") == member:
                continue
        elif kind is int and -_SAFE_INT < member < _SAFE_INT:
            if old.get("N") == str(member):
                continue
        elif kind is bool:
            if old.get("BOOL") is member:
                continue
        elif kind is float and old.get("N") == repr(member):
            continue
        name = key if old is not None and type(key) is str else _name(key)
        try:
            new = encoders[kind](member, inner, encoders, before.get(name))
        except _RefusedError as refused:
            refused.path.append(name)
            raise
        if new is not old:
            changed[name] = new
    if not changed and len(before) == len(value):
        return like
    names = [str.__str__(key) for key in value]
    return {"M": {name: changed[name] if name in changed else before[name] for name in names}}


def _name(key: Any) -> str:
    if not isinstance(key, str):
        raise _RefusedError(
            f"a key of this dict is {type(key).__qualname__}; DynamoDB's maps have keys of str only"
        )
    if not key:
        raise _RefusedError("a key of this dict is empty; DynamoDB's names have at least one character")
    if len(_utf8(key)) > _MAX_NAME_BYTES:
        raise _RefusedError(
            f"a key of this dict is longer than DynamoDB's {_MAX_NAME_BYTES} bytes; shorten it"
        )
    return str.__str__(key)


def _too_deep() -> _RefusedError:
    return _RefusedError(
        f"nested deeper than DynamoDB's {MAX_LEVELS} levels; store it flatter, or as JSON text"
    )


def _set(
    value: set[Any] | frozenset[Any], level: int, encoders: Encoders, like: AttributeValue | None
) -> AttributeValue:
    if not value:
        raise _RefusedError("DynamoDB has no empty sets; store None, or omit the key")
    by_tag: dict[str, dict[Any, Any]] = {}
    for member in value:
        if isinstance(member, bool) or not isinstance(member, (str, int, float, Decimal, bytes)):
            raise _RefusedError(
                f"a set holds {type(member).__qualname__}; DynamoDB's sets hold str, numbers or bytes"
            )
        ((tag, encoded),) = _ENCODERS[type(member)](member, level, _ENCODERS, None).items()
        # Python treats 0.1 and Decimal("0.1") as two members; DynamoDB treats them as one and refuses duplicates.
        by_tag.setdefault(tag, {}).setdefault(Decimal(encoded) if tag == "N" else encoded, encoded)
    if len(by_tag) > 1:
        raise _RefusedError(
            "a set holds members of more than one type; DynamoDB's sets have one: str, numbers or bytes"
        )
    ((tag, members),) = by_tag.items()
    encoded_set = {f"{tag}S": list(members.values())}
    return like if like is not None and same(like, encoded_set) else encoded_set


def _bool(value: bool, level: int, encoders: Encoders, like: AttributeValue | None) -> AttributeValue:
    return like if like is not None and like.get("BOOL") is value else {"BOOL": value}


def _null(value: None, level: int, encoders: Encoders, like: AttributeValue | None) -> AttributeValue:
    return like if like is not None and "NULL" in like else {"NULL": True}


def _bytes(value: bytes, level: int, encoders: Encoders, like: AttributeValue | None) -> AttributeValue:
    return like if like is not None and like.get("B") == value else {"B": value}


_ENCODERS = Encoders(
    {
        str: _text,
        bool: _bool,
        int: _whole,
        float: _float,
        type(None): _null,
        dict: _map,
        list: _list,
        tuple: _list,
        Decimal: _decimal,
        bytes: _bytes,
        set: _set,
        frozenset: _set,
    }
)
_ENCODERS_WITHOUT_EMPTY_STRINGS = Encoders({**_ENCODERS, str: _text_or_null})


def sum_of(value: Any, by: Any, where: str) -> int | float | Decimal:
    """`value + by` without rounding, as DynamoDB adds.

    Raises `UnsupportedValueError` if one of them is not a number.
    """
    one, other = encode(value, (where,)), encode(by, (where,))
    if "N" not in one or "N" not in other:
        raise UnsupportedValueError(f"{where}: only a number can be incremented, and only by a number", where)
    return number(str(EXACT.add(Decimal(one["N"]), Decimal(other["N"]))))
