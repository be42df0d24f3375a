"""The DynamoDB adapter of Amazon's ASK SDK for Python, in threads.

It is told to use the table and the attribute names of the shared user item; it knows no `updatedAt`, and
puts back only the user. The rest of the SDK's turn (request and response models) is left out.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

import boto3
from ask_sdk_dynamodb.adapter import DynamoDbAdapter
from ask_sdk_model.context import Context
from ask_sdk_model.interfaces.system.system_state import SystemState
from ask_sdk_model.request_envelope import RequestEnvelope
from ask_sdk_model.user import User

from benchmarks.contenders import Backend, Steps
from benchmarks.contenders.threads import BlockingSteps, in_threads
from benchmarks.users import KEY_COLUMN, TABLE_NAME


def _request(user_id: str) -> RequestEnvelope:
    return RequestEnvelope(context=Context(system=SystemState(user=User(user_id=user_id))))


def adapter_in_threads(backend: Backend) -> AbstractAsyncContextManager[Steps]:
    """One adapter in each thread, since boto3's resources are not safe to share, from one session."""
    session = boto3.Session()

    def make() -> BlockingSteps:
        adapter = DynamoDbAdapter(
            TABLE_NAME,
            partition_key_name=KEY_COLUMN,
            attribute_name="user",
            dynamodb_resource=session.resource("dynamodb", endpoint_url=backend.endpoint_url),
        )

        def read(user_id: str) -> None:
            adapter.get_attributes(_request(user_id))

        def turn(user_id: str) -> None:
            request = _request(user_id)
            user: Any = adapter.get_attributes(request)
            user["data"]["score"] += 1
            adapter.save_attributes(request, user)

        return BlockingSteps(turn, read)

    return in_threads(backend, make)
