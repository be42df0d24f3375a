"""ministack's DynamoDB as a server, for the Python of its own environment: `tests/engine_ministack.py PORT`."""

from __future__ import annotations

import os
import sys
from threading import Thread

HOST = "127.0.0.1"


def leave_out_the_reaper() -> None:
    """Once a minute it would delete expired items, in the middle of a test, and some that DynamoDB never deletes."""
    start = Thread.start

    def start_all_others(thread: Thread) -> None:
        if thread.name != "dynamodb-ttl-reaper":
            start(thread)

    Thread.start = start_all_others  # type: ignore[assignment]  # its own stub is narrower


def main(port: str) -> None:
    # ministack reads these when it is imported; by default it listens on every interface, and serves more than HTTP.
    os.environ |= {
        "BIND_HOST": HOST,
        "GATEWAY_PORT": port,
        "SERVICES": "dynamodb",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
    leave_out_the_reaper()
    from ministack.app import main as serve

    del sys.argv[1:]
    serve()


if __name__ == "__main__":
    main(sys.argv[1])
