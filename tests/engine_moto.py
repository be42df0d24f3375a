"""moto's DynamoDB as a server that does one request at a time: `python tests/engine_moto.py PORT`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

HOST = "127.0.0.1"


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # with 1.0 each request is a connection

    def send_header(self, keyword: str, value: str) -> None:
        # moto names a server of its own; strict HTTP clients refuse an answer that names two.
        if keyword != "Server" or not value.startswith("Werkzeug"):
            super().send_header(keyword, value)


def main(port: int) -> None:
    app, one_at_a_time = create_backend_app("dynamodb"), threading.Lock()

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # moto checks a condition and writes in two steps; as many threads write in between as there are.
        with one_at_a_time:
            return app(environ, start_response)

    run_simple(HOST, port, serve, threaded=True, request_handler=Handler)


if __name__ == "__main__":
    main(int(sys.argv[1]))
