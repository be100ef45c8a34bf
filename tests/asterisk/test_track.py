"""A track places audio on the clock while the network loses, delays and reorders packets."""

from __future__ import annotations

import numpy as np
import pytest

from tests.asterisk.codec import PCMU
from tests.asterisk.rtp import Packet
from tests.asterisk.track import Track, Traffic

STEP = PCMU.frame_samples
LOUD = PCMU.encode(np.full(STEP, 8000, "<i2").tobytes())
SILENT = PCMU.encode(bytes(2 * STEP))


def track(*packets: tuple[float, int, bytes]) -> Track:
    """Return a track of packets with this arrival, number and payload. Timestamps follow the
    numbers, past 2**32."""
    made = Track(PCMU)
    for at, number, payload in packets:
        timestamp = (2**32 - STEP + number * STEP) % 2**32
        made.packets.append(Packet(at, 0, False, number % 2**16, timestamp, 1, payload))
    return made


def loud_spans(pcm: bytes) -> list[tuple[int, int]]:
    """Return the beginning and the end of the sound, in samples."""
    loud = np.abs(np.frombuffer(pcm, "<i2").astype(int)) > 1000
    edges = np.flatnonzero(np.diff(np.concatenate(([0], loud.view(np.int8), [0]))))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def test_packets_with_jitter_join_without_a_gap() -> None:
    shaken = track((1.0, 0, LOUD), (1.025, 1, LOUD), (1.035, 2, LOUD))
    assert loud_spans(shaken.pcm(1.0, 1.1)) == [(0, 480)]


def test_a_lost_packet_is_a_gap_of_its_length() -> None:
    lossy = track((1.0, 0, LOUD), (1.041, 2, LOUD))
    assert loud_spans(lossy.pcm(1.0, 1.1)) == [(0, 160), (320, 480)]
    assert lossy.traffic().lost == 1


def test_audio_after_a_pause_is_placed_by_the_clock() -> None:
    """Asterisk sends nothing while a bot is silent, and its timestamps may not count that time."""
    paused = track((1.0, 0, LOUD), (1.5, 1, LOUD))
    assert loud_spans(paused.pcm(1.0, 2.0)) == [(0, 160), (4000, 4160)]


def test_a_burst_after_a_stall_loses_nothing() -> None:
    stalled = track(*((1.0 + (0.2 if n else 0.0), n, LOUD) for n in range(8)))
    begun, ended = loud_spans(stalled.pcm(1.0, 2.0))[1]
    assert begun == 1600
    assert ended - begun == 7 * STEP


def test_sound_outside_the_window_is_left_out() -> None:
    sound = track((1.0, 0, LOUD), (1.02, 1, LOUD))
    assert loud_spans(sound.pcm(1.01, 1.03)) == [(0, 160)]
    assert sound.pcm(2.0, 1.0) == b""


def test_loud_packets_are_found_by_the_clock() -> None:
    spoken = track((1.0, 0, SILENT), (1.02, 1, LOUD), (1.04, 2, SILENT), (1.06, 3, LOUD))
    assert spoken.first_loud() == 1.02
    assert spoken.first_loud(after=1.03) == 1.06
    assert spoken.first_loud(after=1.07) is None
    assert spoken.last_loud() == 1.06


def test_traffic_counts_lost_and_late_packets_separately() -> None:
    swapped = track(*((1.0, number, SILENT) for number in (65534, 65536, 65535, 65538)))
    assert swapped.traffic() == Traffic(received=4, lost=1, disordered=1, longest_gap=0.0)
    assert Track(PCMU).traffic() == Traffic(0, 0, 0, 0.0)


@pytest.mark.parametrize("count", [0, 1])
def test_a_short_track_ends_with_its_last_packet(count: int) -> None:
    short = track(*[(1.0, 0, SILENT)] * count)
    assert short.ends() == (pytest.approx(1.02) if count else None)
