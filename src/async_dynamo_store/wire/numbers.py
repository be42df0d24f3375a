"""DynamoDB's numbers and Python's: every digit is kept."""

from __future__ import annotations

import sys
from decimal import Context, Decimal

EXACT = Context(prec=300)
"""Adds any two of DynamoDB's numbers without rounding."""

_DIGITS_OF_EVERY_FLOAT = sys.float_info.dig


def plain(text: str) -> str:
    """A number's text without an exponent, as DynamoDB itself writes it; emulators do not read every other."""
    return f"{Decimal(text):f}" if "e" in text or "E" in text else text


def number(text: str) -> int | float | Decimal:
    """DynamoDB's number as Python's: whole ones as int, others as float where the float says exactly what was written, else Decimal."""
    if text.isdigit():
        return int(text)
    binary = float(text)
    if len(text) <= _DIGITS_OF_EVERY_FLOAT and not binary.is_integer():
        return binary
    exact = Decimal(text)
    if exact == exact.to_integral_value():
        return int(exact)
    return binary if Decimal(repr(binary)) == exact else exact
