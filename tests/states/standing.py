"""A call that stands in a state, and what an event makes of it: pure, through `decide`.

`standing("thinking.silent", apologies=2)` has just entered that state, at moment 0, with this data
and the default chart's timers; `on` and `due` give the call as it stands afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from callchart.engine.chart import Effect, Occurrence, Outcome, Step, decide
from callchart.engine.chart.decide import (
    Active,
    Configuration,
    RunningTimer,
    microseconds,
    next_occurrence,
)
from callchart.engine.data import Facts, FillerClip, Reply
from callchart.engine.events import OUTSIDE, Event, TimerFired
from callchart.states import CHART
from callchart.states.data import PhoneData
from callchart.states.settings import PhoneSettings

GREETING = Reply(1, "greeting", "Hello, this is the shop. How can I help you?")
ANSWER = Reply(2, "answer")
#: An answer whose first sound is there.
SPOKEN = Reply(2, "answer", ready=True)
APOLOGY = Reply(2, "apology", "I am sorry.")
FAREWELL = Reply(2, "farewell", "Goodbye.", interruptible=False, ends_call=True)

#: Two words, which end after 0.3 s and 0.9 s.
WELL_NOW = FillerClip("Well now,", 1.0, (0.3, 0.9))
SO = FillerClip("So,", 0.5, (0.5,))
RIGHT = FillerClip("Right,", 0.5, (0.5,))

#: The reply of a state that is entered without one of the test's own.
_REPLIES = {
    "call.turn.greeting": GREETING,
    "call.turn.thinking": ANSWER,
    "call.turn.speaking": SPOKEN,
    "call.turn.barged_in": SPOKEN,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a call stands, since which moment (us), and the step that led there."""

    configuration: Configuration
    data: PhoneData
    at: int = 0
    steps: tuple[Step, ...] = ()

    def on(self, *events: Event, after: float = 0.0) -> Standing:
        """The events arrive one after the other, `after` seconds from now."""
        stands = replace(self, at=self.at + round(after * 1_000_000))
        for event in events:
            stands = stands._taken(Occurrence(stands.at, event, stands._source_of(event)))
        return stands

    def due(self, timer: str = "") -> Standing:
        """What is due next happens: a recalled event, or a timer, which is called `timer`."""
        occurrence = next_occurrence(self.configuration)
        assert occurrence is not None, f"nothing is due in {self.state}"
        fired = occurrence.event.timer if isinstance(occurrence.event, TimerFired) else ""
        assert fired == timer
        return self._taken(occurrence)

    def _source_of(self, event: Event) -> int | None:
        if event.origin == OUTSIDE:
            return None
        for active in self.configuration.active:
            if CHART.nodes[active.state].state.activity == event.origin:
                return active.activation
        raise AssertionError(f"{event} cannot arrive in {self.state}")

    def _taken(self, occurrence: Occurrence) -> Standing:
        step = decide(CHART, self.configuration, self.data, occurrence)
        return Standing(step.after, step.data, occurrence.at_us, (*self.steps, step))

    @property
    def state(self) -> str:
        """The leaf's full name, without the "call." and the "turn." that most have."""
        return self.configuration.leaf.removeprefix("call.").removeprefix("turn.")

    @property
    def step(self) -> Step:
        return self.steps[-1]

    @property
    def outcome(self) -> Outcome:
        return self.step.outcome

    @property
    def effects(self) -> tuple[Effect, ...]:
        """What the last step commands, in order."""
        return (*self.step.exit_effects, *self.step.effects, *self.step.entry_effects)

    @property
    def purpose(self) -> str:
        """Why the reply under way is said."""
        return self.data.reply.purpose

    @property
    def seconds(self) -> float:
        """The moment, in seconds since the call began for this test."""
        return self.at / 1_000_000

    def remaining(self, timer: str) -> float:
        """Seconds until the timer of that name is due."""
        (deadline,) = (t.deadline_us for t in self.configuration.timers if t.name == timer)
        return (deadline - self.at) / 1_000_000


def standing(
    leaf: str,
    *,
    settings: PhoneSettings | None = None,
    fillers: tuple[FillerClip, ...] = (),
    **data: Any,
) -> Standing:
    """A call that has just entered `leaf`, at moment 0, with `data` other than the defaults."""
    path = CHART.resolve(leaf, why="a test")
    reply = next((r for state, r in _REPLIES.items() if path.startswith(state)), Reply(1, "none"))
    chosen: dict[str, Any] = {"reply": reply, **data}
    known = PhoneData(settings=settings or PhoneSettings(), facts=Facts(fillers=fillers), **chosen)
    active = tuple(Active(state, n) for n, state in enumerate(CHART.nodes[path].lineage, 1))
    timers = (
        RunningTimer(
            microseconds(spec.delay, known, 0), spec.order, spec.state, spec.name, a.activation
        )
        for a in active
        for spec in CHART.timers_of[a.state]
    )
    by_deadline = tuple(sorted(timers, key=lambda timer: (timer.deadline_us, timer.order)))
    return Standing(Configuration(active, by_deadline, activations=len(active)), known)
