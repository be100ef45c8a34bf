"""Runs calls side by side, each a child that is never restarted, and keeps one's failure its own.

The only `except Exception` around our own code is here: a call that fails is ended with a few words
of regret and a hangup, and the others do not notice. (A user's tool has one of its own.)"""

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
    """Everything that calls have in common.

    `journal` opens the journal of a call by its id, or gives None. `failed` is told of a call that
    failed, besides the log."""

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
        """What is loaded by now stays: the garbage collector need not look at it again.

        Its longest stop is then that of the calls alone (measured at 100 calls: half as long)."""
        gc.collect()
        gc.freeze()

    async def serve(self, carrier: Carrier) -> None:
        """Take every call that comes, until the carrier has none any more; then they end."""
        self.settle()
        async with trio.open_nursery() as nursery:
            while True:
                try:
                    line = await carrier.accept()
                except LineGone:
                    return
                nursery.start_soon(self.attend, line)

    def request_hang_up(self, reason: str) -> None:
        """Ask every call that is under way to end; its chart says how (`HangUpRequested`)."""
        for call in self._running:
            # A mailbox that is full is read again, or its call fails: it is not waited for here.
            with suppress(MailboxFull):
                call.mailbox.post(HangUpRequested(reason))

    async def attend(self, line: Line) -> CallData | None:
        """One call, from its first event to its last; None if it failed."""
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
            # A call may fail as it is cancelled: then the cancellation goes on, beside this.
            where = call.step.after.leaf if call is not None and call.began else "its beginning"
            await self._end_failed(line, where, errors)
        finally:
            if call is not None:
                self._running.discard(call)
            # However it ended, also when the service is stopped: nobody is left on a dead line.
            line.hang_up()
            if journal is not None:
                journal.close()
            CURRENT_CALL.reset(outside)
        return None

    async def _end_failed(self, line: Line, where: str, errors: ExceptionGroup[Exception]) -> None:
        error = errors.exceptions[0] if len(errors.exceptions) == 1 else errors
        log.error(
            "call %s failed in %s: %s; it is ended with an apology, the other calls go on",
            line.call_id,
            where,
            _innermost(error),
            exc_info=log.isEnabledFor(logging.DEBUG),
        )
        try:
            self.failed(line.call_id, error)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_let_talk, line)
                await self._end_with_regret(line)
                nursery.cancel_scope.cancel()
        except Exception as again:
            # What broke the call may break its apology too; the other calls still go on.
            log.error(
                "call %s: the apology failed as well: %s",
                line.call_id,
                _innermost(again),
                exc_info=log.isEnabledFor(logging.DEBUG),
            )

    async def _end_with_regret(self, line: Line) -> None:
        # A call that failed in its very beginning still rings: regret must be heard.
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


async def _let_talk(line: Line) -> None:
    """What the caller says is taken and dropped: a line warns of what piles up.

    Where hearing is what broke the call, it is left alone: regret can still be said."""
    with suppress(Exception):
        while True:
            await line.hear()


def _innermost(error: BaseException) -> str:
    first, *others = leaves(error)
    more = f" (and {len(others)} more)" if others else ""
    return f"{type(first).__name__}: {first}{more}"
