"""`AsgiApp`, in process: what it answers, what it refuses, what is stored then, when the store is open."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from async_dynamo_store import AsyncDynamoStore, ConflictError, Turn, VoiceApp
from async_dynamo_store.integrations import asgi
from async_dynamo_store.integrations.asgi import AsgiApp
from async_dynamo_store.integrations.verification import (
    MessengerVerifier,
    SharedSecret,
    TwilioVerifier,
    VerificationError,
)
from async_dynamo_store.voice.requests import parse_request
from tests.asgi.apps import counting_skill
from tests.asgi.conftest import LEFT, Connection, body, client, http_scope
from tests.faults.proxy import Fault, FaultProxy
from tests.unit.requests.sample import OWN_SAMPLES, sample
from tests.waiting import reached

if TYPE_CHECKING:
    from types import FrameType

pytestmark = pytest.mark.one_engine

CORE = json.dumps(sample("jovo-core/launch")).encode()
TWILIO = urlencode(sample("twilio-voice/speech"))
MESSENGER = MessengerVerifier("app secret", verify_token="typed by hand")


def unverified(app: VoiceApp[Any] | None = None, **options: Any) -> AsgiApp:
    return AsgiApp(app or counting_skill(None), verify="off", **options)


@pytest.mark.parametrize("name", OWN_SAMPLES)
async def test_every_platform_is_answered_in_its_own_shape(name: str) -> None:
    raw = sample(name)
    skill = counting_skill(None)
    async with client(unverified(skill)) as http:
        response = await (
            http.post("/", data=raw) if name.startswith("twilio") else http.post("/any/path", json=raw)
        )
    assert response.status_code == 200
    expected = await skill.handle(raw)
    if isinstance(expected, str):
        assert response.text == expected
        assert response.headers["content-type"] == "text/xml; charset=utf-8"
    else:
        assert response.json() == expected
        assert response.headers["content-type"] == "application/json"


async def test_a_request_is_parsed_once() -> None:
    """For its verification and its turn together."""
    parsed = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal parsed
        parsed += event == "call" and frame.f_code is parse_request.__code__

    async with client(unverified()) as http:
        sys.setprofile(count)
        try:
            await http.post("/", json=sample("alexa/launch"))
        finally:
            sys.setprofile(None)
    assert parsed == 1


async def test_the_turn_is_stored_when_the_answer_comes(skill: VoiceApp[Any], store: Any) -> None:
    async with client(unverified(skill)) as http:
        for visit in (1, 2):
            response = await http.post("/", json=sample("alexa/launch"))
            assert f"Visit {visit}" in response.text
    user = sample("alexa/launch")["context"]["System"]["user"]["userId"]
    assert await store.get(user, "visits") == 2


@pytest.mark.parametrize(
    ("content", "content_type", "status", "says"),
    [
        (CORE, "application/json", 200, None),
        (CORE, "Application/JSON; charset=UTF-8", 200, None),
        (CORE, "", 415, "Send application/json"),
        (CORE, "text/plain", 415, "Send application/json"),
        (CORE, "multipart/form-data; boundary=x", 415, "Send application/json"),
        (CORE, "application/x-www-form-urlencoded", 400, "not a request of a supported voice platform"),
        (b"", "application/json", 400, "not JSON"),
        (b"{", "application/json", 400, "not JSON"),
        (CORE[:-1], "application/json", 400, "not JSON"),
        (b'{"a": NaN}', "application/json", 400, "not JSON"),
        (b'{"a": "\xff"}', "application/json", 400, "not JSON"),
        (b"[" * 10_000, "application/json", 400, "not JSON"),
        (
            b'{"a":' * 900 + b"1" + b"}" * 900,
            "application/json",
            400,
            "not a request of a supported voice platform",
        ),
        (b'{"a": ' + b"9" * 5000 + b"}", "application/json", 400, "not JSON"),
        (b"{}", "application/json", 400, "not a request of a supported voice platform"),
        (b"[1, 2]", "application/json", 400, "not a request of a supported voice platform"),
        (b"null", "application/json", 400, "not a request of a supported voice platform"),
        (b"a=\xff", "application/x-www-form-urlencoded", 400, "not a form"),
        (b"a=%ff", "application/x-www-form-urlencoded", 400, "not a form"),
        (b"&a=1" * 2000, "application/x-www-form-urlencoded", 400, "not a form"),
        (b"", "application/x-www-form-urlencoded", 400, "not a request of a supported voice platform"),
        (b" " * 1_048_577, "application/json", 413, "1048576 bytes"),
        (CORE + b" " * (1_048_576 - len(CORE)), "application/json", 200, None),
    ],
)
@pytest.mark.parametrize("verify", ["off", [SharedSecret("jovo-core", header="x-secret", secret="s")]])
async def test_bodies(content: bytes, content_type: str, status: int, says: str | None, verify: Any) -> None:
    app = AsgiApp(counting_skill(None), verify=verify)
    async with client(app, **{"x-secret": "s", "content-type": content_type}) as http:
        response = await http.post("/", content=content)
    assert response.status_code == status
    if says:
        assert list(response.json()) == ["error"]
        assert says in response.json()["error"]
        assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("verify", ["off", [SharedSecret("jovo-core", header="x-secret", secret="s")]])
async def test_methods(method: str, verify: Any) -> None:
    async with client(AsgiApp(counting_skill(None), verify=verify)) as http:
        response = await http.request(method, "/")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


async def test_an_app_that_has_no_answer_in_json(caplog: pytest.LogCaptureFixture) -> None:
    app = VoiceApp()

    @app.fallback
    async def leave(turn: Turn) -> None:
        turn.session.data |= {"half": Decimal("0.5"), "odd": "\ud800ü", "later": object}

    connection = Connection(unverified(app), http_scope(), body(CORE))
    await connection.run()
    assert connection.status == 500
    assert "UnsupportedValueError" in caplog.text

    @app.intent("UseThisIntent")
    async def mend(turn: Turn) -> None:
        turn.session.data |= {"half": Decimal("0.5"), "odd": "\ud800ü"}

    raw = sample("jovo-core/intent")
    raw["input"]["intent"] = "UseThisIntent"
    async with client(unverified(app)) as http:
        response = await http.post("/", json=raw)
    assert (
        json.loads(response.content.decode())["context"]["session"]["data"].items()
        >= {
            "half": 0.5,
            "odd": "\ud800ü",
        }.items()
    )


# -- verification


async def test_what_has_no_verifier_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    app = AsgiApp(counting_skill(None), verify=[MESSENGER])
    async with client(app) as http:
        response = await http.post("/", json=sample("alexa/launch"))
    assert (response.status_code, response.json()) == (403, {"error": "This request could not be verified."})
    assert "Refused a request (alexa): the platform has no verifier" in caplog.text


async def test_each_platform_meets_its_own_verifier(caplog: pytest.LogCaptureFixture) -> None:
    app = AsgiApp(
        counting_skill(None),
        verify=[MESSENGER, TwilioVerifier("12345"), SharedSecret("jovo-core", header="x-secret", secret="s")],
    )
    event = json.dumps(sample("messenger/text")).encode()
    hub = "sha256=" + hmac.new(b"app secret", event, hashlib.sha256).hexdigest()
    fields = "".join(name + value for name, value in sorted(sample("twilio-voice/speech").items()))
    call = hmac.new(
        b"12345", b"https://skill.example/voice%20call?x=1" + fields.encode(), hashlib.sha1
    ).digest()
    headers = {
        "x-hub-signature-256": hub,
        "x-twilio-signature": base64.b64encode(call).decode(),
        "content-type": "application/json",
    }
    form = {"content-type": "application/x-www-form-urlencoded"}
    async with client(app, **headers) as http:
        good = [
            await http.post("/", content=event),
            await http.post("/voice%20call?x=1", content=TWILIO, headers=form),
            await http.post("/", content=CORE, headers={"x-secret": "s"}),
        ]
        bad = [
            await http.post("/", content=event + b" "),
            await http.post("/voice%20call?x=2", content=TWILIO, headers=form),
            await http.post("/voice%20call?x=1", json=sample("twilio-voice/speech")),
            await http.post("/", content=CORE, headers={"x-secret": "t"}),
        ]
    assert [response.status_code for response in good] == [200] * 3
    assert [response.status_code for response in bad] == [403] * 4
    assert [record.levelname for record in caplog.records if "Refused" in record.message] == ["WARNING"] * 4
    assert sample("twilio-voice/speech")["From"] not in caplog.text


async def test_the_address_where_the_server_sends_no_raw_path() -> None:
    raw = sample("twilio-voice/speech")
    fields = "".join(name + value for name, value in sorted(raw.items()))
    call = hmac.new(b"12345", b"https://skill.example/caf%C3%A9" + fields.encode(), hashlib.sha1).digest()
    scope = http_scope(content_type="application/x-www-form-urlencoded", path="/café")
    scope["headers"].append((b"X-Twilio-Signature", base64.b64encode(call)))
    app = AsgiApp(counting_skill(None), verify=[TwilioVerifier("12345")])
    connection = Connection(app, scope, body(TWILIO.encode()))
    await connection.run()
    assert connection.status == 200


async def test_messenger_is_told_that_this_is_its_webhook(caplog: pytest.LogCaptureFixture) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": "typed by hand", "hub.challenge": "115820<b>"}
    async with client(AsgiApp(counting_skill(None), verify=[MESSENGER])) as http:
        response = await http.get("/", params=query)
        assert (response.status_code, response.text) == (200, "115820<b>")
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        response = await http.get("/", params=query | {"hub.verify_token": "guessed"})
        assert response.status_code == 403
    assert "Refused a request (messenger)" in caplog.text


async def test_verification_off_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with client(unverified()) as http:
        for _ in range(2):
            await http.post("/", json=sample("alexa/launch"))
    (record,) = [record for record in caplog.records if "not verified" in record.message]
    assert record.levelno == logging.WARNING


def test_verification_has_to_be_decided() -> None:
    with pytest.raises(TypeError, match="verify"):
        AsgiApp(counting_skill(None))  # type: ignore[call-arg]  # what is wrong is the test
    with pytest.raises(ValueError, match="add a verifier"):
        AsgiApp(counting_skill(None), verify=[])
    with pytest.raises(ValueError, match="messenger has two verifiers"):
        AsgiApp(counting_skill(None), verify=[MESSENGER, MESSENGER, MessengerVerifier("x", verify_token="y")])


def test_a_platform_that_there_is_not_is_told() -> None:
    secret = SharedSecret("dialogflow", header="x", secret="y")  # type: ignore[arg-type]  # what is wrong is the test
    with pytest.raises(
        ValueError, match=r"no platform 'dialogflow'; the platforms are alexa, .*dialogflow-es"
    ):
        AsgiApp(counting_skill(None), verify=[secret])


def test_a_door_brings_only_what_it_needs() -> None:
    """Alexa's verification is the only one that needs the extra."""
    code = (
        "import sys, async_dynamo_store.integrations.asgi, async_dynamo_store.integrations.middleware\n"
        "print([name for name in ('aioboto3', 'aiohttp', 'certifi', 'cryptography', 'fastapi') if name in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


async def test_a_verifier_of_ones_own() -> None:
    class Token:
        platforms = ("jovo-web",)

        async def verify(self, http: Any, request: Any) -> None:
            if http.headers.get("authorization") != f"Bearer {request.user_id}":
                raise VerificationError("the token is another user's")

    app = AsgiApp(counting_skill(None), verify=[Token()])
    raw = sample("jovo-web/intent")
    async with client(app) as http:
        assert (await http.post("/", json=raw)).status_code == 403
        token = f"Bearer {raw['context']['user']['id']}"
        assert (await http.post("/", json=raw, headers={"authorization": token})).status_code == 200


# -- turns that fail


async def test_a_handler_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    app = VoiceApp()

    @app.fallback
    async def fail(turn: Turn) -> None:
        raise LookupError("a secret of the user's")

    connection = Connection(unverified(app), http_scope(), body(CORE))
    await connection.run()
    assert connection.status == 500
    assert json.loads(connection.sent[1]["body"]) == {"error": "This request could not be answered."}
    assert "LookupError" in caplog.text

    @app.on_error
    async def apologize(turn: Turn) -> None:
        turn.tell("Sorry")

    async with client(unverified(app)) as http:
        response = await http.post("/", content=CORE, headers={"content-type": "application/json"})
    assert response.status_code == 200
    assert "Sorry" in response.text


@pytest.mark.parametrize(
    ("raised", "status"),
    [(ConflictError("theirs"), 409), (UnicodeError("ours"), 500)],
)
async def test_the_status_says_whether_another_try_may_help(raised: Exception, status: int) -> None:
    app = VoiceApp()

    @app.fallback
    async def fail(turn: Turn) -> None:
        raise raised

    async with client(unverified(app)) as http:
        response = await http.post("/", content=CORE, headers={"content-type": "application/json"})
    assert response.status_code == status


async def test_a_database_that_is_down(skill: VoiceApp[Any], proxy: FaultProxy) -> None:
    proxy.fail(None, Fault.server_error, times=100)
    async with client(unverified(skill)) as http:
        response = await http.post("/", content=CORE, headers={"content-type": "application/json"})
    assert response.status_code == 503
    assert response.json() == {"error": "The database is unavailable. Try again later."}


async def test_a_user_id_that_cannot_be_stored(skill: VoiceApp[Any]) -> None:
    raw = sample("jovo-core/launch")
    raw["context"]["user"]["id"] = "x" * 2049
    async with client(unverified(skill)) as http:
        response = await http.post("/", json=raw)
    assert response.status_code == 400


# -- clients that are slow, or leave


async def test_a_client_that_leaves_before_its_request_is_complete() -> None:
    ran: list[str] = []
    app = VoiceApp()

    @app.fallback
    async def run(turn: Turn) -> None:
        ran.append("ran")

    connection = Connection(unverified(app), http_scope(), body(CORE[:9], more_body=True), LEFT)
    assert await connection.run() == []
    assert ran == []


async def test_a_body_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "_BODY_SECONDS", 0.05)
    connection = Connection(unverified(), http_scope(), body(CORE[:9], more_body=True))
    await connection.run()
    assert connection.status == 408


