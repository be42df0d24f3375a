"""The requests that these tests are made of: our own, and the published ones where they are at hand."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from async_dynamo_store.voice.requests import Request, parse_request

OWN = Path(__file__).with_name("samples")
PUBLISHED = Path(__file__).parents[4] / "shared" / "requests"
PUBLISHED_FOLDERS = {
    "alexa": "alexa",
    "core": "jovo-core",
    "dialogflow": "dialogflow-es",
    "dialogflow-cx": "dialogflow-cx",
    "dialogflow-integrations": "dialogflow-es",
    "google-conv": "google-assistant",
    "lex": "lex-v1",
    "lex-v2": "lex-v2",
    "messenger": "messenger",
    "web": "jovo-web",
}
OWN_SAMPLES: dict[str, Any] = {
    f"{file.stem}/{name}": raw
    for file in sorted(OWN.glob("*.json"))
    for name, raw in json.loads(file.read_text(encoding="utf-8")).items()
}
SAMPLES: dict[str, Any] = OWN_SAMPLES | {
    f"{platform}/published {file.stem}": json.loads(file.read_text(encoding="utf-8"))
    for folder, platform in PUBLISHED_FOLDERS.items()
    for file in sorted((PUBLISHED / folder).glob("*.json"))
}


def sample(name: str) -> Any:
    return copy.deepcopy(SAMPLES[name])


def parsed(name: str) -> Request:
    (request,) = parse_request(sample(name))
    return request
