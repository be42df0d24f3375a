"""What a platform's session attributes cannot hold is found before anything is saved."""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest

from async_dynamo_store import Turn, UnsupportedValueError
from async_dynamo_store.wire.json_values import check_json
from tests.integration.conftest import App, MakeApp, Stored
from tests.unit.requests.sample import sample

pytestmark = pytest.mark.one_engine

ITSELF: dict[str, Any] = {}
ITSELF["again"] = ITSELF

DEEP: Any = "text"
for _ in range(101):
    DEEP = {"in": DEEP}

REFUSED: list[tuple[str, Any, str]] = [
    (
        "a datetime",
        {"when": dt.datetime(2026, 11, 26, tzinfo=dt.UTC)},
        "session.data.when is of type",
    ),
    (
        "a date in a list",
        {"days": [1, dt.date(2026, 11, 26)]},
        "session.data.days[1] is of type date",
    ),
    ("bytes", {"a": {"b": b"x"}}, "session.data.a.… is of type bytes"),
    ("a set", {"a": {1, 2}}, "session.data.a is of type set"),
    ("a UUID", {"a": uuid.UUID(int=1)}, "session.data.a is of type UUID"),
    ("a key that is a number", {"a": {7: "x"}}, "session.data.a is a dict with a key of type int"),
    ("infinity", {"a": math.inf}, "session.data.a is NaN or infinity"),
    ("a Decimal that is no number", {"a": Decimal("NaN")}, "session.data.a is NaN or infinity"),
    ("a dict that holds itself", ITSELF, "is nested deeper than 100 levels"),
    ("a text that is too deep", DEEP, "is nested deeper than 100 levels"),
    ("a class", {"a": object}, "session.data.a is of type type"),
]
TAKEN: dict[str, Any] = {
    "text": "ü",
    "numbers": [1, 1.5, Decimal("0.1"), True, None],
    "pair": (1, 2),
    "nested": {"deep": [{"er": {}}]},
}
OF_A_PLATFORM = (
    "alexa/launch",
    "lex-v2/first",
    "lex-v1/first",
    "dialogflow-es/intent",
    "dialogflow-cx/intent",
)


@pytest.mark.parametrize(("data", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_no_json_is_named(data: Any, message: str) -> None:
    with pytest.raises(UnsupportedValueError) as refused:
        check_json(data, "session.data")
    assert message in str(refused.value)
    assert "must be JSON" in str(refused.value)


def test_what_json_holds_is_taken() -> None:
    check_json(TAKEN, "session.data")
    check_json(DEEP["in"], "session.data")
    json.dumps(TAKEN, allow_nan=False, default=float)


@pytest.mark.parametrize("name", OF_A_PLATFORM)
async def test_on_error_answers_and_nothing_is_saved(make_app: MakeApp, stored: Stored, name: str) -> None:
    app, errors = make_app(user_id=lambda raw: "anna"), list[Exception]()

    async def spoil(turn: Turn) -> None:
        turn.user.data["score"] = 1
        turn.session.data["when"] = dt.datetime.now(dt.UTC)
        turn.ask("Go on?")

    app.launch(spoil)
    app.fallback(spoil)

    @app.on_error
    async def sorry(turn: Turn, error: Exception) -> None:
        errors.append(error)
        turn.tell("Sorry.")

    answer = await app.handle(sample(name))
    assert "Sorry." in json.dumps(answer)
    assert [type(error) for error in errors] == [UnsupportedValueError]
    assert not await app.store.exists("anna")


async def test_a_stored_session_holds_what_dynamodb_does(make_app: MakeApp) -> None:
    app = make_app(stored_elements={"session": True})

    @app.fallback
    async def fill(turn: Turn) -> None:
        turn.session.data["raw"] = b"bytes"

    await app.handle(sample("messenger/text"))
    assert (await app.store.load("PSID-1")).session.data == {"raw": b"bytes"}


async def test_without_on_error_it_is_raised(app: App) -> None:
    @app.fallback
    async def spoil(turn: Turn) -> None:
        turn.session.data["when"] = dt.datetime.now(dt.UTC)

    with pytest.raises(UnsupportedValueError, match=r"session\.data\.when"):
        await app.handle(sample("alexa/intent"))
