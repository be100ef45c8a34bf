"""Certificates for 127.0.0.1, from an authority that only tests trust."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's key and chain as files, its authority (PEM), and an SSL context that trusts it."""

    files: dict[str, str]
    authority: bytes
    trusting: ssl.SSLContext

    @classmethod
    def make(cls, folder: Path) -> Certificate:
        """Make a certificate, with its files in `folder`."""
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1", "localhost")
        files = {"key": folder / "key.pem", "chain": folder / "chain.pem"}
        issued.private_key_pem.write_to_path(str(files["key"]))
        files["chain"].write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        paths = {name: str(path) for name, path in files.items()}
        return cls(paths, authority.cert_pem.bytes(), trusting)
