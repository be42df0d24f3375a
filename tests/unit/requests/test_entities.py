"""What is known of an entity beside its value: heard, matched, and under which id."""

from __future__ import annotations

import json
from typing import Any

import pytest

from async_dynamo_store.voice.requests import Entities, Entity, Match, parse_request
from async_dynamo_store.wire.codec import decode, encode
from tests.unit.requests.sample import SAMPLES, parsed, sample

DYNAMIC = "amzn1.er-authority.echo-sdk.dynamic.amzn1.ask.skill.1.CITY"
STATIC = "amzn1.er-authority.echo-sdk.amzn1.ask.skill.1.CITY"


def alexa(slot: dict[str, Any]) -> dict[str, Any]:
    raw: dict[str, Any] = sample("alexa/intent")
    raw["request"]["intent"]["slots"] = {"e": {"name": "e", **slot}}
    return raw


def authority(name: str, *values: tuple[str, str | None], code: str = "ER_SUCCESS_MATCH") -> dict[str, Any]:
    found = [
        {"value": {"name": value, **({"id": value_id} if value_id else {})}} for value, value_id in values
    ]
    return {"authority": name, "status": {"code": code}, "values": found}


def resolved(*authorities: dict[str, Any]) -> dict[str, Any]:
    return {"resolutions": {"resolutionsPerAuthority": list(authorities)}}


def lex_v1(**details: Any) -> dict[str, Any]:
    raw: dict[str, Any] = sample("lex-v1/first")
    raw["currentIntent"] |= {"slots": {"e": details.pop("value")}, **details}
    return raw


def lex_v2(slot: Any) -> dict[str, Any]:
    raw: dict[str, Any] = sample("lex-v2/first")
    raw["sessionState"]["intent"]["slots"] = {"e": slot}
    return raw


def value_of(original: str, interpreted: str, *resolved: str) -> dict[str, Any]:
    return {
        "shape": "Scalar",
        "value": {
            "originalValue": original,
            "interpretedValue": interpreted,
            "resolvedValues": list(resolved),
        },
    }


def dialogflow_es(value: Any, original: str | None) -> dict[str, Any]:
    raw: dict[str, Any] = sample("dialogflow-es/intent")
    parameters = {"e": value} if original is None else {"e": value, "e.original": original}
    raw["queryResult"] |= {
        "parameters": {"e": value},
        "outputContexts": [
            {"name": "s/contexts/other"},
            {"name": "s/contexts/order", "parameters": parameters},
        ],
    }
    return raw


def dialogflow_cx(parameter: dict[str, Any]) -> dict[str, Any]:
    raw: dict[str, Any] = sample("dialogflow-cx/intent")
    raw["intentInfo"]["parameters"] = {"e": parameter}
    return raw


def actions_builder(param: dict[str, Any]) -> dict[str, Any]:
    raw: dict[str, Any] = sample("google-assistant/intent")
    raw["intent"]["params"] = {"e": param}
    return raw


def jovo(entity: Any) -> dict[str, Any]:
    raw: dict[str, Any] = sample("jovo-core/intent")
    raw["input"]["entities"] = {"e": entity}
    return raw


