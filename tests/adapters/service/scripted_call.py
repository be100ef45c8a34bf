"""Calls written event by event: the chart decides each event, and the result is a journal.

No activity runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Self

from callchart.adapters.service.report.report import Report, report
from callchart.engine.chart import Chart, Occurrence, Step, begin, decide
from callchart.engine.chart.decide import next_occurrence
from callchart.engine.data import Facts, FillerClip
from callchart.engine.events import (
    CallerHungUp,
    Event,
    FillerFinished,
    FillerStarted,
    FinalHeard,
    LineClosed,
    PartialHeard,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    ReplyReady,
    SpeechEnded,
    SpeechStarted,
)
from callchart.engine.journal import JournalLine, head, line
from callchart.states import CHART
from callchart.states.settings import PhoneSettings

#: The wait after a question is as long as after other words.
SETTINGS = PhoneSettings(end_of_turn_least=0.7)
FACTS = Facts(call_id="scripted", fillers=(FillerClip("Well,", 0.6, (0.6,)),))


class ScriptedCall:
    """A call so far. `then` adds the next event; timers fire on the way."""

    def __init__(
        self,
        chart: Chart = CHART,
        *,
        settings: PhoneSettings | None = None,
        redacted: bool = False,
        watch: Callable[[Step], None] = lambda step: None,
    ) -> None:
        self._chart, self._redacted, self._watch = chart, redacted, watch
        self._data = chart.data.begin(settings or SETTINGS, 0, FACTS)
        self.head: JournalLine = head(chart, self._data, redacted=redacted)
        self.lines: list[JournalLine] = []
        self._heard = ""
        self._take(begin(chart, self._data))

    @property
    def state(self) -> str:
        return self._step.after.leaf

    def report(self) -> Report:
        """Return the report of the journal, which goes through JSON as a file would."""
        return report(self._chart, *json.loads(json.dumps([self.head, self.lines])))

    def then(self, at: float, event: Event, *, heard: str = "") -> Self:
        """Add `event` at `at` seconds.

        `heard` are the words that the caller heard of a reply, which the event or a later timer
        stops."""
        self.until(at)
        self._heard = heard or self._heard
        activation = next(
            (
                active.activation
                for active in self._step.after.active
                if self._chart.nodes[active.state].state.activity == event.origin
            ),
            None,
        )
        self._decide(Occurrence(round(at * 1_000_000), event, activation))
        return self

    def until(self, at: float) -> Self:
        """Let timers fire up to `at` seconds."""
        while (timer := next_occurrence(self._step.after)) and timer.at_us < at * 1_000_000:
            self._decide(timer)
        return self

    def _decide(self, occurrence: Occurrence) -> None:
        if self._chart.is_final(self.state):
            return
        before = self._data.reply.number
        step = decide(self._chart, self._step.after, self._data, occurrence)
        self._take(step)
        if any(self._chart.nodes[left.state].state.activity == "play" for left in step.exits):
            stopped = Occurrence(occurrence.at_us, PlaybackStopped(before, self._heard))
            self._heard = ""
            self._take(decide(self._chart, self._step.after, self._data, stopped))
        while self._step.after.recalled:
            recalled = self._step.after.recalled[0]
            self._take(decide(self._chart, self._step.after, self._data, recalled))

    def _take(self, step: Step) -> None:
        self._step, self._data = step, step.data
        self.lines.append(line(len(self.lines), step, redacted=self._redacted))
        self._watch(step)


#: A call: the greeting; a question, a filler that the answer cuts, an answer that is interrupted; a
#: question that is answered to its end; then the caller hangs up.
WHOLE_CALL: Mapping[float, tuple[Event, str]] = {
    0.01: (ReplyReady(1), ""),
    0.02: (PlaybackStarted(1), ""),
    2.0: (PlaybackFinished(1), "Hello, how can I help?"),
    3.0: (SpeechStarted(1), ""),
    3.4: (PartialHeard(1, "are you"), ""),
    4.0: (SpeechEnded(1), ""),
    4.1: (FinalHeard(1, "are you open"), ""),
    4.72: (FillerStarted("Well,"), ""),
    5.2: (ReplyReady(2), ""),
    5.4: (PlaybackStarted(2), ""),
    7.0: (SpeechStarted(2), "We are open from"),
    7.3: (PartialHeard(2, "wait"), ""),
    8.0: (SpeechEnded(2), ""),
    8.2: (FinalHeard(2, "wait what about today"), ""),
    8.72: (FillerStarted("Well,"), ""),
    9.3: (FillerFinished(), ""),
    9.5: (ReplyReady(3), ""),
    9.6: (PlaybackStarted(3), ""),
    11.0: (PlaybackFinished(3), "Today until six."),
    12.0: (CallerHungUp(), ""),
    12.02: (LineClosed(), ""),
}


def whole_call(*, hang_up_after: float | None = None, redacted: bool = False) -> ScriptedCall:
    """Return `WHOLE_CALL`. With `hang_up_after`, the caller hangs up 10 ms after that event."""
    scripted = ScriptedCall(redacted=redacted)
    for at, (event, heard) in WHOLE_CALL.items():
        scripted.then(at, event, heard=heard)
        if at == hang_up_after:
            scripted.then(at + 0.01, CallerHungUp()).then(at + 0.02, LineClosed())
            break
    return scripted
