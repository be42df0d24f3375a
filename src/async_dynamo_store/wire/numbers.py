"""Converts between DynamoDB's and Python's numbers without losing digits."""

from __future__ import annotations

import sys
from decimal import Context, Decimal

EXACT = Context(prec=300)
"""A precision that adds any two DynamoDB numbers without rounding."""

_DIGITS_OF_EVERY_FLOAT = sys.float_info.dig


def plain(text: str) -> str:
    """A number's text without an exponent, as DynamoDB writes it; some emulators do not parse other forms."""
    return f"{Decimal(text):f}" if "e" in text or "E" in text else text


def number(text: str) -> int | float | Decimal:
    """The Python number for a DynamoDB number.

    An int if it is whole, a float if the float has exactly these digits, otherwise a Decimal.
    """
    if text.isdigit():
        return int(text)
    binary = float(text)
    if len(text) <= _DIGITS_OF_EVERY_FLOAT and not binary.is_integer():
        return binary
    exact = Decimal(text)
    if exact == exact.to_integral_value():
        return int(exact)
    return binary if Decimal(repr(binary)) == exact else exact
