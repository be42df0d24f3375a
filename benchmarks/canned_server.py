"""A stand-in for DynamoDB that answers at once from ready bytes, so that what is measured is the client.

Run as a process of its own: `python -m benchmarks.canned_server [--size BYTES]`. It prints its port, and
then answers each line on its standard input, a JSON number that is the size of the user item from now on, a
text that is its shape, or null, with one line of JSON that tells what it has served since the line before. It stops when its standard
input is closed.

GetItem is answered with the user item of the id that was asked for, UpdateItem and PutItem with `{}`. No
expression is evaluated and nothing is kept. The table is always there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import zlib
from typing import cast

from benchmarks import event_loop
from benchmarks.shapes.items import shaped_item
from benchmarks.user_item import user_item, wire_bytes
from benchmarks.users import KEY_COLUMN, TABLE_NAME, USER_ID_LENGTH, USER_ID_START, user_id

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_TARGET = b"dynamodb_20120810."
_WRITES = ("PutItem", "UpdateItem")
_MOST_ITEMS = 1000


def _response(status: str, body: bytes) -> bytes:
    """A whole HTTP response with the headers that DynamoDB sends."""
    head = (
        f"HTTP/1.1 {status}\r\n"
        "Server: Server\r\n"
        "Date: Sun, 22 Nov 2026 17:01:09 GMT\r\n"
        "Content-Type: application/x-amz-json-1.0\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: keep-alive\r\n"
        "x-amzn-RequestId: 4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG\r\n"
        f"x-amz-crc32: {zlib.crc32(body)}\r\n\r\n"
    )
    return head.encode() + body


_TABLE = _response(
    "200 OK",
    json.dumps(
        {
            "Table": {
                "TableName": TABLE_NAME,
                "TableStatus": "ACTIVE",
                "KeySchema": [{"AttributeName": KEY_COLUMN, "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": KEY_COLUMN, "AttributeType": "S"}],
            }
        }
    ).encode(),
)


class CannedDynamoDB:
    """The ready answers, and the tally of what was served."""

    def __init__(self, size: int) -> None:
        self._placeholder = user_id(0).encode()
        self._written = _response("200 OK", b"{}")
        self._tally: dict[str, int] = {}
        self._last_write = b""
        self.use_items_of(size)

    def use_items_of(self, kind: int | str) -> None:
        """From now on, user items have so many bytes, or this shape."""
        item = shaped_item(kind) if isinstance(kind, str) else user_item(kind)
        self._item = b'{"Item":' + wire_bytes(item) + b"}"
        self._items: dict[bytes, bytes] = {}

    def answer(self, operation: str, body: bytes) -> bytes:
        """The response to one call."""
        self._tally[operation] = self._tally.get(operation, 0) + 1
        if operation == "GetItem":
            return self._user(body)
        if operation in _WRITES:
            self._last_write = body
            return self._written
        if operation == "DescribeTable":
            return _TABLE
        message = f"the canned server does not know {operation}"
        error = {"__type": "com.amazon.coral.validate#ValidationException", "message": message}
        return _response("400 Bad Request", json.dumps(error).encode())

    def take_tally(self) -> dict[str, object]:
        """The number of calls by operation and the body of the last write, since this was asked before."""
        tally: dict[str, object] = {"calls": self._tally, "last_write": self._last_write.decode()}
        self._tally, self._last_write = {}, b""
        return tally

    def _user(self, body: bytes) -> bytes:
        start = body.index(USER_ID_START)
        key = body[start : start + USER_ID_LENGTH]
        response = self._items.get(key)
        if response is None:
            if len(self._items) == _MOST_ITEMS:
                self._items.clear()
            response = self._items[key] = _response("200 OK", self._item.replace(self._placeholder, key))
        return response


class _Connection(asyncio.Protocol):
    """One keep-alive connection: as little HTTP as DynamoDB's clients need."""

    def __init__(self, dynamodb: CannedDynamoDB) -> None:
        self._dynamodb = dynamodb
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (head_end := self._received.find(_HEAD_END)) >= 0:
            head = self._received[:head_end].lower()
            length_at = head.index(_LENGTH) + len(_LENGTH)
            length = int(head[length_at:].split(b"\r", 1)[0])
            end = head_end + len(_HEAD_END) + length
            if len(self._received) < end:
                return
            target_at = head.index(_TARGET) + len(_TARGET)
            operation = self._received[target_at:head_end].split(b"\r", 1)[0].decode()
            body = self._received[end - length : end]
            self._received = self._received[end:]
            self._transport.write(self._dynamodb.answer(operation, body))


async def serve(size: int) -> None:
    """Serve on a free loopback port until standard input is closed."""
    dynamodb = CannedDynamoDB(size)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(dynamodb), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        while line := await asyncio.to_thread(sys.stdin.readline):
            if kind := json.loads(line):
                dynamodb.use_items_of(kind)
            print(json.dumps(dynamodb.take_tally()), flush=True)


def main() -> None:
    """Read the item's size from the command line and serve."""
    parser = argparse.ArgumentParser(description="A stand-in for DynamoDB.")
    parser.add_argument("--size", type=int, default=3700, help="bytes of the user item")
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=event_loop.fastest()) as runner:
        runner.run(serve(arguments.size))


if __name__ == "__main__":
    main()