async def test_a_body_in_pieces_is_bounded_too() -> None:
    connection = Connection(
        unverified(max_body_bytes=10), http_scope(), *[body(b"1", more_body=True) for _ in range(12)]
    )
    await connection.run()
    assert connection.status == 413
    connection = Connection(
        unverified(),
        http_scope(),
        *[body(bytes([b]), more_body=True) for b in CORE],
        {"type": "http.request"},
    )
    await connection.run()
    assert connection.status == 200


async def test_a_client_that_leaves_later_has_its_turn_stored(
    skill: VoiceApp[Any], store: AsyncDynamoStore[Any], proxy: FaultProxy
) -> None:
    raw = sample("jovo-core/launch")
    connection = Connection(unverified(skill), http_scope(), body(json.dumps(raw).encode()), LEFT)
    await connection.run()
    assert await store.get(raw["context"]["user"]["id"], "visits") == 1


async def test_what_is_no_http() -> None:
    connection = Connection(unverified(), {"type": "websocket"}, {"type": "websocket.connect"})
    assert await connection.run() == [{"type": "websocket.close"}]
    with pytest.raises(ValueError, match="does not support the scope type 'gopher'"):
        await Connection(unverified(), {"type": "gopher"}).run()


# -- lifespan


LIFESPAN = {"type": "lifespan"}
STARTUP = {"type": "lifespan.startup"}
SHUTDOWN = {"type": "lifespan.shutdown"}


