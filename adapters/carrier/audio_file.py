"""Reading a WAV with a caller's speech, and writing the stereo recording of a call."""

from __future__ import annotations

import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from callchart.adapters.carrier.wav_header import PCM, wav_header
from callchart.engine.ports import frame_bytes

#: Format codes of a WAV: float samples, and a longer header that holds the code itself.
FLOAT, EXTENSIBLE = 3, 0xFFFE

#: The names of compressed formats that phone recordings often have, by format code.
COMPRESSED = {2: "ADPCM", 6: "G.711 A-law", 7: "G.711 u-law", 0x11: "IMA ADPCM", 0x55: "MP3"}

CURE = "convert it to 16-bit PCM, for example with: ffmpeg -i IN -c:a pcm_s16le OUT.wav"


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


@dataclass(frozen=True, slots=True)
class _Format:
    """The fields of a WAV's `fmt ` chunk that we need to decode the samples."""

    code: int
    channels: int
    rate_hz: int
    bits: int


def read_wav(path: Path, rate_hz: int) -> bytes:
    """Return the file's audio as mono s16le at `rate_hz`, padded to whole 20 ms frames.

    Supports PCM of 8, 16, 24 and 32 bits and float of 32 and 64, mono or stereo (mixed down), at
    any rate. Raises `AudioFileError`.

    soxr resamples: a 0.5 MB wheel that needs only numpy, with the quality of a mastering tool. Its
    delay is too long for a live stream, and does not matter for a file."""
    form, data = _parse(path, _content(path))
    samples = _samples(path, form, data)
    if not len(samples):
        raise AudioFileError(
            path, "the audio must have at least one sample, got none", "give a WAV with sound in it"
        )
    if form.rate_hz != rate_hz:
        samples = soxr.resample(samples, form.rate_hz, rate_hz)
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


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise AudioFileError(path, "file not found", "give the path of a WAV") from error
    except OSError as error:
        raise AudioFileError(
            path, f"cannot be read ({error.strerror})", "give the path of a WAV"
        ) from error


def _parse(path: Path, content: bytes) -> tuple[_Format, bytes]:
    """Return the format and the bytes of the audio.

    A `data` chunk may be longer than its file, if a program wrote it to a pipe without knowing the
    length: then the audio ends with the file."""
    if not content:
        raise AudioFileError(
            path, "the file must be a WAV, got 0 bytes", "give a WAV with sound in it"
        )
    if len(content) < 12 and b"RIFF".startswith(content[:4]):
        raise _truncated(path)
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        problem = f"the file must begin with RIFF....WAVE, as a WAV does, got {content[:12]!r}"
        raise AudioFileError(path, problem, CURE)
    form: _Format | None = None
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        body = content[at + 8 : at + 8 + size]
        if name == b"fmt ":
            form = _format(path, body)
        elif name == b"data":
            if form is None:
                raise AudioFileError(
                    path, "the format chunk must come before the audio, got none there", CURE
                )
            return form, body
        at += 8 + size + size % 2  # chunks begin at even offsets
    raise _truncated(path)


def _format(path: Path, body: bytes) -> _Format:
    if len(body) < 16:
        raise _truncated(path)
    code, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if code == EXTENSIBLE and len(body) >= 26:
        (code,) = struct.unpack_from("<H", body, 24)  # the first bytes of the sub-format
    if code not in (PCM, FLOAT):
        got = COMPRESSED.get(code, f"format {code:#x}")
        raise AudioFileError(path, f"the samples must be PCM or float, got {got}", CURE)
    sizes = (8, 16, 24, 32) if code == PCM else (32, 64)
    if bits not in sizes:
        expected = ", ".join(map(str, sizes[:-1])) + f" or {sizes[-1]}"
        raise AudioFileError(path, f"a sample must have {expected} bits, got {bits}", CURE)
    if channels not in (1, 2):
        raise AudioFileError(
            path, f"the channels must be 1 or 2, got {channels}", "give a mono or a stereo WAV"
        )
    if not rate_hz:
        raise AudioFileError(path, "the sample rate must be above 0 Hz, got 0", CURE)
    return _Format(code, channels, rate_hz, bits)


def _samples(path: Path, form: _Format, data: bytes) -> NDArray[np.float64]:
    """Return the audio, mixed down to mono, as floats. Full scale is 1.0."""
    block = form.bits // 8 * form.channels
    data = data[: len(data) // block * block]
    samples: NDArray[np.float64]
    if form.code == FLOAT:
        samples = np.frombuffer(data, f"<f{form.bits // 8}").astype(np.float64)
        if not np.isfinite(samples).all():
            raise AudioFileError(path, "the samples must be finite, got NaN or infinity", CURE)
    elif form.bits == 8:  # 8-bit samples are unsigned
        samples = (np.frombuffer(data, np.uint8).astype(np.float64) - 128) / 128
    elif form.bits == 24:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        samples = padded.view("<i4").ravel() / 2.0**31
    else:
        samples = np.frombuffer(data, f"<i{form.bits // 8}") / 2.0 ** (form.bits - 1)
    mono: NDArray[np.float64] = samples.reshape(-1, form.channels).mean(axis=1)
    return mono


def _truncated(path: Path) -> AudioFileError:
    return AudioFileError(
        path, "the WAV must have audio, got a file that ends before it", "copy or record it again"
    )
