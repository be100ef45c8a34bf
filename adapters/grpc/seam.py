"""The parts of grpclib that we use: message framing, metadata, the mapping of statuses.

They do no I/O and need no asyncio. Some of them are private, so the version of grpclib is pinned,
and test_seam.py fails if a new version changes them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final, Protocol, TypeVar, cast

from grpclib.client import _H2_TO_GRPC_STATUS_MAP
from grpclib.const import Status
from grpclib.encoding.base import GRPC_CONTENT_TYPE, CodecBase
from grpclib.metadata import USER_AGENT, decode_grpc_message, encode_metadata
from grpclib.protocol import Stream as GrpclibStream
from grpclib.stream import recv_message, send_message
from h2.errors import ErrorCodes

from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.grpc.method import Message

A = TypeVar("A", bound=Message)

#: Names in lower case, as in HTTP/2, with ":status".
Headers = Mapping[str, str]

#: The most bytes of one message: gRPC's default limit.
LARGEST_MESSAGE_BYTES: Final = 4 * 1024 * 1024


class Sink(Protocol):
    """The target of a message's bytes."""

    async def send_data(self, data: bytes, end_stream: bool = False) -> None: ...


class Source(Protocol):
    """The source of a message's bytes: `size` of them, or none at the end."""

    async def recv_data(self, size: int) -> bytes: ...


class _NoMessage(Exception):
    """The bytes are not a message of the expected type."""


class _Codec(CodecBase):
    """The codec of messages that encode and decode themselves."""

    @property
    def __content_subtype__(self) -> str:
        return "proto"

    def encode(self, message: Message, message_type: type[Message]) -> bytes:
        return bytes(message)

    def decode(self, data: bytes, message_type: type[A]) -> A:
        try:
            return message_type.parse(data)
        # betterproto2 raises these for invalid bytes; it has no error of its own.
        except (ArithmeticError, EOFError, LookupError, TypeError, ValueError, struct.error):
            raise _NoMessage from None


_CODEC = _Codec()


async def send(sink: Sink, message: Message, *, end: bool) -> None:
    """Write a message in gRPC's frame."""
    kind = type(message)
    await send_message(cast(GrpclibStream, sink), _CODEC, message, kind, end=end)


async def receive(source: Source, kind: type[A], server: str) -> A | None:
    """Return the next message, or None at the end. Raises `RpcError`."""
    try:
        return await recv_message(cast(GrpclibStream, source), _CODEC, kind)
    except NotImplementedError:
        why, status = "compressed a message, but we offered no compression", Status.INTERNAL
    except _NoMessage:
        why, status = f"sent a message that is not a valid {kind.__name__}", Status.INTERNAL
    raise RpcError(status, f"{server} {why}", "check the service that listens there")


def request_headers(
    path: str, scheme: str, authority: str, metadata: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Return the headers of a call. Raises `ValueError` for metadata that HTTP cannot carry."""
    return [
        (":method", "POST"),
        (":scheme", scheme),
        (":path", path),
        (":authority", authority),
        ("te", "trailers"),
        ("content-type", GRPC_CONTENT_TYPE),
        ("user-agent", USER_AGENT),
        *(_encoded(name, value) for name, value in metadata.items()),
    ]


def _encoded(name: str, value: str) -> tuple[str, str]:
    try:
        ((name, value),) = encode_metadata({name: value})
    except (TypeError, ValueError):
        # grpclib's error quotes the value, which may be a key.
        raise ValueError(
            f"metadata {name!r} cannot be sent: its name must consist of a-z, 0-9, '_', '-' and"
            " '.', and must not be reserved by gRPC; its value must be printable ASCII"
        ) from None
    return name, value


def check_head(head: Headers, server: str) -> None:
    """Raise `RpcError` for an answer that is not gRPC, such as an error page of a proxy."""
    code, kind = head.get(":status", "none"), head.get("content-type", "none")
    if code != "200":
        status = _H2_TO_GRPC_STATUS_MAP.get(code, Status.UNKNOWN)
        what = f"HTTP status {code}"
    elif kind != GRPC_CONTENT_TYPE and not kind.startswith(
        (f"{GRPC_CONTENT_TYPE}+", f"{GRPC_CONTENT_TYPE};")
    ):
        status, what = Status.UNKNOWN, f"content of type {kind!r}"
    else:
        return
    raise RpcError(
        status,
        f"{server} answered with {what} instead of gRPC",
        "check the address, and check for a proxy in between",
        retry_after_s=_seconds(head.get("retry-after"), per=1),
    )


def check_status(trailers: Headers, server: str) -> None:
    """Raise `RpcError` unless the call ended with status OK."""
    number = trailers.get("grpc-status")
    if number == "0":
        return
    if number is None:
        raise RpcError(
            Status.INTERNAL,
            f"{server} ended a call without a status",
            "check that the server runs, and check for a proxy that drops the trailers",
        )
    try:
        status = Status(int(number))
    except ValueError:
        status = Status.UNKNOWN
    raise RpcError(
        status,
        f"{server} answered {status.name}",
        message=decode_grpc_message(trailers.get("grpc-message", "")),
        retry_after_s=_seconds(trailers.get("grpc-retry-pushback-ms"), per=1000),
    )


def reset_status(code: int) -> Status:
    """Return gRPC's status for a call that the server reset with HTTP/2's `code`."""
    return _RESETS.get(code, Status.INTERNAL)


_RESETS: Mapping[int, Status] = {
    ErrorCodes.CANCEL: Status.CANCELLED,
    ErrorCodes.ENHANCE_YOUR_CALM: Status.RESOURCE_EXHAUSTED,
    ErrorCodes.INADEQUATE_SECURITY: Status.PERMISSION_DENIED,
}


def _seconds(text: str | None, per: int) -> float | None:
    """Return the number in a header as seconds, or None for other text.

    `per`: the units of the number in one second."""
    return int(text) / per if text is not None and text.isascii() and text.isdecimal() else None
