"""Common parts of the tests of Yandex's adapters, with the SpeechKit server of the tests."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from callchart.adapters.grpc.dial import Address
from callchart.engine.ports import Speech
from tests.servers.speechkit.server import SpeechKitServer
from tests.servers.tones import heard


def address(server: SpeechKitServer) -> Address:
    """Return the address of its gRPC, without TLS."""
    return Address("127.0.0.1", server.grpc_port)


@contextmanager
def unused_address() -> Iterator[Address]:
    """Reserve an address on which no server listens, for the block."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield Address("127.0.0.1", taken.getsockname()[1])


def words(pieces: Sequence[Speech], rate_hz: int = 16000) -> str:
    """Return the words in a sound of the tone code."""
    return heard(b"".join(piece.pcm for piece in pieces), rate_hz)
