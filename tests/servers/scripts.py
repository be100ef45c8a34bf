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

    The first piece is sent after `first`, the others `every` seconds apart; instead of the piece
    number `after`, counted from 0, or behind the last one where there are fewer, comes `then`:

    - "": nothing special,
    - "hang": nothing, and no end either,
    - "end": a proper end, too early; with `after` 0 that is an empty answer,
    - "cut": the connection breaks, with all that goes over it,
    - "garbage": what makes no sense, and a proper end,
    - a gRPC status, as "RESOURCE_EXHAUSTED", or one of HTTP, as "429": the failure of that name,
      which says to try again after `retry_after` seconds, if that is given."""

    first: float = 0.0
    every: float = 0.0
    then: str = ""
    after: int = 0
    retry_after: float | None = None


class Broken(Exception):
    """The script's `then` is due."""

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
