"""AWS Signature Version 4 for POSTs to `/` (AWS, 'Create a signed AWS API request')."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

_ALGORITHM = "AWS4-HMAC-SHA256"


class Signer:
    """Signs all requests that have the same headers, the moment of them among these, and differ in the body.

    All of `headers` are signed; their names are in lower case, and `x-amz-date` is among them.
    """

    def __init__(
        self, access_key: str, secret_key: str, region: str, service: str, headers: Mapping[str, str]
    ) -> None:
        moment = headers["x-amz-date"]
        day = moment[:8]
        names = sorted(headers)
        signed = ";".join(names)
        canonical = "".join([f"{name}:{' '.join(headers[name].split())}\n" for name in names])
        scope = f"{day}/{region}/{service}/aws4_request"
        self._key = f"AWS4{secret_key}".encode()
        for part in (day, region, service, "aws4_request"):
            self._key = hmac.digest(self._key, part.encode(), "sha256")
        self._canonical = f"POST\n/\n\n{canonical}\n{signed}\n"
        self._to_sign = f"{_ALGORITHM}\n{moment}\n{scope}\n"
        self._authorization = (
            f"{_ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={signed}, Signature="
        )

    def authorization(self, body: bytes) -> str:
        """The `Authorization` header of the request with this body."""
        canonical = self._canonical + hashlib.sha256(body).hexdigest()
        to_sign = self._to_sign + hashlib.sha256(canonical.encode()).hexdigest()
        return self._authorization + hmac.digest(self._key, to_sign.encode(), "sha256").hex()
