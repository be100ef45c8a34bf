"""Audio files of every usual kind are read; any other file is refused with an error of one line."""

from __future__ import annotations

import resource
import struct
import uuid
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from callchart.adapters.carrier.audio_file import AudioFileError, Recording, read_audio, write_wav

RATE = 16000

#: PCM's name in an extensible WAV header (KSDATAFORMAT_SUBTYPE_PCM).
PCM_SUBFORMAT = uuid.UUID("00000001-0000-0010-8000-00aa00389b71")


def sine(rate_hz: int, seconds: float = 0.5, level: float = 0.5) -> NDArray[np.float64]:
    """Return a sine of 440 Hz. `level` 1.0 is full scale."""
    at = np.arange(round(rate_hz * seconds)) / rate_hz
    return level * np.sin(2 * np.pi * 440 * at)


def wav(
    data: bytes, *, code: int = 1, channels: int = 1, rate_hz: int = RATE, bits: int = 16
) -> bytes:
    """Return the bytes of a WAV file with a correct header."""
    block = bits // 8 * channels
    form = struct.pack("<HHIIHH", code, channels, rate_hz, rate_hz * block, block, bits)
    return riff((b"fmt ", form), (b"data", data))


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WAVE"
    for name, content in chunks:
        body += struct.pack("<4sI", name, len(content)) + content + bytes(len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def saved(folder: Path, content: bytes) -> Path:
    path = folder / "caller.wav"
    path.write_bytes(content)
    return path


def encoded(samples: NDArray[np.float64], code: int, bits: int) -> bytes:
    """Return samples of -1 to 1 in the encoding with that format code and size."""
    if code == 3:
        return samples.astype(f"<f{bits // 8}").tobytes()
    if bits == 8:
        return np.rint(samples * 127 + 128).astype(np.uint8).tobytes()
    if bits == 24:
        wide = encoded(samples, 1, 32)
        return b"".join(wide[at + 1 : at + 4] for at in range(0, len(wide), 4))
    whole = np.rint(samples * (2.0 ** (bits - 1) - 1))
    return whole.astype(f"<i{bits // 8}").tobytes()


def as_floats(pcm: bytes) -> NDArray[np.float64]:
    return np.frombuffer(pcm, "<i2") / 32768


def test_a_file_in_the_format_of_the_line_is_read_unchanged(tmp_path: Path) -> None:
    pcm = np.random.default_rng(1).integers(-32768, 32768, 3200).astype("<i2").tobytes()
    assert read_audio(saved(tmp_path, wav(pcm)), RATE) == pcm


def test_the_last_frame_is_padded_with_silence(tmp_path: Path) -> None:
    pcm = struct.pack("<321h", *[100] * 321)
    assert read_audio(saved(tmp_path, wav(pcm)), RATE) == pcm + bytes(2 * 319)


@pytest.mark.parametrize(
    ("code", "bits", "error"),
    [(1, 8, 1 / 100), (1, 16, 1e-4), (1, 24, 1e-4), (1, 32, 1e-4), (3, 32, 1e-4), (3, 64, 1e-4)],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_usual_encoding_sounds_the_same(
    tmp_path: Path, code: int, bits: int, error: float, channels: int
) -> None:
    sound = sine(RATE)
    content = wav(
        encoded(np.repeat(sound, channels), code, bits), code=code, channels=channels, bits=bits
    )
    heard = as_floats(read_audio(saved(tmp_path, content), RATE))
    assert np.abs(heard - sound).max() < error


@pytest.mark.parametrize("channels", [2, 6])
def test_all_channels_are_mixed_down(tmp_path: Path, channels: int) -> None:
    samples = [1000, -200] * (channels // 2) * 320
    content = wav(struct.pack(f"<{len(samples)}h", *samples), channels=channels)
    assert set(np.frombuffer(read_audio(saved(tmp_path, content), RATE), "<i2")) == {400}


@pytest.mark.parametrize("rate_hz", [8000, 11025, 22050, 44100, 48000])
@pytest.mark.parametrize("wanted_hz", [8000, 16000])
def test_any_rate_is_resampled_without_distortion_or_delay(
    tmp_path: Path, rate_hz: int, wanted_hz: int
) -> None:
    sound = np.column_stack([sine(rate_hz)] * 2).ravel()
    path = saved(tmp_path, wav(encoded(sound, 1, 16), channels=2, rate_hz=rate_hz))
    heard = as_floats(read_audio(path, wanted_hz))
    assert len(heard) == wanted_hz // 2
    middle = slice(wanted_hz // 20, -wanted_hz // 20)  # a filter rings at both ends
    assert np.abs(heard - sine(wanted_hz))[middle].max() < 2e-3


def test_a_float_file_that_is_too_loud_is_clipped(tmp_path: Path) -> None:
    content = wav(struct.pack("<320f", *[1.5, -1.5] * 160), code=3, bits=32)
    samples = np.frombuffer(read_audio(saved(tmp_path, content), RATE), "<i2")
    assert set(samples) == {32767, -32768}


def test_a_silent_file_is_read(tmp_path: Path) -> None:
    assert read_audio(saved(tmp_path, wav(bytes(3200))), RATE) == bytes(3200)


def test_an_extensible_header_is_read(tmp_path: Path) -> None:
    form = struct.pack("<HHIIHH", 0xFFFE, 1, RATE, RATE * 2, 2, 16)
    form += struct.pack("<HHI", 22, 16, 4) + PCM_SUBFORMAT.bytes_le
    content = riff((b"fmt ", form), (b"data", b"\1\0" * 320))
    assert read_audio(saved(tmp_path, content), RATE) == b"\1\0" * 320


def test_other_chunks_are_skipped(tmp_path: Path) -> None:
    form = struct.pack("<HHIIHH", 1, 1, RATE, RATE * 2, 2, 16)
    content = riff((b"LIST", b"odd"), (b"fmt ", form), (b"fact", bytes(4)), (b"data", bytes(640)))
    assert read_audio(saved(tmp_path, content), RATE) == bytes(640)


def test_a_data_chunk_of_unknown_length_ends_with_the_file(tmp_path: Path) -> None:
    content = wav(b"\1\0" * 320)
    unknown = content.replace(struct.pack("<4sI", b"data", 640), b"data\xff\xff\xff\xff")
    assert unknown != content
    # The last byte is half a sample, and is dropped.
    assert read_audio(saved(tmp_path, unknown + b"\1"), RATE) == b"\1\0" * 320


def compressed(folder: Path, kind: str, subtype: str) -> Path:
    path = folder / "caller"
    soundfile.write(path, sine(RATE), RATE, subtype, format=kind)
    return path


@pytest.mark.parametrize(
    ("kind", "subtype", "error"),
    [
        ("WAV", "ULAW", 0.02),
        ("WAV", "ALAW", 0.02),
        ("WAV", "IMA_ADPCM", 0.02),
        ("FLAC", "PCM_16", 1e-4),
        ("OGG", "VORBIS", 0.05),
        ("MP3", "MPEG_LAYER_III", 0.05),
    ],
)
def test_compressed_audio_is_decoded(tmp_path: Path, kind: str, subtype: str, error: float) -> None:
    heard = as_floats(read_audio(compressed(tmp_path, kind, subtype), RATE))
    middle = slice(RATE // 20, -RATE // 20)  # a codec fades in and out
    sound = sine(RATE)
    assert np.abs(heard[: len(sound)] - sound)[middle].max() < error


def test_a_header_that_claims_hours_of_audio_takes_no_memory_for_them(tmp_path: Path) -> None:
    path = compressed(tmp_path, "MP3", "MPEG_LAYER_III")
    content = bytearray(path.read_bytes())
    frames_at = content.index(b"Xing") + 8
    content[frames_at : frames_at + 4] = b"\x7f\xff\xff\xff"
    path.write_bytes(content)
    assert len(read_audio(path, RATE)) < 2 * RATE * 2


GOOD = wav(bytes(640))
UNKNOWN = "libsndfile cannot read it (Format not recognised); convert it to a 16-bit WAV"
CUT = "libsndfile cannot read it (Error in WAV file. No 'data' chunk marker); convert it"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", UNKNOWN),
        (b"ID3\4 some other music, in fact", UNKNOWN),
        (b"R", UNKNOWN),
        (GOOD[:10], UNKNOWN),
        (GOOD[:30], CUT),
        (riff((b"data", bytes(640))), CUT),
        (GOOD[:44], "the audio must have at least one sample, got none; give a file with"),
        (wav(b""), "at least one sample, got none"),
        (wav(b"\1"), "at least one sample, got none"),
        (wav(bytes(640), code=0x161), "libsndfile cannot read it ("),
        (wav(bytes(640), rate_hz=0), "libsndfile cannot read it ("),
        (
            wav(struct.pack("<f", np.nan), code=3, bits=32),
            "the samples must be finite, got NaN or infinity",
        ),
    ],
)
def test_an_invalid_file_is_refused_in_one_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = saved(tmp_path, content)
    with pytest.raises(AudioFileError) as refusal:
        read_audio(path, RATE)
    message = str(refusal.value)
    assert message.startswith(f"{path}: ")
    assert says in message
    assert "\n" not in message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match=r"missing\.wav: file not found; give the path"):
        read_audio(tmp_path / "missing.wav", RATE)


def test_a_folder_instead_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match=r"cannot be read \(Is a directory\); give the path"):
        read_audio(tmp_path, RATE)


def recording(frames: int = 1600) -> Recording:
    caller = np.arange(frames, dtype=np.int16)
    return Recording(RATE, caller, -caller)


def test_a_recording_has_the_caller_left_and_the_agent_right(tmp_path: Path) -> None:
    path = tmp_path / "recording.wav"
    write_wav(path, recording())
    with wave.open(str(path)) as file:
        assert file.getparams()[:4] == (2, 2, RATE, 1600)
        stereo = np.frombuffer(file.readframes(1600), "<i2").reshape(-1, 2)
    assert (stereo[:, 0] == recording().caller).all()
    assert (stereo[:, 1] == recording().agent).all()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_call_without_frames_has_an_empty_recording(tmp_path: Path) -> None:
    path = tmp_path / "recording.wav"
    write_wav(path, recording(0))
    with wave.open(str(path)) as file:
        assert file.getnframes() == 0


def test_a_recording_replaces_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "recording.wav"
    write_wav(path, recording(10))
    write_wav(path, recording(20))
    with wave.open(str(path)) as file:
        assert file.getnframes() == 20
    assert list(tmp_path.iterdir()) == [path]


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes during the block."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_older_recording(
    tmp_path: Path,
) -> None:
    path = tmp_path / "recording.wav"
    write_wav(path, recording(10))
    with room_for(1000), pytest.raises(AudioFileError) as refusal:
        write_wav(path, recording())
    assert "the recording cannot be written (File too large)" in str(refusal.value)
    assert "free some space there or choose another folder" in str(refusal.value)
    assert list(tmp_path.iterdir()) == [path]
    with wave.open(str(path)) as file:
        assert file.getnframes() == 10


@pytest.mark.parametrize("folder", ["missing", "a_file"])
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, folder: str) -> None:
    (tmp_path / "a_file").touch()
    path = tmp_path / folder / "recording.wav"
    with pytest.raises(AudioFileError) as refusal:
        write_wav(path, recording())
    assert str(refusal.value).startswith(f"{path}: the recording cannot be written (No")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a_file"]
