"""The common part of gRPC requests: keys, records, waiting, refusals."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import Any, NoReturn

import grpc
from google.protobuf import duration_pb2
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from tests.servers.exchanges import Asked, Exchange, Exchanges, fingerprint
from tests.servers.keys import Keys

FOREVER = 1e9


class Cancelled(Exception):
    """The client is gone, or cancelled the request."""


class Call:
    """One gRPC request, from its first message on.

    With a key that is not accepted, it is aborted immediately with UNAUTHENTICATED."""

    def __init__(
        self,
        method: str,
        text: str,
        request: Message,
        context: grpc.ServicerContext,
        exchanges: Exchanges,
        keys: Keys,
    ) -> None:
        self._context = context
        self._over = threading.Event()
        self._on_end: list[Callable[[], None]] = []
        metadata = {name: str(value) for name, value in context.invocation_metadata()}
        authorization = metadata.get("authorization", "")
        asked = Asked(
            method,
            text,
            fingerprint(authorization.partition(" ")[2]),
            context.peer(),
            MessageToDict(request, preserving_proto_field_name=True),
        )
        self.exchange: Exchange = exchanges.begin(asked)
        if not context.add_callback(self._ended):
            self._ended()
        if reason := keys.refuse(authorization):
            self.refuse("UNAUTHENTICATED", reason)

    def _ended(self) -> None:
        # Ignored if the request has another outcome already.
        self.exchange.end("cancelled")
        self._over.set()
        for wake in self._on_end:
            wake()

    def on_end(self, wake: Callable[[], None]) -> None:
        """Register a function that runs at the end, in any thread. Then check `over`."""
        self._on_end.append(wake)

    @property
    def over(self) -> bool:
        return self._over.is_set()

    def wait_until(self, at: float) -> None:
        """Wait until `time.perf_counter` reads `at`. Raises `Cancelled`."""
        if self._over.wait(max(0.0, at - perf_counter())):
            raise Cancelled

    def break_off(self, then: str, retry_after: float | None) -> None:
        """Carry out the fault `then` of a script, except "garbage". Return at a proper end."""
        match then:
            case "hang":
                self.wait_until(perf_counter() + FOREVER)
            case "cut":
                self.exchange.end("cut")
                _break_connection(self._context.peer())
                raise Cancelled
            case "end":
                pass
            case status:
                self.refuse(status, "this failure is scripted", retry_after)

    def refuse(self, status: str, message: str, retry_after: float | None = None) -> NoReturn:
        """End the request with the status of that name."""
        code = grpc.StatusCode[status]
        self.exchange.end(status)
        if retry_after is not None:
            self._context.set_trailing_metadata(_try_again(code, message, retry_after))
        self._context.abort(code, message)


def _break_connection(peer: str) -> None:
    """Break the connection to that peer, with all of its requests: no status, no GOAWAY."""
    port = int(peer.rpartition(":")[2])
    # The gRPC library does not expose its sockets, but they are open files of this process.
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        with (
            suppress(OSError),  # not a socket, or not a connected one
            socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as connection,
        ):
            if connection.getpeername()[1] == port:
                connection.shutdown(socket.SHUT_RDWR)


def _try_again(code: grpc.StatusCode, message: str, seconds: float) -> Any:
    """Return the delay before a retry as metadata: for gRPC's own retries and as a rich error."""
    delay = duration_pb2.Duration()
    delay.FromMilliseconds(round(seconds * 1000))
    status = status_pb2.Status(code=code.value[0], message=message)
    status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return (
        ("grpc-retry-pushback-ms", str(round(seconds * 1000))),
        ("grpc-status-details-bin", status.SerializeToString()),
    )
