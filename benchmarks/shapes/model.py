"""A pydantic model of the data of the shapes."""

from __future__ import annotations

from pydantic import BaseModel


class Voice(BaseModel):
    """How the assistant speaks."""

    name: str
    speed: float
    whisper: bool


class Preferences(BaseModel):
    """What the user has chosen."""

    locale: str
    timeZone: str  # noqa: N815 - as stored
    voice: Voice
    topics: list[str]


class Reminder(BaseModel):
    """When to remind."""

    at: str
    days: list[str]


class Round(BaseModel):
    """One round played."""

    id: str
    question: str
    startedAt: str  # noqa: N815 - as stored
    points: int
    won: bool
    accuracy: float


class Line(BaseModel):
    """One line of a cart."""

    sku: str
    count: int
    prices: list[float]
    tags: list[str]


class Message(BaseModel):
    """One message of a talk."""

    role: str
    content: str
    at: str
    tokens: int


class Data(BaseModel):
    """The data of every shape; of `flat` it knows only the first two fields."""

    name: str
    score: int
    premium: bool | None = None
    birthday: str | None = None
    ratio: float | None = None
    note: str | None = None
    preferences: Preferences | None = None
    reminder: Reminder | None = None
    rounds: list[Round] = []
    cart: list[Line] = []
    counts: dict[str, int] = {}
    messages: list[Message] = []
