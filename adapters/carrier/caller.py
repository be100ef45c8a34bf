"""A scripted caller: a script's lines, their cues, and the hangup.

The caller decides frame by frame from the audio that they hear, never by a clock: the same frames
in give the same frames out. Every wait is limited.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

import numpy as np

from callchart.adapters.carrier.audio_file import AudioFileError, read_wav
from callchart.engine.ports import frame_bytes

FRAMES_PER_SECOND: Final = 50

#: The longest wait for a cue, in seconds; then the caller continues as if it had come.
LONGEST_WAIT: Final = 20.0

#: Seconds of silence after an answer, before a caller at the end of their script hangs up.
HANGUP_AFTER: Final = 2.5

#: The longest pause within speech, in frames: espeak-ng leaves 0.28-0.30 s between two sentences.
PAUSE: Final = 20

#: The lowest RMS of a frame of speech: -44 dB of full scale. Speech on a phone line is near -26 dB,
#: comfort noise below -50 dB.
LOUD: Final = 200

When = Literal["at once", "agent silent", "agent speaking"]


class CallerScriptError(Exception):
    """A caller's script is invalid. The text is one line: the file, the place, the problem."""


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

    `at_most`, in seconds from the answer, ends the call at any place of the script."""

    rate_hz: int
    lines: tuple[ScriptLine, ...]
    hangup: Cue
    at_most: float = math.inf


def read_caller(path: Path, rate_hz: int) -> Script:
    """Read a caller's script (`.toml`), or a WAV that the caller plays right after the answer.

    Raises `CallerScriptError`, or for a WAV `AudioFileError`."""
    if path.suffix.lower() == ".toml":
        return read_script(path, rate_hz)
    return one_line(read_wav(path, rate_hz), rate_hz)


def one_line(pcm: bytes, rate_hz: int, hangup_after: float = HANGUP_AFTER) -> Script:
    """Return the script of a caller who says `pcm` right after the answer.

    They hang up after the agent's reply and `hangup_after` seconds of mutual silence, at the latest
    `LONGEST_WAIT` seconds after their words."""
    hangup = Cue("agent silent", _frames(hangup_after))
    return Script(rate_hz, (ScriptLine(pcm, Cue("at once")),), hangup)


def read_script(path: Path, rate_hz: int) -> Script:
    """Read a script in TOML. adapters/service/demo/caller.toml shows and explains every key."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise CallerScriptError(f"{path}: there is no such caller's script") from error
    except OSError as error:
        raise CallerScriptError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CallerScriptError(f"{path}: is not TOML: {error}") from error

    _check_keys(table, ("line", "hangup"), f"{path}")
    entries = table.get("line")
    if not isinstance(entries, list) or not entries:
        raise CallerScriptError(f"{path}: the caller says nothing; give at least one [[line]]")
    lines = tuple(
        _line(_table(entry, f"{path}: [[line]] {number}"), path, number, rate_hz)
        for number, entry in enumerate(entries, 1)
    )
    if "hangup" not in table:
        return Script(rate_hz, lines, Cue("agent silent", _frames(HANGUP_AFTER)))
    where = f"{path}: [hangup]"
    hangup = _table(table["hangup"], where)
    _check_keys(hangup, ("when", "for", "at_most"), where)
    at_most = math.inf
    if "at_most" in hangup:
        at_most = _seconds(hangup["at_most"], f"{where}: at_most", math.inf)
    return Script(rate_hz, lines, _cue(hangup, where), at_most)


