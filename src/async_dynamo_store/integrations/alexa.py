"""Alexa's request verification (Amazon, 'Host a Custom Skill as a Web Service').

Needs the extra `asgi`. A Lambda function that Alexa invokes directly does not need it: its resource policy allows only Alexa.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
import re
import ssl
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from async_dynamo_store.voice.requests import Platform, Request, fields

from .extras import naming_the_extra
from .verification import HttpRequest, VerificationError

with naming_the_extra("asgi", "AlexaVerifier"):
    import certifi
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509 import verification

__all__ = ["AlexaVerifier"]

_DOMAIN: Final = "echo-api.amazon.com"
_HOST: Final = "s3.amazonaws.com"
_PATH: Final = "/echo.api/"
_TOLERANCE: Final = timedelta(seconds=150)
_EVENT_TOLERANCE: Final = timedelta(hours=1)
"""Alexa resends skill events for up to an hour (Amazon, 'Skill Events in Alexa Skills')."""

_CHAIN_BYTES: Final = 64 * 1024
_DOWNLOAD_SECONDS: Final = 3
_CHAINS: Final = 16
_CERTIFICATE: Final = re.compile(b"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class AlexaVerifier:
    """Alexa: checks the body's signature against the certificate that the request names, and the skill's id.

    `skill_ids` are the skills' application ids (`amzn1.ask.skill.…`). `roots` are the trusted root
    certificates; the default are certifi's. The signature is `Signature-256`; the older SHA-1 signature is ignored,
    as in Amazon's own SDKs.
    """

    platforms: tuple[Platform, ...] = ("alexa",)

    def __init__(self, *skill_ids: str, roots: Iterable[x509.Certificate] | None = None) -> None:
        if not all(skill_ids) or not skill_ids:
            raise ValueError('name the skills: AlexaVerifier("amzn1.ask.skill.…")')
        self._skill_ids = frozenset(skill_ids)
        self._roots = None if roots is None else verification.Store(list(roots))
        self._signers: dict[URL, _Signer] = {}
        self._downloads: dict[URL, asyncio.Task[_Signer]] = {}

    async def verify(self, http: HttpRequest, request: Request) -> None:
        """Check the timestamp, the skill, the certificates' address, the certificates, and the signature.

        The cheapest check comes first. Certificates are downloaded from Amazon's address only.
        """
        _check_timestamp(request)
        skill_id = fields.text(
            request.raw, "context", "System", "application", "applicationId"
        ) or fields.text(request.raw, "session", "application", "applicationId")
        if skill_id not in self._skill_ids:
            raise VerificationError(
                "the request is for another skill; pass AlexaVerifier the ids of all your skills"
            )
        signature = _signature(http.headers.get("signature-256"))
        signer = await self._signer(_chain_url(http.headers.get("signaturecertchainurl")))
        try:
            signer.key.verify(signature, http.body, PKCS1v15(), SHA256())
        except InvalidSignature as error:
            raise VerificationError("the signature does not match the body") from error

    async def _signer(self, url: URL) -> _Signer:
        """The signer whose certificate is at `url`; cached until a certificate of the chain expires."""
        signer = self._signers.get(url)
        if signer is None or signer.expires <= _now():
            signer = await asyncio.shield(self._download(url))
        return signer

    def _download(self, url: URL) -> asyncio.Task[_Signer]:
        """The event loop's pending download, which all callers share, or a new one."""
        loop = asyncio.get_running_loop()
        task = self._downloads.get(url)
        if task is None or task.get_loop() is not loop:
            task = self._downloads[url] = loop.create_task(self._find_signer(url))
            task.add_done_callback(functools.partial(self._downloaded, url))
        return task

    def _downloaded(self, url: URL, task: asyncio.Task[_Signer]) -> None:
        if self._downloads.get(url) is task:
            del self._downloads[url]
        if task.cancelled() or task.exception():
            return
        if len(self._signers) >= _CHAINS:  # Amazon uses one or two at a time
            self._signers.clear()
        self._signers[url] = task.result()

    async def _find_signer(self, url: URL) -> _Signer:
        try:
            async with asyncio.timeout(_DOWNLOAD_SECONDS):
                pem = await _fetch(url)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise VerificationError(
                f"Amazon's certificates could not be downloaded ({type(error).__name__})"
            ) from error
        return _signer_of(pem, self._roots or _public_roots())


@dataclass(frozen=True, slots=True)
class _Signer:
    key: RSAPublicKey
    expires: datetime


def _check_timestamp(request: Request) -> None:
    is_event = request.intent.startswith("AlexaSkillEvent.")
    tolerance = _EVENT_TOLERANCE if is_event else _TOLERANCE
    if request.timestamp is None or abs(_now() - request.timestamp) > tolerance:
        raise VerificationError(
            "the timestamp is missing or too far from the current time; check this machine's clock too"
        )


def _signature(header: str | None) -> bytes:
    try:
        return base64.b64decode(header or "", validate=True)
    except binascii.Error as error:
        raise VerificationError("Signature-256 is not base64") from error


def _chain_url(header: str | None) -> URL:
    """The normalized URL of the certificates, if it is one of Amazon's."""
    try:
        url = URL(header or "")
    except ValueError:
        url = URL()
    has_more = url.user or url.password or url.raw_query_string or url.raw_fragment or "%" in url.raw_path
    if (
        (url.scheme, url.host, url.port) != ("https", _HOST, 443)
        or not url.raw_path.startswith(_PATH)
        or has_more
    ):
        raise VerificationError("SignatureCertChainUrl is missing, or not a URL of Amazon's certificates")
    return URL.build(scheme="https", host=_HOST, path=url.raw_path, encoded=True)


async def _fetch(url: URL) -> bytes:
    """The content at `url`. The environment's proxy settings apply."""
    trusted = ssl.create_default_context()
    trusted.load_verify_locations(certifi.where())
    async with (
        aiohttp.ClientSession(trust_env=True) as session,
        session.get(url, ssl=trusted, allow_redirects=False) as response,
    ):
        body = b""
        async for part in response.content.iter_any():
            body += part
            if len(body) > _CHAIN_BYTES:
                raise VerificationError(f"the certificates are larger than {_CHAIN_BYTES} bytes")
        if response.status != 200:
            raise VerificationError(f"the certificates' URL answered with status {response.status}")
        return body


def _signer_of(pem: bytes, roots: verification.Store) -> _Signer:
    """The key of the first certificate, which must be Alexa's, be valid now, and chain to a trusted root."""
    verifier = (
        verification.PolicyBuilder().store(roots).time(_now()).build_server_verifier(x509.DNSName(_DOMAIN))
    )
    try:
        signing, *others = x509.load_pem_x509_certificates(pem)
        chain = verifier.verify(signing, others)
    except (ValueError, verification.VerificationError) as error:
        raise VerificationError(f"the certificates are not Alexa's, or are not valid now: {error}") from error
    names = signing.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    key = signing.public_key()
    if _DOMAIN not in names.get_values_for_type(x509.DNSName) or not isinstance(key, RSAPublicKey):
        raise VerificationError(f"the certificate does not name {_DOMAIN} itself, or has no RSA key")
    return _Signer(key, min(certificate.not_valid_after_utc for certificate in chain))


@functools.cache
def _public_roots() -> verification.Store:
    roots: list[x509.Certificate] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some old roots break current rules
        for pem in _CERTIFICATE.findall(Path(certifi.where()).read_bytes()):
            try:
                roots.append(x509.load_pem_x509_certificate(pem))
            except ValueError:
                continue
    return verification.Store(roots)


def _now() -> datetime:
    return datetime.now(UTC)
