"""`python -m benchmarks.transfer.script ENDPOINT TARGET`: what one writes with boto3 alone. Nothing is compared."""

from __future__ import annotations

import sys
from typing import Any

import boto3

from benchmarks.users import TABLE_NAME


def main(endpoint: str, target: str) -> None:
    """Put what each page of a scan has into the other table, which has to be there."""
    dynamodb: Any = boto3.resource("dynamodb", endpoint_url=endpoint)
    pages = dynamodb.meta.client.get_paginator("scan").paginate(TableName=TABLE_NAME)
    with dynamodb.Table(target).batch_writer() as writer:
        for page in pages:
            for item in page["Items"]:
                writer.put_item(item)


if __name__ == "__main__":
    main(*sys.argv[1:])
