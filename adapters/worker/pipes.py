"""Messages between a worker process and its owner, and the worker's end of the pipes.

A message is a frozen dataclass, pickled, behind its length. Both ends are this same program, so
pickle's trust in its sender costs nothing here. No Trio: a worker starts without it.
"""

from __future__ import annotations

import os
import pickle
import signal
from dataclasses import dataclass
from struct import Struct
from typing import BinaryIO

_LENGTH = Struct("<I")


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker's first message: it has loaded what it needs."""


@dataclass(frozen=True, slots=True)
class Unable:
    """A worker's first message, and its last: why it cannot work, and what the operator can do."""

    reason: str
    cure: str


def packed(message: object) -> bytes:
    """A message as it goes through a pipe: four bytes of length (little endian), then a pickle."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body


class Unpacker:
    """Makes messages of a pipe's bytes, wherever these were cut."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def unpack(self, data: bytes | bytearray) -> list[object]:
        """The messages that `data` completes."""
        self._bytes += data
        messages: list[object] = []
        start = 0
        while (body := start + _LENGTH.size) <= len(self._bytes):
            (length,) = _LENGTH.unpack_from(self._bytes, start)
            if body + length > len(self._bytes):
                break
            messages.append(pickle.loads(memoryview(self._bytes)[body : body + length]))
            start = body + length
        del self._bytes[:start]
        return messages


class Owner:
    """The process that a worker works for, at the other end of its stdin and stdout.

    When the owner is gone, so is the worker, at once: nobody is left to work for."""

    def __init__(self) -> None:
        # Ctrl-C reaches the whole terminal; it is the owner's to answer.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._requests: BinaryIO = os.fdopen(os.dup(0), "rb")
        self._answers: BinaryIO = os.fdopen(os.dup(1), "wb")
        # A C library may print; that must not get between the messages.
        os.dup2(2, 1)

    def send(self, message: object) -> None:
        """One message, in one write."""
        try:
            self._answers.write(packed(message))
            self._answers.flush()
        except BrokenPipeError:
            os._exit(0)

    def receive(self) -> object:
        """The next message, waited for."""
        head = self._requests.read(_LENGTH.size)
        if len(head) == _LENGTH.size:
            (length,) = _LENGTH.unpack(head)
            body = self._requests.read(length)
            if len(body) == length:
                return pickle.loads(body)
        os._exit(0)
