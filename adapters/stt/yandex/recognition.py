"""One call at SpeechKit: its audio buffer, the sessions that recognise it, and the results.

Theory of operation. A session lasts for 5 minutes at most and may break at any time; the caller
must notice neither. So the call's sound is kept in an `AudioBuffer`, and each session gets the part
from one offset on. Each word that a session returns has an offset there (`Transcript`), and so has
each utterance that the voice detector finds (`Utterances`). The result of an utterance is the words
that lie within it.

One session is the leader: its partials are delivered. The next session receives the buffer from the
last final on, or from a moment ago if no final is pending. It becomes the leader when it has
recognised as much as the old one. So no word is lost, and none is delivered twice. The next session
begins

- when the leader has used 80 % of its limits and no final is pending: most callers pause in time;
- when the leader has used 95 % of its limits, while it goes on;
- when the leader is lost, after a growing delay, at most `RETRIES` times within `RETRY_PERIOD_S`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import trio

from callchart.adapters.backoff import Backoff
from callchart.adapters.stt.utterance import PRE_ROLL_S
from callchart.adapters.stt.yandex.audio_buffer import AudioBuffer
from callchart.adapters.stt.yandex.segment import Segment
from callchart.adapters.stt.yandex.session import Session
from callchart.adapters.stt.yandex.transcript import SessionTranscript, Transcript
from callchart.adapters.stt.yandex.utterances import Utterance, Utterances
from callchart.engine.ports import EndOfUtterance, Heard, ProviderError
from callchart.proto.messages.speechkit.stt.v3 import CodeType, StreamingResponse

log = logging.getLogger(__name__)

#: Used parts of a session's limits. From `SOFT` on, the next session begins if no final is pending;
#: from `HARD` on, it begins in any case.
SOFT: Final = 0.8
HARD: Final = 0.95

#: The most sessions that may be lost within `RETRY_PERIOD_S`. The delays add up to 3 s: a server
#: restarts in that time.
RETRIES: Final = 5
RETRY_PERIOD_S: Final = 30.0
RECONNECT: Final = Backoff(first_s=0.2, longest_s=1.6)

#: After this time without sound from the line, silence is sent instead. SpeechKit ends a session
#: that gets nothing for 5 s, and it returns the last words only after some silence.
SILENCE_AFTER_S: Final = 2.0
SILENCE_AFTER_UTTERANCE_S: Final = 0.2

#: The voice detector finds an end up to this late, so the last part of an utterance has no words.
SLACK_S: Final = 0.15

#: A word may still arrive after the session has reported sound up to this much later as recognised.
MARGIN_S: Final = 0.7


#: A function that makes a session: it sends the buffer from an offset on, and passes on responses.
OpenSession = Callable[[AudioBuffer, int, Callable[[StreamingResponse], None]], Session]


@dataclass(frozen=True, slots=True)
class ActiveSession:
    """A session and its results."""

    session: Session
    session_transcript: SessionTranscript


class YandexRecognition:
    """The recogniser of one call. Its tasks run in the nursery."""

    def __init__(
        self,
        open_session: OpenSession,
        nursery: trio.Nursery,
        rate_hz: int,
        *,
        refines: bool,
        final_wait_s: float,
    ) -> None:
        self._open_session, self._nursery, self._final_wait_s = open_session, nursery, final_wait_s
        self._audio = AudioBuffer(rate_hz)
        self._transcript = Transcript(refines=refines)
        self._utterances = Utterances()
        self._lost_at: list[float] = []
        self._reconnecting = False
        self._warned = False
        self._failure: ProviderError | None = None
        self._fed_at = trio.current_time()
        self._deadlines_changed = trio.lowlevel.ParkingLot()
        self._result_sender, self._result_receiver = trio.open_memory_channel[
            Heard | EndOfUtterance
        ](math.inf)
        #: The utterance that ended last, until the session reports its end or another one begins.
        self._ended: Utterance | None = None
        self._leader = self._open()
        self._next: ActiveSession | None = None
        nursery.start_soon(self._watch)

    # --- the port -------------------------------------------------------------------------------

    def feed_frames(self, pcm: bytes) -> None:
        """Add whole frames. SpeechKit receives all of them, so an onset needs no extra sound."""
        self._fed_at = trio.current_time()
        self._audio.append(pcm)
        self._roll_over()

    def utterance_started(self, utterance: int) -> None:
        """Begin an utterance. Words from just before belong to it."""
        self._audio.release_all()
        self._ended = None
        self._utterances.begin(utterance, self._now_s)
        self._deliver()

    def utterance_ended(self, utterance: int) -> None:
        """End an utterance. Its final, which may be empty, follows within a bounded time."""
        self._audio.release_all()
        deadline = trio.current_time() + self._final_wait_s
        self._ended = self._utterances.end(utterance, self._now_s, deadline)
        self._deliver()
        self._deadlines_changed.unpark_all()

    async def result(self) -> Heard | EndOfUtterance:
        """See `ports.Recognition`. Raises `ProviderError` once the retries are used up."""
        try:
            return await self._result_receiver.receive()
        except trio.EndOfChannel:
            assert self._failure is not None
            raise self._failure from None

    # --- results --------------------------------------------------------------------------------

    @property
    def _now_s(self) -> float:
        return self._audio.to_seconds(self._audio.end_bytes)

    def _take(self, session_transcript: SessionTranscript, response: StreamingResponse) -> None:
        status = response.status_code
        if status is not None and status.code_type == CodeType.WARNING and not self._warned:
            self._warned = True
            uuid = response.session_uuid.uuid if response.session_uuid else ""
            # The text of the warning may quote the caller, so it is not logged.
            log.warning(
                "SpeechKit sent a warning, for example: sound faster than real time (session %s)",
                uuid,
            )
        self._transcript.receive(session_transcript, response)
        if (
            self._next
            and self._next.session_transcript is session_transcript
            and session_transcript.recognised_s >= self._leader.session_transcript.recognised_s
        ):
            self._promote(self._next)
        self._deliver()

    def _deliver(self) -> None:
        """Deliver the results of the pending utterances, the oldest first."""
        pending = self._utterances.pending
        while pending and self._failure is None:
            utterance = pending[0]
            text = self._text(utterance)
            if trio.current_time() < self._due(utterance) and not self._is_known(utterance):
                if text and text != utterance.shown:
                    utterance.shown = text
                    self._result_sender.send_nowait(Heard(utterance.number, text, final=False))
                break
            self._utterances.answer()
            self._result_sender.send_nowait(Heard(utterance.number, text, final=True))
        self._report_end()
        before_s = min(self._transcript.settled_s, self._oldest_s)
        self._utterances.forget(before_s)
        self._transcript.forget(
            before_s, [active.session_transcript for active in self._active_sessions]
        )

    def _report_end(self) -> None:
        ended = self._ended
        if (
            ended
            and self._leader.session_transcript.ended_s >= ended.end_s - SLACK_S
            and self._failure is None
        ):
            self._result_sender.send_nowait(EndOfUtterance(ended.number))
            self._ended = None

    def _text(self, utterance: Utterance) -> str:
        segments = [final.segment for final in self._transcript.finals()]
        parts = [
            segment.part(lambda word: self._utterances.owner(word) is utterance).text
            for segment in (*segments, self._leader.session_transcript.partial)
        ]
        return " ".join(filter(None, parts))

    def _is_known(self, utterance: Utterance) -> bool:
        """Return whether no more words of this utterance are expected."""

        def has_words(segment: Segment) -> bool:
            return any(self._utterances.owner(word) is utterance for word in segment.words)

        session_transcript, end_s = self._leader.session_transcript, utterance.end_s
        if any(
            final.unnormalized and has_words(final.segment) for final in self._transcript.finals()
        ):
            return False
        if self._transcript.settled_s >= end_s - SLACK_S:
            return True
        silent = (
            session_transcript.ended_s >= end_s - SLACK_S
            or session_transcript.recognised_s >= end_s + MARGIN_S
        )
        return silent and not has_words(session_transcript.partial)

    def _due(self, utterance: Utterance) -> float:
        """Return the deadline of a final, by Trio's clock.

        The wait is twice as long while the leader is lost: the next session may still recognise
        the words."""
        return utterance.deadline + (self._final_wait_s if self._leader.session.ended else 0.0)

    @property
    def _oldest_s(self) -> float:
        """The offset from which on words may belong to a pending utterance, or to the next one."""
        pending = self._utterances.pending
        return pending[0].onset_s if pending else self._now_s - PRE_ROLL_S

    async def _watch(self) -> None:
        """Deliver finals at their deadlines, and add silence while the line sends no sound."""
        while self._failure is None:
            due = self._silent_at
            if self._utterances.pending:
                due = min(due, self._due(self._utterances.pending[0]))
            with trio.move_on_at(due):
                await self._deadlines_changed.park()
            if (now := trio.current_time()) >= self._silent_at:
                self._audio.append_silence(now - self._fed_at)
                self._audio.release_all()
                self._fed_at = now
                self._roll_over()
            self._deliver()

    @property
    def _silent_at(self) -> float:
        pending = self._utterances.pending
        is_waiting = pending and pending[-1].end_s < math.inf
        return self._fed_at + (SILENCE_AFTER_UTTERANCE_S if is_waiting else SILENCE_AFTER_S)

    # --- sessions -------------------------------------------------------------------------------

    @property
    def _active_sessions(self) -> list[ActiveSession]:
        return [self._leader, self._next] if self._next else [self._leader]

    def _open(self) -> ActiveSession:
        since_s = max(self._transcript.settled_s, self._oldest_s)
        offset_bytes = max(self._audio.start_bytes, self._audio.to_bytes(since_s))
        session_transcript = self._transcript.begin(self._audio.to_seconds(offset_bytes))
        session = self._open_session(
            self._audio, offset_bytes, partial(self._take, session_transcript)
        )
        active = ActiveSession(session, session_transcript)
        self._nursery.start_soon(self._serve, active)
        return active

    async def _serve(self, active: ActiveSession) -> None:
        try:
            await active.session.run()
        except ProviderError as failure:
            if active in self._active_sessions:
                self._lost(active, failure)

    def _roll_over(self) -> None:
        session = self._leader.session
        if self._next or self._reconnecting or session.ended:
            return
        if session.spent >= HARD or (session.spent >= SOFT and not self._utterances.pending):
            self._open_next()

    def _open_next(self) -> None:
        """Open the next session. It leads immediately if it has no earlier sound to recognise."""
        self._next = self._open()
        if not self._utterances.pending or not self._leader.session_transcript.partial.words:
            self._promote(self._next)

    def _promote(self, active: ActiveSession) -> None:
        self._leader.session.close()
        self._transcript.close(self._leader.session_transcript)
        self._leader, self._next = active, None

    def _lost(self, active: ActiveSession, failure: ProviderError) -> None:
        self._transcript.close(active.session_transcript)
        self._deliver()
        if active is self._next:
            self._next = None
        if self._failure or self._reconnecting or self._next:
            return
        now = trio.current_time()
        self._lost_at = [at for at in self._lost_at if at > now - RETRY_PERIOD_S] + [now]
        if active.session.non_retryable or len(self._lost_at) > RETRIES:
            self._fail(failure)
            return
        earlier = len(self._lost_at) - 1
        delay_s = RECONNECT.delay_s(earlier - 1) if earlier else 0.0
        log.warning("recognition session lost, reconnect in %g s: %s", delay_s, failure)
        self._reconnecting = True
        self._nursery.start_soon(self._reconnect, delay_s)

    async def _reconnect(self, delay_s: float) -> None:
        await trio.sleep(delay_s)
        self._reconnecting = False
        self._open_next()

    def _fail(self, failure: ProviderError) -> None:
        """Fail with this error: earlier results are delivered, then `result` raises it."""
        self._failure = failure
        self._result_sender.close()
        for active in self._active_sessions:
            active.session.close()
        self._deadlines_changed.unpark_all()
