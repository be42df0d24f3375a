"""Which handler gets a request, what it can say, and what it may be."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import pytest

from async_dynamo_store import Turn, UnknownRequestError, VoiceApp
from tests.integration.conftest import alexa, spoken
from tests.unit.requests.sample import sample

pytestmark = pytest.mark.one_engine


def full_app() -> VoiceApp[Any]:
    """An app that says which handler has been called, and for what."""
    app: VoiceApp[Any] = VoiceApp()

    @app.launch
    async def launch(turn: Turn) -> None:
        turn.tell(f"launch: {turn.request.intent}")

    @app.intent("OrderIntent", "AMAZON.YesIntent")
    async def order(turn: Turn) -> None:
        turn.tell(f"order: {dict(turn.request.entities)}")

    @app.intent("Alexa.Presentation.APL.UserEvent")
    async def touch(turn: Turn) -> None:
        turn.tell("touch")

    @app.intent("two pizzas")
    async def text(turn: Turn) -> None:
        turn.tell("text")

    @app.end
    async def end(turn: Turn) -> None:
        turn.tell("end")

    @app.fallback
    async def fallback(turn: Turn) -> None:
        turn.tell(f"fallback: {turn.request.intent}")

    return app


@pytest.mark.parametrize(
    ("request_json", "said"),
    [
        (alexa("LaunchRequest"), "launch: LaunchRequest"),
        (alexa("OrderIntent", size="large"), "order: {'size': 'large'}"),
        (alexa("AMAZON.YesIntent"), "order: {}"),
        (alexa("AMAZON.HelpIntent"), "fallback: AMAZON.HelpIntent"),
        (sample("alexa/touch"), "touch"),
    ],
)
async def test_a_request_gets_the_handler_of_its_intent(request_json: dict[str, Any], said: str) -> None:
    assert spoken(await full_app().handle(request_json)) == said


@pytest.mark.parametrize("name", ["alexa/end", "alexa/audio player"])
async def test_what_cannot_be_answered_is_not(name: str) -> None:
    assert await full_app().handle(sample(name)) == {"version": "1.0", "response": {}}


async def test_an_event_is_for_the_handler_of_its_name_and_not_for_the_fallback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await full_app().handle(sample("messenger/delivery")) == {}
    app: VoiceApp[Any] = VoiceApp()
    called = list[str]()

    @app.event("delivery", "Alexa.Presentation.APL.UserEvent")
    async def delivered(turn: Turn) -> None:
        called.append(turn.request.platform)

    assert await app.handle(sample("messenger/delivery")) == {}
    await app.handle(sample("alexa/touch"))
    assert called == ["messenger", "alexa"]
    assert caplog.records == []


async def test_what_a_user_types_is_no_event_that_is_spelled_like_it() -> None:
    app: VoiceApp[Any] = VoiceApp()
    called = list[str]()

    @app.event("delivery")
    async def receipt(turn: Turn) -> None:
        called.append(f"event {turn.request.kind}")

    @app.intent("delivery")
    async def order(turn: Turn) -> None:
        called.append(f"intent {turn.request.kind}")

    await app.handle(sample("messenger/text that is spelled like an event"))
    await app.handle(sample("messenger/delivery"))
    assert called == ["intent intent", "event event"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dialogflow-cx/intent", "tag"),
        ("dialogflow-cx/launch", "welcome"),
        ("dialogflow-cx/anonymous", "HelpIntent"),
        ("dialogflow-cx/tag alone", "fallback"),
        ("dialogflow-cx/launch by event", "launch"),
    ],
)
async def test_the_tag_of_a_webhook_comes_before_its_intent(name: str, said: str) -> None:
    app: VoiceApp[Any] = VoiceApp()
    decorators = {
        "launch": app.launch,
        "fallback": app.fallback,
        "HelpIntent": app.intent("HelpIntent"),
        "OrderIntent": app.intent("OrderIntent"),
        "welcome": app.intent("welcome"),
        "tag": app.intent("order"),
    }

    async def say(name: str, turn: Turn) -> None:
        turn.tell(name)

    for each, decorator in decorators.items():
        decorator(partial(say, each))
    response = await app.handle(sample(name))
    assert response["fulfillmentResponse"]["messages"][0]["text"]["text"] == [said]


@pytest.mark.parametrize("by", ["launch", "intent", "fallback"])
async def test_a_launch_is_for_launch_then_its_intent_then_the_fallback(by: str) -> None:
    app: VoiceApp[Any] = VoiceApp()
    decorators: list[tuple[str, Any]] = [
        ("fallback", app.fallback),
        ("intent", app.intent("Default Welcome Intent")),
        ("launch", app.launch),
    ]

    async def say(name: str, turn: Turn) -> None:
        turn.tell(name)

    for name, decorator in decorators:
        decorator(partial(say, name))
        if name == by:
            break
    assert (await app.handle(sample("dialogflow-es/launch")))["fulfillmentText"] == by


@pytest.mark.parametrize("kind", ["launch", "intent"])
async def test_without_a_handler_the_answer_is_empty_and_the_log_says_why(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    request = alexa("LaunchRequest" if kind == "launch" else "SecretIntent")
    assert spoken(await VoiceApp().handle(request)) is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"@app.{kind}" in record.message
    assert "SecretIntent" not in record.message


async def test_an_end_needs_no_handler(caplog: pytest.LogCaptureFixture) -> None:
    assert await VoiceApp().handle(sample("alexa/end")) == {"version": "1.0", "response": {}}
    assert caplog.records == []


async def test_tell_ends_and_ask_listens() -> None:
    app: VoiceApp[Any] = VoiceApp()

    @app.intent("Tell")
    async def tell(turn: Turn) -> None:
        turn.tell("Bread & <butter>")

    @app.intent("Ask")
    async def ask(turn: Turn) -> None:
        turn.tell("taken back")
        turn.ask("More?", "Say yes or no.")

    told = (await app.handle(alexa("Tell")))["response"]
    assert told == {
        "outputSpeech": {"type": "SSML", "ssml": "<speak>Bread &amp; &lt;butter&gt;</speak>"},
        "shouldEndSession": True,
    }
    asked = (await app.handle(alexa("Ask")))["response"]
    assert asked == {
        "outputSpeech": {"type": "SSML", "ssml": "<speak>More?</speak>"},
        "reprompt": {"outputSpeech": {"type": "SSML", "ssml": "<speak>Say yes or no.</speak>"}},
        "shouldEndSession": False,
    }


async def test_entities_are_what_the_platform_resolved() -> None:
    app: VoiceApp[Any] = VoiceApp()
    seen = dict[str, Any]()

    @app.intent("OrderIntent")
    async def order(turn: Turn) -> None:
        seen.update(turn.request.entities)

    await app.handle(sample("alexa/intent"))
    assert (seen["name"], seen["city"], seen["toppings"]) == ("Anna", "Munich", ["olives", "mushrooms"])
    assert seen["empty"] is None


@pytest.mark.parametrize("raw", [{}, {"request": {"type": "LaunchRequest"}}, {"hello": "world"}, [], "text"])
async def test_unknown_json_is_told_and_no_handler_runs(raw: Any) -> None:
    with pytest.raises(UnknownRequestError, match="matches no supported platform"):
        await full_app().handle(raw)


def failing_app(error: Exception) -> VoiceApp[Any]:
    app: VoiceApp[Any] = VoiceApp()

    @app.fallback
    async def fail(turn: Turn) -> None:
        turn.ask("never heard", "nor this")
        turn.session.data["lost"] = True
        raise error

    return app


async def test_on_error_with_one_parameter_answers() -> None:
    app = failing_app(LookupError("no such song"))

    @app.on_error
    async def sorry(turn: Turn) -> None:
        turn.tell(f"{turn.error}")

    response = await app.handle(alexa("Any"))
    assert spoken(response) == "no such song"
    assert response["sessionAttributes"] == {}
    assert "reprompt" not in response["response"]


async def test_on_error_with_two_parameters_gets_the_error() -> None:
    error = LookupError("no such song")
    app = failing_app(error)
    seen = list[Exception]()

    @app.on_error
    async def sorry(turn: Turn, error: Exception) -> None:
        seen.append(error)

    assert spoken(await app.handle(alexa("Any"))) is None
    assert seen == [error]


async def test_an_error_in_on_error_comes_out_with_its_cause() -> None:
    first = LookupError("first")
    app = failing_app(first)

    @app.on_error
    async def worse(turn: Turn) -> None:
        raise OSError("second")

    with pytest.raises(OSError, match="second") as failed:
        await app.handle(alexa("Any"))
    assert failed.value.__context__ is first


async def test_without_on_error_the_error_comes_out_as_it_is() -> None:
    error = LookupError("no such song")
    with pytest.raises(LookupError) as failed:
        await failing_app(error).handle(alexa("Any"))
    assert failed.value is error


async def test_a_failed_turn_is_logged_with_the_traceback_of_the_handler(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = LookupError("no such thing")
    app = failing_app(error)

    @app.on_error
    async def sorry(turn: Turn) -> None:
        assert "ANNA" not in repr(turn)

    await app.handle(alexa("Any"))
    [record] = caplog.records
    assert (record.levelname, record.getMessage()) == ("ERROR", "A turn failed (alexa); on_error answers")
    assert record.exc_info
    assert record.exc_info[1] is error
    assert "in fail" in caplog.text


async def step(turn: Turn) -> None: ...


def plain_function(turn: Turn) -> None: ...


@pytest.mark.parametrize(
    "decorator",
    [
        VoiceApp.launch,
        VoiceApp.end,
        VoiceApp.fallback,
        VoiceApp.on_error,
        lambda app, fn: app.intent("A")(fn),
        lambda app, fn: app.event("A")(fn),
        lambda app, fn: app.can_fulfill("A")(fn),
    ],
    ids=["launch", "end", "fallback", "on_error", "intent", "event", "can_fulfill"],
)
class TestDecorators:
    def test_gives_the_handler_back(self, decorator: Any) -> None:
        assert decorator(VoiceApp(), step) is step

    def test_takes_async_functions_only(self, decorator: Any) -> None:
        with pytest.raises(TypeError, match="plain_function is not an async function: write `async def`"):
            decorator(VoiceApp(), plain_function)
        with pytest.raises(TypeError, match="the handler is not an async function"):
            decorator(VoiceApp(), 5)

    def test_takes_one_handler(self, decorator: Any) -> None:
        app: VoiceApp[Any] = VoiceApp()
        decorator(app, step)
        with pytest.raises(ValueError, match="already"):
            decorator(app, step)


@pytest.mark.parametrize("names", [(), (step,), ("A", None)])
@pytest.mark.parametrize("kind", ["intent", "event", "can_fulfill"])
def test_intents_and_events_are_named(kind: str, names: Any) -> None:
    with pytest.raises(TypeError, match=f"name the {kind}s"):
        getattr(VoiceApp(), kind)(*names)
