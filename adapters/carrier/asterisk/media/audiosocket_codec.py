"""AudioSocket's messages: a header of three bytes (kind, length) and a payload. No I/O here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

HEAD_BYTES: Final = 3


class MessageKind(IntEnum):
    """The kinds of messages that we use. A message may have another kind."""

    HANGUP = 0x00
    UUID = 0x01
    DTMF = 0x03
    SLIN = 0x10
    SLIN16 = 0x12
    ERROR = 0xFF


@dataclass(frozen=True, slots=True)
class AudioSocketMessage:
    kind: int
    payload: bytes

    def encode(self) -> bytes:
        return bytes((self.kind,)) + len(self.payload).to_bytes(2, "big") + self.payload


class MessageDecoder:
    """A decoder of a byte stream. It buffers less than one message, which has at most 64 KiB."""

    def __init__(self) -> None:
        self._unread = bytearray()

    def decode(self, received: bytes) -> list[AudioSocketMessage]:
        """Add bytes, and return the messages that they complete."""
        self._unread += received
        complete = []
        while len(self._unread) >= HEAD_BYTES:
            end = HEAD_BYTES + int.from_bytes(self._unread[1:HEAD_BYTES], "big")
            if len(self._unread) < end:
                break
            complete.append(
                AudioSocketMessage(self._unread[0], bytes(self._unread[HEAD_BYTES:end]))
            )
            del self._unread[:end]
        return complete
