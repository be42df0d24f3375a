"""Passes requests on to DynamoDB Local and adds up what each consumes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import ClientSession, web

CAPACITY = {
    "GetItem": "read_units",
    "PutItem": "write_units",
    "UpdateItem": "write_units",
    "DeleteItem": "write_units",
    "Query": "read_units",
}


@dataclass
class Tally:
    """What has been sent and consumed since the last `clear`."""

    requests: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)
    bytes_sent: int = 0

    def clear(self) -> None:
        """Begin anew."""
        self.requests.clear()
        self.units.clear()
        self.bytes_sent = 0


@asynccontextmanager
async def counting_proxy(engine: str, tally: Tally) -> AsyncIterator[str]:
    """The endpoint of a proxy that counts in `tally` what goes to `engine`."""

    async def forward(request: web.Request) -> web.Response:
        operation = request.headers["X-Amz-Target"].rpartition(".")[2]
        sent = await request.read()
        tally.requests[operation] += 1
        tally.bytes_sent += len(sent)
        body = json.dumps(json.loads(sent) | {"ReturnConsumedCapacity": "TOTAL"})
        headers = {name: request.headers[name] for name in ("X-Amz-Target", "Content-Type", "Authorization")}
        async with session.post(engine, data=body, headers=headers) as response:
            answer = await response.json(content_type=None)
            consumed = answer.pop("ConsumedCapacity", {}).get("CapacityUnits", 0.0)
            tally.units[CAPACITY[operation]] += consumed
            return web.Response(
                body=json.dumps(answer), status=response.status, content_type="application/x-amz-json-1.0"
            )

    app = web.Application(client_max_size=2**20)
    app.router.add_post("/", forward)
    runner = web.AppRunner(app)
    async with ClientSession() as session:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            host, port = runner.addresses[0][:2]
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()
