"""Reading an audio file with a caller's speech, and writing the stereo recording of a call."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from callchart.adapters.carrier.wav_header import wav_header
from callchart.engine.ports import frame_bytes

CURE = "convert it to a 16-bit WAV, for example with: ffmpeg -i IN -c:a pcm_s16le OUT.wav"

_BLOCK_FRAMES = 1 << 16


class AudioFileError(Exception):
    """A sound file cannot be read or written. The text is one line: file, problem, cure."""

    def __init__(self, path: Path, problem: str, cure: str) -> None:
        super().__init__(f"{path}: {problem}; {cure}")
        self.path = path


@dataclass(frozen=True, slots=True)
class Recording:
    """Both sides of a call as int16: samples with the same index belong to the same moment."""

    rate_hz: int
    caller: NDArray[np.int16]
    agent: NDArray[np.int16]


def read_audio(path: Path, rate_hz: int) -> bytes:
    """Return the file's audio as mono s16le at `rate_hz`, padded to whole 20 ms frames.

    Supports all formats of libsndfile, at any rate: WAV (PCM, float, G.711, ADPCM, GSM), FLAC, Ogg,
    MP3 and more. Mixes the channels down. Raises `AudioFileError`.

    soxr resamples: a 0.5 MB wheel that needs only numpy, with the quality of a mastering tool. Its
    delay is too long for a live stream, and does not matter for a file."""
    samples, file_rate_hz = _decode(path)
    if not len(samples):
        raise AudioFileError(
            path,
            "the audio must have at least one sample, got none",
            "give a file with sound in it",
        )
    if not np.isfinite(samples).all():
        raise AudioFileError(path, "the samples must be finite, got NaN or infinity", CURE)
    if file_rate_hz != rate_hz:
        samples = soxr.resample(samples, file_rate_hz, rate_hz)
    pcm = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2").tobytes()
    return pcm + bytes(-len(pcm) % frame_bytes(rate_hz))


def write_wav(path: Path, recording: Recording) -> None:
    """Write the call as a 16-bit stereo WAV: the caller left, the agent right.

    Write a temporary file and rename it: a failure leaves no partial file. Only the owner can read
    the file, because it holds a conversation. Raises `AudioFileError`, for a full disk too."""
    stereo = np.column_stack((recording.caller, recording.agent)).astype("<i2")
    data = stereo.tobytes()
    header = wav_header(recording.rate_hz, 2, len(data))
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            half_written = Path(file.name)
            try:
                file.write(header + data)
                file.flush()
                half_written.replace(path)
            finally:
                half_written.unlink(missing_ok=True)
    except OSError as error:
        raise AudioFileError(
            path,
            f"the recording cannot be written ({error.strerror})",
            "free some space there or choose another folder",
        ) from error


def _decode(path: Path) -> tuple[NDArray[np.float64], int]:
    """Return the samples, mixed down to mono, as floats with full scale 1.0, and their rate in Hz.

    soundfile gets a descriptor, because it guesses the format from the name of a file. Read blocks,
    because the length in a damaged header can be larger than the memory."""
    blocks = [np.zeros(0)]
    try:
        with path.open("rb") as file, soundfile.SoundFile(file.fileno(), closefd=False) as sound:
            while len(block := sound.read(_BLOCK_FRAMES, always_2d=True)):
                blocks.append(block.mean(axis=1))
            return np.concatenate(blocks), sound.samplerate
    except FileNotFoundError as error:
        raise AudioFileError(path, "file not found", "give the path of an audio file") from error
    except OSError as error:
        raise AudioFileError(
            path, f"cannot be read ({error.strerror})", "give the path of an audio file"
        ) from error
    except soundfile.LibsndfileError as error:
        problem = f"libsndfile cannot read it ({error.error_string.strip(' .')})"
        raise AudioFileError(path, problem, CURE) from error
