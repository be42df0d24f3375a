"""Pydantic's field errors without the values, because those are user data."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from async_dynamo_store.errors import shown_path

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_PYDANTICS_OWN = frozenset(get_args(core_schema.ErrorType))
_QUOTES_OF_INPUT = {"error", "encoding_error", "tag"}
"""Context keys of pydantic's errors whose values appear in the message and may quote the input."""


def field_errors(error: ValidationError) -> str:
    """The errors in one line."""
    return "; ".join(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())


def _shown_place(problem: ErrorDetails) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"])
    return shown_path("".join(parts).removeprefix(".")) or "(the whole)"


def without_input(error: ValidationError) -> ValidationError:
    """The same field errors without user data: the values, and the keys below the model's own fields."""
    return ValidationError.from_exception_data(
        error.title,
        [
            InitErrorDetails(
                # Its stub wants literals, because a message is a template; without a context it is shown as it is.
                type=PydanticCustomError(problem["type"], _own_words(problem)),  # pyright: ignore[reportArgumentType]
                loc=(_shown_place(problem),),
                input=None,
            )
            for problem in error.errors(include_url=False, include_input=False)
        ],
        hide_input=True,
    )


def _own_words(problem: ErrorDetails) -> str:
    """Pydantic's message if it describes only the type; otherwise a generic one.

    The message of a custom validator may quote the value.
    """
    quotes = problem["type"] not in _PYDANTICS_OWN or _QUOTES_OF_INPUT & problem.get("ctx", {}).keys()
    return f"refused ({problem['type']})" if quotes else problem["msg"]
