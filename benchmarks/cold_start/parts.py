"""A process that gets ready for its first turn step by step, and prints what each step cost: CPU milliseconds by its name.

The steps are those that `lambda_handler` leads to in the init phase, one after the other in the order in which each needs the
one before. An argument is the file of the certificate authorities that are trusted.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from importlib import import_module
from typing import Any

spent: dict[str, float] = {}
_last = time.process_time()


def lap(step: str) -> None:
    """Note what was spent since the last step."""
    global _last  # noqa: PLW0603 - one clock for the process
    now = time.process_time()
    spent[step] = (now - _last) * 1000
    _last = now


async def ready() -> None:
    """Everything that the first turn needs but the connection."""
    _ = import_module("pydantic").RootModel
    lap("import pydantic")
    import_module("async_dynamo_store.integrations.aws_lambda")
    _ = import_module("async_dynamo_store").VoiceApp
    lap("import this package's modules")
    import_module("aiohttp")
    lap("import aiohttp, which makes its own TLS contexts")
    import_module("aiobotocore.session")
    lap("import aiobotocore and botocore")
    aioboto3: Any = import_module("aioboto3")
    path: Any = import_module("async_dynamo_store.dynamodb.fast.path")
    lap("import aioboto3 and boto3, with boto3's resources and documentation")
    botocore_session: Any = import_module("aiobotocore.session").get_session()
    session = aioboto3.Session(botocore_session=botocore_session)
    import_module("async_dynamo_store.dynamodb.connection").read_data(botocore_session)
    lap("read botocore's data: DynamoDB's model, the endpoints of all services")
    config = import_module("aiobotocore.config").AioConfig(parameter_validation=False)
    async with session.client("dynamodb", config=config) as client:
        lap("make the client")
        await path.fast_path(client).prepare({"TableName": "Users"})
        lap("botocore's TLS context, which reads all certificate authorities; the calls of a turn")


if __name__ == "__main__":
    for authorities in sys.argv[1:]:
        os.environ |= {"SSL_CERT_FILE": authorities, "AWS_CA_BUNDLE": authorities}
    asyncio.run(ready())
    print(json.dumps(spent))
