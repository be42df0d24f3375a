"""Finds an agent's replies, and shortens a reply to the part that the user heard."""

from __future__ import annotations

from typing import Any

from .packing import Message


def is_reply(message: Message) -> bool:
    """Whether a message is a reply of the agent with text (Gemini uses the role `model`)."""
    return message.get("role") in ("assistant", "model") and _has_text(message)


def as_heard(message: Message, heard: str) -> Message:
    """The message with its text replaced by `heard`; the framework's field `interrupted` is set if it exists."""
    key = "parts" if "parts" in message else "content"
    content = message[key]
    cut: dict[str, Any] = {**message, key: heard if isinstance(content, str) else _cut(content, heard)}
    return cut | {"interrupted": True} if "interrupted" in message else cut


def _has_text(message: Message) -> bool:
    content = message.get("content") or message.get("parts")
    if isinstance(content, str):
        return True
    return isinstance(content, list) and any(map(_is_text, content))


def _is_text(part: object) -> bool:
    return isinstance(part, str) or (isinstance(part, dict) and isinstance(part.get("text"), str))


def _cut(content: list[Any], heard: str) -> list[Any]:
    """The parts with `heard` in place of the first text; other texts are removed."""
    texts = [part for part in content if _is_text(part)]
    first = heard if isinstance(texts[0], str) else {**texts[0], "text": heard}
    kept: list[Any] = []
    for part in content:
        if part is texts[0]:
            kept.append(first)
        elif not _is_text(part):
            kept.append(part)
    return kept
