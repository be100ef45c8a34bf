"""The contract of `VoiceDetectors` and `VoiceActivity`."""

from __future__ import annotations

from callchart.engine.ports import VoiceActivity, VoiceDetectors, VoiceEdge, frame_bytes
from tests.recordings import RATE_HZ, frames, recording, silence

# Two phrases with 200 ms between them.
CALLER = recording("en_interrupt").pcm


def edges(voice: VoiceActivity, pcm: bytes) -> list[VoiceEdge]:
    """Feed the sound frame by frame, and return its edges."""
    return [edge for frame in frames(pcm) for edge in voice.detect_edges(frame)]


class VoiceDetectorsContract:
    """The tests of the contract. A subclass defines the fixture `detectors`."""

    async def test_edges_alternate_and_the_first_is_speech(self, detectors: VoiceDetectors) -> None:
        async with detectors.detector(RATE_HZ) as voice:
            found = edges(voice, CALLER + silence(0.5))
        assert found
        assert [edge.speaking for edge in found] == [True, False] * (len(found) // 2)

    async def test_an_edge_is_found_within_half_a_second_of_its_moment(
        self, detectors: VoiceDetectors
    ) -> None:
        async with detectors.detector(RATE_HZ) as voice:
            found = edges(voice, CALLER + silence(0.5))
        assert all(0 <= edge.lag_s < 0.5 for edge in found)

    async def test_silence_has_no_edge(self, detectors: VoiceDetectors) -> None:
        async with detectors.detector(RATE_HZ) as voice:
            assert edges(voice, silence(3)) == []

    async def test_the_edges_do_not_depend_on_how_the_sound_is_cut(
        self, detectors: VoiceDetectors
    ) -> None:
        async with detectors.detector(RATE_HZ) as voice:
            one_by_one = edges(voice, CALLER + silence(0.5))
        async with detectors.detector(RATE_HZ) as voice:
            at_once = voice.detect_edges(CALLER + silence(0.5))
        assert [e.speaking for e in at_once] == [e.speaking for e in one_by_one]

    async def test_a_call_does_not_affect_the_next_one(self, detectors: VoiceDetectors) -> None:
        """Both calls begin and end in mid-word, where earlier sound matters most."""
        goodbye = recording("en_goodbye").pcm
        frame = frame_bytes(RATE_HZ)
        beginning, middle = goodbye[: 51 * frame], goodbye[45 * frame : 85 * frame]
        async with detectors.detector(RATE_HZ) as voice:
            fresh = edges(voice, middle)
            edges(voice, beginning)
        async with detectors.detector(RATE_HZ) as voice:
            assert edges(voice, middle) == fresh

    async def test_parallel_calls_do_not_affect_each_other(self, detectors: VoiceDetectors) -> None:
        async with detectors.detector(RATE_HZ) as voice:
            alone = edges(voice, CALLER)
        async with detectors.detector(RATE_HZ) as one, detectors.detector(RATE_HZ) as other:
            together: list[VoiceEdge] = []
            quiet: list[VoiceEdge] = []
            for frame in frames(CALLER):
                together += one.detect_edges(frame)
                quiet += other.detect_edges(bytes(len(frame)))
        assert together == alone
        assert quiet == []
