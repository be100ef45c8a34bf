"""The service's log of its calls: a line when a call begins, when it ends, and about its answers.

The log holds ids and states of calls, never phone numbers or spoken words."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field

from callchart.adapters.service.report.report import ending_in_words, short
from callchart.adapters.service.run.metrics import Answers
from callchart.engine.chart import Chart, Outcome, Step
from callchart.engine.events import ReplyWritten

log = logging.getLogger("callchart")


@dataclass(slots=True)
class _Standing:
    """The state of a call, and the cause of its end once the hangup has begun."""

    state: str = ""
    cause: str = ""
    answers: Answers = field(default_factory=Answers)


class CallLog:
    """The log of all calls. `step` is an `engine.call.Inspector`; the supervisor calls `failed`.

    `taken` and `failures` count calls, `answers` sums up the answers of all calls; `under_way`
    holds the ids of running calls."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._standing: dict[str, _Standing] = {}
        self.taken = self.failures = 0
        self.answers = Answers()

    @property
    def under_way(self) -> tuple[str, ...]:
        return tuple(self._standing)

    def step(self, call_id: str, step: Step) -> None:
        """Log the begin and the end of a call and, at level debug, each change of state."""
        if (standing := self._standing.get(call_id)) is None:
            standing = self._standing[call_id] = _Standing()
            self.taken += 1
            log.info("call %s: begins", call_id)
        if isinstance(step.event, ReplyWritten) and _is_answer(step):
            standing.answers.add(step.event)
            self.answers.add(step.event)
        leaf = step.after.leaf
        if step.outcome is not Outcome.TAKEN or leaf == standing.state:
            return
        standing.state = leaf
        log.debug(
            "call %s: %s at %.3f s", call_id, short(self._chart, leaf), step.at_us / 1_000_000
        )
        has_ended = self._chart.is_final(leaf)
        if not standing.cause and (has_ended or "hangup" in self._chart.roles(leaf)):
            event = step.event
            standing.cause = ending_in_words({"type": type(event).__name__, **asdict(event)})
        if has_ended:
            del self._standing[call_id]
            seconds = step.at_us / 1_000_000
            log.info("call %s: ended after %.1f s: %s", call_id, seconds, standing.cause)
            if standing.answers.written:
                log.info("call %s: %s", call_id, standing.answers)

    def failed(self, call_id: str, error: BaseException) -> None:
        """Count a call that failed. The supervisor has logged the cause."""
        self.failures += 1
        if self._standing.pop(call_id, None) is None:
            self.taken += 1  # it failed before its first step

    def cut_off(self) -> int:
        """Log each running call as cut off, and return their number."""
        for call_id, standing in self._standing.items():
            log.warning("call %s: cut off in %s", call_id, short(self._chart, standing.state))
        return len(self._standing)


def _is_answer(step: Step) -> bool:
    """Return whether the step is about the current reply, and the model writes that reply."""
    return step.outcome in (Outcome.TAKEN, Outcome.STAYED) and step.data.reply.purpose == "answer"
