"""The phone's mouth and ear in one call: RTP on a UDP socket of 127.0.0.1.

A packet leaves every 20 ms at an absolute deadline, silent if no sound is queued. A packet arrives
at the kernel's time, so that a busy test does not make it late.
"""

from __future__ import annotations

import secrets
import socket
import struct
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from tests.asterisk import rtp
from tests.asterisk.codec import FRAME_SECONDS, Codec
from tests.asterisk.track import Track

#: Linux's SO_TIMESTAMPNS, for which Python has no name: it adds the kernel's time to a datagram.
SO_TIMESTAMPNS = 35
TIMESPEC = struct.Struct("@qq")

#: A key press: its frames, the repetitions of its last packet (RFC 4733, 2.5.1.4), and a pause.
KEY_FRAMES = 5
KEY_ENDS = 3
KEY_PAUSE_FRAMES = 3


@dataclass(frozen=True, slots=True)
class _Frame:
    """The content of one tick's packet."""

    payload: bytes
    is_key: bool = False
    marker: bool = False
    #: The age of the timestamp: all packets of a key have the timestamp of its first one.
    ticks_ago: int = 0


class Media:
    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.mouth = Track(codec)
        self.ear = Track(codec)
        #: The keys that the other side has pressed.
        self.keys = ""
        #: When the phone began to speak and to listen.
        self.began: float | None = None
        #: Parking lot, unparked by audio, keys, and the end of both.
        self.changed = trio.lowlevel.ParkingLot()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.port: int = self._socket.getsockname()[1]
        self._remote = ("", 0)
        self._audio_type = self._key_type = 0
        self._frames: deque[_Frame] = deque()
        self._silence = _Frame(codec.payloads(bytes(2 * codec.frame_samples))[0])
        self._source = secrets.randbits(32)
        self._sequence = secrets.randbits(15)
        self._timestamp = secrets.randbits(31)
        self._last_key_timestamp: int | None = None
        self._running = trio.CancelScope()

    def connect(self, remote: tuple[str, int], audio_type: int, key_type: int) -> None:
        """Set the other side's address, and the payload types that it wants."""
        self._remote = remote
        self._audio_type = audio_type
        self._key_type = key_type

    @property
    def silent(self) -> bool:
        """True if all audio and keys are sent."""
        return not self._frames

    def say(self, pcm: bytes) -> None:
        self._frames.extend(map(_Frame, self.codec.payloads(pcm)))

    def press(self, keys: str) -> None:
        step = self.codec.frame_samples
        for key in keys:
            for tick in range(KEY_FRAMES + KEY_ENDS):
                samples = min(tick + 1, KEY_FRAMES) * step
                event = rtp.key_event(key, samples, ended=tick >= KEY_FRAMES)
                self._frames.append(_Frame(event, is_key=True, marker=tick == 0, ticks_ago=tick))
            self._frames.extend([self._silence] * KEY_PAUSE_FRAMES)

    def start(self, nursery: trio.Nursery) -> None:
        """Speak and listen until `stop()`; do nothing the second time. `connect()` comes first."""
        if self.began is None and not self._running.cancel_called:
            self.began = trio.current_time()
            nursery.start_soon(self._run)

    def stop(self) -> None:
        self._running.cancel()
        if self.began is None:
            self._socket.close()
        self.changed.unpark_all()

    async def _run(self) -> None:
        with self._socket, self._running:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen)
                nursery.start_soon(self._speak)

    async def _speak(self) -> None:
        due = trio.current_time()
        while True:
            self._send(self._frames.popleft() if self._frames else self._silence)
            if not self._frames:
                self.changed.unpark_all()
            due += FRAME_SECONDS
            await trio.sleep_until(due)

    def _send(self, frame: _Frame) -> None:
        step = self.codec.frame_samples
        packet = rtp.Packet(
            trio.current_time(),
            self._key_type if frame.is_key else self._audio_type,
            frame.marker,
            self._sequence,
            (self._timestamp - frame.ticks_ago * step) % 2**32,
            self._source,
            frame.payload,
        )
        self._sequence = (self._sequence + 1) % 2**16
        self._timestamp = (self._timestamp + step) % 2**32
        self._socket.sendto(packet.to_bytes(), self._remote)
        if not frame.is_key:
            self.mouth.packets.append(packet)

    async def _listen(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                datagram, ancillary, _, sender = self._socket.recvmsg(2048, 64)
            except BlockingIOError:
                continue
            # Asterisk sends RTCP to the next port, which may be that of another call.
            if sender == self._remote:
                packet = rtp.parse(datagram, _arrival(ancillary))
                if packet is not None:
                    self._arrived(packet)

    def _arrived(self, packet: rtp.Packet) -> None:
        if packet.payload_type == self._audio_type:
            self.ear.packets.append(packet)
        elif packet.payload_type == self._key_type:
            key = rtp.ended_key(packet.payload)
            if key is None or packet.timestamp == self._last_key_timestamp:
                return
            self._last_key_timestamp = packet.timestamp
            self.keys += key
        self.changed.unpark_all()


def _arrival(ancillary: Sequence[tuple[int, int, bytes]]) -> float:
    """Return the kernel's moment of arrival, on Trio's clock."""
    now = trio.current_time()
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = TIMESPEC.unpack(content)
            waited: int = time.time_ns() - seconds * 10**9 - nanoseconds
            return now - waited / 1e9
    return now
