"""One call at SpeechKit: its tape, the sessions that hear it one after the other, and the results.

Theory of operation. A session lasts for 5 minutes at most, and may break at any time; a call must
notice neither. So the call's sound is a tape, of which every session hears a stretch, and all that
sessions say has its place there (`Transcript`). What the voice detector says has a place there too
(`Utterances`). A result is what lies where an utterance is.

One session leads: its partials are shown. When another is to lead, that one hears the tape from the
last final on, or where no words are owed, from just now; and leads as soon as it is as far. So no
word is lost, and none is said twice. That happens

- in the last fifth of a session's allowance, where no words are owed: most callers pause in time;
- else near its end, while the session goes on;
- when a session is lost, after a pause that grows; but not for ever (`RETRIES`).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import trio

from callchart.adapters.stt.utterance import PRE_ROLL_SECONDS
from callchart.adapters.stt.yandex.audio_buffer import Tape
from callchart.adapters.stt.yandex.segment import Passage
from callchart.adapters.stt.yandex.session import Session
from callchart.adapters.stt.yandex.transcript import Ear, Transcript
from callchart.adapters.stt.yandex.utterances import Utterance, Utterances
from callchart.engine.ports import EndOfUtterance, Heard, ProviderError
from callchart.proto.messages.speechkit.stt.v3 import CodeType, StreamingResponse

log = logging.getLogger(__name__)

#: Of a session's allowance: from where another one may lead, and where it must.
SOFT: Final = 0.8
HARD: Final = 0.95

#: Sessions that may be lost within so many seconds. The pauses double: in all 3 s, in which a
#: server is started anew.
RETRIES: Final = 5
PERIOD: Final = 30.0
FIRST_PAUSE: Final = 0.2

#: Seconds without sound from the line after which silence is sent for it: SpeechKit ends a session
#: that nothing comes to for 5 s; and words that are owed wait for the silence behind them.
PATIENCE: Final = 2.0
PATIENCE_OWED: Final = 0.2

#: The voice detector finds an end this late, in seconds: what lies before it is all there is.
SLACK: Final = 0.15

#: Seconds by which a word may be shown later than the sound after it was looked at.
MARGIN: Final = 0.7


#: Makes a session that hears a tape from a place on, and says what it is told.
Opening = Callable[[Tape, int, Callable[[StreamingResponse], None]], Session]


@dataclass(frozen=True, slots=True)
class _Hearer:
    session: Session
    ear: Ear


class YandexRecognition:
    """One call's recogniser. Its tasks live in the nursery."""

    def __init__(
        self,
        opening: Opening,
        nursery: trio.Nursery,
        rate_hz: int,
        *,
        refines: bool,
        final_wait: float,
    ) -> None:
        self._opening, self._nursery, self._final_wait = opening, nursery, final_wait
        self._tape = Tape(rate_hz)
        self._transcript = Transcript(refines=refines)
        self._utterances = Utterances()
        self._losses: list[float] = []
        self._returning = False
        self._warned = False
        self._failure: ProviderError | None = None
        self._fed_at = trio.current_time()
        self._turned = trio.lowlevel.ParkingLot()
        self._hear, self._heard = trio.open_memory_channel[Heard | EndOfUtterance](math.inf)
        #: The utterance that ended last, until the session says so too, or another begins.
        self._ended: Utterance | None = None
        self._lead = self._open()
        self._next: _Hearer | None = None
        nursery.start_soon(self._watch)

    # --- the port -------------------------------------------------------------------------------

    def feed(self, pcm: bytes) -> None:
        """Whole frames; all are recognised, so that nothing needs to be kept for an onset."""
        self._fed_at = trio.current_time()
        self._tape.append(pcm)
        self._roll_over()

    def utterance_started(self, utterance: int) -> None:
        """Words from a little before belong to it."""
        self._tape.hurry()
        self._ended = None
        self._utterances.begin(utterance, self._now)
        self._deliver()

    def utterance_ended(self, utterance: int) -> None:
        """Its final is owed from now on, and comes within a bound; it may be empty."""
        self._tape.hurry()
        deadline = trio.current_time() + self._final_wait
        self._ended = self._utterances.end(utterance, self._now, deadline)
        self._deliver()
        self._turned.unpark_all()

    async def result(self) -> Heard | EndOfUtterance:
        """See `Recognition`. Raises `ProviderError` once no session can be had."""
        try:
            return await self._heard.receive()
        except trio.EndOfChannel:
            assert self._failure is not None
            raise self._failure from None

    # --- results --------------------------------------------------------------------------------

    @property
    def _now(self) -> float:
        return self._tape.seconds(self._tape.end)

    def _take(self, ear: Ear, response: StreamingResponse) -> None:
        status = response.status_code
        if status is not None and status.code_type == CodeType.WARNING and not self._warned:
            self._warned = True
            uuid = response.session_uuid.uuid if response.session_uuid else ""
            # In its own words it might quote somebody.
            log.warning(
                "SpeechKit warns, as of sound that is faster than speech (session %s)", uuid
            )
        self._transcript.hear(ear, response)
        if self._next and self._next.ear is ear and ear.recognised >= self._lead.ear.recognised:
            self._promote(self._next)
        self._deliver()

    def _deliver(self) -> None:
        """Give out what is known of the oldest utterance, and then of those that it held up."""
        owed = self._utterances.owed
        while owed and self._failure is None:
            utterance = owed[0]
            text = self._text(utterance)
            if trio.current_time() < self._due(utterance) and not self._is_known(utterance):
                if text and text != utterance.shown:
                    utterance.shown = text
                    self._hear.send_nowait(Heard(utterance.number, text, final=False))
                break
            self._utterances.answer()
            self._hear.send_nowait(Heard(utterance.number, text, final=True))
        self._say_that_it_ended()
        before = min(self._transcript.settled, self._oldest)
        self._utterances.forget(before)
        self._transcript.forget(before, [hearer.ear for hearer in self._hearers])

    def _say_that_it_ended(self) -> None:
        ended = self._ended
        if ended and self._lead.ear.ended >= ended.end - SLACK and self._failure is None:
            self._hear.send_nowait(EndOfUtterance(ended.number))
            self._ended = None

    def _text(self, utterance: Utterance) -> str:
        passages = [final.passage for final in self._transcript.finals()]
        parts = [
            passage.part(lambda word: self._utterances.owner(word) is utterance).text
            for passage in (*passages, self._lead.ear.partial)
        ]
        return " ".join(filter(None, parts))

    def _is_known(self, utterance: Utterance) -> bool:
        """Whether nothing more of it is to be expected."""

        def has_words(passage: Passage) -> bool:
            return any(self._utterances.owner(word) is utterance for word in passage.words)

        ear, end = self._lead.ear, utterance.end
        if any(final.rough and has_words(final.passage) for final in self._transcript.finals()):
            return False
        if self._transcript.settled >= end - SLACK:
            return True
        silent = ear.ended >= end - SLACK or ear.recognised >= end + MARGIN
        return silent and not has_words(ear.partial)

    def _due(self, utterance: Utterance) -> float:
        """When its final is given in any case. While a session is lost its words may still come
        from another: that has as long again."""
        return utterance.deadline + (self._final_wait if self._lead.session.over else 0.0)

    @property
    def _oldest(self) -> float:
        """From where on words may be owed."""
        owed = self._utterances.owed
        return owed[0].onset if owed else self._now - PRE_ROLL_SECONDS

    async def _watch(self) -> None:
        """What is due by the clock: finals, and silence where the line gives nothing."""
        while self._failure is None:
            due = self._silent_at
            if self._utterances.owed:
                due = min(due, self._due(self._utterances.owed[0]))
            with trio.move_on_at(due):
                await self._turned.park()
            if (now := trio.current_time()) >= self._silent_at:
                self._tape.append_silence(now - self._fed_at)
                self._tape.hurry()
                self._fed_at = now
                self._roll_over()
            self._deliver()

    @property
    def _silent_at(self) -> float:
        owed = self._utterances.owed
        is_waiting = owed and owed[-1].end < math.inf
        return self._fed_at + (PATIENCE_OWED if is_waiting else PATIENCE)

    # --- sessions -------------------------------------------------------------------------------

    @property
    def _hearers(self) -> list[_Hearer]:
        return [self._lead, self._next] if self._next else [self._lead]

    def _open(self) -> _Hearer:
        since = max(self._transcript.settled, self._oldest)
        place = max(self._tape.start, self._tape.bytes(since))
        ear = self._transcript.begin(self._tape.seconds(place))
        session = self._opening(self._tape, place, partial(self._take, ear))
        hearer = _Hearer(session, ear)
        self._nursery.start_soon(self._serve, hearer)
        return hearer

    async def _serve(self, hearer: _Hearer) -> None:
        try:
            await hearer.session.run()
        except ProviderError as failure:
            if hearer in self._hearers:
                self._lost(hearer, failure)

    def _roll_over(self) -> None:
        session = self._lead.session
        if self._next or self._returning or session.over:
            return
        if session.spent >= HARD or (session.spent >= SOFT and not self._utterances.owed):
            self._succeed()

    def _succeed(self) -> None:
        """Another session begins; where there is nothing to catch up with, it leads."""
        self._next = self._open()
        if not self._utterances.owed or not self._lead.ear.partial.words:
            self._promote(self._next)

    def _promote(self, hearer: _Hearer) -> None:
        self._lead.session.close()
        self._transcript.close(self._lead.ear)
        self._lead, self._next = hearer, None

    def _lost(self, hearer: _Hearer, failure: ProviderError) -> None:
        self._transcript.close(hearer.ear)
        self._deliver()
        if hearer is self._next:
            self._next = None
        if self._failure or self._returning or self._next:
            return
        now = trio.current_time()
        self._losses = [at for at in self._losses if at > now - PERIOD] + [now]
        if hearer.session.hopeless or len(self._losses) > RETRIES:
            self._fail(failure)
            return
        pause = FIRST_PAUSE * 2.0 ** (len(self._losses) - 2) if len(self._losses) > 1 else 0.0
        log.warning("a session is lost, another begins in %g s: %s", pause, failure)
        self._returning = True
        self._nursery.start_soon(self._return, pause)

    async def _return(self, pause: float) -> None:
        await trio.sleep(pause)
        self._returning = False
        self._succeed()

    def _fail(self, failure: ProviderError) -> None:
        """What was heard before it is delivered, then `result` raises."""
        self._failure = failure
        self._hear.close()
        for hearer in self._hearers:
            hearer.session.close()
        self._turned.unpark_all()
