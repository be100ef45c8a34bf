"""A scripted caller: a script's lines, their cues, and the hangup.

The caller decides for each frame from the audio that they hear, and uses no clock: equal input
gives equal output. Every wait is limited.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

import numpy as np

from callchart.adapters.carrier.audio_file import AudioFileError, read_audio
from callchart.engine.did_you_mean import did_you_mean
from callchart.engine.ports import frame_bytes

FRAMES_PER_SECOND: Final = 50

#: The longest wait for a cue. After it the caller continues as if the cue had come.
LONGEST_WAIT_SECONDS: Final = 20.0

#: The silence after the agent's last reply before the caller hangs up.
HANGUP_AFTER_SECONDS: Final = 2.5

#: The longest pause within speech: espeak-ng leaves 0.28-0.30 s between two sentences.
PAUSE_FRAMES: Final = 20

#: The lowest RMS of a frame of speech: -44 dB of full scale. Speech on a phone line is near -26 dB,
#: comfort noise below -50 dB.
LOUD_RMS: Final = 200

When = Literal["at once", "agent silent", "agent speaking"]


class CallerScriptError(Exception):
    """A caller's script is invalid. The text is one line: file, place, problem, cure."""


@dataclass(frozen=True, slots=True)
class Cue:
    """The condition for the next line, and its duration in frames.

    "agent silent": the agent has spoken since the caller's last sound, and has then been silent
    for that long. "agent speaking": the agent has been speaking for that long without a pause.
    Both count from the end of the caller's last line, or from the answer."""

    when: When
    frames: int = 0


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """One line of the caller: whole frames of mono s16le, and the cue before them."""

    pcm: bytes
    cue: Cue


@dataclass(frozen=True, slots=True)
class Script:
    """The lines of a caller, in order, and the cue for their hangup.

    `at_most_s`, in seconds from the answer, ends the call at any place of the script."""

    rate_hz: int
    lines: tuple[ScriptLine, ...]
    hangup: Cue
    at_most_s: float = math.inf


def read_caller(path: Path, rate_hz: int) -> Script:
    """Read a caller's script (`.toml`), or audio that the caller plays right after the answer.

    Raises `CallerScriptError`, or for audio `AudioFileError`."""
    if path.suffix.lower() == ".toml":
        return read_script(path, rate_hz)
    return one_line(read_audio(path, rate_hz), rate_hz)


def one_line(pcm: bytes, rate_hz: int, hangup_after_s: float = HANGUP_AFTER_SECONDS) -> Script:
    """Return the script of a caller who says `pcm` right after the answer.

    They hang up after the agent's reply and `hangup_after_s` seconds of silence on both sides, or
    `LONGEST_WAIT_SECONDS` after their words."""
    hangup = Cue("agent silent", _frames(hangup_after_s))
    return Script(rate_hz, (ScriptLine(pcm, Cue("at once")),), hangup)


def read_script(path: Path, rate_hz: int) -> Script:
    """Read a script in TOML. adapters/service/demo/caller.toml shows and explains every key."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise CallerScriptError(
            f"{path}: file not found; give the path of a caller's script"
        ) from error
    except OSError as error:
        raise CallerScriptError(
            f"{path}: cannot be read ({error.strerror}); give the path of a caller's script"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CallerScriptError(f"{path}: the script must be TOML: {error}") from error

    _check_keys(table, ("line", "hangup"), f"{path}")
    entries = table.get("line")
    if not isinstance(entries, list) or not entries:
        got = repr(entries) if entries else "none"
        raise CallerScriptError(f"{path}: line must be a list of [[line]], got {got}; add one")
    lines = tuple(
        _line(_table(entry, f"{path}: [[line]] {number}", "[[line]]"), path, number, rate_hz)
        for number, entry in enumerate(entries, 1)
    )
    if "hangup" not in table:
        return Script(rate_hz, lines, Cue("agent silent", _frames(HANGUP_AFTER_SECONDS)))
    where = f"{path}: [hangup]"
    hangup = _table(table["hangup"], where, "[hangup]")
    _check_keys(hangup, ("when", "for", "at_most"), where)
    at_most_s = math.inf
    if "at_most" in hangup:
        at_most_s = _seconds(hangup["at_most"], f"{where}: at_most", math.inf)
    return Script(rate_hz, lines, _cue(hangup, where), at_most_s)


class ScriptedCaller:
    """A caller who follows a script: the `Caller` of a `WavLine`."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._frame_bytes = frame_bytes(script.rate_hz)
        self._silence = bytes(self._frame_bytes)
        self._agent = _AgentSpeech(self._silence)
        self._upcoming = iter(script.lines)
        self._next: ScriptLine | None = next(self._upcoming, None)
        self._saying = b""
        self._said_bytes = 0  # of `_saying`
        self._last_sound_bytes = 0  # the end of the last loud frame of `_saying`
        self._call_frames = 0  # since the answer
        self._waited_frames = 0  # since the end of the last line

    @property
    def rate_hz(self) -> int:
        return self._script.rate_hz

    def speak(self, heard: bytes) -> bytes | None:
        """Return the next frame after hearing `heard`, or None to hang up."""
        self._agent.add_frame(heard)
        if self._call_frames >= self._script.at_most_s * FRAMES_PER_SECOND:
            return None
        self._call_frames += 1
        if self._said_bytes < len(self._saying):
            return self._next_frame()
        if not self._cue_came(self._next.cue if self._next else self._script.hangup):
            self._waited_frames += 1
            return self._silence
        if self._next is None:
            return None
        self._saying, self._said_bytes, self._waited_frames = self._next.pcm, 0, 0
        self._last_sound_bytes = _end_of_sound(self._saying, self._frame_bytes)
        self._next = next(self._upcoming, None)
        return self._next_frame()

    def _next_frame(self) -> bytes:
        begin, self._said_bytes = self._said_bytes, self._said_bytes + self._frame_bytes
        if self._said_bytes == self._last_sound_bytes:
            # The agent's speech before the caller's last sound cannot be a reply to it.
            self._agent.reset()
        return self._saying[begin : self._said_bytes]

    def _cue_came(self, cue: Cue) -> bool:
        if cue.when == "at once" or self._waited_frames >= LONGEST_WAIT_SECONDS * FRAMES_PER_SECOND:
            return True
        if cue.when == "agent speaking":
            return self._agent.speaking_frames >= max(cue.frames, 1)
        return (
            self._agent.spoke and min(self._agent.silent_frames, self._waited_frames) >= cue.frames
        )


