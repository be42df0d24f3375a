"""AWS Signature Version 4 for a POST to `/` (AWS, 'Create a signed AWS API request')."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

_ALGORITHM = "AWS4-HMAC-SHA256"


class SigningKey:
    """The key that one secret gives for one region and service, derived anew each day."""

    def __init__(self, access_key: str, secret_key: str, region: str, service: str) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._region = region
        self._service = service
        self._day = ""
        self._key = b""

    def authorization(self, headers: Mapping[str, str], body: bytes) -> str:
        """The `Authorization` header of a request.

        All of `headers` are signed; their names are in lower case, and `x-amz-date` is among them.
        """
        moment = headers["x-amz-date"]
        day = moment[:8]
        if day != self._day:
            self._day, self._key = day, self._derive(day)
        names = sorted(headers)
        signed = ";".join(names)
        canonical_headers = "".join([f"{name}:{' '.join(headers[name].split())}\n" for name in names])
        canonical = f"POST\n/\n\n{canonical_headers}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{day}/{self._region}/{self._service}/aws4_request"
        to_sign = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key, to_sign.encode(), "sha256").hex()
        credential = f"{self._access_key}/{scope}"
        return f"{_ALGORITHM} Credential={credential}, SignedHeaders={signed}, Signature={signature}"

    def _derive(self, day: str) -> bytes:
        key = f"AWS4{self._secret_key}".encode()
        for part in (day, self._region, self._service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return key
