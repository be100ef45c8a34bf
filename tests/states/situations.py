"""A call in a given state, to which tests send events through the pure `decide`.

`call_in("thinking.silent", apologies=2)` has just entered that state at moment 0, with this data
and the default chart's timers. `on` and `due` return the call after the next steps."""

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
#: An answer whose first sound is ready.
SPOKEN = Reply(2, "answer", ready=True)
APOLOGY = Reply(2, "apology", "I am sorry.")
FAREWELL = Reply(2, "farewell", "Goodbye.", interruptible=False, ends_call=True)

#: Two words, which end after 0.3 s and 0.9 s.
WELL_NOW = FillerClip("Well now,", 1.0, (0.3, 0.9))
SO = FillerClip("So,", 0.5, (0.5,))
RIGHT = FillerClip("Right,", 0.5, (0.5,))

#: The reply in a state, if the test gives none.
_REPLIES = {
    "call.turn.greeting": GREETING,
    "call.turn.thinking": ANSWER,
    "call.turn.speaking": SPOKEN,
    "call.turn.barged_in": SPOKEN,
}


@dataclass(frozen=True, slots=True)
class CallInState:
    """A call: its configuration and data, the moment of its last step (us), and its steps."""

    configuration: Configuration
    data: PhoneData
    at_us: int = 0
    steps: tuple[Step, ...] = ()

    def on(self, *events: Event, after: float = 0.0) -> CallInState:
        """Return the call after these events, which arrive in order, `after` seconds from now."""
        call = replace(self, at_us=self.at_us + round(after * 1_000_000))
        for event in events:
            call = call._taken(Occurrence(call.at_us, event, call._source_of(event)))
        return call

    def due(self, timer: str = "") -> CallInState:
        """Return the call after its next due occurrence: the timer `timer`, or a recalled event."""
        occurrence = next_occurrence(self.configuration)
        assert occurrence is not None, f"no occurrence is due in {self.state}"
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

    def _taken(self, occurrence: Occurrence) -> CallInState:
        step = decide(CHART, self.configuration, self.data, occurrence)
        return CallInState(step.after, step.data, occurrence.at_us, (*self.steps, step))

    @property
    def state(self) -> str:
        """The name of the leaf, without "call." and "turn."."""
        return self.configuration.leaf.removeprefix("call.").removeprefix("turn.")

    @property
    def step(self) -> Step:
        return self.steps[-1]

    @property
    def outcome(self) -> Outcome:
        return self.step.outcome

    @property
    def effects(self) -> tuple[Effect, ...]:
        """The effects of the last step, in order."""
        return (*self.step.exit_effects, *self.step.effects, *self.step.entry_effects)

    @property
    def purpose(self) -> str:
        """The purpose of the current reply."""
        return self.data.reply.purpose

    @property
    def seconds(self) -> float:
        """The moment of the last step, in seconds since the test entered the state."""
        return self.at_us / 1_000_000

    def remaining(self, timer: str) -> float:
        """Return the seconds until the timer of that name is due."""
        (deadline,) = (t.deadline_us for t in self.configuration.timers if t.name == timer)
        return (deadline - self.at_us) / 1_000_000


def call_in(
    leaf: str,
    *,
    settings: PhoneSettings | None = None,
    fillers: tuple[FillerClip, ...] = (),
    **data: Any,
) -> CallInState:
    """Return a call that has just entered `leaf` at moment 0, with `data` in place of defaults."""
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
    return CallInState(Configuration(active, by_deadline, activations=len(active)), known)