class _AgentSpeech:
    """The agent's speech since the caller's own last sound, in frames."""

    def __init__(self, silence: bytes) -> None:
        self._silence = silence
        self.reset()

    def reset(self) -> None:
        self.spoke = False
        self.speaking_frames = 0  # of speech in a row, its pauses included
        self.silent_frames = 0  # since the last speech

    def add_frame(self, frame: bytes) -> None:
        if frame == self._silence or not _is_loud(frame):
            self.silent_frames += 1
            if self.silent_frames > PAUSE_FRAMES:
                self.speaking_frames = 0
            return
        self.speaking_frames += 1 + (self.silent_frames if self.speaking_frames else 0)
        self.silent_frames = 0
        self.spoke = True


def _is_loud(frame: bytes) -> bool:
    samples = np.frombuffer(frame, "<i2").astype(np.float32)
    return float(samples @ samples) >= LOUD_RMS**2 * len(samples)


def _end_of_sound(pcm: bytes, size: int) -> int:
    """Return the end of the last loud frame in bytes, or 0 for silence."""
    for end in range(len(pcm), 0, -size):
        if _is_loud(pcm[end - size : end]):
            return end
    return 0


def _frames(seconds: float) -> int:
    return round(seconds * FRAMES_PER_SECOND)


def _line(entry: dict[str, Any], path: Path, number: int, rate_hz: int) -> ScriptLine:
    where = f"{path}: [[line]] {number}"
    _check_keys(entry, ("say", "when", "for"), where)
    say = entry.get("say")
    if not isinstance(say, str):
        raise CallerScriptError(
            f"{where}: say must be the path of an audio file, got {_shown(entry, 'say')}; "
            'write for example say = "question.wav"'
        )
    try:
        pcm = read_audio(path.parent / say, rate_hz)
    except AudioFileError as error:
        raise CallerScriptError(f"{where}: {error}") from error
    return ScriptLine(pcm, _cue(entry, where))


def _cue(entry: dict[str, Any], where: str) -> Cue:
    when = entry.get("when")
    if when not in get_args(When):
        choices = ", ".join(f'"{choice}"' for choice in get_args(When))
        raise CallerScriptError(
            f"{where}: when must be one of {choices}, got {_shown(entry, 'when')}"
        )
    if when == "at once":
        if "for" in entry:
            raise CallerScriptError(
                f'{where}: for must be absent with when = "at once", got {entry["for"]!r}; '
                "remove it"
            )
        return Cue("at once")
    if "for" not in entry:
        raise CallerScriptError(
            f"{where}: for must be a number of seconds, got none; write for example for = 0.8"
        )
    return Cue(
        cast("When", when), _frames(_seconds(entry["for"], f"{where}: for", LONGEST_WAIT_SECONDS))
    )


def _seconds(value: Any, where: str, most_s: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= most_s:
        expected = "0 or more seconds" if math.isinf(most_s) else f"0 to {most_s:g} seconds"
        raise CallerScriptError(f"{where} must be {expected}, got {value!r}")
    return float(value)


def _table(value: Any, where: str, header: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CallerScriptError(
            f"{where} must be a table, got {value!r}; write its keys below {header}"
        )
    return value


def _shown(table: dict[str, Any], key: str) -> str:
    return repr(table[key]) if key in table else "none"


def _check_keys(table: dict[str, Any], known: Iterable[str], where: str) -> None:
    known = tuple(known)
    for key in table:
        if key not in known:
            cure = did_you_mean(key, known) or f"; the keys are {', '.join(known)}"
            raise CallerScriptError(f"{where}: {key} is not a known key{cure}")
