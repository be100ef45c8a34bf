"""The recognition of a session's audio, by the tone code or by a script.

It has no threads and no clock: audio in, results out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tests.servers.speechkit.scripts import Hearing, Result
from tests.servers.tones import Reader, Word

Kind = Literal["partial", "final", "eou", "refinement", "warning"]


@dataclass(frozen=True, slots=True)
class Event:
    """One result; `start` and `end` are seconds of the session's audio."""

    kind: Kind
    words: tuple[Word, ...] = ()
    start: float = 0.0
    end: float = 0.0

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


@dataclass(slots=True)
class Cursors:
    """The progress of each kind of result, in seconds of audio, and the number of finals."""

    received: float = 0.0
    partial: float = 0.0
    final: float = 0.0
    eou: float = 0.0
    finals: int = 0


class Ear(Protocol):
    """The recognition of one session."""

    def feed_audio(self, pcm: bytes, received: float) -> Iterator[Event]:
        """Yield the results after these samples; `received` is all audio so far, in seconds."""
        ...

    def end_of_utterance(self) -> Iterator[Event]:
        """End the utterance, because the client says so or ends the session."""
        ...


@dataclass
class ToneEar:
    """An ear for the tone code (`tones`). It ignores other sound."""

    rate_hz: int
    pause: float
    _reader: Reader = field(init=False)
    #: The numbers of words in finals so far, and in partials.
    _final_words: int = 0
    _partial_words: int = 0
    _since: float = 0.0

    def __post_init__(self) -> None:
        self._reader = Reader(self.rate_hz)

    def feed_audio(self, pcm: bytes, received: float) -> Iterator[Event]:
        reader = self._reader
        reader.feed_audio(pcm)
        if len(reader.words) > self._partial_words:
            self._partial_words = len(reader.words)
            words = tuple(reader.words[self._final_words :])
            yield Event("partial", words, words[0].start, words[-1].end)
        if self._partial_words > self._final_words and reader.silence >= self.pause:
            yield from self._final()

    def end_of_utterance(self) -> Iterator[Event]:
        self._reader.end()
        yield from self._final()

    def _final(self) -> Iterator[Event]:
        words = tuple(self._reader.words[self._final_words :])
        self._final_words = self._partial_words = len(self._reader.words)
        start, end = self._since, self._reader.seconds
        self._since = end
        if words:
            yield Event("final", words, start, end)
            yield Event("eou", end=end)
            yield Event("refinement", words, start, end)


class ScriptedEar:
    """An ear that returns the script's results at their seconds, for any audio."""

    def __init__(self, results: tuple[Result, ...]) -> None:
        self._results = deque(sorted(results, key=lambda result: result.at))
        self._since = 0.0

    def feed_audio(self, pcm: bytes, received: float) -> Iterator[Event]:
        # Allow half a sample for rounding.
        while self._results and self._results[0].at <= received + 1e-5:
            yield self._event(self._results.popleft())

    def end_of_utterance(self) -> Iterator[Event]:
        """Yield the results up to the next final, with its end of utterance and refinement."""
        while self._results:
            result = self._results.popleft()
            yield self._event(result)
            following = self._results[0].kind if self._results else ""
            if result.kind != "partial" and following not in ("eou", "refinement"):
                return

    def _event(self, result: Result) -> Event:
        start, end = self._since, result.at
        if result.kind == "final":
            self._since = end
        texts = result.text.split()
        share = (end - start) / max(1, len(texts))
        words = tuple(
            Word(text, start + number * share, start + (number + 1) * share)
            for number, text in enumerate(texts)
        )
        return Event(result.kind, words, start, end)  # type: ignore[arg-type]


def ear(script: Hearing, rate_hz: int, pause: float) -> Ear:
    if script.results is not None:
        return ScriptedEar(script.results)
    return ToneEar(rate_hz, pause)
