"""A fake synthesizer: its sound identifies the text, and each character takes the same time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from callchart.engine.ports import ProviderError, Speech, WordTiming
from callchart.engine.testing.sound import fake_sound, whole_blocks

SYNTHESIZER = "fake synthesizer"

#: The pace of a fast reader. Fast English was measured at 18; a round number suits tests.
CHARACTERS_A_SECOND = 20.0


@dataclass(frozen=True, slots=True)
class Manner:
    """The manner in which a text is synthesised. All values are in seconds.

    The first sound comes after `latency`. Pieces have the length `piece` (None: one piece for all),
    and come `pace` apart. The synthesis fails when its sound has the length `fails`, or
    hangs at `hangs`."""

    latency: float = 0.0
    piece: float | None = None
    pace: float = 0.0
    fails: float | None = None
    hangs: float | None = None


@dataclass(eq=False, slots=True)
class Synthesis:
    """The synthesis of one text. `words` are the positions of the words in its sound.

    Times are those of Trio's clock; `ended` is None while the synthesis runs."""

    number: int
    text: str
    words: tuple[WordTiming, ...]
    began: float
    ended: float | None = None


@dataclass
class FakeSynthesizer:
    """`callchart.engine.ports.Synthesizer`: each character of a text takes the same time.

    `manner` applies to texts without a manner from `will`. `tells_words`: it reports the timings of
    words."""

    manner: Manner = Manner()
    characters_a_second: float = CHARACTERS_A_SECOND
    tells_words: bool = True
    #: All syntheses, in order: the sound `n` is that of `syntheses[n - 1]`.
    syntheses: list[Synthesis] = field(default_factory=list, init=False)
    #: The number of running syntheses, and the greatest number so far.
    under_way: int = field(default=0, init=False)
    most_under_way: int = field(default=0, init=False)
    _manners: list[tuple[str, Manner]] = field(default_factory=list, init=False)

    def will(self, on: str, manner: Manner) -> None:
        """Synthesise texts that contain `on` in this manner. The latest call counts."""
        self._manners.insert(0, (on, manner))

    def seconds(self, text: str) -> float:
        """Return the length of a text (s)."""
        return len(text) / self.characters_a_second

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        manner = next((manner for on, manner in self._manners if on in text), self.manner)
        samples = whole_blocks(self.seconds(text), rate_hz) if text.strip() else 0
        words = _timings(text, samples / rate_hz)
        number = len(self.syntheses) + 1
        synthesis = Synthesis(number, text, words, trio.current_time())
        self.syntheses.append(synthesis)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await trio.sleep(manner.latency)
            piece = samples if manner.piece is None else whole_blocks(manner.piece, rate_hz)
            stop = min((at for at in (manner.fails, manner.hangs) if at is not None), default=None)
            end = samples if stop is None else min(samples, round(stop * rate_hz))
            for first in range(0, end, piece or 1):
                size = min(piece, end - first)
                until = (first + size) / rate_hz
                known = tuple(word for word in words if word.end_s <= until)
                out(Speech(fake_sound(number, first, size), known if self.tells_words else ()))
                await trio.sleep(manner.pace)
            if manner.fails is not None:
                raise ProviderError(SYNTHESIZER, "told to fail")
            if manner.hangs is not None:
                await trio.sleep_forever()
        finally:
            synthesis.ended = trio.current_time()
            self.under_way -= 1


def _timings(text: str, seconds: float) -> tuple[WordTiming, ...]:
    """Return the timings of the words: in proportion to their characters, without pauses."""
    words = text.split()
    characters = sum(len(word) for word in words) or 1
    timings, before = [], 0
    for word in words:
        start, before = before, before + len(word)
        timings.append(
            WordTiming(word, seconds * start / characters, seconds * before / characters)
        )
    return tuple(timings)
