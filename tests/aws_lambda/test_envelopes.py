"""HTTP envelopes around requests, and the answers that go back in them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from async_dynamo_store import ConflictError, Turn, UnavailableError, UnknownRequestError, VoiceApp
from async_dynamo_store.integrations.aws_envelopes import incoming
from async_dynamo_store.integrations.aws_lambda import LambdaHandler, lambda_handler
from async_dynamo_store.integrations.verification import (
    MessengerVerifier,
    SharedSecret,
    TwilioVerifier,
    Verifier,
)
from tests.aws_lambda.events import (
    FORM,
    as_base64,
    dialogflow,
    http_api,
    intent,
    load_balancer,
    messenger,
    rest_api,
    spoken,
    twilio,
)

ENVELOPES: list[Callable[..., dict[str, Any]]] = [rest_api, http_api, load_balancer]
ERRORS = [LookupError("a secret"), ConflictError("a secret"), UnavailableError("a secret")]
MakeHandler = Callable[..., LambdaHandler]


@pytest.fixture
def make_handler() -> Iterator[MakeHandler]:
    """Makes the handler of an app without a database, whose answers are what was asked."""
    handlers: list[LambdaHandler] = []

    def make(*verifiers: Verifier) -> LambdaHandler:
        app = VoiceApp()

        @app.intent("Hello", "Grüße")
        async def hello(turn: Turn) -> None:
            turn.ask(f"{turn.request.intent} & {turn.request.user_id}")

        @app.intent("Decimal")
        async def fill_session(turn: Turn) -> None:
            turn.session.data["ratio"] = Decimal("0.1000000000000000000001")
            turn.tell("done")

        @app.intent("NoJSON")
        async def spoil_session(turn: Turn) -> None:
            turn.session.data["set"] = {1}

        @app.intent("0", "1", "2")
        async def fail(turn: Turn) -> None:
            raise ERRORS[int(turn.request.intent)]

        handlers.append(lambda_handler(app, verify=verifiers or None))
        return handlers[-1]

    yield make
    for handler in handlers:
        handler.close()


@pytest.fixture
def handler(make_handler: MakeHandler) -> LambdaHandler:
    return make_handler()


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize("in_base64", [False, True], ids=["text", "base64"])
@pytest.mark.parametrize(
    ("body", "content_type", "answer_type", "answer"),
    [
        (dialogflow("Grüße"), "application/json; charset=utf-8", "application/json", "Grüße & anna"),
        (messenger("Hello"), "application/json", "application/json", "Hello & anna"),
        (json.dumps(intent("Hello")), "Application/JSON", "application/json", "Hello &amp; anna"),
        (twilio(SpeechResult="Grüße"), FORM, "text/xml; charset=utf-8", "Grüße &amp; +441234567890"),
    ],
    ids=["dialogflow", "messenger", "alexa", "twilio"],
)
def test_a_request_in_an_envelope(
    handler: LambdaHandler,
    *,
    envelope: Callable[..., dict[str, Any]],
    body: str,
    content_type: str,
    answer_type: str,
    answer: str,
    in_base64: bool,
) -> None:
    event = envelope(body, content_type)
    response = handler(event | as_base64(body) if in_base64 else event)
    expected_headers: dict[str, Any] = (
        {"multiValueHeaders": {"content-type": [answer_type]}}
        if envelope is load_balancer
        else {"headers": {"content-type": answer_type}}
    )
    text = response.pop("body")
    assert response == {"statusCode": 200, "isBase64Encoded": False} | expected_headers
    assert answer in (str(json.loads(text)) if answer_type == "application/json" else text)


def test_a_request_without_an_envelope_is_answered_without_one(handler: LambdaHandler) -> None:
    assert spoken(handler(intent("Hello"))) == "Hello &amp; anna"


def test_several_messages_in_one_request(handler: LambdaHandler) -> None:
    event = json.loads(messenger("Hello"))
    event["entry"] *= 2
    answers = json.loads(handler(http_api(json.dumps(event)))["body"])
    assert [answer["message"]["text"] for answer in answers] == ["Hello & anna"] * 2


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize(
    ("body", "content_type", "status", "error"),
    [
        (None, "application/json", 400, "The body is not JSON."),
        ("", "application/json", 400, "The body is not JSON."),
        ("{", "application/json", 400, "The body is not JSON."),
        ("[" * 10_000, "application/json", 400, "The body is not JSON."),
        ("[[],{}" + ",[]" * 50_000 + "]", "application/json", 400, "more than 50000 objects and lists"),
        ('{"CallSid": NaN}', "application/json", 400, "The body is not JSON."),
        ('"\ud800"', "application/json", 400, "The body is not JSON."),
        ("[]", "application/json", 400, "not a request of a supported voice platform"),
        ("{}", "application/json", 400, "not a request of a supported voice platform"),
        ("a=%ff", FORM, 400, "The body is not a form."),
        ("a=1", FORM, 400, "not a request of a supported voice platform"),
        ("{}", "text/plain", 415, "Send application/json"),
        ("{}", "", 415, "Send application/json"),
    ],
)
def test_bodies_that_are_no_request(
    handler: LambdaHandler,
    *,
    envelope: Callable[..., dict[str, Any]],
    body: str | None,
    content_type: str,
    status: int,
    error: str,
) -> None:
    response = handler(envelope(body, content_type))
    assert response["statusCode"] == status
    assert error in json.loads(response["body"])["error"]


def test_a_body_that_is_not_base64(handler: LambdaHandler) -> None:
    response = handler(http_api("{}") | {"body": "{}", "isBase64Encoded": True})
    assert response["statusCode"] == 400


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_other_methods(handler: LambdaHandler, envelope: Callable[..., dict[str, Any]], method: str) -> None:
    response = handler(envelope(None, method=method))
    assert response["statusCode"] == 405
    headers = response.get("headers") or response["multiValueHeaders"]
    assert headers["allow"] in ("POST", ["POST"])


def test_a_message_of_a_web_socket_is_refused(handler: LambdaHandler) -> None:
    event = {"requestContext": {"routeKey": "$default", "connectionId": "c"}, "body": "{}"}
    assert handler(event)["statusCode"] == 405


@pytest.mark.parametrize(("error", "status"), [(0, 500), (1, 409), (2, 503)])
def test_an_error_is_logged_and_its_text_stays_here(
    handler: LambdaHandler, caplog: pytest.LogCaptureFixture, error: int, status: int
) -> None:
    response = handler(http_api(dialogflow(str(error))))
    assert response["statusCode"] == status
    assert "secret" not in response["body"]
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [ERRORS[error]]
    with pytest.raises(type(ERRORS[error]), match="a secret"):
        handler(intent(str(error)))


def test_what_json_has_not(handler: LambdaHandler) -> None:
    assert '"ratio": 0.1' in handler(http_api(json.dumps(intent("Decimal"))))["body"]
    assert handler(http_api(json.dumps(intent("NoJSON"))))["statusCode"] == 500


def test_unverified_requests_are_mentioned_once(
    handler: LambdaHandler, caplog: pytest.LogCaptureFixture
) -> None:
    def warnings() -> int:
        return caplog.text.count("HTTP requests are not verified")

    caplog.set_level(logging.WARNING)
    handler(intent("Hello"))
    assert warnings() == 0
    for _ in range(2):
        handler(http_api(dialogflow("Hello")))
    assert warnings() == 1


def test_verified_requests(make_handler: MakeHandler, caplog: pytest.LogCaptureFixture) -> None:
    handler = make_handler(SharedSecret("dialogflow-es", header="X-Skill-Secret", secret="s3cret"))
    event = http_api(dialogflow("Hello"))
    assert handler(event)["statusCode"] == 403
    event["headers"]["x-skill-secret"] = "s3cret"
    assert handler(event)["statusCode"] == 200
    refused = handler(http_api(json.dumps(intent("Hello"))))
    assert (refused["statusCode"], json.loads(refused["body"])) == (
        403,
        {"error": "This request could not be verified."},
    )
    assert "Refused a request (alexa): the platform has no verifier" in caplog.text
    assert "not verified" not in caplog.text
    assert spoken(handler(intent("Hello"))) == "Hello &amp; anna"


def test_a_platform_has_one_verifier(make_handler: MakeHandler) -> None:
    with pytest.raises(ValueError, match="messenger has two verifiers"):
        make_handler(*(MessengerVerifier("secret", verify_token=token) for token in "ab"))


@pytest.mark.parametrize(
    ("event", "url"),
    [
        (
            http_api("", FORM) | {"rawPath": "/prod/call", "rawQueryString": "a=1&b=%20"},
            "https://id.lambda-url.eu-west-1.on.aws/prod/call?a=1&b=%20",
        ),
        (http_api("", FORM), "https://id.lambda-url.eu-west-1.on.aws/skill"),
        (
            rest_api("", FORM)
            | {"requestContext": {"path": "/prod/skill"}, "queryStringParameters": {"a": "1"}},
            "https://id.execute-api.eu-west-1.amazonaws.com/prod/skill?a=1",
        ),
        (load_balancer("", FORM), "https://skill.example.com/skill"),
    ],
)
def test_the_address_that_twilio_signs(make_handler: MakeHandler, event: dict[str, Any], url: str) -> None:
    handler = make_handler(TwilioVerifier("token"))
    fields = {"CallSid": "CA1", "From": "+441234567890", "Direction": "inbound", "SpeechResult": "Hello"}
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    signature = base64.b64encode(hmac.new(b"token", signed.encode(), hashlib.sha1).digest()).decode()
    if "headers" in event:
        event["headers"]["X-Twilio-Signature"] = signature
    else:
        event["multiValueHeaders"]["x-twilio-signature"] = [signature]
    assert handler(event | as_base64(twilio(SpeechResult="Hello")))["statusCode"] == 200
    assert handler(event | as_base64(twilio(SpeechResult="Other")))["statusCode"] == 403


QUERY = [("from", "a b/c"), ("tag", "x"), ("tag", "ü&")]
"""What a client asked with, decoded; `tag` is repeated."""
ASKED = "from=a%20b%2Fc&tag=x&tag=%C3%BC%26"


def repeated(values: Callable[[str], str]) -> dict[str, list[str]]:
    several: dict[str, list[str]] = {}
    for name, value in QUERY:
        several.setdefault(name, []).append(values(value))
    return several


def single(event: dict[str, Any]) -> dict[str, Any]:
    """The same event of a load balancer with multi-value headers off."""
    headers = {name: values[-1] for name, values in event.pop("multiValueHeaders").items()}
    del event["multiValueQueryStringParameters"]
    return event | {"headers": headers}


def as_it_was(text: str) -> str:
    return text


def encoded(text: str) -> str:
    return quote(text, safe="")


@pytest.mark.parametrize(
    ("event", "query"),
    [
        (http_api("") | {"rawQueryString": ASKED}, ASKED),
        (rest_api("") | {"multiValueQueryStringParameters": repeated(as_it_was)}, ASKED),
        (rest_api("") | {"queryStringParameters": {"from": "a b"}}, "from=a%20b"),
        (load_balancer("") | {"multiValueQueryStringParameters": repeated(encoded)}, ASKED),
        (single(load_balancer("")) | {"queryStringParameters": {"from": "a%20b%2Fc"}}, "from=a%20b%2Fc"),
        (single(load_balancer("")) | {"queryStringParameters": {}}, ""),
        (rest_api(""), ""),
    ],
    ids=[
        "http api",
        "rest api",
        "rest api, one each",
        "balancer",
        "balancer, one each",
        "balancer, none",
        "none",
    ],
)
def test_the_query_that_the_client_asked_with(event: dict[str, Any], query: str) -> None:
    assert incoming(event).query == query
    assert incoming(event).url.partition("?")[2] == query


def test_a_header_that_comes_twice() -> None:
    event = rest_api("")
    event["headers"]["X-Forwarded-For"] = "last"
    event["multiValueHeaders"]["X-Forwarded-For"] = ["first", "last"]
    assert incoming(event).headers["x-forwarded-for"] == "first, last"
    assert incoming(event).headers["content-type"] == "application/json"


@pytest.mark.parametrize("envelope", ENVELOPES)
@pytest.mark.parametrize(("method", "body"), [("GET", "ok"), ("HEAD", "")])
def test_a_health_check(
    caplog: pytest.LogCaptureFixture, envelope: Callable[..., dict[str, Any]], method: str, body: str
) -> None:
    handler = lambda_handler(VoiceApp(), health_path="/skill")
    response = handler(envelope(None, method=method))
    assert (response["statusCode"], response["body"]) == (200, body)
    assert handler(envelope("{}", method="POST"))["statusCode"] == 400
    elsewhere = {"path": "/other", "rawPath": "/other"}
    assert handler(envelope(None, method=method) | elsewhere)["statusCode"] == 405
    handler.close()


PINGS: list[dict[str, Any]] = [
    {"source": "serverless-plugin-warmup"},
    {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
    {"warmer": True, "concurrency": 3},
    {"warmup": True},
]
NO_PINGS: list[Any] = [
    {"Records": [{"eventSource": "aws:sqs", "body": "paid for"}]},
    {"key1": "value1"},
    {"source": None},
    {},
    [],
    None,
]


def test_pings_are_answered_with_nothing_and_noted_once(
    handler: LambdaHandler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "async_dynamo_store")
    assert [handler(ping) for ping in PINGS] == [None] * len(PINGS)
    assert [(record.levelname, "keep the function warm" in record.message) for record in caplog.records] == [
        ("DEBUG", True)
    ]


@pytest.mark.parametrize("event", NO_PINGS, ids=repr)
def test_what_may_not_be_lost_is_an_error(handler: LambdaHandler, event: Any) -> None:
    with pytest.raises(UnknownRequestError):
        handler(event)


@pytest.mark.parametrize("event", [*PINGS, *NO_PINGS], ids=repr)
def test_an_app_that_takes_other_events(event: Any) -> None:
    app = VoiceApp()

    @app.other
    async def take(event: Mapping[str, Any]) -> Any:
        return {"took": event}

    handler = lambda_handler(app)
    assert handler(event) == {"took": event}
    assert handler(http_api(json.dumps(event)))["statusCode"] == 400
    handler.close()
    with pytest.raises(ValueError, match="other events already"):
        app.other(take)


def test_messengers_verification_of_the_webhook(make_handler: MakeHandler) -> None:
    handler = make_handler(MessengerVerifier("secret", verify_token="mine"))

    def asked(token: str) -> tuple[int, str]:
        query = f"hub.mode=subscribe&hub.verify_token={token}&hub.challenge=1158201444"
        response = handler(http_api(None, method="GET") | {"rawQueryString": query})
        return response["statusCode"], response["body"]

    assert asked("mine") == (200, "1158201444")
    assert asked("another")[0] == 403
