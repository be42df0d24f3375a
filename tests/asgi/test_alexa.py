"""Each rule of Amazon's page 'Host a Custom Skill as a Web Service', with certificates that are made here."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from async_dynamo_store.integrations import alexa
from async_dynamo_store.integrations.alexa import AlexaVerifier
from async_dynamo_store.integrations.verification import HttpRequest, VerificationError
from async_dynamo_store.voice.requests import parse_request
from tests.asgi import pki
from tests.asgi.amazon import Amazon
from tests.unit.requests.sample import sample
from tests.waiting import reached

SKILL = "amzn1.ask.skill.MINE"
PATH = "/echo.api/echo-api-cert-14-ats.pem"
URL = f"https://s3.amazonaws.com{PATH}"

ROOT = pki.authority("root")
BETWEEN = pki.authority("between", ROOT)
ALEXA = pki.leaf(BETWEEN)


@pytest.fixture
async def amazon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Amazon]:
    """Amazon's file server with Alexa's chain, trusted by this process alone."""
    trusted = tmp_path / "tls.pem"
    trusted.write_bytes(ROOT.pem)
    async with Amazon(tls=pki.leaf(ROOT, "s3.amazonaws.com", key=pki.rsa_key("tls"))) as server:
        server.files[PATH] = ALEXA.pem + BETWEEN.pem
        monkeypatch.setenv("HTTPS_PROXY", server.proxy_url)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        monkeypatch.setattr(alexa, "_DOWNLOAD_SECONDS", 60)  # a busy machine may need more than a skill has
        yield server


@pytest.fixture
def verifier() -> AlexaVerifier:
    return AlexaVerifier("amzn1.ask.skill.OTHER", SKILL, roots=[ROOT.certificate])


def alexa_request(
    *, skill_id: Any = SKILL, at: Any = timedelta(), request_type: str = "LaunchRequest"
) -> dict[str, Any]:
    """A request that was made `at` before now, or at the time that it is."""
    raw: dict[str, Any] = sample("alexa/launch")
    raw["context"]["System"]["application"] = {"applicationId": skill_id}
    made = datetime.now(UTC) - at if isinstance(at, timedelta) else at
    raw["request"] |= {
        "type": request_type,
        "timestamp": made.isoformat() if isinstance(made, datetime) else made,
    }
    return raw


def signed(
    raw: dict[str, Any], signer: pki.Issued = ALEXA, url: str | None = URL, **changed: str | None
) -> HttpRequest:
    """The request as Alexa sends it; a header that is `changed` to None is left out."""
    body = json.dumps(raw).encode()
    headers = {"signaturecertchainurl": url, "signature-256": signer.sign(body)} | {
        name.replace("_", "-"): value for name, value in changed.items()
    }
    sent = {name: value for name, value in headers.items() if value is not None}
    return HttpRequest(url="https://skill.example/", headers=sent, body=body, form=None)


async def verify(verifier: AlexaVerifier, http: HttpRequest) -> None:
    await verifier.verify(http, parse_request(json.loads(http.body))[0])


async def test_a_request_of_alexas_passes(verifier: AlexaVerifier, amazon: Amazon) -> None:
    await verify(verifier, signed(alexa_request()))
    assert amazon.asked == [PATH]


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.amazonaws.com:443" + PATH,
        "https://s3.amazonaws.com/echo.api/../echo.api" + PATH.removeprefix("/echo.api"),
        "https://S3.AmazonAWS.com" + PATH,
        "HTTPS://s3.amazonaws.com" + PATH,
    ],
)
async def test_amazons_address_in_other_spellings(verifier: AlexaVerifier, amazon: Amazon, url: str) -> None:
    await verify(verifier, signed(alexa_request(), url=url))
    await verify(verifier, signed(alexa_request()))
    assert amazon.asked == [PATH]


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "no address",
        "http://s3.amazonaws.com" + PATH,
        "https://notamazon.com" + PATH,
        "https://s3.amazonaws.com.evil.example" + PATH,
        "https://s3.amazonaws.com@evil.example" + PATH,
        "https://s3.amazonaws.com./echo.api/cert.pem",
        "https://s3.amazonaws.com/EcHo.aPi/echo-api-cert.pem",
        "https://s3.amazonaws.com/invalid.path/echo-api-cert.pem",
        "https://s3.amazonaws.com/echo.api/../evil/echo-api-cert.pem",
        "https://s3.amazonaws.com/echo.api/%2e%2e/evil/echo-api-cert.pem",
        "https://s3.amazonaws.com/echo.api/..%2fevil/echo-api-cert.pem",
        "https://s3.amazonaws.com:563" + PATH,
        "https://s3.amazonaws.com:99999" + PATH,
        "https://user:word@s3.amazonaws.com" + PATH,
        URL + "?another=1",
        URL + "#part",
        "https://[::1/echo.api/cert.pem",
    ],
)
async def test_nothing_is_downloaded_from_elsewhere(
    verifier: AlexaVerifier, amazon: Amazon, url: str | None
) -> None:
    with pytest.raises(VerificationError, match="SignatureCertChainUrl"):
        await verify(verifier, signed(alexa_request(), url=url))
    assert amazon.asked == []


@pytest.mark.parametrize(
    ("age", "request_type", "passes"),
    [
        (timedelta(seconds=100), "LaunchRequest", True),
        (timedelta(seconds=-100), "LaunchRequest", True),
        (timedelta(seconds=200), "LaunchRequest", False),
        (timedelta(seconds=-200), "LaunchRequest", False),
        (timedelta(minutes=59), "AlexaSkillEvent.SkillDisabled", True),
        (timedelta(minutes=61), "AlexaSkillEvent.SkillDisabled", False),
        (None, "LaunchRequest", False),
        ("yesterday", "LaunchRequest", False),
    ],
)
async def test_timestamp(
    verifier: AlexaVerifier, amazon: Amazon, age: Any, request_type: str, passes: bool
) -> None:
    http = signed(alexa_request(at=age, request_type=request_type))
    if passes:
        await verify(verifier, http)
    else:
        with pytest.raises(VerificationError, match="timestamp"):
            await verify(verifier, http)
    assert len(amazon.asked) == passes


@pytest.mark.parametrize("skill_id", ["amzn1.ask.skill.YOURS", "", None, ["x"], {"a": 1}])
async def test_another_skills_request(verifier: AlexaVerifier, amazon: Amazon, skill_id: Any) -> None:
    with pytest.raises(VerificationError, match="another skill"):
        await verify(verifier, signed(alexa_request(skill_id=skill_id)))
    assert amazon.asked == []


@pytest.mark.parametrize("signature", [None, "", "no base64!", "bm8gc2lnbmF0dXJl"])
async def test_signature_that_is_none(verifier: AlexaVerifier, amazon: Amazon, signature: str | None) -> None:
    with pytest.raises(VerificationError, match=r"Signature-256|signature"):
        await verify(verifier, signed(alexa_request(), signature_256=signature))


async def test_signature_of_another_body_or_key_or_algorithm(verifier: AlexaVerifier, amazon: Amazon) -> None:
    good = signed(alexa_request())
    stranger = pki.leaf(BETWEEN, key=pki.rsa_key("stranger"))
    sha1 = ALEXA.sign(good.body, hashes.SHA1())
    for http in (
        replace(good, body=good.body.replace(b"launch", b"Launch") + b" "),
        signed(alexa_request(), stranger),
        signed(alexa_request(), signature_256=sha1),
        signed(alexa_request(), signature_256=None, signature=sha1),
    ):
        with pytest.raises(VerificationError, match="signature"):
            await verify(verifier, http)


def chains() -> dict[str, bytes]:
    now = datetime.now(UTC)
    expired_authority = pki.authority("late", ROOT, not_before=now - 9 * pki.DAY, not_after=now - pki.DAY)
    untrusted = pki.authority("untrusted")
    no_authority = pki.leaf(BETWEEN, "middle.example", key=pki.rsa_key("middle"))
    return {
        "expired": pki.leaf(BETWEEN, not_before=now - 9 * pki.DAY, not_after=now - pki.DAY).pem + BETWEEN.pem,
        "not valid yet": pki.leaf(BETWEEN, not_before=now + pki.DAY).pem + BETWEEN.pem,
        "for another name": pki.leaf(BETWEEN, "echo-api.example").pem + BETWEEN.pem,
        "for a name that ends alike": pki.leaf(BETWEEN, "evil-echo-api.amazon.com").pem + BETWEEN.pem,
        "for a wildcard": pki.leaf(BETWEEN, "*.amazon.com").pem + BETWEEN.pem,
        "without the one between": ALEXA.pem,
        "in the wrong order": BETWEEN.pem + ALEXA.pem,
        "of an untrusted root": pki.leaf(untrusted).pem + untrusted.pem,
        "of itself": pki.authority(pki.ALEXA).pem,
        "of an expired authority": pki.leaf(expired_authority).pem + expired_authority.pem,
        "of one that is no authority": pki.leaf(no_authority).pem + no_authority.pem + BETWEEN.pem,
        "with no RSA key": pki.leaf(BETWEEN, key=ec.generate_private_key(ec.SECP256R1())).pem + BETWEEN.pem,
        "not there": b"",
        "no PEM": b"<html>no certificate</html>",
        "broken": ALEXA.pem[:200] + ALEXA.pem[300:],
        "too large": ALEXA.pem + b"\n" * 65536,
    }


CHAINS = chains()


@pytest.mark.parametrize("kind", CHAINS)
async def test_certificates_that_are_not_alexas(verifier: AlexaVerifier, amazon: Amazon, kind: str) -> None:
    amazon.files[PATH] = CHAINS[kind]
    for _ in range(2):
        with pytest.raises(VerificationError, match="certificate"):
            await verify(verifier, signed(alexa_request()))
    assert amazon.asked == [PATH, PATH]  # a refusal is not kept


async def test_the_public_roots_do_not_know_these(amazon: Amazon) -> None:
    with pytest.raises(VerificationError, match="certificates are not Alexa's"):
        await verify(AlexaVerifier(SKILL), signed(alexa_request()))


def test_the_public_roots_are_certifis(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(b"# a root\n" + ROOT.pem + CHAINS["broken"] + b"# another\n" + BETWEEN.pem)
    monkeypatch.setattr("certifi.where", lambda: str(bundle))
    alexa._public_roots.cache_clear()
    try:
        alexa._signer_of(ALEXA.pem, alexa._public_roots())
    finally:
        alexa._public_roots.cache_clear()


async def test_certificates_are_kept_until_one_expires(
    verifier: AlexaVerifier, amazon: Amazon, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    short = pki.authority("short", ROOT, not_after=now + 5 * pki.DAY)
    for not_after in (now + 9 * pki.DAY, now + 20 * pki.DAY):
        amazon.files[PATH] = pki.leaf(short, not_after=not_after).pem + short.pem
        amazon.asked.clear()
        for _ in range(3):
            await verify(verifier, signed(alexa_request()))
    assert amazon.asked == []  # still those from the first time

    monkeypatch.setattr(alexa, "_now", lambda: now + 6 * pki.DAY)
    with pytest.raises(VerificationError, match="not valid now"):
        await verify(verifier, signed(alexa_request(at=-6 * pki.DAY)))
    amazon.files[PATH] = ALEXA.pem + BETWEEN.pem
    await verify(verifier, signed(alexa_request(at=-6 * pki.DAY)))
    assert amazon.asked == [PATH, PATH]


async def test_many_who_wait_for_certificates_download_them_once(
    verifier: AlexaVerifier, amazon: Amazon
) -> None:
    await asyncio.gather(*(verify(verifier, signed(alexa_request())) for _ in range(50)))
    assert amazon.asked == [PATH]


async def test_one_who_no_longer_waits_does_not_end_the_download(
    verifier: AlexaVerifier, amazon: Amazon
) -> None:
    first = asyncio.create_task(verify(verifier, signed(alexa_request())))
    second = asyncio.create_task(verify(verifier, signed(alexa_request())))
    await reached(amazon.has_been_asked, first, second)
    first.cancel()
    await second
    assert first.cancelled()
    assert amazon.asked == [PATH]


async def test_addresses_that_are_kept_are_few(verifier: AlexaVerifier, amazon: Amazon) -> None:
    paths = [f"/echo.api/{number}.pem" for number in range(20)]
    for path in paths:
        amazon.files[path] = amazon.files[PATH]
        await verify(verifier, signed(alexa_request(), url=f"https://s3.amazonaws.com{path}"))
    assert len(verifier._signers) <= 16
    assert amazon.asked == paths


async def test_a_download_of_another_event_loop_is_not_waited_for(
    verifier: AlexaVerifier, amazon: Amazon
) -> None:
    enough = threading.Event()

    async def wait() -> None:
        waiting = asyncio.create_task(verify(verifier, signed(alexa_request())))
        await asyncio.sleep(0)
        (download,) = verifier._downloads.values()
        waiting.add_done_callback(lambda _: enough.set())
        await asyncio.to_thread(enough.wait)
        if waiting.done():
            waiting.result()  # raises why it failed
        download.cancel()
        await asyncio.wait([waiting])
        await amazon.no_client_is_connected()

    chain, amazon.files[PATH] = amazon.files[PATH], None
    other = asyncio.create_task(asyncio.to_thread(asyncio.run, wait()))
    try:
        await reached(amazon.has_been_asked, other)
        amazon.files[PATH] = chain
        await verify(verifier, signed(alexa_request()))
    finally:
        enough.set()  # a thread that waits for ever keeps the process from ending
        await other
    assert amazon.asked == [PATH, PATH]


@pytest.mark.parametrize("what", ["missing", "elsewhere", "never there", "out of reach"])
async def test_certificates_that_cannot_be_had(
    verifier: AlexaVerifier, amazon: Amazon, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "missing":
        del amazon.files[PATH]
    elif what == "elsewhere":
        amazon.redirects[PATH] = "/echo.api/other.pem"
        amazon.files["/echo.api/other.pem"] = amazon.files[PATH]
    elif what == "never there":
        amazon.files[PATH] = None
        monkeypatch.setattr(alexa, "_DOWNLOAD_SECONDS", 5)  # enough to reach the server
    else:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with pytest.raises(VerificationError, match="certificates"):
        await verify(verifier, signed(alexa_request()))
    assert amazon.asked == ([] if what == "out of reach" else [PATH])


@pytest.mark.parametrize("skill_ids", [(), ("",), (SKILL, "")])
def test_the_skills_are_named(skill_ids: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="name the skills"):
        AlexaVerifier(*skill_ids)
