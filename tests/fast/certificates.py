"""A certificate authority of the tests' own, a server's certificate and a client's."""

from __future__ import annotations

from pathlib import Path

from tests.asgi.pki import CLIENT, Issued, authority, leaf


class Certificates:
    """Files: `ca` has the authority's certificate, `server` and `client` have a certificate with its key."""

    def __init__(self, folder: Path) -> None:
        issuer = authority("Test CA")
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(issuer.pem)
        self.server = _written(folder / "server.pem", leaf(issuer, "127.0.0.1"))
        self.client = _written(folder / "client.pem", leaf(issuer, "client", purpose=CLIENT))


def _written(path: Path, issued: Issued) -> Path:
    path.write_bytes(issued.key_pem + issued.pem)
    return path
