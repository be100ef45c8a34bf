"""The description of a gRPC method: its path and the types of its messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar


class Message(Protocol):
    """The interface of a message; betterproto2's messages have it."""

    def __bytes__(self) -> bytes: ...

    @classmethod
    def parse(cls, data: bytes) -> Self: ...


Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


@dataclass(frozen=True, slots=True)
class Method(Generic[Q, A]):
    """A method; `path` is "/package.Service/Method", as in the .proto file."""

    path: str
    request: type[Q]
    reply: type[A]
    client_streams: bool
    server_streams: bool
