"""The turn as it is written with aioboto3's client: load, add a point, put the whole item back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from benchmarks.aws_lambda.event import answer, who
from benchmarks.users import KEY_COLUMN, now

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

TABLE_NAME = os.environ["TABLE_NAME"]
serialize, deserialize = TypeSerializer().serialize, TypeDeserializer().deserialize


async def turn(client: DynamoDBClient, event: dict[str, Any]) -> dict[str, Any]:
    """From the request to the response."""
    key = {KEY_COLUMN: {"S": who(event)}}
    found = await client.get_item(TableName=TABLE_NAME, Key=key, ConsistentRead=True)
    user: dict[str, Any] = {name: deserialize(value) for name, value in found.get("Item", key).items()}
    data = user.setdefault("user", {}).setdefault("data", {})
    data["score"] = data.get("score", 0) + 1
    user["updatedAt"] = now()
    item = {name: serialize(value) for name, value in user.items()}
    await client.put_item(TableName=TABLE_NAME, Item=item)
    return answer(data["score"])
