"""All audio packets of one direction of a call, and their audio on the clock."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from tests.asterisk.codec import FRAME_SECONDS, Codec
from tests.asterisk.rtp import Packet

#: A packet is loud when a sample of it is beyond this, of 32768: 30 dB below full scale.
LOUD = 1000

#: Packets follow each other by their timestamps, unless the clock says that they are off by this.
ADRIFT_SECONDS = 0.06


@dataclass(frozen=True, slots=True)
class Traffic:
    """Statistics of the arrival of packets."""

    received: int
    #: By the gaps in their sequence numbers.
    lost: int
    #: Those that came after a later one.
    disordered: int
    #: Seconds between two arrivals, at most; while a bot says nothing there may be none at all.
    longest_gap: float


class Track:
    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.packets: list[Packet] = []
        # Moments of loud packets, of the first so many that were looked at.
        self._loud: list[float] = []
        self._judged = 0

    def loud(self) -> list[float]:
        """The moments of all loud packets."""
        while self._judged < len(self.packets):
            packet = self.packets[self._judged]
            samples = np.frombuffer(self.codec.decode(packet.payload), "<i2").astype(int)
            if len(samples) and np.abs(samples).max() > LOUD:
                self._loud.append(packet.at)
            self._judged += 1
        return self._loud

    def first_loud(self, after: float = 0.0) -> float | None:
        """When the first loud packet at or after that moment passed."""
        loud = self.loud()
        place = bisect_left(loud, after)
        return loud[place] if place < len(loud) else None

    def last_loud(self) -> float | None:
        loud = self.loud()
        return loud[-1] if loud else None

    def pcm(self, since: float, until: float) -> bytes:
        """The sound between two moments, with silence where no packet was.

        Each packet stands where its arrival says, and right behind the one before it where the
        network merely shook: no sample of what arrived is lost, and none is heard twice."""
        rate = self.codec.rate_hz
        out = np.zeros(max(round((until - since) * rate), 0), "<i2")
        end = 0
        anchor: tuple[int, int, int] | None = None  # source, timestamp, its place
        for packet in self.packets:
            arrived = round((packet.at - since) * rate)
            place = arrived
            if anchor is not None and packet.source == anchor[0]:
                elapsed = (packet.timestamp - anchor[1] + 2**31) % 2**32 - 2**31
                place = anchor[2] + elapsed
            if anchor is None or abs(place - arrived) > ADRIFT_SECONDS * rate:
                place = arrived
            place = max(place, end)
            anchor = (packet.source, packet.timestamp, place)
            samples = np.frombuffer(self.codec.decode(packet.payload), "<i2")
            end = place + len(samples)
            begin = max(place, 0)
            heard = samples[begin - place :][: max(len(out) - begin, 0)]
            out[begin : begin + len(heard)] = heard
        pcm: bytes = out.tobytes()
        return pcm

    def traffic(self) -> Traffic:
        lost = disordered = 0
        longest = 0.0
        newest: Packet | None = None
        for before, packet in zip([None, *self.packets], self.packets, strict=False):
            if before is not None:
                longest = max(longest, packet.at - before.at)
            if newest is not None and packet.source == newest.source:
                step = (packet.sequence - newest.sequence) % 2**16
                if step >= 2**15:  # it was counted as lost
                    lost -= 1
                    disordered += 1
                    continue
                lost += step - 1
            newest = packet
        return Traffic(len(self.packets), lost, disordered, longest)

    def ends(self) -> float | None:
        """Return the end of the last packet's audio."""
        return self.packets[-1].at + FRAME_SECONDS if self.packets else None
