"""boto3: its resource in threads, and its serialisers alone."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from benchmarks.contenders import Backend, Codec, Steps
from benchmarks.contenders.threads import BlockingSteps, in_threads
from benchmarks.user_item import with_decimals
from benchmarks.users import KEY_COLUMN, TABLE_NAME, now


def resource_in_threads(backend: Backend) -> AbstractAsyncContextManager[Steps]:
    """One resource in each thread, since boto3's resources are not safe to share, from one session."""
    session = boto3.Session()

    def make() -> BlockingSteps:
        table = session.resource("dynamodb", endpoint_url=backend.endpoint_url).Table(TABLE_NAME)

        def load(user_id: str) -> Any:
            return table.get_item(Key={KEY_COLUMN: user_id}, ConsistentRead=True)["Item"]

        def read(user_id: str) -> None:
            load(user_id)

        def turn(user_id: str) -> None:
            user = load(user_id)
            user["user"]["data"]["score"] += 1
            user["updatedAt"] = now()
            table.put_item(Item=user)

        return BlockingSteps(turn, read)

    return in_threads(backend, make)


def codec(item: dict[str, Any], wire: dict[str, Any]) -> Codec:
    """TypeSerializer and TypeDeserializer; floats have to be Decimal."""
    serialize, deserialize = TypeSerializer().serialize, TypeDeserializer().deserialize
    values = with_decimals(item)
    return Codec(
        encode=lambda: {name: serialize(value) for name, value in values.items()},
        decode=lambda: {name: deserialize(value) for name, value in wire.items()},
    )
