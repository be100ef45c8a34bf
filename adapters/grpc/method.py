"""What can be called: a method's path and the types of its messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar


class Message(Protocol):
    """What a message must be able to do; those of betterproto2 are."""

    def __bytes__(self) -> bytes: ...

    @classmethod
    def parse(cls, data: bytes) -> Self: ...


Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


@dataclass(frozen=True, slots=True)
class Method(Generic[Q, A]):
    """`path` is "/package.Service/Method", as the .proto file has them."""

    path: str
    request: type[Q]
    reply: type[A]
    client_streams: bool
    server_streams: bool