async def test_the_lifespan_opens_and_closes_the_store_as_often_as_it_comes(skill: VoiceApp[Any]) -> None:
    app = unverified(skill)
    for visit in (1, 2):
        lifespan = Connection(app, LIFESPAN, STARTUP)
        running = asyncio.create_task(lifespan.run())
        await reached(lifespan.is_waited_for, running)
        assert is_open(skill)
        async with client(app) as http:
            assert f"Visit {visit}" in (await http.post("/", json=sample("alexa/launch"))).text
        lifespan.say(SHUTDOWN)
        messages = [message["type"] for message in await running]
        assert messages == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        assert not is_open(skill)


async def test_a_store_that_cannot_be_opened_stops_the_server(caplog: pytest.LogCaptureFixture) -> None:
    app = VoiceApp({"db": {"tableName": "Users", "awsConfig": {"profile": "nobody"}}})
    (message,) = await Connection(unverified(app), LIFESPAN, STARTUP).run()
    assert message["type"] == "lifespan.startup.failed"
    assert "There is no AWS profile 'nobody'" in message["message"]
    assert "could not be opened" in caplog.text


async def test_an_app_without_a_database_has_a_lifespan_too() -> None:
    messages = await Connection(unverified(), LIFESPAN, STARTUP, SHUTDOWN).run()
    assert [message["type"] for message in messages] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


def test_without_a_lifespan_the_store_closes_with_each_event_loop(
    engine: Any, aws_config: dict[str, str], table_name: str
) -> None:
    """As in a mount, or a test client that has an event loop for each request."""
    skill = counting_skill({"table_name": table_name, "aws_config": aws_config, "timeout_seconds": 60})
    app = unverified(skill)

    async def visit() -> str:
        async with client(app) as http:
            await http.post("/", json=sample("alexa/launch"))
            response = await http.post("/", json=sample("alexa/launch"))
        assert is_open(skill)
        return response.text

    for visits in (2, 4, 6):
        assert f"Visit {visits}" in asyncio.run(visit())
        assert not is_open(skill)


def is_open(app: VoiceApp[Any]) -> bool:
    return bool(app.store._client._connections)
