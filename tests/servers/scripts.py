"""The script of an answer: its pace, and its fault."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

Piece = TypeVar("Piece")


@dataclass(frozen=True, slots=True)
class Script:
    """The pace of one answer, in seconds since its request came, and its fault.

    The first piece is sent after `first`, the others `every` seconds apart. The fault `then` comes
    instead of the piece number `after`, counted from 0, or after the last piece:

    - "": no fault,
    - "hang": no more pieces, and no end,
    - "end": a proper end, too early (an empty answer if `after` is 0),
    - "cut": the connection breaks, with all requests on it,
    - "garbage": malformed content, and a proper end,
    - a status of gRPC ("RESOURCE_EXHAUSTED") or HTTP ("429"): that failure, with a delay of
      `retry_after` seconds before a retry, if given."""

    first: float = 0.0
    every: float = 0.0
    then: str = ""
    after: int = 0
    retry_after: float | None = None


class Broken(Exception):
    """The fault of the script is due."""

    def __init__(self, then: str) -> None:
        super().__init__(then)
        self.then = then


def paced(
    script: Script, pieces: Iterable[Piece], wait_until: Callable[[float], None]
) -> Iterator[Piece]:
    """Yield the pieces when they are due, by `time.perf_counter`. Raises `Broken`."""
    at = perf_counter() + script.first
    for number, piece in enumerate(pieces):
        wait_until(at)
        if script.then and number == script.after:
            raise Broken(script.then)
        yield piece
        at += script.every
    if script.then:
        wait_until(at)
        raise Broken(script.then)
