"""Speech that a test can read back: every letter and digit is a tone of its own.

A character lasts 60 ms, about as long as in speech. A word ends with 40 ms of silence, so texts can
be joined. All tones are multiples of 50 Hz, so any 20 ms within a character are one clean tone, and
other sound is not. Therefore words can be read from samples at any rate, at any offset, after any
cut or join: a test sees their order, and whether they are whole. The second of two equal letters is
a special tone that means "the same again"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

CHARACTER_FRAMES, PAUSE_FRAMES = 3, 2
FRAME_SECONDS = 0.02

#: The characters. Their tones begin at 250 Hz and are 50 Hz apart: a telephone line passes all.
ALPHABET = "abcdefghijklmnopqrstuvwxyzабвгдежзийклмнопрстуфхцчшщъыьэюяё0123456789"
FIRST_BIN = 5
AGAIN = len(ALPHABET)
PAUSE = -1

AMPLITUDE = 10_000
#: Root mean square below which a frame is silent.
SILENT = 150.0
#: A frame is one tone if this part of its energy is in one frequency.
CLEAN = 0.85


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its place, in seconds from the beginning of the sound."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound of a text (mono s16le), and its words as written, with their places."""

    pcm: bytes
    words: tuple[Word, ...]

    @property
    def is_silent(self) -> bool:
        return not self.words


def spoken(text: str) -> str:
    """Return the text that `read` finds in the sound of `text`: lower case, without punctuation."""
    return " ".join(filter(None, map(_speakable, text.split())))


def speak(text: str, rate_hz: int) -> Sound:
    """Return the sound of `text`. A text without words has no sound."""
    frames: list[bytes] = []
    words: list[Word] = []
    for written in text.split():
        if not (word := _speakable(written)):
            continue
        start = len(frames) * FRAME_SECONDS
        for symbol in _symbols(word):
            frames += [_tone(symbol, rate_hz)] * CHARACTER_FRAMES
        words.append(Word(written, start, len(frames) * FRAME_SECONDS))
        frames += [bytes(2 * (rate_hz // 50))] * PAUSE_FRAMES
    return Sound(b"".join(frames), tuple(words))


def read(pcm: bytes, rate_hz: int) -> list[Word]:
    """Return the words in a sound, in order. A word that is cut short ends with its sound."""
    reader = Reader(rate_hz)
    reader.feed_audio(pcm)
    reader.end()
    return reader.words


def heard(pcm: bytes, rate_hz: int) -> str:
    """Return the words in a sound, as one text."""
    return " ".join(word.text for word in read(pcm, rate_hz))


class Reader:
    """A reader of words from samples in pieces. `words` are the words that have ended."""

    def __init__(self, rate_hz: int) -> None:
        self._size = rate_hz // 50
        self._unread = b""
        self._frames = 0
        self._word = ""
        self._last = -1
        self._start = self._end = 0
        self.words: list[Word] = []

    @property
    def seconds(self) -> float:
        """The length of the sound read so far, in seconds."""
        return self._frames * FRAME_SECONDS

    @property
    def silence(self) -> float:
        """Seconds since the last word's end; without a word, since the beginning."""
        if self._word:
            return 0.0
        return self.seconds - (self.words[-1].end if self.words else 0.0)

    def feed_audio(self, pcm: bytes) -> None:
        pcm = self._unread + pcm
        whole = len(pcm) // (2 * self._size)
        self._unread = pcm[whole * 2 * self._size :]
        samples = np.frombuffer(pcm, "<i2", whole * self._size).astype(float)
        for symbol in _classified(samples.reshape(whole, self._size)):
            self.take(symbol)

    def end(self) -> None:
        """End the sound, and the current word."""
        if self._word:
            start, end = self._start * FRAME_SECONDS, self._end * FRAME_SECONDS
            self.words.append(Word(self._word, start, end))
        self._word, self._last = "", -1

    def take(self, symbol: int | None) -> None:
        """Take the next 20 ms, as a symbol of `symbols`; None is other sound."""
        number, self._frames = self._frames, self._frames + 1
        if symbol == PAUSE:
            self.end()
        elif symbol is not None:
            if not self._word:
                self._start = number
            self._end = number + 1
            if symbol != self._last:
                self._word += self._word[-1:] if symbol == AGAIN else ALPHABET[symbol]
                self._last = symbol


def _classified(frames: np.ndarray) -> Iterator[int | None]:
    """Yield the symbol of each frame: `PAUSE` for silence, None for other sound."""
    if not len(frames):
        return
    energy = (frames**2).mean(axis=1)
    # For a sine with amplitude a, the mean square is a²/2, and its bin has the value a * size / 2.
    spectrum = 2 * (np.abs(np.fft.rfft(frames)) / frames.shape[1]) ** 2
    bins = spectrum.argmax(axis=1)
    for at, (mean_square, peak) in enumerate(zip(energy, bins, strict=True)):
        if mean_square < SILENT**2:
            yield PAUSE
        elif spectrum[at, peak] > CLEAN * mean_square and 0 <= peak - FIRST_BIN <= AGAIN:
            yield int(peak) - FIRST_BIN
        else:
            yield None


def symbols(rate_hz: int) -> dict[bytes, int]:
    """Return the symbol of each frame that `speak` makes: an index into `ALPHABET`, or `PAUSE`.

    With this table, unchanged frames are read faster than by `read`."""
    tones = {_tone(symbol, rate_hz): symbol for symbol in range(AGAIN + 1)}
    return {**tones, bytes(2 * (rate_hz // 50)): PAUSE}


@cache
def _tone(symbol: int, rate_hz: int) -> bytes:
    samples = np.arange(rate_hz // 50)
    wave = AMPLITUDE * np.sin(2 * np.pi * 50 * (FIRST_BIN + symbol) * samples / rate_hz)
    return wave.astype("<i2").tobytes()


def _speakable(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter in ALPHABET)


def _symbols(word: str) -> Iterator[int]:
    last = -1
    for letter in word:
        symbol = ALPHABET.index(letter)
        last = AGAIN if symbol == last else symbol
        yield last
