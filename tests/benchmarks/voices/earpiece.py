"""The sound that a caller hears, turn by turn: its words, times and gaps."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from callchart.engine.ports import FRAME_SECONDS
from tests.benchmarks.caller import Caller
from tests.benchmarks.lines import FrameLine
from tests.benchmarks.sink import RATE_HZ, SILENCE, Sink
from tests.servers.tones import ALPHABET, Reader, symbols

SYMBOLS = symbols(RATE_HZ)

#: The symbols of fillers, which are in Cyrillic letters.
CYRILLIC = frozenset(at for at, letter in enumerate(ALPHABET) if letter > "z")


@dataclass
class Heard:
    """The sound between one question and the next. Times in seconds of Trio's clock."""

    #: When the first frames of a filler and of the answer were played.
    filler: float | None = None
    answer: float | None = None
    #: The longest silence inside the answer (s).
    gap: float = 0.0
    reader: Reader = field(default_factory=lambda: Reader(RATE_HZ))

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.reader.words)


class Earpiece(Sink):
    """A sink that keeps one `Heard` for each question of its caller; 0 is the greeting."""

    def __init__(self, caller: Caller) -> None:
        super().__init__()
        self._caller = caller
        self._silence = 0
        self.turns: dict[int, Heard] = {}

    def take(self, pcm: bytes, deadline: float) -> None:
        super().take(pcm, deadline)
        if pcm is SILENCE:
            self._silence += 1
            return
        symbol, now = SYMBOLS.get(pcm), trio.current_time()
        turn = self.turns.setdefault(self._caller.number, Heard())
        if symbol in CYRILLIC:
            turn.filler = now if turn.filler is None else turn.filler
        elif turn.answer is not None:
            turn.gap = max(turn.gap, self._silence * FRAME_SECONDS)
            turn.reader.take(symbol)
        elif symbol is not None and symbol >= 0:
            turn.answer = now
            turn.reader.take(symbol)
            self._caller.answer_begins(self._caller.number, deadline)
        self._silence = 0


class VoiceLine(FrameLine):
    """A line whose caller hears voices instead of numbers."""

    def __init__(self, call_id: str, caller: Caller) -> None:
        self.earpiece = Earpiece(caller)
        super().__init__(call_id, caller, self.earpiece)

    def _hear(self, frame: bytes, deadline: float) -> None:
        self.earpiece.take(frame, deadline)