class ScriptedCaller:
    """A caller who follows a script: the `Caller` of a `WavLine`."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._frame_bytes = frame_bytes(script.rate_hz)
        self._silence = bytes(self._frame_bytes)
        self._ear = _Ear(self._silence)
        self._upcoming = iter(script.lines)
        self._next: ScriptLine | None = next(self._upcoming, None)
        self._saying = b""
        self._said = 0  # bytes of `_saying`
        self._last_sound = 0  # where the last loud frame of `_saying` ends
        self._call = 0  # frames since the answer
        self._waited = 0  # frames since the last line ended

    @property
    def rate_hz(self) -> int:
        return self._script.rate_hz

    def speak(self, heard: bytes) -> bytes | None:
        """Return the next frame after hearing `heard`, or None to hang up."""
        self._ear.listen(heard)
        if self._call >= self._script.at_most * FRAMES_PER_SECOND:
            return None
        self._call += 1
        if self._said < len(self._saying):
            return self._next_frame()
        if not self._comes(self._next.cue if self._next else self._script.hangup):
            self._waited += 1
            return self._silence
        if self._next is None:
            return None
        self._saying, self._said, self._waited = self._next.pcm, 0, 0
        self._last_sound = _end_of_sound(self._saying, self._frame_bytes)
        self._next = next(self._upcoming, None)
        return self._next_frame()

    def _next_frame(self) -> bytes:
        begin, self._said = self._said, self._said + self._frame_bytes
        if self._said == self._last_sound:
            # The agent's speech before the caller's last sound cannot be a reply to it.
            self._ear.forget()
        return self._saying[begin : self._said]

    def _comes(self, cue: Cue) -> bool:
        if cue.when == "at once" or self._waited >= LONGEST_WAIT * FRAMES_PER_SECOND:
            return True
        if cue.when == "agent speaking":
            return self._ear.speaking >= max(cue.frames, 1)
        return self._ear.spoke and min(self._ear.silent, self._waited) >= cue.frames


class _Ear:
    """The agent's speech since the caller's own last sound, in frames."""

    def __init__(self, silence: bytes) -> None:
        self._silence = silence
        self.forget()

    def forget(self) -> None:
        self.spoke = False
        self.speaking = 0  # of speech in a row, its pauses included
        self.silent = 0  # since the last speech

    def listen(self, frame: bytes) -> None:
        if frame == self._silence or not _is_loud(frame):
            self.silent += 1
            if self.silent > PAUSE:
                self.speaking = 0
            return
        self.speaking += 1 + (self.silent if self.speaking else 0)
        self.silent = 0
        self.spoke = True


def _is_loud(frame: bytes) -> bool:
    samples = np.frombuffer(frame, "<i2").astype(np.float32)
    return float(samples @ samples) >= LOUD**2 * len(samples)


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
        raise CallerScriptError(f'{where}: give the WAV to be said, as in say = "question.wav"')
    try:
        pcm = read_wav(path.parent / say, rate_hz)
    except AudioFileError as error:
        raise CallerScriptError(f"{where}: {error}") from error
    return ScriptLine(pcm, _cue(entry, where))


def _cue(entry: dict[str, Any], where: str) -> Cue:
    when = entry.get("when")
    if when not in get_args(When):
        choices = ", ".join(f'"{choice}"' for choice in get_args(When))
        raise CallerScriptError(f"{where}: `when` must be one of {choices}, got {when!r}")
    if when == "at once":
        if "for" in entry:
            raise CallerScriptError(f'{where}: "at once" waits for nothing; remove `for`')
        return Cue("at once")
    if "for" not in entry:
        raise CallerScriptError(f"{where}: say how long, as in for = 0.8 (seconds)")
    return Cue(cast("When", when), _frames(_seconds(entry["for"], f"{where}: for", LONGEST_WAIT)))


def _seconds(value: Any, where: str, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise CallerScriptError(f"{where}: {value!r} is not a number of seconds")
    if value < 0:
        raise CallerScriptError(f"{where}: {value!r} is negative; give 0 or more seconds")
    if value > most:
        raise CallerScriptError(f"{where}: {value!r} is too long; give at most {most:g} seconds")
    return float(value)


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CallerScriptError(f"{where}: must be a table of its own, not {value!r}")
    return value


def _check_keys(table: dict[str, Any], known: Iterable[str], where: str) -> None:
    known = tuple(known)
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise CallerScriptError(f"{where}: there is no {key!r}; {hint}")
