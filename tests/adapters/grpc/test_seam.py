"""Checks of the private parts of grpclib and h2 that we use: a change fails here."""

from __future__ import annotations

import inspect
from contextlib import suppress
from importlib.metadata import version

import grpclib.client
import grpclib.metadata
import grpclib.stream
import pytest
from grpclib.const import Status
from h2.connection import ConnectionState, H2Connection
from h2.events import ConnectionTerminated
from h2.exceptions import ProtocolError
from hyperframe.frame import GoAwayFrame, SettingsFrame
from hypothesis import given
from hypothesis import strategies as st

from callchart.adapters.grpc import seam
from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.grpc.http2 import Http2
from callchart.proto.messages.speechkit.tts.v3 import StreamSynthesisResponse
from tests.adapters.grpc.peer import framed

ADVICE = "read the changes, adapt seam.py or http2.py, and pin the new version"


def test_the_versions_are_the_checked_ones() -> None:
    assert version("grpclib") == "0.4.9", ADVICE
    assert version("h2").startswith("4.4."), ADVICE


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (grpclib.stream.recv_message, ["stream", "codec", "message_type"]),
        (grpclib.stream.send_message, ["stream", "codec", "message", "message_type", "end"]),
        (grpclib.metadata.encode_metadata, ["metadata"]),
        (grpclib.metadata.decode_grpc_message, ["value"]),
        (H2Connection._receive_goaway_frame, ["self", "frame"]),
    ],
)
def test_functions_have_the_expected_parameters(function: object, parameters: list[str]) -> None:
    assert callable(function)
    assert list(inspect.signature(function).parameters) == parameters, ADVICE


def test_grpclib_uses_two_methods_of_a_stream() -> None:
    source = inspect.getsource(grpclib.stream.recv_message)
    source += inspect.getsource(grpclib.stream.send_message)
    used = {word.split("(")[0] for word in source.split("stream.")[1:]}
    assert used == {"recv_data", "send_data"}, ADVICE


class Bytes:
    """A source that has all bytes already."""

    def __init__(self, data: bytes) -> None:
        self._rest = data

    async def recv_data(self, size: int) -> bytes:
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


#: The tags of fields 1 to 5, with each wire type.
TAGS = [number << 3 | kind for number in range(1, 6) for kind in (0, 1, 2, 5)]


@given(st.lists(st.sampled_from(TAGS) | st.integers(0, 255), max_size=20))
async def test_bytes_that_are_not_a_message_raise_only_rpc_errors(numbers: list[int]) -> None:
    with suppress(RpcError):
        await seam.receive(Bytes(framed(bytes(numbers))), StreamSynthesisResponse, "host")


def test_http_statuses_map_to_grpc_statuses() -> None:
    assert grpclib.client._H2_TO_GRPC_STATUS_MAP["503"] is Status.UNAVAILABLE, ADVICE


def test_goaway_keeps_the_connection_open_and_unsent_data() -> None:
    http2 = Http2()
    http2.received(SettingsFrame().serialize())
    http2.send_headers(1, seam.request_headers("/a/b", "http", "host", {}))
    http2.data_to_send()
    http2.ping(b"12345678")
    (event,) = http2.received(GoAwayFrame(last_stream_id=1, error_code=11).serialize())
    assert isinstance(event, ConnectionTerminated)
    assert (event.last_stream_id, event.error_code) == (1, 11)
    assert http2.state_machine.state is ConnectionState.CLIENT_OPEN
    assert b"12345678" in http2.data_to_send()
    http2.send_data(1, b"more")


def test_h2_alone_closes_the_connection_on_goaway() -> None:
    connection = H2Connection()
    connection.initiate_connection()
    connection.receive_data(GoAwayFrame(last_stream_id=1).serialize())
    assert connection.state_machine.state is ConnectionState.CLOSED, "http2.py can be simpler"


def test_the_first_bytes_are_checked_in_any_pieces() -> None:
    http2 = Http2()
    for byte in SettingsFrame().serialize():
        http2.received(bytes([byte]))
    http2 = Http2()
    http2.received(b"HTT")
    with pytest.raises(ProtocolError):
        http2.received(b"P")
