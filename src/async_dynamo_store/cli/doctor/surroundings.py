"""The checks of the environment: versions, credentials, endpoint, fast path, clock, round trip."""

from __future__ import annotations

import asyncio
import platform
import statistics
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from async_dynamo_store.dynamodb.connection import open_client
from async_dynamo_store.dynamodb.fast.path import why_closed
from async_dynamo_store.dynamodb.fast.private import credentials_of

from .checks import Check, green, red, yellow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from types_aiobotocore_dynamodb import DynamoDBClient

    from async_dynamo_store.config import AwsConfig, DynamoDbConfig
    from async_dynamo_store.dynamodb.client import Client

_PACKAGES = ("async-dynamo-store", "aioboto3", "aiobotocore", "botocore", "aiohttp", "pydantic")
_LATE_SECONDS, _REFUSED_SECONDS = 10.0, 240.0
"""AWS rejects a request whose time is off by five minutes (IAM User Guide, 'Signature Version 4')."""
_SLOW_SECONDS = 0.1
_TRIPS = 5
_PROVIDERS = {
    "explicit": "aws_config",
    "env": "AWS_ACCESS_KEY_ID in the environment",
    "shared-credentials-file": "~/.aws/credentials",
    "config-file": "~/.aws/config",
    "custom-process": "the credential_process of the AWS profile",
    "sso": "AWS IAM Identity Center",
    "iam-role": "the role of the EC2 instance",
    "container-role": "the role of the container",
    "assume-role": "an assumed role",
    "assume-role-with-web-identity": "a role assumed with a web identity",
}


def versions() -> Check:
    """The versions of Python and of the packages."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return green("versions", f"Python {platform.python_version()}, {packages}")


async def client(config: DynamoDbConfig, aws: AwsConfig | None, key: dict[str, Any]) -> AsyncIterator[Check]:
    """The checks of a client, created as a store creates it. Raises `BackendError` if that fails."""
    async with AsyncExitStack() as stack:
        made: DynamoDBClient = await open_client(config, aws, None, stack, asyncio.Future())
        yield await _credentials(made)
        yield green("region", made.meta.region_name)
        yield green("endpoint", (aws and aws.endpoint_url) or made.meta.endpoint_url)
        reason = await why_closed(made, {"TableName": config.table_name, "Key": key})
        if reason is None:
            yield green("fast path", "in use")
        else:
            yield yellow(
                "fast path",
                f"not in use: {reason}",
                "Calls go through botocore, which is slower but equivalent; see docs/fast-path.md.",
            )


async def _credentials(made: DynamoDBClient) -> Check:
    found: Any = credentials_of(made)
    if found is None:
        return red(
            "credentials", "none were found", "Set aws_config, AWS_PROFILE, or give the machine a role."
        )
    await found.get_frozen_credentials()
    method = str(getattr(found, "method", ""))
    return green("credentials", f"from {_PROVIDERS.get(method, method)}")


async def clock(config: DynamoDbConfig, asked: Client) -> Check:
    """How far this machine's clock is from DynamoDB's."""
    answer = await asked.call("describe_table", {"TableName": config.table_name})
    try:
        told = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, ValueError):
        return yellow("clock", "the endpoint sends no date", "AWS sends one.")
    seconds = (datetime.now(UTC) - told).total_seconds()
    found = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} DynamoDB's"
    if abs(seconds) > _REFUSED_SECONDS:
        return red(
            "clock",
            found,
            "AWS rejects requests that are minutes off. Synchronize this machine's clock (NTP).",
        )
    if abs(seconds) > _LATE_SECONDS:
        return yellow("clock", found, "Synchronize this machine's clock (NTP).")
    return green("clock", found)


async def round_trip(config: DynamoDbConfig, asked: Client, key: dict[str, Any]) -> Check:
    """How long a read takes."""
    seconds: list[float] = []
    for _ in range(_TRIPS):
        began = time.perf_counter()
        await asked.call("get_item", {"TableName": config.table_name, "Key": key})
        seconds.append(time.perf_counter() - began)
    found = f"{1000 * statistics.median(seconds):.1f} ms (the median of {_TRIPS} reads)"
    if statistics.median(seconds) > _SLOW_SECONDS:
        return yellow("round trip", found, "Run in the table's region; a turn waits for two round trips.")
    return green("round trip", found)
