"""Whatever is missing or of the wrong type: a request with an answer to it, or UnknownRequestError."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from async_dynamo_store.errors import UnknownRequestError
from async_dynamo_store.voice.requests import Reply, Request, parse_request, render_reply
from tests.unit.requests.sample import SAMPLES

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
replies = st.builds(
    Reply,
    speech=st.none() | st.text(),
    reprompt=st.none() | st.text(),
    listen=st.booleans(),
    session_data=st.dictionaries(st.text(), json_values, max_size=3),
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in pairs for place in ((value, key), *places(item))]


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    raw = copy.deepcopy(SAMPLES[draw(st.sampled_from(sorted(SAMPLES)))])
    for _ in range(draw(st.integers(1, 4))):
        if not (all_places := places(raw)):
            break
        container, key = draw(st.sampled_from(all_places))
        if draw(st.booleans()):
            del container[key]
        else:
            container[key] = draw(json_values)
    return raw


def check(request: Request) -> None:
    assert request.kind in {"launch", "intent", "end", "event", "probe"}
    names: tuple[object, ...] = (request.user_id, request.session_id, request.locale)
    assert all(name is None or (isinstance(name, str) and name) for name in names)
    assert isinstance(request.intent, str)
    assert request.is_new_session in {True, False, None}
    assert isinstance(request.entities, Mapping)
    for name, value in request.entities.items():
        assert request.entities.details(name).value == value
    assert isinstance(request.raw, Mapping)
    assert request.session_data is None or isinstance(request.session_data, dict)
    assert request.timestamp is None or isinstance(request.timestamp, datetime)


def check_answer(response: dict[str, Any] | str) -> None:
    if isinstance(response, str):
        assert ET.fromstring(response).tag == "Response"
    else:
        json.dumps(response)


@given(raw=mutated() | json_values, reply=replies)
def test_any_json(raw: Any, reply: Reply) -> None:
    try:
        requests = parse_request(raw)
    except UnknownRequestError:
        return
    assert requests
    for request in requests:
        check(request)
        check_answer(render_reply(request, reply))
