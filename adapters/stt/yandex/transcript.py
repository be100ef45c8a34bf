"""What the sessions of a call have heard: finals one after the other, and what the leading session
takes the rest for.

Sessions overlap where one takes over from another: both hear the same sound, and say the same. The
final that comes first counts for its stretch of the tape; `floor` is up to where a session's words
were said by others."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from callchart.adapters.stt.yandex.segment import NOTHING, Passage, Word
from callchart.proto.messages.speechkit.stt.v3 import AudioCursors, StreamingResponse


@dataclass(slots=True)
class Final:
    """`rough`: its normalised text is still to come."""

    passage: Passage
    rough: bool


@dataclass(eq=False, slots=True)
class Ear:
    """What one session has heard, all in seconds on the tape: `origin` is where its sound begins,
    `recognised` how far it is, `settled` how far its finals are, `ended` where it heard the end of
    an utterance."""

    origin: float
    floor: float
    recognised: float = field(init=False)
    settled: float = field(init=False)
    ended: float = field(init=False)
    partial: Passage = NOTHING
    finals: dict[int, Final] = field(default_factory=dict[int, Final])

    def __post_init__(self) -> None:
        self.recognised = self.settled = self.ended = self.origin

    def note(self, cursors: AudioCursors) -> None:
        """How far the session says that it is."""
        far = max(cursors.partial_time_ms, cursors.final_time_ms) / 1000
        self.recognised = max(self.recognised, self.origin + far)
        if cursors.eou_time_ms:
            self.ended = max(self.ended, self.origin + cursors.eou_time_ms / 1000)

    def is_news(self, word: Word) -> bool:
        return word.middle > self.floor


class Transcript:
    """`refines`: whether finals are followed by their normalised text."""

    def __init__(self, *, refines: bool) -> None:
        self._refines = refines
        self._ears: list[Ear] = []
        #: Up to where there are finals.
        self.settled = 0.0

    def begin(self, origin: float) -> Ear:
        """A session begins whose sound begins there."""
        ear = Ear(origin, self.settled)
        self._ears.append(ear)
        return ear

    def hear(self, ear: Ear, response: StreamingResponse) -> None:
        """Take what a session says."""
        cursors = response.audio_cursors or AudioCursors()
        ear.note(cursors)
        start = ear.origin + cursors.final_time_ms / 1000
        if response.partial is not None:
            partial = Passage.of(response.partial, ear.origin, start, ear.recognised)
            ear.partial = partial.part(ear.is_news)
        elif response.final is not None:
            passage = Passage.of(response.final, ear.origin, ear.settled, start)
            ear.partial = NOTHING
            self._settle(ear, cursors.final_index, passage, start)
        elif (refinement := response.final_refinement) is not None:
            final = ear.finals.get(refinement.final_index)
            if final is not None and refinement.normalized_text is not None:
                words = final.passage.words
                bounds = (words[0].start, words[-1].end) if words else (start, start)
                refined = Passage.of(refinement.normalized_text, ear.origin, *bounds)
                final.passage, final.rough = refined.part(ear.is_news), False

    def close(self, ear: Ear) -> None:
        """Its session says nothing more; what it has said holds."""
        for final in ear.finals.values():
            final.rough = False

    def finals(self) -> list[Final]:
        """In the order of the tape."""
        finals = [final for ear in self._ears for final in ear.finals.values()]
        return sorted(finals, key=lambda final: final.passage.end)

    def forget(self, before: float, listening: Collection[Ear]) -> None:
        """What was said before that is of no more use; nor are ears of sessions that are over."""
        for ear in self._ears:
            for index, final in list(ear.finals.items()):
                if final.passage.end < before:
                    del ear.finals[index]
        self._ears = [ear for ear in self._ears if ear.finals or ear in listening]

    def _settle(self, ear: Ear, index: int, passage: Passage, end: float) -> None:
        passage = passage.part(ear.is_news)
        ear.settled = end = max(end, passage.end)
        if passage.words:
            ear.finals[index] = Final(passage, self._refines)
        if end > self.settled:
            self.settled = end
            for other in self._ears:
                if other is not ear:
                    other.floor = end
                    other.partial = other.partial.part(other.is_news)
