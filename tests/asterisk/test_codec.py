"""The phone's codecs decode to the values of G.711, and keep sound within one step."""

from __future__ import annotations

import numpy as np
import pytest

from tests.asterisk.codec import L16, PCMA, PCMU, Codec

codecs = pytest.mark.parametrize("codec", [PCMU, PCMA, L16], ids=lambda codec: codec.name)

EVERY_SAMPLE = np.arange(-32768, 32768).astype("<i2")


@pytest.mark.parametrize(
    ("codec", "code", "sample"),
    [
        (PCMU, 0x00, -32124),
        (PCMU, 0x80, 32124),
        (PCMU, 0xFF, 0),
        (PCMU, 0xFE, 8),
        (PCMA, 0xD5, 8),
        (PCMA, 0x55, -8),
        (PCMA, 0xAA, 32256),
        (PCMA, 0x2A, -32256),
    ],
)
def test_a_code_is_decoded_to_the_level_that_g711_gives(
    codec: Codec, code: int, sample: int
) -> None:
    assert np.frombuffer(codec.decode(bytes([code])), "<i2")[0] == sample


@pytest.mark.parametrize("codec", [PCMU, PCMA], ids=lambda codec: codec.name)
def test_a_code_is_unchanged_after_decoding_and_encoding(codec: Codec) -> None:
    sound = codec.decode(bytes(range(256)))
    assert codec.decode(codec.encode(sound)) == sound


@codecs
def test_each_sample_is_off_by_at_most_one_step(codec: Codec) -> None:
    heard = np.frombuffer(codec.decode(codec.encode(EVERY_SAMPLE.tobytes())), "<i2").astype(int)
    off = np.abs(heard - EVERY_SAMPLE)
    # Both laws divide a segment into 16 steps, so half a step is at most 1/32 of the sample.
    assert (off <= np.maximum(np.abs(EVERY_SAMPLE.astype(int)) / 32 + 4, 8)).all()


@codecs
def test_sound_is_cut_into_frames_and_the_last_is_filled_with_silence(codec: Codec) -> None:
    payloads = codec.payloads(bytes(2 * codec.frame_samples + 2))
    assert len(payloads) == 2
    assert len({len(payload) for payload in payloads}) == 1
    assert codec.payloads(b"") == []
