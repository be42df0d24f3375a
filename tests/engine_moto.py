"""moto's DynamoDB as a server that does one request at a time: `python tests/engine_moto.py PORT`."""

from __future__ import annotations

import sys
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from moto.core import responses
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.test import EnvironBuilder, run_wsgi_app

HOST = "127.0.0.1"


class Handler(BaseHTTPRequestHandler):
    """Keeps a connection open, as DynamoDB does; werkzeug's closes it after each request, and a new one takes as long."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    app = staticmethod(create_backend_app("dynamodb"))
    one_at_a_time = threading.Lock()

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        builder = EnvironBuilder(
            method=self.command,
            path=self.path,
            base_url=f"http://{self.headers['Host']}",
            headers=list(self.headers.items()),
            data=self.rfile.read(length),
        )
        # moto checks a condition and writes in two steps; as many threads write in between as there are.
        with self.one_at_a_time:
            parts, status, headers = run_wsgi_app(self.app, builder.get_environ(), buffered=True)
        body = b"".join(parts)
        self.send_response_only(int(status.split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def list_methods_once() -> None:
    """moto lists the methods of its DynamoDB for each request."""
    patched: Any = responses
    patched.method_names_from_class = cache(patched.method_names_from_class)


class Server(ThreadingHTTPServer):
    request_queue_size = 128


if __name__ == "__main__":
    list_methods_once()
    Server((HOST, int(sys.argv[1])), Handler).serve_forever()