MUNICH = Match(value="Munich", id="MUC")
CASES: dict[str, tuple[dict[str, Any], Entity]] = {
    "alexa: a match": (
        alexa({"value": "minga", **resolved(authority(STATIC, ("Munich", "MUC")))}),
        Entity(value="Munich", heard="minga", is_match=True, matches=(MUNICH,)),
    ),
    "alexa: several match": (
        alexa({"value": "m", **resolved(authority(STATIC, ("Munich", "MUC"), ("Mainz", None)))}),
        Entity(value="Munich", heard="m", is_match=True, matches=(MUNICH, Match(value="Mainz"))),
    ),
    "alexa: the session's own values come first": (
        alexa(
            {
                "value": "m",
                **resolved(authority(STATIC, ("Mainz", "1")), authority(DYNAMIC, ("Munich", "MUC"))),
            }
        ),
        Entity(value="Munich", heard="m", is_match=True, matches=(MUNICH, Match(value="Mainz", id="1"))),
    ),
    "alexa: no match": (
        alexa({"value": "atlantis", **resolved(authority(STATIC, code="ER_SUCCESS_NO_MATCH"))}),
        Entity(value="atlantis", heard="atlantis", is_match=False),
    ),
    "alexa: a type of Amazon's": (alexa({"value": "12"}), Entity(value="12", heard="12")),
    "alexa: empty": (alexa({}), Entity()),
    "alexa: several values": (
        alexa(
            {
                "value": "minga and atlantis",
                "slotValue": {
                    "type": "List",
                    "values": [
                        {
                            "type": "Simple",
                            "value": "minga",
                            **resolved(authority(STATIC, ("Munich", "MUC"))),
                        },
                        {"type": "Simple", "value": "atlantis"},
                    ],
                },
            }
        ),
        Entity(
            value=["Munich", "atlantis"],
            parts=(
                Entity(value="Munich", heard="minga", is_match=True, matches=(MUNICH,)),
                Entity(value="atlantis", heard="atlantis"),
            ),
        ),
    ),
    "lex v1: a match": (
        lex_v1(
            value="large",
            slotDetails={
                "e": {"originalValue": "big", "resolutions": [{"value": "large"}, {"value": "huge"}]}
            },
        ),
        Entity(
            value="large", heard="big", is_match=True, matches=(Match(value="large"), Match(value="huge"))
        ),
    ),
    "lex v1: no match": (
        lex_v1(value="odd", slotDetails={"e": {"originalValue": "odd", "resolutions": []}}),
        Entity(value="odd", heard="odd", is_match=False),
    ),
    "lex v1: no details": (lex_v1(value="odd"), Entity(value="odd")),
    "lex v1: empty": (lex_v1(value=None, slotDetails={"e": None}), Entity()),
    "lex v2: a match": (
        lex_v2(value_of("big", "large", "large", "huge")),
        Entity(
            value="large", heard="big", is_match=True, matches=(Match(value="large"), Match(value="huge"))
        ),
    ),
    "lex v2: no match": (
        lex_v2(value_of("odd", "odd")),
        Entity(value="odd", heard="odd", is_match=False),
    ),
    "lex v2: empty": (lex_v2(None), Entity()),
    "lex v2: a list": (
        lex_v2({"shape": "List", "values": [value_of("big", "large", "large")]}),
        Entity(
            value=["large"],
            parts=(Entity(value="large", heard="big", is_match=True, matches=(Match(value="large"),)),),
        ),
    ),
    "dialogflow es: a match": (
        dialogflow_es(2, "two"),
        Entity(value=2, heard="two", is_match=True, matches=(Match(value=2),)),
    ),
    "dialogflow es: empty": (dialogflow_es("", None), Entity(value="", is_match=False)),
    "dialogflow cx: a match": (
        dialogflow_cx({"originalValue": "big", "resolvedValue": "large"}),
        Entity(value="large", heard="big", is_match=True, matches=(Match(value="large"),)),
    ),
    "dialogflow cx: no match": (
        dialogflow_cx({"originalValue": "odd"}),
        Entity(value=None, heard="odd", is_match=False),
    ),
    "actions builder: a match": (
        actions_builder({"original": "big", "resolved": "large"}),
        Entity(value="large", heard="big", is_match=True, matches=(Match(value="large"),)),
    ),
    "actions builder: no match": (
        actions_builder({"original": "odd"}),
        Entity(value=None, heard="odd", is_match=False),
    ),
    "jovo: a match": (
        jovo({"id": "MUC", "value": "minga", "resolved": "Munich"}),
        Entity(value="Munich", heard="minga", is_match=True, matches=(MUNICH,)),
    ),
    "jovo: a value alone": (jovo({"value": "minga"}), Entity(value="minga", heard="minga")),
    "jovo: no object": (jovo("minga"), Entity(value="minga")),
}


@pytest.mark.parametrize(("raw", "entity"), CASES.values(), ids=list(CASES))
def test_what_is_known_of_an_entity(raw: dict[str, Any], entity: Entity) -> None:
    (request,) = parse_request(raw)
    assert request.entities.details("e") == entity
    assert request.entities["e"] == entity.value
    assert entity.id == (entity.matches[0].id if entity.matches else None)


def test_a_quick_reply_was_seen_with_its_title() -> None:
    request = parsed("messenger/quick reply")
    tapped = request.entities.details("quick_reply")
    assert (tapped.value, tapped.heard, tapped.is_match) == ("SIZE_L", "Large", True)


def test_there_is_nothing_to_know_of_what_the_request_does_not_have() -> None:
    for name in ("twilio-voice/speech", "alexa/intent", "messenger/text"):
        with pytest.raises(KeyError):
            parsed(name).entities.details("no such entity")
    assert Entities({"e": 1}).details("e") == Entity(value=1)


@pytest.mark.parametrize("name", [name for name in SAMPLES if "batch" not in name])
def test_entities_are_plain_values(name: str) -> None:
    """They are stored, sent and compared as a dict of values is."""
    entities = parsed(name).entities
    assert decode(encode(entities)) == json.loads(json.dumps(entities)) == dict(entities)
    for entity in map(entities.details, entities):
        assert "Entity(is_match=" in repr(entity)
        assert not [text for text in (entity.heard, entity.id) if text and text in repr(entity)]
