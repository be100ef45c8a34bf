"""The service's log of its calls: each has a line when it begins, one when it ends, and one about
the model's answers in it.

Ids and states are told, never a number or a word of anybody's."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field

from callchart.adapters.service.report.report import HANGUP, ending_in_words, short
from callchart.adapters.service.run.metrics import Answers
from callchart.engine.chart import Chart, Outcome, Step
from callchart.engine.events import ReplyWritten

log = logging.getLogger("callchart")


@dataclass(slots=True)
class _Standing:
    """Where a call stands, and since its hangup began, why that was."""

    state: str = ""
    cause: str = ""
    answers: Answers = field(default_factory=Answers)


class CallLog:
    """Watches calls. `step` is an `engine.call.Inspector`, `failed` is told by the supervisor.

    `taken` and `failures` count, `answers` are those of all calls; `under_way` are the ids of calls
    that have not ended."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._standing: dict[str, _Standing] = {}
        self.taken = self.failures = 0
        self.answers = Answers()

    @property
    def under_way(self) -> tuple[str, ...]:
        return tuple(self._standing)

    def step(self, call_id: str, step: Step) -> None:
        """A line where the call begins, ends, or (to those who debug) changes its state."""
        if (standing := self._standing.get(call_id)) is None:
            standing = self._standing[call_id] = _Standing()
            self.taken += 1
            log.info("call %s: it begins", call_id)
        if isinstance(step.event, ReplyWritten) and _is_answer(step):
            standing.answers.add(step.event)
            self.answers.add(step.event)
        leaf = step.after.leaf
        if step.outcome is not Outcome.TAKEN or leaf == standing.state:
            return
        standing.state = leaf
        log.debug("call %s: %s at %.3f s", call_id, short(leaf), step.at_us / 1_000_000)
        over = self._chart.is_final(leaf)
        if not standing.cause and (over or HANGUP in leaf.split(".")):
            event = step.event
            standing.cause = ending_in_words({"type": type(event).__name__, **asdict(event)})
        if over:
            del self._standing[call_id]
            seconds = step.at_us / 1_000_000
            log.info("call %s: it ended after %.1f s: %s", call_id, seconds, standing.cause)
            if standing.answers.written:
                log.info("call %s: %s", call_id, standing.answers)

    def failed(self, call_id: str, error: BaseException) -> None:
        """The supervisor has said why."""
        self.failures += 1
        if self._standing.pop(call_id, None) is None:
            self.taken += 1  # it failed in its very beginning

    def cut_off(self) -> int:
        """Whoever is still under way is cut off; how many they are."""
        for call_id, standing in self._standing.items():
            log.warning("call %s: it is cut off in %s", call_id, short(standing.state))
        return len(self._standing)


def _is_answer(step: Step) -> bool:
    """Of the reply that is being said, and the model writes it."""
    return step.outcome in (Outcome.TAKEN, Outcome.STAYED) and step.data.reply.purpose == "answer"
