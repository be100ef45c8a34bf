"""One call, running: mailbox -> decide -> journal -> effects -> scopes.

Theory of operation. `Call.run` is the only place that changes where the call stands, and it does
only this, in a loop: take the next occurrence; let the chart decide; write the journal's line;
carry out the step. Carrying out is: exit effects; the scopes of the states that are left are
cancelled and joined, innermost first; transition effects; entry effects; the activities of the
states that are entered start. Nothing in the loop waits for the outside.

Every state with an activity has a nursery of its own, opened in that of the nearest ancestor that
has one: scopes are nested as the states are, and cancelling one ends all that was started within.
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
from callchart.engine.scene import Activity, Scene, Services, UnknownActivity
from callchart.engine.tools.toolbox import ToolRunner

#: Told of every step before it is carried out, with the call's id.
Inspector = Callable[[str, Step], None]


class _StateScope:
    """The scope of one stay in a state: where its activity and its children's scopes live."""

    def __init__(self) -> None:
        self._cancel = trio.CancelScope()
        self._opened, self._left = trio.Event(), trio.Event()
        self._nursery: trio.Nursery

    async def run(self, activity: Activity, scene: Scene) -> None:
        try:
            with self._cancel:
                async with trio.open_nursery() as self._nursery:
                    self._opened.set()
                    # A task that is cancelled before its first step still takes it, up to its
                    # first checkpoint: the activity of a stay that is over must not begin.
                    await trio.lowlevel.checkpoint_if_cancelled()
                    await activity(scene)
                    # A state outlasts its activity: it is left by a transition only.
                    await trio.sleep_forever()
        finally:
            self._left.set()

    async def nursery(self) -> trio.Nursery:
        """Where the scopes of its children go; it waits for one entered in this very step."""
        if not self._opened.is_set():
            await self._opened.wait()
        # Who is cancelled from outside may come here with an event that was there before: the
        # nursery may be closed by then, which is no failure of the call.
        await trio.lowlevel.checkpoint_if_cancelled()
        return self._nursery

    async def leave(self) -> None:
        """Cancel, and wait until nothing of it is left. Takes no time of the clock."""
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
        self._activities = {**activities, **chart.activities}
        for node in chart.nodes.values():
            if node.state.activity and node.state.activity not in self._activities:
                raise UnknownActivity(
                    f"state {node.path} names the activity {node.state.activity!r}; give it to "
                    f"Chart(activities=...), or use one of {', '.join(sorted(self._activities))}"
                )
        self.chart, self.line, self.services, self.data = chart, line, services, data
        self._journal_writer, self._inspectors = journal_writer, inspectors
        self._began = 0.0
        self._step: Step
        self.began = False
        self._nursery: trio.Nursery
        self._scopes: dict[Active, _StateScope] = {}
        self.mailbox = Mailbox(self.now, data.settings.mailbox)
        self.playout = Playout(line, self.now, self.raise_)
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

    # --- what effects and activities use -------------------------------------------------------

    def now(self) -> int:
        """Microseconds since the call began."""
        return round((trio.current_time() - self._began) * 1_000_000)

    def raise_(self, event: Event) -> None:
        """An event of the step that is being carried out: the next to be taken."""
        self.mailbox.raise_(event, self._step.at_us)

    @property
    def step(self) -> Step:
        """The last step: where the call stands, and why."""
        return self._step

    # --- the loop ------------------------------------------------------------------------------

    async def run(self) -> CallData:
        """From the first state to a final one; the data it ended with."""
        self._began = trio.current_time()
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
        """A job that lasts for as long as the call, whichever states are left."""
        self._nursery.start_soon(job)

    async def _next(self) -> Occurrence:
        standing = self._step.after
        if standing.recalled:
            return self.mailbox.take_raised() or standing.recalled[0]
        next_due = next_occurrence(standing)
        deadline = self._began + next_due.at_us / 1_000_000 if next_due else float("inf")
        others_spoke = False
        while True:
            occurrence = self.mailbox.take(next_due)
            if occurrence is None:
                await self.mailbox.wait(deadline)
            elif next_due is occurrence and not others_spoke and self.now() == occurrence.at_us:
                # Whoever is due at this very instant may speak first: at a tie the event wins. Once
                # the instant is past, as it is on a real clock, nobody is stamped before the timer.
                others_spoke = True
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
                around, scope = await self._around(active, nursery), _StateScope()
                around.start_soon(scope.run, self._activities[name], scene)
                self._scopes[active] = scope

    def _carry_out_effects(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            effect.carry_out(self)

    async def _around(self, active: Active, nursery: trio.Nursery) -> trio.Nursery:
        """The nursery of the nearest ancestor that has one; the call's own outermost."""
        ancestors = self.chart.nodes[active.state].ancestors
        for candidate in reversed(self._step.after.active):
            if candidate.state in ancestors and candidate in self._scopes:
                return await self._scopes[candidate].nursery()
        return nursery

    async def _watch_line(self) -> None:
        """The line's signals, for as long as there is a call: also in the states that hang up."""
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
