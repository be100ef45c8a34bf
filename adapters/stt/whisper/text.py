"""Whisper's tokens as text, and whether to believe it: it learned from subtitles, and writes them
into silence, or one word over and over.

Measured on 13 recorded sentences (16 kHz, 8 kHz, and with noise at 10 dB) against silence, noise,
breath, hum, clicks, DTMF and ringback, with the base model: speech had a `no_speech` of at most
0.17, the rest of at least 0.4. What the rest gave in Russian were captions of sounds and the names
of subtitlers, at the score of speech; in English single words, at a score far below it.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

# Whisper's own: a text that zlib makes 2.4 times smaller repeats itself.
MOST_COMPRESSED = 2.4

# A voice as odd as espeak-ng's came up to 0.78, at a score near -1; tones that were written down as
# syllables, to 0.79 and more.
SURELY_SILENT = 0.75

# Doubtful, and with less sense in it than the worst of the recorded speech had.
MAYBE_SILENT = 0.3
DOUBTFUL_SCORE = -1.0

_CAPTIONS = re.compile(
    r"""^\W*(?:
        редактор\ субтитров | корректор\ [а-яё]\. | субтитры\ (?:сделал|создавал|подогнал|делал)
      | .*dimatorzok | продолжение\ следует\W*$ | спасибо\ за\ (?:просмотр|субтитры)
      | thanks?\ (?:you\ )?for\ watching | .*amara\.org | subtitles\ by | subscribe\ to
    )""",
    re.IGNORECASE | re.VERBOSE,
)

# "СПОКОЙНАЯ МУЗЫКА", "[Music]", "(phone ringing)", "♪": a sound, told to who cannot hear it.
_SOUND = re.compile(
    r"^(?: [^a-zа-яё]*[A-ZА-ЯЁ]{4,}[^a-zа-яё]* | \[.*\] | \(.*\) | \*.*\* | .*♪.* )$",
    re.DOTALL | re.VERBOSE,
)

# GPT-2's: printable Latin-1 stands for itself, the other bytes are written from U+0100 on.
_PLAIN = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [byte for byte in range(256) if byte not in _PLAIN]
_ALPHABET = {chr(byte): byte for byte in _PLAIN}
_ALPHABET |= {chr(0x100 + place): byte for place, byte in enumerate(_OTHERS)}


@dataclass(frozen=True, slots=True)
class Guess:
    """What Whisper made of a sound: its tokens, their mean log probability, and how likely it
    thinks that there is no speech. `cut`: it wanted to write more than a mouth can say."""

    tokens: tuple[str, ...]
    score: float
    no_speech: float
    cut: bool = False

    @property
    def text(self) -> str:
        """The words that the tokens spell."""
        letters = "".join(token for token in self.tokens if not token.startswith("<|"))
        return bytes(map(_ALPHABET.__getitem__, letters)).decode("utf-8", "ignore").strip()

    @property
    def is_speech(self) -> bool:
        """Whether somebody said this, and not a subtitler."""
        if self.no_speech > SURELY_SILENT:
            return False
        if self.no_speech > MAYBE_SILENT and self.score < DOUBTFUL_SCORE:
            return False
        return not _CAPTIONS.match(self.text) and not _SOUND.match(self.text)

    @property
    def runs_on(self) -> bool:
        """Whether it fell into a loop."""
        return self.cut or _compression(self.text) > MOST_COMPRESSED


def _compression(text: str) -> float:
    encoded = text.encode()
    return len(encoded) / len(zlib.compress(encoded))
