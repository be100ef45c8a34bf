"""All audio packets of one direction of a call, and their audio on the clock."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from tests.asterisk.codec import FRAME_SECONDS, Codec
from tests.asterisk.rtp import Packet

#: A packet is loud if the absolute value of one sample exceeds this: 30 dB below full scale.
LOUD = 1000

#: Timestamps place the packets of a source, unless the clock differs by more than this.
ADRIFT_SECONDS = 0.06


@dataclass(frozen=True, slots=True)
class Traffic:
    """Statistics of the arrival of packets."""

    received: int
    #: Packets missing by sequence number.
    lost: int
    #: Packets that arrived after a later one.
    disordered: int
    #: The longest time between two arrivals (s). A silent bot may send nothing.
    longest_gap: float


class Track:
    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.packets: list[Packet] = []
        # The moments of loud packets among the first `_judged` ones.
        self._loud: list[float] = []
        self._judged = 0

    def loud(self) -> list[float]:
        """Return the moments of all loud packets."""
        while self._judged < len(self.packets):
            packet = self.packets[self._judged]
            samples = np.frombuffer(self.codec.decode(packet.payload), "<i2").astype(int)
            if len(samples) and np.abs(samples).max() > LOUD:
                self._loud.append(packet.at)
            self._judged += 1
        return self._loud

    def first_loud(self, after: float = 0.0) -> float | None:
        """Return the moment of the first loud packet at or after `after`, or None."""
        loud = self.loud()
        place = bisect_left(loud, after)
        return loud[place] if place < len(loud) else None

    def last_loud(self) -> float | None:
        loud = self.loud()
        return loud[-1] if loud else None

    def pcm(self, since: float, until: float) -> bytes:
        """Return the sound between two moments, with silence where no packet was.

        Timestamps place a packet behind the one before it, so that jitter leaves no gap. If its
        arrival differs by more than `ADRIFT_SECONDS`, the arrival places it. Packets never
        overlap."""
        rate = self.codec.rate_hz
        out = np.zeros(max(round((until - since) * rate), 0), "<i2")
        end = 0
        anchor: tuple[int, int, int] | None = None  # source, timestamp, place
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
                if step >= 2**15:  # it is counted as lost
                    lost -= 1
                    disordered += 1
                    continue
                lost += step - 1
            newest = packet
        return Traffic(len(self.packets), lost, disordered, longest)

    def ends(self) -> float | None:
        """Return the end of the last packet's audio."""
        return self.packets[-1].at + FRAME_SECONDS if self.packets else None
