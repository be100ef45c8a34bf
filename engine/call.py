"""A running call: mailbox -> decide -> journal -> effects -> scopes.

Theory of operation. Only `Call.run` changes the configuration of a call. In a loop, it takes the
next occurrence, lets the chart decide, writes the journal's line, and carries out the step. To
carry out a step, it runs the exit effects; cancels the scopes of the states that are left,
innermost first, and waits for their end; runs the transition effects and the entry effects; and
starts the activities of the states that are entered. The loop never waits for anything outside the
call.

Every state with an activity has a nursery of its own, within that of the nearest ancestor that has
one. So scopes are nested like the states, and cancelling one ends everything started within it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import trio

from callchart.engine.chart import Chart, Effect, Step, begin, decide
from callchart.engine.chart.decide import Active, Occurrence, next_occurrence
from callchart.engine.data import CallData
from callchart.engine.events import (
    CallerHungUp,
    CallTransferred,
    DigitReceived,
    Event,
    LineClosed,
    TransferFailed,
)
from callchart.engine.journal import JournalWriter
from callchart.engine.mailbox import Mailbox
from callchart.engine.ports import (
    Closed,
    DigitPressed,
    Line,
    LineGone,
    MarkReached,
    RemoteHungUp,
    TransferDone,
    TransferRefused,
)
from callchart.engine.reply.pipeline import ReplyPipeline
from callchart.engine.reply.playout import Playout
from callchart.engine.scene import Activity, Scene, Services, implementations
from callchart.engine.tools.toolbox import ToolRunner

#: A function of the call's id and a step, called before the step is carried out.
Inspector = Callable[[str, Step], None]


class _StateScope:
    """The scope of one stay in a state: its activity and its children's scopes run within it."""

    def __init__(self) -> None:
        self._cancel = trio.CancelScope()
        self._opened, self._left = trio.Event(), trio.Event()
        self._nursery: trio.Nursery

    async def run(self, activity: Activity, scene: Scene) -> None:
        try:
            with self._cancel:
                async with trio.open_nursery() as self._nursery:
                    self._opened.set()
                    # Trio runs a cancelled task up to its first checkpoint. The activity of a
                    # stay that has ended must not begin.
                    await trio.lowlevel.checkpoint_if_cancelled()
                    await activity(scene)
                    # The state lasts until a transition leaves it, not until its activity returns.
                    await trio.sleep_forever()
        finally:
            self._left.set()

    async def nursery(self) -> trio.Nursery:
        """Return the nursery for the scopes of its children, once `run` has opened it."""
        if not self._opened.is_set():
            await self._opened.wait()
        # If we are being cancelled, `_opened` may be set while the nursery is closed already. Stop
        # here instead of raising.
        await trio.lowlevel.checkpoint_if_cancelled()
        return self._nursery

    async def leave(self) -> None:
        """Cancel the scope, and wait until it has ended. The clock does not advance."""
        self._cancel.cancel()
        await self._left.wait()


