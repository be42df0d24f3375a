"""Who takes part, and what has to be installed for it."""

from __future__ import annotations

import shutil
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple, cast

from benchmarks.contenders import MakeCodec, OpenSteps
from benchmarks.processes import ROOT, Child, python


class Contender(NamedTuple):
    """One way to do what a question measures."""

    name: str
    title: str
    source: str
    """Under `contenders`: `module:attribute`, or the path of a program for Node."""
    requires: tuple[str, ...]
    """The Python distributions it needs."""

    def missing(self) -> list[str]:
        """What has to be done before it can be measured."""
        todo = [f"pip install {name}" for name in self.requires if installed(name) is None]
        if self._on_node():
            if not shutil.which("node"):
                todo.append("install Node 20 or newer")
            if not (self._program().parent / "node_modules").is_dir():
                todo.append(
                    f"npm install --no-package-lock --ignore-scripts --prefix {self._program().parent.relative_to(ROOT)}"
                )
        return todo

    def worker(self, endpoint: str, in_flight: int, loop: str) -> Child:
        """The process in which its turns are measured."""
        arguments = (endpoint, "--in-flight", str(in_flight))
        if self._on_node():
            return Child(["node", str(self._program()), *arguments])
        return Child(python("benchmarks.worker", self.name, *arguments, "--loop", loop))

    def _on_node(self) -> bool:
        return self.source.endswith(".cjs")

    def _program(self) -> Path:
        return ROOT / "benchmarks" / "contenders" / self.source


OURS = "async-dynamo-store"
OUR_APP = "async-dynamo-store-app"
OUR_ALEXA = "async-dynamo-store-alexa"
OUR_ALEXA_KEPT = "async-dynamo-store-alexa-kept"
OUR_MODEL = "async-dynamo-store-model"
OUR_FROZEN = "async-dynamo-store-frozen"
FLOOR = "floor"
JOVO = "jovo4"

TURN = (
    Contender(FLOOR, "two bare aiohttp posts", "floor:posts", ("aiohttp",)),
    Contender(OURS, "async-dynamo-store", "async_dynamo_store:store", (OURS,)),
    Contender(OUR_APP, "async-dynamo-store, VoiceApp", "async_dynamo_store:voice_app", (OURS,)),
    Contender("pydynox-update", "pydynox, get + update", "pydynox:get_and_update", ("pydynox",)),
    Contender("pydynox-put", "pydynox, get + put", "pydynox:get_and_put", ("pydynox",)),
    Contender("aiodynamo-update", "aiodynamo, get + update", "aiodynamo:get_and_update", ("aiodynamo",)),
    Contender("aiodynamo-put", "aiodynamo, get + put", "aiodynamo:get_and_put", ("aiodynamo",)),
    Contender("aioboto3-client", "aioboto3 client", "aioboto3_client:get_and_put", ("aioboto3",)),
    Contender("aioboto3-resource", "aioboto3 resource", "aioboto3_resource:shared", ("aioboto3",)),
    Contender("boto3-threads", "boto3 resource in threads", "boto3:resource_in_threads", ("boto3",)),
    Contender(
        "ask-sdk-threads",
        "ASK SDK adapter in threads",
        "ask_sdk:adapter_in_threads",
        ("ask-sdk-dynamodb-persistence-adapter",),
    ),
    Contender(JOVO, "Jovo v4 on Node, whole app", "jovo4/worker.cjs", ()),
    Contender("aioboto3-per-turn", "aioboto3 resource per turn", "aioboto3_resource:per_turn", ("aioboto3",)),
)

CODEC = (
    Contender("orjson", "orjson alone, no values", "orjson:codec", ("orjson",)),
    Contender(OURS, "async-dynamo-store", "async_dynamo_store:codec", (OURS,)),
    Contender("pydynox", "pydynox", "pydynox:codec", ("pydynox",)),
    Contender("aiodynamo", "aiodynamo", "aiodynamo:codec", ("aiodynamo",)),
    Contender("boto3", "boto3", "boto3:codec", ("boto3",)),
)


def _of_turn(*names: str) -> tuple[Contender, ...]:
    return tuple(contender for contender in TURN if contender.name in names)


_CHEAPEST = _of_turn(FLOOR, OURS, "pydynox-update", "aiodynamo-update")

SCALING = (*_CHEAPEST, *_of_turn("aioboto3-resource"))
"""The contenders whose cost against size is measured."""

CONCURRENT = (
    *_CHEAPEST,
    Contender(OUR_FROZEN, "async-dynamo-store, gc.freeze()", "async_dynamo_store:frozen_store", (OURS,)),
)
"""The contenders whose latency under load is measured."""

SHAPED = (
    *_CHEAPEST,
    Contender(OUR_MODEL, "async-dynamo-store, pydantic model", "async_dynamo_store:typed_store", (OURS,)),
)
"""The contenders whose cost on users of different shapes is measured."""

APPS = (
    *_of_turn(OURS, OUR_APP),
    Contender(OUR_ALEXA, "VoiceApp, Alexa", "async_dynamo_store:alexa_skill", (OURS,)),
    Contender(
        OUR_ALEXA_KEPT,
        "VoiceApp, Alexa, with history and session",
        "async_dynamo_store:alexa_skill_with_history",
        (OURS,),
    ),
)
"""The store's own turn, and whole turns of apps."""

COLD_START = {
    FLOOR: "import aiohttp",
    OURS: "from async_dynamo_store import AsyncDynamoStore",
    "pydynox-update": "import pydynox",
    "aiodynamo-update": "import aiodynamo.client",
    "aioboto3-client": "import aioboto3",
}
"""The turn contenders that are started cold, and the import that is measured."""


def installed(distribution: str) -> str | None:
    """The installed version of `distribution`, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _load(source: str) -> Any:
    module, attribute = source.split(":")
    return getattr(import_module(f"benchmarks.contenders.{module}"), attribute)


def open_steps(name: str) -> OpenSteps:
    """What opens the turn contender `name`."""
    source = next(
        contender.source for contender in (*TURN, *SHAPED, *CONCURRENT, *APPS) if contender.name == name
    )
    return cast("OpenSteps", _load(source))


def make_codec(name: str) -> MakeCodec:
    """What makes the codec contender `name`."""
    source = next(contender.source for contender in CODEC if contender.name == name)
    return cast("MakeCodec", _load(source))
