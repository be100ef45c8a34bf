"""A scripted caller, who asks, hears the answer or interrupts it, and asks again.

Every sample of question n is n, and every sample of its answer must be n, too."""

from __future__ import annotations

from dataclasses import dataclass, replace

from callchart.engine.ports import FRAME_SECONDS
from tests.benchmarks.sink import FRAME, SILENCE, sound


@dataclass(frozen=True, slots=True)
class Script:
    """Times of one turn, in seconds. All turns of a call are alike, except for interruptions.

    The delays of the providers are scripted, too. Metrics of the engine exclude them."""

    question: float = 2.0
    #: From the end of an answer to the next question.
    thought: float = 0.6
    #: One of `interrupted_every` answers is interrupted, `interrupted_after` seconds after its
    #: first sound.
    interrupted_every: int = 2
    interrupted_after: float = 1.5
    #: From the beginning of a question to its partial, and from its end to its final.
    partial: float = 0.2
    final: float = 0.25
    #: From the request to the model's first token, and between two tokens.
    first_token: float = 0.3
    token: float = 0.01
    #: The chunks of an answer, and the tokens of a chunk, the last of which ends in "|".
    chunks: int = 3
    tokens: int = 8
    #: The sound of a chunk: seconds to its first piece, pieces, seconds between two, and length.
    synthesis: float = 0.15
    pieces: int = 4
    piece_every: float = 0.04
    chunk: float = 1.6

    @property
    def answer(self) -> float:
        """The length of an answer that is not interrupted (s)."""
        return self.chunks * self.chunk

    def first_sound(self, end_of_turn: float) -> float:
        """Return the scripted seconds from the end of a question to its answer's first sound."""
        written = self.first_token + (self.tokens - 1) * self.token
        return max(end_of_turn, self.final) + written + self.synthesis

    def interrupts(self, number: int) -> bool:
        return self.interrupted_every > 0 and number % self.interrupted_every == 0

    def in_spans(self) -> Script:
        """Return a script with the same delays, and text and sound in whole chunks."""
        return replace(self, tokens=2, token=0.0, pieces=1)

    def without_delays_or_sound(self) -> Script:
        """Return a script without delays and interruptions, with one frame a chunk."""
        immediate = replace(self, partial=0.0, final=0.0, first_token=0.0, token=0.0, synthesis=0.0)
        return replace(immediate, pieces=1, chunk=FRAME_SECONDS, interrupted_every=0)


class Caller:
    """The state of one scripted caller. Times are due times, in seconds of Trio's clock."""

    #: Seconds without an answer after which the caller asks the next question.
    PATIENCE = 10.0

    def __init__(self, script: Script, greeting: float) -> None:
        self.script, self._greeting = script, greeting
        #: The number of the last question; 0 is the greeting.
        self.number = 0
        self.next_question = float("inf")
        #: When each question begins, and when it has ended.
        self.began: dict[int, float] = {}
        self.ended: dict[int, float] = {}
        self.interrupting: set[int] = set()
        self._frames_left = 0
        self._voice = SILENCE

    def answer_begins(self, number: int, at: float) -> None:
        """Plan the next question: the first sound of an answer is heard at `at`."""
        if number != self.number:
            return
        script = self.script
        if number and script.interrupts(number):
            self.interrupting.add(number + 1)
            self.next_question = at + script.interrupted_after
        else:
            length = script.answer if number else self._greeting
            self.next_question = at + length + script.thought

    def ask(self, at: float) -> bytes:
        """Begin the next question at `at`; return its whole sound."""
        self.number += 1
        self.began[self.number] = at
        self.ended[self.number] = at + self.script.question
        self.next_question = at + self.script.question + self.PATIENCE
        return sound(self.number, self.script.question)

    def frame(self, at: float) -> bytes:
        """Return the 20 ms of sound that end at `at`."""
        if not self._frames_left and at >= self.next_question:
            self._voice = self.ask(at)[:FRAME]
            self._frames_left = round(self.script.question / FRAME_SECONDS)
        if self._frames_left:
            self._frames_left -= 1
            return self._voice
        return SILENCE
