"""The session descriptions (RFC 8866) that SIP carries."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.asterisk.codec import PCMA, PCMU, Codec

KEYS = "telephone-event"
KEY_TYPE = 101

#: Payload types that need no rtpmap (RFC 3551).
STATIC = {codec.payload_type: codec.rtpmap for codec in (PCMU, PCMA)}


@dataclass(frozen=True, slots=True)
class Session:
    """One side's audio address, and the formats that it accepts, best first."""

    address: tuple[str, int]
    #: Each payload type's rtpmap, as 0: "PCMU/8000".
    formats: dict[int, str]

    def payload_type(self, codec: Codec) -> int | None:
        return self._type_of(codec.rtpmap)

    def key_type(self, codec: Codec) -> int | None:
        """Return the payload type of keys with the codec's sample rate, or None."""
        return self._type_of(f"{KEYS}/{codec.rate_hz}")

    def _type_of(self, rtpmap: str) -> int | None:
        wanted = rtpmap.lower()
        return next((kind for kind, name in self.formats.items() if name.lower() == wanted), None)


def parse(body: str) -> Session:
    """Return the audio session of a description. Raises `ValueError` without one."""
    address = re.search(r"^c=IN IP4 (\S+)", body, re.MULTILINE)
    audio = re.search(r"^m=audio (\d+) RTP/AVP ([\d ]+)", body, re.MULTILINE)
    if address is None or audio is None:
        raise ValueError("a session description without audio")
    named = {
        int(kind): name for kind, name in re.findall(r"^a=rtpmap:(\d+) (\S+)", body, re.MULTILINE)
    }
    kinds = map(int, audio[2].split())
    formats = {kind: named.get(kind) or STATIC.get(kind, "") for kind in kinds}
    return Session((address[1], int(audio[1])), formats)


def describe(port: int, codec: Codec, audio_type: int, key_type: int) -> str:
    """Return a description of audio in this codec, and of keys, at `port` of 127.0.0.1."""
    return "\r\n".join(
        [
            "v=0",
            "o=- 1 1 IN IP4 127.0.0.1",
            "s=-",
            "c=IN IP4 127.0.0.1",
            "t=0 0",
            f"m=audio {port} RTP/AVP {audio_type} {key_type}",
            f"a=rtpmap:{audio_type} {codec.rtpmap}",
            f"a=rtpmap:{key_type} {KEYS}/{codec.rate_hz}",
            f"a=fmtp:{key_type} 0-16",
            "a=ptime:20",
            "a=sendrecv",
            "",
        ]
    )
