"""RTP packets (RFC 3550) and key events in them (RFC 4733), as bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER = struct.Struct(">BBHII")
EVENT = struct.Struct(">BBH")

VERSION = 0x80
MARKER = 0x80
END = 0x80
#: The usual level of a keypad, in dB below full scale.
VOLUME = 10

KEYS = "0123456789*#ABCD"


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet, and the moment (Trio's clock) at which it left or arrived."""

    at: float
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    source: int
    payload: bytes

    def to_bytes(self) -> bytes:
        kind = self.payload_type | (MARKER if self.marker else 0)
        head = HEADER.pack(VERSION, kind, self.sequence, self.timestamp, self.source)
        return head + self.payload


def parse(datagram: bytes, at: float) -> Packet | None:
    """Return the packet, or None if the bytes are not RTP.

    A packet with an extension or padding is refused too: Asterisk writes neither."""
    if len(datagram) < HEADER.size or datagram[0] & 0xF0 != VERSION:
        return None
    first, kind, sequence, timestamp, source = HEADER.unpack_from(datagram)
    payload = datagram[HEADER.size + 4 * (first & 15) :]
    return Packet(at, kind & 0x7F, bool(kind & MARKER), sequence, timestamp, source, payload)


def key_event(key: str, samples: int, ended: bool) -> bytes:
    """Return the event of a key that has been down for `samples`.

    Raises `ValueError` for an unknown key."""
    return EVENT.pack(KEYS.index(key), VOLUME | (END if ended else 0), samples)


def ended_key(payload: bytes) -> str | None:
    """Return the key whose release this event reports, or None."""
    if len(payload) < EVENT.size:
        return None
    code, flags, _ = EVENT.unpack_from(payload)
    return KEYS[code] if flags & END and code < len(KEYS) else None
