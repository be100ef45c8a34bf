"""Messages between a worker process and its owner, and the worker's end of the pipes.

A message is a frozen dataclass, sent as its length and its pickle. Both ends are this program, so
unpickling is safe. This module does not import Trio, so that a worker starts faster.
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
    """A worker's first message: it is loaded and ready."""


@dataclass(frozen=True, slots=True)
class Unable:
    """A worker's first and last message: the reason why it cannot work, and the cure."""

    reason: str
    cure: str


def packed(message: object) -> bytes:
    """Return a message as bytes for a pipe: its length (4 bytes, little endian), then a pickle."""
    body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body


class Unpacker:
    """A decoder of messages from a pipe, which delivers bytes in pieces of any length."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def unpack(self, data: bytes | bytearray) -> list[object]:
        """Return the messages that `data` completes."""
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
    """The process that started the worker, at the other end of its stdin and stdout.

    The worker exits as soon as the owner has exited."""

    def __init__(self) -> None:
        # Ctrl-C reaches all processes of the terminal; the owner handles it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._requests: BinaryIO = os.fdopen(os.dup(0), "rb")
        self._answers: BinaryIO = os.fdopen(os.dup(1), "wb")
        # Redirect stdout to stderr: the prints of a C library must not mix with our messages.
        os.dup2(2, 1)

    def send(self, message: object) -> None:
        """Send one message, in one write."""
        try:
            self._answers.write(packed(message))
            self._answers.flush()
        except BrokenPipeError:
            os._exit(0)

    def receive(self) -> object:
        """Wait for the next message and return it."""
        head = self._requests.read(_LENGTH.size)
        if len(head) == _LENGTH.size:
            (length,) = _LENGTH.unpack(head)
            body = self._requests.read(length)
            if len(body) == length:
                return pickle.loads(body)
        os._exit(0)
