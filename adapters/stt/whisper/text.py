"""The text of Whisper's tokens, and the checks that reject a wrong text.

Whisper learned from subtitles. For sound without speech it writes subtitles, or repeats one word.

Measured with the base model: 13 recorded sentences (16 kHz, 8 kHz, and with noise at 10 dB) against
silence, noise, breath, hum, clicks, DTMF and ringback. `no_speech` was at most 0.17 for speech, and
at least 0.4 for the other sounds. For these, Whisper wrote captions and names of subtitlers in
Russian, with a score like that of speech. In English it wrote single words, with a much lower
score.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

# OpenAI's own limit: a text repeats itself if zlib makes it more than 2.4 times smaller.
MOST_COMPRESSED = 2.4

# Above this, reject the text at any score. Tones that Whisper wrote as syllables have 0.79 and
# more. The artificial voice of espeak-ng reaches 0.78, so some of its speech is rejected too.
SURELY_SILENT = 0.75

# Above this, reject the text if its score is below DOUBTFUL_SCORE. All recorded speech has a higher
# score.
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

# Captions of sounds, for the deaf: "СПОКОЙНАЯ МУЗЫКА", "[Music]", "(phone ringing)", "♪".
_SOUND = re.compile(
    r"^(?: [^a-zа-яё]*[A-ZА-ЯЁ]{4,}[^a-zа-яё]* | \[.*\] | \(.*\) | \*.*\* | .*♪.* )$",
    re.DOTALL | re.VERBOSE,
)

# GPT-2's alphabet of bytes: a printable Latin-1 character is its own byte, and the other bytes are
# the characters from U+0100 on.
_PLAIN = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [byte for byte in range(256) if byte not in _PLAIN]
_ALPHABET = {chr(byte): byte for byte in _PLAIN}
_ALPHABET |= {chr(0x100 + place): byte for place, byte in enumerate(_OTHERS)}


@dataclass(frozen=True, slots=True)
class Guess:
    """Whisper's result for a sound.

    `score` is the mean log probability of the tokens, `no_speech` the probability that the sound
    has no speech. `cut` is True if the text reached the limit of tokens for the sound."""

    tokens: tuple[str, ...]
    score: float
    no_speech: float
    cut: bool = False

    @property
    def text(self) -> str:
        """The text of the tokens."""
        letters = "".join(token for token in self.tokens if not token.startswith("<|"))
        return bytes(map(_ALPHABET.__getitem__, letters)).decode("utf-8", "ignore").strip()

    @property
    def is_speech(self) -> bool:
        """True unless the sound is silence, or the text is a caption."""
        if self.no_speech > SURELY_SILENT:
            return False
        if self.no_speech > MAYBE_SILENT and self.score < DOUBTFUL_SCORE:
            return False
        return not _CAPTIONS.match(self.text) and not _SOUND.match(self.text)

    @property
    def runs_on(self) -> bool:
        """True if the text repeats itself, or reached its limit."""
        return self.cut or _compression(self.text) > MOST_COMPRESSED


def _compression(text: str) -> float:
    encoded = text.encode()
    return len(encoded) / len(zlib.compress(encoded))
