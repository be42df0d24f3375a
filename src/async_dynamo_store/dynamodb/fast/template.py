"""The common part of all requests of one operation: the head, rebuilt once a second and when the keys change."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from .exchange import Exchanges
from .private import Keys
from .sigv4 import Signer

_NOT_IN_A_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""RFC 9110, 5.5: control characters other than a tab."""


class UnsafeHeaderError(Exception):
    """The credentials or botocore's headers contain a control character."""


class Template:
    """Builds the requests of one operation."""

    def __init__(
        self, exchanges: Exchanges, url: str, headers: Mapping[str, str], scope: tuple[str, str]
    ) -> None:
        self.exchanges = exchanges
        self.url = url
        self._headers = headers
        self._scope = scope
        self._written_for: tuple[int, Keys] | None = None

    def request(self, keys: Keys, body: bytes) -> bytes:
        """The complete request, signed now with these credentials.

        Raises `UnsafeHeaderError`.
        """
        now = int(time.time())
        if self._written_for != (now, keys):
            self._write_head(now, keys)
            self._written_for = now, keys
        authorization = self._signer.authorization(body)
        return f"{self._head}{authorization}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body

    def _write_head(self, now: int, keys: Keys) -> None:
        headers = {**self._headers, "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))}
        if keys.token:
            headers["x-amz-security-token"] = keys.token
        lines = [f"{name}: {value}" for name, value in headers.items()]
        if any(map(_NOT_IN_A_HEADER.search, (*lines, keys.access_key, *self._scope))):
            raise UnsafeHeaderError
        self._signer = Signer(keys.access_key, keys.secret_key, *self._scope, headers)
        self._head = "\r\n".join(["POST / HTTP/1.1", *lines, "accept-encoding: identity", "authorization: "])
