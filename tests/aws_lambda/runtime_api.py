"""Lambda's side of a function: the runtime API on loopback, and the function's process.

The process runs Amazon's own runtime interface client (AWS, 'Using the Lambda runtime API').
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from aiohttp import web

ROOT = Path(__file__).parents[2]
VERSION = "/2018-06-01/runtime"


class FunctionError(Exception):
    """What an invocation came to when the handler raised, as Lambda reports it."""

    def __init__(self, reported: Mapping[str, Any]) -> None:
        super().__init__(reported["errorType"], reported["errorMessage"])
        self.type: str = reported["errorType"]
        self.message: str = reported["errorMessage"]


class ExitedError(Exception):
    """The function's process has ended; the text is what it printed."""


@dataclass
class _Invocation:
    event: Any
    ends_at: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    answer: asyncio.Future[Any] = field(default_factory=asyncio.Future)


class RuntimeApi:
    """What a function's process asks for its next invocation, and tells the outcome.

    `waiting` is set when the process has asked for an invocation for the first time. With SnapStart the
    process sets `snapshot`, and stays there until `restore` is set.
    """

    def __init__(self) -> None:
        self.address = ""
        self.waiting = asyncio.Event()
        self.snapshot = asyncio.Event()
        self.restore = asyncio.Event()
        self._invocations: asyncio.Queue[_Invocation] = asyncio.Queue()
        self._running: dict[str, _Invocation] = {}

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.get(f"{VERSION}/invocation/next", self._next),
                web.post(f"{VERSION}/invocation/{{id}}/response", self._response),
                web.post(f"{VERSION}/invocation/{{id}}/error", self._error),
                web.post(f"{VERSION}/init/error", self._init_error),
                web.get(f"{VERSION}/restore/next", self._restore),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.address = "{}:{}".format(*self._runner.addresses[0])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def invoke(self, event: Any, seconds: float) -> Any:
        invocation = _Invocation(event, time.time() + seconds)
        await self._invocations.put(invocation)
        return await invocation.answer

    async def _next(self, _: web.Request) -> web.Response:
        self.waiting.set()
        invocation = await self._invocations.get()
        self._running[invocation.id] = invocation
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.ends_at * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:skill",
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419",
        }
        body = json.dumps(invocation.event).encode()
        return web.Response(body=body, content_type="application/json", headers=headers)

    async def _response(self, request: web.Request) -> web.Response:
        answer = await request.json()
        self._running.pop(request.match_info["id"]).answer.set_result(answer)
        return web.Response(status=202)

    async def _error(self, request: web.Request) -> web.Response:
        error = FunctionError(json.loads(await request.text()))
        self._running.pop(request.match_info["id"]).answer.set_exception(error)
        return web.Response(status=202)

    async def _init_error(self, _: web.Request) -> web.Response:
        """The process prints its error, and ends."""
        return web.Response(status=202)

    async def _restore(self, _: web.Request) -> web.Response:
        self.snapshot.set()
        await self.restore.wait()
        return web.Response()


class Function:
    """A function's process; `await function(event)` is one invocation."""

    def __init__(self, api: RuntimeApi, process: asyncio.subprocess.Process, output: Path) -> None:
        self.api = api
        self._process = process
        self._output = output

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What the process has printed."""
        return self._output.read_text()

    async def __call__(self, event: Any, *, seconds: float = 60) -> Any:
        """Invoke it with a timeout of `seconds`; raises `FunctionError`."""
        return await self.until(self.api.invoke(event, seconds))

    async def until(self, waited_for: Any) -> Any:
        """Await something that the process brings about; raises `ExitedError` when it has ended."""
        waiting = asyncio.ensure_future(waited_for)
        exit_ = asyncio.ensure_future(self._process.wait())
        await asyncio.wait({waiting, exit_}, return_when=asyncio.FIRST_COMPLETED)
        exit_.cancel()
        if not waiting.done():
            waiting.cancel()
            raise ExitedError(self.log)
        return waiting.result()


@asynccontextmanager
async def function(
    handler: str, output: Path, *, initialization: str = "on-demand", **environment: str
) -> AsyncIterator[Function]:
    """The process of the function whose handler is `module.name`, as Lambda starts it."""
    version = "{}.{}".format(*sys.version_info)
    own = {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{version}",
        "AWS_LAMBDA_FUNCTION_NAME": "skill",
        "AWS_LAMBDA_INITIALIZATION_TYPE": initialization,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "roleAccessKeyId",
        "AWS_SECRET_ACCESS_KEY": "roleSecretAccessKey",
        "AWS_SESSION_TOKEN": "roleSessionToken",
        "PYTHONUNBUFFERED": "1",
    }
    async with RuntimeApi() as api:
        with output.open("w") as file:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "default", "-m", "awslambdaric", handler),
                cwd=ROOT,
                env={**os.environ, **own, "AWS_LAMBDA_RUNTIME_API": api.address, **environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=asyncio.subprocess.STDOUT,
            )
        try:
            yield Function(api, process, output)
        finally:
            if process.returncode is None:
                process.kill()  # as Lambda ends it
            await process.wait()