class Call:
    """One call on one line, from `begin` to a final state. Run it once."""

    def __init__(
        self,
        chart: Chart,
        line: Line,
        services: Services,
        data: CallData,
        *,
        activities: Mapping[str, Activity],
        journal_writer: JournalWriter | None = None,
        inspectors: Sequence[Inspector] = (),
    ) -> None:
        self._activities = implementations(chart, activities)
        self.chart, self.line, self.services, self.data = chart, line, services, data
        self._journal_writer, self._inspectors = journal_writer, inspectors
        self._began_s = 0.0
        self._step: Step
        self.began = False
        self._nursery: trio.Nursery
        self._scopes: dict[Active, _StateScope] = {}
        self.mailbox = Mailbox(self.now_us, data.settings.mailbox)
        self.playout = Playout(line, self.now_us, self.raise_)
        self.tools = ToolRunner(services.tools, self.mailbox.post, self._start_soon)
        self.replies = ReplyPipeline(
            services.model,
            services.synthesizer,
            services.phrases,
            self.tools,
            transfers=services.transfers,
            rate_hz=line.rate_hz,
            call_id=line.call_id,
        )

    # --- for effects ---------------------------------------------------------------------------

    def now_us(self) -> int:
        """Return the microseconds since the call began."""
        return round((trio.current_time() - self._began_s) * 1_000_000)

    def raise_(self, event: Event) -> None:
        """Raise an event from an effect. The loop takes it before all posted events."""
        self.mailbox.raise_(event, self._step.at_us)

    @property
    def step(self) -> Step:
        """The last step."""
        return self._step

    # --- the loop ------------------------------------------------------------------------------

    async def run(self) -> CallData:
        """Run the call from its first state to a final one, and return the data at its end."""
        self._began_s = trio.current_time()
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._watch_line)
            await self._carry_out(begin(self.chart, self.data), nursery)
            while not self.chart.is_final(self._step.after.leaf):
                occurrence = await self._next()
                step = decide(self.chart, self._step.after, self.data, occurrence)
                await self._carry_out(step, nursery)
            nursery.cancel_scope.cancel()
        return self.data

    def _start_soon(self, job: Callable[[], Awaitable[None]]) -> None:
        """Start a job in the scope of the whole call: leaving a state does not end it."""
        self._nursery.start_soon(job)

    async def _next(self) -> Occurrence:
        configuration = self._step.after
        if configuration.recalled:
            return self.mailbox.take_raised() or configuration.recalled[0]
        timer = next_occurrence(configuration)
        deadline_s = self._began_s + timer.at_us / 1_000_000 if timer else float("inf")
        let_others_post = False
        while True:
            occurrence = self.mailbox.take(timer)
            if occurrence is None:
                await self.mailbox.wait(deadline_s)
            elif timer is occurrence and not let_others_post and self.now_us() == occurrence.at_us:
                # Other tasks may still post events at this microsecond, and at a tie an event goes
                # before the timer: let them run once. When time has advanced, no new event can be
                # as early as the timer.
                let_others_post = True
                await trio.lowlevel.checkpoint()
            else:
                return occurrence

    async def _carry_out(self, step: Step, nursery: trio.Nursery) -> None:
        self._step, self.began = step, True
        if self._journal_writer is not None:
            self._journal_writer.write(step)
        for inspect in self._inspectors:
            inspect(self.line.call_id, step)
        self._carry_out_effects(step.exit_effects)
        for active in step.exits:
            if scope := self._scopes.pop(active, None):
                await scope.leave()
        self.data = step.data
        self.tools.event_taken(step.event)
        self._carry_out_effects(step.effects)
        self._carry_out_effects(step.entry_effects)
        for active in step.entries:
            if name := self.chart.nodes[active.state].state.activity:
                scene = Scene(
                    line=self.line,
                    services=self.services,
                    playout=self.playout,
                    replies=self.replies,
                    mailbox=self.mailbox,
                    data=self.data,
                    state=active.state,
                    activation=active.activation,
                )
                outer, scope = await self._outer_nursery(active, nursery), _StateScope()
                outer.start_soon(scope.run, self._activities[name], scene)
                self._scopes[active] = scope

    def _carry_out_effects(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            effect.carry_out(self)

    async def _outer_nursery(self, active: Active, nursery: trio.Nursery) -> trio.Nursery:
        """Return the nursery of the nearest ancestor that has one, or the call's own."""
        ancestors = self.chart.nodes[active.state].ancestors
        for candidate in reversed(self._step.after.active):
            if candidate.state in ancestors and candidate in self._scopes:
                return await self._scopes[candidate].nursery()
        return nursery

    async def _watch_line(self) -> None:
        """Post the line's signals as events until it closes, whatever the state of the call."""
        try:
            while True:
                match await self.line.signal():
                    case MarkReached(mark):
                        self.playout.mark_reached(mark)
                    case RemoteHungUp(cause):
                        self.mailbox.post(CallerHungUp(cause))
                    case DigitPressed(digit):
                        self.mailbox.post(DigitReceived(digit))
                    case TransferDone():
                        self.mailbox.post(CallTransferred())
                    case TransferRefused(reason):
                        self.mailbox.post(TransferFailed(reason))
                    case Closed():
                        break
        except LineGone:
            pass
        self.mailbox.post(LineClosed())
