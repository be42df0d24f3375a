"""The proofs of Messenger, Twilio and of platforms that send a shared secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping

import pytest

from async_dynamo_store.integrations.verification import (
    HttpRequest,
    MessengerVerifier,
    RetellVerifier,
    SharedSecret,
    TwilioVerifier,
    VerificationError,
    Verifier,
)
from tests.unit.requests.sample import parsed

ADDRESS = "https://mycompany.com/myapp.php?foo=1&bar=2"
CALL = [
    ("To", "+18005551212"),
    ("CallSid", "CA1234567890ABCDE"),
    ("From", "+14158675309"),
    ("Digits", "1234"),
    ("Caller", "+14158675309"),
]
CALL_SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
"""What Twilio publishes for that address and call (the tests of its libraries); the token is 12345."""

MESSENGER = MessengerVerifier("app secret", verify_token="typed by hand")
DIALOGFLOW = SharedSecret("dialogflow-es", "dialogflow-cx", header="X-Skill-Secret", secret="s3cret")


Form = list[tuple[str, str]]


def http(
    headers: Mapping[str, str], body: bytes = b"{}", *, url: str = ADDRESS, form: Form | None = None
) -> HttpRequest:
    return HttpRequest(url=url, headers=headers, body=body, form=form)


def called(signature: str | None, form: Form | None = CALL, url: str = ADDRESS) -> HttpRequest:
    return http({} if signature is None else {"x-twilio-signature": signature}, url=url, form=form)


def twilio_signature(text: str, token: str = "12345") -> str:
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


async def passes(verifier: Verifier, request: HttpRequest) -> bool:
    try:
        await verifier.verify(request, parsed("twilio-voice/speech"))
    except VerificationError:
        return False
    return True


def hub_signature(body: bytes, secret: bytes = b"app secret", algorithm: str = "sha256") -> str:
    return f"{algorithm}={hmac.new(secret, body, algorithm).hexdigest()}"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-hub-signature-256": hub_signature(b'{"object":"page"}')}, True),
        ({"x-hub-signature-256": hub_signature(b'{"object":"page"} ')}, False),
        ({"x-hub-signature-256": hub_signature(b'{"object":"page"}', b"another")}, False),
        ({"x-hub-signature-256": hub_signature(b'{"object":"page"}').removeprefix("sha256=")}, False),
        ({"x-hub-signature-256": ""}, False),
        ({"x-hub-signature-256": "sha256=ü"}, False),
        ({"x-hub-signature": hub_signature(b'{"object":"page"}', algorithm="sha1")}, False),
        ({}, False),
    ],
)
async def test_messenger(headers: dict[str, str], expected: bool) -> None:
    assert await passes(MESSENGER, http(headers, b'{"object":"page"}')) is expected


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ({"hub.mode": "subscribe", "hub.verify_token": "typed by hand", "hub.challenge": "115820"}, "115820"),
        ({"hub.mode": "subscribe", "hub.verify_token": "typed by hand"}, ""),
        ({"hub.mode": "subscribe", "hub.verify_token": "guessed", "hub.challenge": "115820"}, None),
        ({"hub.mode": "unsubscribe", "hub.verify_token": "typed by hand", "hub.challenge": "115820"}, None),
        ({"hub.verify_token": "typed by hand", "hub.challenge": "115820"}, None),
        ({"hub.mode": "subscribe", "hub.challenge": "115820"}, None),
        ({}, None),
    ],
)
def test_the_challenge_of_messenger(query: dict[str, str], answer: str | None) -> None:
    if answer is None:
        with pytest.raises(VerificationError, match=r"hub\.verify_token"):
            MESSENGER.challenge(query)
    else:
        assert MESSENGER.challenge(query) == answer


async def test_twilios_own_example() -> None:
    assert await passes(TwilioVerifier("12345"), called(CALL_SIGNATURE))


@pytest.mark.parametrize(
    ("token", "request_"),
    [
        ("another", called(CALL_SIGNATURE)),
        ("12345", called(CALL_SIGNATURE, [*CALL, ("SpeechResult", "one")])),
        ("12345", called(CALL_SIGNATURE, CALL[1:])),
        ("12345", called(CALL_SIGNATURE, url=ADDRESS + "3")),
        ("12345", called(CALL_SIGNATURE, url="https://[/")),
        ("12345", called(CALL_SIGNATURE, url="https://host:port/")),
        ("12345", called("")),
        ("12345", called(None)),
        ("12345", called(twilio_signature(ADDRESS), None)),
    ],
)
async def test_twilio_refuses(token: str, request_: HttpRequest) -> None:
    assert not await passes(TwilioVerifier(token), request_)


async def test_twilio_signs_each_value_of_a_name_once_and_in_order() -> None:
    form = [("B", "2"), ("A", "z"), ("A", "a"), ("A", "z"), ("C", "")]
    signature = twilio_signature(ADDRESS + "AaAzB2C")
    assert await passes(TwilioVerifier("12345"), called(signature, form))


@pytest.mark.parametrize(
    ("signed", "asked"),
    [
        ("https://skill.example/voice", "https://skill.example:443/voice"),
        ("https://skill.example:443/voice", "https://skill.example/voice"),
        ("http://skill.example:80/voice", "http://skill.example/voice"),
        ("https://skill.example/voice", "https://skill.example:8443/voice"),
        ("https://skill.example:8443/voice", "https://skill.example:8443/voice"),
        ("http://http/voice?", "http://http/voice?"),
    ],
)
async def test_twilio_signs_with_the_port_or_without(signed: str, asked: str) -> None:
    request = called(twilio_signature(signed + "A1"), [("A", "1")], asked)
    assert await passes(TwilioVerifier("12345"), request)


async def test_twilio_behind_a_proxy() -> None:
    request = called(CALL_SIGNATURE, url="http://10.0.0.7:8000/")
    assert await passes(TwilioVerifier("12345", url=ADDRESS), request)
    assert not await passes(TwilioVerifier("12345"), request)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-skill-secret": "s3cret"}, True),
        ({"x-skill-secret": "S3cret"}, False),
        ({"x-skill-secret": "s3cret "}, False),
        ({"x-skill-secret": ""}, False),
        ({"x-another": "s3cret"}, False),
        ({}, False),
    ],
)
async def test_shared_secret(headers: dict[str, str], expected: bool) -> None:
    assert await passes(DIALOGFLOW, http(headers)) is expected


@pytest.mark.parametrize(
    "make",
    [
        lambda: MessengerVerifier("", verify_token="x"),
        lambda: MessengerVerifier("x", verify_token=""),
        lambda: TwilioVerifier(""),
        lambda: SharedSecret("dialogflow-es", header="x", secret=""),
        lambda: SharedSecret(header="x", secret="y"),
    ],
)
def test_what_is_not_set_is_told_at_once(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"is empty|name the platforms"):
        make()


@pytest.mark.parametrize(
    "held", [MESSENGER, DIALOGFLOW, TwilioVerifier("s3cret"), http({"a": "s3cret"}, b"s3cret")]
)
def test_no_secret_is_in_a_repr(held: object) -> None:
    assert "s3cret" not in repr(held)
    assert "app secret" not in repr(held)


# -- Retell


RETELL = RetellVerifier("key_1")


def retell(body: bytes, signed_at: float, key: bytes = b"key_1") -> Mapping[str, str]:
    stamp = str(int(signed_at * 1000))
    digest = hmac.new(key, body + stamp.encode(), hashlib.sha256).hexdigest()
    return {"x-retell-signature": f"v={stamp},d={digest}"}


async def test_retells_signature() -> None:
    request = parsed("retell/ended")
    headers = retell(b"{}", time.time())
    await RETELL.verify(http(headers), request)


@pytest.mark.parametrize(
    ("signed", "message"),
    [
        (lambda now: {}, "missing"),
        (lambda now: {"x-retell-signature": "d=abc"}, "missing or malformed"),
        (lambda now: {"x-retell-signature": f"v={'9' * 400},d=ab"}, "missing or malformed"),
        (lambda now: retell(b"{}", 0), "too old or too new"),
        (lambda now: retell(b"{}", now + 1000), "too old or too new"),
        (lambda now: retell(b"[]", now), "wrong"),
        (lambda now: retell(b"{}", now, b"key_2"), "wrong"),
    ],
    ids=["none", "no time", "a long time", "long ago", "in the future", "another body", "another key"],
)
async def test_what_is_not_retells(signed: Callable[[float], Mapping[str, str]], message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        await RETELL.verify(http(signed(time.time())), parsed("retell/ended"))


def test_retells_key_is_not_empty() -> None:
    with pytest.raises(ValueError, match="api_key is empty"):
        RetellVerifier("")
