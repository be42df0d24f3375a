"""Programs that start a process on the way to its first answer from DynamoDB; each gets the endpoint as its argument."""

from __future__ import annotations

from benchmarks.users import TABLE_NAME, user_id

_FIRST_GET_ITEM = f"""
import asyncio, sys, aioboto3
async def main():
    async with aioboto3.Session().client("dynamodb", endpoint_url=sys.argv[1]) as client:
        await client.get_item(TableName="{TABLE_NAME}", Key={{"userId": {{"S": "{user_id(1)}"}}}})
asyncio.run(main())
"""
_FIRST_LOAD = f"""
import asyncio, sys
from async_dynamo_store import AsyncDynamoStore
async def main():
    config = {{"table_name": "{TABLE_NAME}", "aws_config": {{"endpoint_url": sys.argv[1]}}}}
    async with AsyncDynamoStore(config) as store:
        await store.load("{user_id(1)}")
asyncio.run(main())
"""
_ONE_FIELD = """
from pydantic import BaseModel
class Config(BaseModel):
    table_name: str
Config(table_name="Users")
"""

STARTS = {
    "aioboto3's first GetItem": _FIRST_GET_ITEM,
    "the same, and a pydantic model of one field": _FIRST_GET_ITEM + _ONE_FIELD,
    "the same, and this store's configuration": _FIRST_GET_ITEM
    + 'from async_dynamo_store.config import read_config\nread_config("Users")\n',
    "this store's first load": _FIRST_LOAD,
}
"""By what each does; the first is what the others are compared with."""
