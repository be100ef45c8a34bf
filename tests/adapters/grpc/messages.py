"""Messages of plain bytes, the methods that send them, and functions that make whole calls."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, Self

from callchart.adapters.grpc.method import Method
from callchart.adapters.grpc.stream import Stream


@dataclass(frozen=True, slots=True)
class Raw:
    """A message of plain bytes. The bytes b"broken" cannot be decoded."""

    data: bytes

    def __bytes__(self) -> bytes:
        return self.data

    @classmethod
    def parse(cls, data: bytes) -> Self:
        if data == b"broken":
            raise ValueError("broken")
        return cls(data)


def asks(name: str) -> Method[Raw, Raw]:
    """Return a method that takes one message."""
    return Method(f"/test.Test/{name}", Raw, Raw, client_streams=False, server_streams=True)


def talks(name: str) -> Method[Raw, Raw]:
    """Return a method that takes a stream of messages."""
    return Method(f"/test.Test/{name}", Raw, Raw, client_streams=True, server_streams=True)


class Caller(Protocol):
    """The part of a `Pool` that makes calls."""

    def stream(
        self, method: Method[Raw, Raw], metadata: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[Stream[Raw, Raw]]: ...


async def ask(
    caller: Caller, name: str, request: bytes = b"x", metadata: Mapping[str, str] | None = None
) -> list[bytes]:
    """Return the server's answers to one message. Raises `RpcError`."""
    async with caller.stream(asks(name), metadata) as stream:
        await stream.send(Raw(request))
        return await rest(stream)


async def rest(stream: Stream[Raw, Raw]) -> list[bytes]:
    """Return all messages until the end of the call."""
    said = []
    while (message := await stream.receive()) is not None:
        said.append(message.data)
    return said
