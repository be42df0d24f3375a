"""Certificate authorities and certificates: such as Amazon's, good and bad ones, and those of the tests' own servers."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ALEXA = "echo-api.amazon.com"
DAY = timedelta(days=1)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """The key of that name: making one takes a while, so that the tests share them."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, body: bytes, algorithm: hashes.HashAlgorithm | None = None) -> str:
        """The body's signature as Alexa writes it."""
        assert isinstance(self.key, rsa.RSAPrivateKey)
        return base64.b64encode(
            self.key.sign(body, padding.PKCS1v15(), algorithm or hashes.SHA256())
        ).decode()


def authority(name: str, issuer: Issued | None = None, **validity: datetime) -> Issued:
    """An authority that is its own root, or one that `issuer` stands for."""
    return _issue(name, [], rsa_key(name), issuer, SERVER, is_ca=True, **validity)


def leaf(
    issuer: Issued,
    *names: str,
    key: Key | None = None,
    purpose: x509.ObjectIdentifier = SERVER,
    **validity: datetime,
) -> Issued:
    """A certificate for `names` (hosts, or addresses), without any for Alexa's."""
    return _issue(
        "leaf", list(names or [ALEXA]), key or rsa_key("leaf"), issuer, purpose, is_ca=False, **validity
    )


def _issue(
    subject: str,
    names: list[str],
    key: Key,
    issuer: Issued | None,
    purpose: x509.ObjectIdentifier,
    *,
    is_ca: bool,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> Issued:
    now = datetime.now(UTC)
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer.certificate.subject if issuer else _name(subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before or now - DAY)
        .not_valid_after(not_after or now + 30 * DAY)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(_usage(is_ca), critical=True)
    )
    if names:
        alternatives = x509.SubjectAlternativeName(list(map(_alternative, names)))
        purposes = x509.ExtendedKeyUsage([purpose])
        builder = builder.add_extension(alternatives, critical=False).add_extension(purposes, critical=False)
    return Issued(builder.sign(signer, hashes.SHA256()), key)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=False,
        key_encipherment=not is_ca,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


@contextmanager
def server_context(issued: Issued) -> Iterator[ssl.SSLContext]:
    """What a TLS server of that certificate needs."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        file.write_bytes(issued.key_pem + issued.pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        yield context
