"""A DynamoDB inside this process, for development: moto's server on a free loopback port.

Its tables are deleted when the last store that uses it is closed.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from async_dynamo_store.config import AwsConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from werkzeug.serving import BaseWSGIServer

log = logging.getLogger(__name__)

REGION = "us-east-1"
"""The region that stores use with the server."""

_lock = threading.Lock()
_users: weakref.WeakSet[object] = weakref.WeakSet()
_server: BaseWSGIServer | None = None
_own_tables: set[tuple[str, str]] = set()
"""Region and name of each table created through the server; other tables in this process may belong to a test's `mock_aws`."""

_middleware: Callable[[WSGIApplication], WSGIApplication] | None = None


class EmbeddedMissingError(ImportError):
    """The extra `embedded` is not installed."""


def start(user: object) -> str:
    """Start the server, or join the running one; return its URL.

    Blocks for about a second. Raises `EmbeddedMissingError` if moto is not installed.
    """
    global _server  # noqa: PLW0603 - moto's tables are global in the process, and so is the server
    with _lock:
        if _server is None:
            _server = _make_server()
            threading.Thread(target=_server.serve_forever, name="embedded-dynamodb", daemon=True).start()
            log.warning(
                "An embedded DynamoDB runs inside this process, for development: its data is lost when the store is closed."
            )
        _users.add(user)
        return f"http://{_server.host}:{_server.port}"


async def aws_config(user: object) -> AwsConfig:
    """Start or join the server and return the settings to reach it."""
    url = await asyncio.to_thread(start, user)
    key = "embedded"
    return AwsConfig(endpoint_url=url, region=REGION, access_key_id=key, secret_access_key=SecretStr(key))


async def leave(user: object) -> None:
    """`stop` without blocking the event loop; does nothing if `user` does not use the server."""
    if user in _users:
        await asyncio.to_thread(stop, user)


def stop(user: object) -> None:
    """Leave the server; the last user stops it and deletes its tables."""
    global _server  # noqa: PLW0603 - as in `start`
    with _lock:
        _users.discard(user)
        if _server is None or _users:
            return
        _server.shutdown()
        _server.server_close()
        _server = None
        drop_tables()


def drop_tables() -> None:
    """Delete all tables created through the server, in every region."""
    backends = _backends()
    for region, name in _own_tables:
        backends[region].tables.pop(name, None)
    _own_tables.clear()


@contextmanager
def behind(middleware: Callable[[WSGIApplication], WSGIApplication]) -> Generator[None]:
    """Send each request to the server through `middleware`, which may change or refuse it."""
    global _middleware  # noqa: PLW0603 - as in `start`
    before, _middleware = _middleware, middleware
    try:
        yield
    finally:
        _middleware = before


def _backends() -> dict[str, Any]:
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.dynamodb.models import dynamodb_backends

    backends: dict[str, Any] = dynamodb_backends[DEFAULT_ACCOUNT_ID]
    return backends


def _tables() -> set[tuple[str, str]]:
    return {(region, name) for region, backend in _backends().items() for name in backend.tables}


def _make_server() -> BaseWSGIServer:
    try:
        from moto.moto_server.werkzeug_app import create_backend_app  # pyright: ignore[reportMissingTypeStubs]  # it has none
        from werkzeug.serving import WSGIRequestHandler, make_server
    except ImportError as error:
        raise EmbeddedMissingError(
            "type 'embedded' needs moto's server: pip install 'async-dynamo-store[embedded]'"
        ) from error

    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Log nothing: the store has its own log."""

        def send_header(self, keyword: str, value: str) -> None:
            # moto adds its own Server header; strict HTTP clients refuse a response with two.
            if keyword != "Server" or not value.startswith("Werkzeug"):
                super().send_header(keyword, value)

    app, one_at_a_time = create_backend_app("dynamodb"), threading.Lock()

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # moto checks a condition and writes in two steps; another thread could write in between.
        with one_at_a_time:
            before = _tables()
            answered = app(environ, start_response)
            _own_tables.update(_tables() - before)
            return answered

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        application = _middleware(answer) if _middleware else answer
        return application(environ, start_response)

    return make_server("127.0.0.1", 0, serve, threaded=True, request_handler=Handler)
