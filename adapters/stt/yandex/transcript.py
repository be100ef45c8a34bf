"""The words that a call's sessions returned: the finals in order, and the leader's partial.

Sessions overlap when the next one takes over: both receive the same sound and return the same
words. For each part of the audio, the final that comes first counts; the other session's words for
that part are dropped."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from callchart.adapters.stt.yandex.segment import NOTHING, Segment, Word
from callchart.proto.messages.speechkit.stt.v3 import AudioCursors, StreamingResponse


@dataclass(slots=True)
class Final:
    """A final. `unnormalized` means that its normalised text is still expected."""

    segment: Segment
    unnormalized: bool


@dataclass(eq=False, slots=True)
class SessionTranscript:
    """The results of one session, with offsets in seconds since the call began.

    `origin_s`: where the session's sound begins. `floor_s`: up to here, finals of other sessions
    count. `recognised_s`: up to here, the session has recognised its sound. `settled_s`: the end of
    its last final. `ended_s`: the last end of an utterance that it found."""

    origin_s: float
    floor_s: float
    recognised_s: float = field(init=False)
    settled_s: float = field(init=False)
    ended_s: float = field(init=False)
    partial: Segment = NOTHING
    finals: dict[int, Final] = field(default_factory=dict[int, Final])

    def __post_init__(self) -> None:
        self.recognised_s = self.settled_s = self.ended_s = self.origin_s

    def record_progress(self, cursors: AudioCursors) -> None:
        """Record the progress that the session reports."""
        reached_s = max(cursors.partial_time_ms, cursors.final_time_ms) / 1000
        self.recognised_s = max(self.recognised_s, self.origin_s + reached_s)
        if cursors.eou_time_ms:
            self.ended_s = max(self.ended_s, self.origin_s + cursors.eou_time_ms / 1000)

    def is_new(self, word: Word) -> bool:
        """Return whether no final of another session covers the word."""
        return word.middle_s > self.floor_s


class Transcript:
    """The results of all sessions. With `refines`, a normalised text follows each final."""

    def __init__(self, *, refines: bool) -> None:
        self._refines = refines
        self._sessions: list[SessionTranscript] = []
        #: The end of the last final of any session, in seconds since the call began.
        self.settled_s = 0.0

    def begin(self, origin_s: float) -> SessionTranscript:
        """Add a session whose sound begins at `origin_s` seconds."""
        session_transcript = SessionTranscript(origin_s, self.settled_s)
        self._sessions.append(session_transcript)
        return session_transcript

    def receive(self, session_transcript: SessionTranscript, response: StreamingResponse) -> None:
        """Add a response of a session."""
        cursors = response.audio_cursors or AudioCursors()
        session_transcript.record_progress(cursors)
        start_s = session_transcript.origin_s + cursors.final_time_ms / 1000
        if response.partial is not None:
            partial = Segment.of(
                response.partial,
                session_transcript.origin_s,
                start_s,
                session_transcript.recognised_s,
            )
            session_transcript.partial = partial.part(session_transcript.is_new)
        elif response.final is not None:
            segment = Segment.of(
                response.final, session_transcript.origin_s, session_transcript.settled_s, start_s
            )
            session_transcript.partial = NOTHING
            self._settle(session_transcript, cursors.final_index, segment, start_s)
        elif (refinement := response.final_refinement) is not None:
            final = session_transcript.finals.get(refinement.final_index)
            if final is not None and refinement.normalized_text is not None:
                words = final.segment.words
                bounds = (words[0].start_s, words[-1].end_s) if words else (start_s, start_s)
                refined = Segment.of(
                    refinement.normalized_text, session_transcript.origin_s, *bounds
                )
                final.segment, final.unnormalized = refined.part(session_transcript.is_new), False

    def close(self, session_transcript: SessionTranscript) -> None:
        """End a session: no normalised text will arrive, and its finals stay as they are."""
        for final in session_transcript.finals.values():
            final.unnormalized = False

    def finals(self) -> list[Final]:
        """Return all finals, in the order of the audio."""
        finals = [
            final
            for session_transcript in self._sessions
            for final in session_transcript.finals.values()
        ]
        return sorted(finals, key=lambda final: final.segment.end_s)

    def forget(self, before_s: float, listening: Collection[SessionTranscript]) -> None:
        """Drop finals that end before `before_s`, and ended sessions without finals."""
        for session_transcript in self._sessions:
            for index, final in list(session_transcript.finals.items()):
                if final.segment.end_s < before_s:
                    del session_transcript.finals[index]
        self._sessions = [
            session_transcript
            for session_transcript in self._sessions
            if session_transcript.finals or session_transcript in listening
        ]

    def _settle(
        self, session_transcript: SessionTranscript, index: int, segment: Segment, end_s: float
    ) -> None:
        segment = segment.part(session_transcript.is_new)
        session_transcript.settled_s = end_s = max(end_s, segment.end_s)
        if segment.words:
            session_transcript.finals[index] = Final(segment, self._refines)
        if end_s > self.settled_s:
            self.settled_s = end_s
            for other in self._sessions:
                if other is not session_transcript:
                    other.floor_s = end_s
                    other.partial = other.partial.part(other.is_new)
