"""All running calls. The failure of one call does not touch the others.

The only `except Exception` around our own code is here: a call that fails ends with the regret and
a hangup, and is not restarted. (Only the code that runs users' tools has another one.)
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import trio

from callchart.engine.activities import ACTIVITIES
from callchart.engine.call import Call, Inspector
from callchart.engine.chart import Chart
from callchart.engine.current_call import CURRENT_CALL, CurrentCall
from callchart.engine.data import CallData, Facts, Scripts
from callchart.engine.events import HangUpRequested
from callchart.engine.exception_groups import leaves
from callchart.engine.journal import JournalWriter
from callchart.engine.mailbox import MailboxFull
from callchart.engine.ports import Carrier, Journal, Line, LineGone, MarkReached
from callchart.engine.scene import Services
from callchart.engine.settings import Settings

log = logging.getLogger("callchart")


@dataclass(frozen=True)
class Supervisor:
    """Runs calls with one chart, one set of services and one set of settings.

    `journal` opens the journal of a call by its id, or returns None. `failed` is called with the id
    and the error of each call that fails."""

    chart: Chart
    services: Services
    settings: Settings
    scripts: Scripts = field(default_factory=Scripts)
    seed: int = 0
    journal: Callable[[str], Journal | None] = lambda call_id: None
    inspectors: Sequence[Inspector] = ()
    redacted: bool = False
    failed: Callable[[str, BaseException], None] = lambda call_id, error: None
    _running: set[Call] = field(default_factory=set, init=False, repr=False, compare=False)

    def settle(self) -> None:
        """Exclude all existing objects from garbage collection.

        At 100 calls this halves the longest pause of the collector (measured)."""
        gc.collect()
        gc.freeze()

    async def serve(self, carrier: Carrier) -> None:
        """Run every call that the carrier accepts. Return when no more come and all have ended."""
        self.settle()
        async with trio.open_nursery() as nursery:
            while True:
                try:
                    line = await carrier.accept()
                except LineGone:
                    return
                nursery.start_soon(self.attend, line)

    def request_hang_up(self, reason: str) -> None:
        """Post `HangUpRequested` to every running call; its chart decides how the call ends."""
        for call in self._running:
            # A call with a full mailbox reads it soon, or fails: skip it.
            with suppress(MailboxFull):
                call.mailbox.post(HangUpRequested(reason))

    async def attend(self, line: Line) -> CallData | None:
        """Run one call to its end, and return its data, or None if it failed."""
        journal: Journal | None = None
        call: Call | None = None
        outside = CURRENT_CALL.set(CurrentCall(line.call_id, self.chart.name))
        try:
            fillers = self.services.phrases.fillers(self.scripts)
            facts = Facts(line.call_id, line.rate_hz, line.parties, self.scripts, fillers)
            data = self.chart.data.begin(self.settings, self.seed, facts)
            journal = self.journal(line.call_id)
            journal_writer = None
            if journal is not None:
                journal_writer = JournalWriter(journal, self.chart, data, redacted=self.redacted)
            call = Call(
                self.chart,
                line,
                self.services,
                data,
                activities=ACTIVITIES,
                journal_writer=journal_writer,
                inspectors=self.inspectors,
            )
            self._running.add(call)
            return await call.run()
        except* Exception as errors:  # noqa: BLE001 (logged there)
            # `except*` takes only the errors, so the cancellation of a cancelled call goes on.
            where = call.step.after.leaf if call is not None and call.began else "its beginning"
            await self._end_failed(line, where, errors)
        finally:
            if call is not None:
                self._running.discard(call)
            # Always hang up, also when the service stops: no caller stays on a dead line.
            line.hang_up()
            if journal is not None:
                journal.close()
            CURRENT_CALL.reset(outside)
        return None

    async def _end_failed(self, line: Line, where: str, errors: ExceptionGroup[Exception]) -> None:
        error = errors.exceptions[0] if len(errors.exceptions) == 1 else errors
        log.error(
            "call %s failed in %s: %s; it ends with the regret, the other calls go on",
            line.call_id,
            where,
            _innermost(error),
            exc_info=log.isEnabledFor(logging.DEBUG),
        )
        try:
            self.failed(line.call_id, error)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_discard_audio, line)
                await self._end_with_regret(line)
                nursery.cancel_scope.cancel()
        except Exception as second:
            # The cause of the failure may break the regret, too; the other calls must go on.
            log.error(
                "call %s: the regret failed, too: %s",
                line.call_id,
                _innermost(second),
                exc_info=log.isEnabledFor(logging.DEBUG),
            )

    async def _end_with_regret(self, line: Line) -> None:
        # A call that failed at its beginning still rings: answer, so that the regret is heard.
        line.answer()
        line.flush()
        sound = self.services.phrases.get(self.scripts.regret)
        if sound is not None:
            line.play(sound.pcm)
            line.mark(0)
            with trio.move_on_after(len(sound.pcm) / (line.rate_hz * 2) + 1.0):
                try:
                    while await line.signal() != MarkReached(0):
                        pass
                except LineGone:
                    pass


async def _discard_audio(line: Line) -> None:
    """Read the caller's audio and drop it: a line warns of unread audio.

    Ignore errors: one may have made the call fail, and the caller can still hear the regret."""
    with suppress(Exception):
        while True:
            await line.receive_audio()


def _innermost(error: BaseException) -> str:
    first, *others = leaves(error)
    more = f" (and {len(others)} more)" if others else ""
    return f"{type(first).__name__}: {first}{more}"
