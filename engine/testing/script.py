"""A call in the real engine with scripted events, to compare its steps with given ones.

The activities only post the events of the script, each at its moment. Mailbox, timers, scopes,
effects and the playout are those of the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import trio

from callchart.engine.call import Call
from callchart.engine.chart import Chart, Outcome, Step
from callchart.engine.data import Parties
from callchart.engine.events import OUTSIDE, PlaybackStopped, TimerFired
from callchart.engine.phrases import Phrases
from callchart.engine.ports import Signal
from callchart.engine.scene import Scene, Services

#: The words that the caller hears of each reply.
HEARD = "words"


class _SilentLine:
    """`callchart.engine.ports.Line` that reports nothing."""

    rate_hz = 16000
    call_id = "script"
    parties = Parties()

    def answer(self) -> None: ...

    def hang_up(self) -> None: ...

    def play(self, pcm: bytes) -> None: ...

    def mark(self, mark: int) -> None: ...

    def flush(self) -> None: ...

    def send_digits(self, digits: str) -> None: ...

    def transfer(self, target: str) -> None: ...

    async def receive_audio(self) -> bytes:
        await trio.sleep_forever()
        raise AssertionError

    async def signal(self) -> Signal:
        await trio.sleep_forever()
        raise AssertionError


class _Script:
    """Posts the events of the given steps, and records the steps of the engine."""

    def __init__(self, chart: Chart, steps: Sequence[Step]) -> None:
        self.steps, self.taken = steps, list[Step]()
        self._scenes: dict[str, list[Scene]] = {}
        self._noted = trio.lowlevel.ParkingLot()
        self._began = trio.current_time()
        #: The number of the last step whose event was posted.
        self._posted = 0
        names = {node.state.activity for node in chart.nodes.values()} - {None}
        unused = cast(Any, None)
        line = _SilentLine()
        services = Services(unused, unused, unused, unused, Phrases(line.rate_hz))
        self.call = Call(
            chart,
            line,
            services,
            steps[0].data,
            activities={name: self._acting(name) for name in names if name},
            inspectors=[self._note],
        )

    def _acting(self, name: str) -> Any:
        async def act(scene: Scene) -> None:
            self._scenes.setdefault(name, []).append(scene)
            if name in ("play", "fill"):
                reply = scene.data.reply.number if name == "play" else None
                scene.playout.begin(reply, lambda heard_bytes: HEARD)
            self._post_next()
            await trio.sleep_forever()

        return act

    def _note(self, call_id: str, step: Step) -> None:
        self.taken.append(step)
        self._noted.unpark_all()
        self._post_next()

    async def run(self) -> None:
        """Run to the last step."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.call.run)
            for n, step in enumerate(self.steps):
                await trio.sleep_until(self._began + step.at_us / 1_000_000)
                self._post_next()
                with trio.fail_after(1):
                    while len(self.taken) <= n:
                        await self._noted.park()
            nursery.cancel_scope.cancel()

    def _post_next(self) -> None:
        """Post the next event if it is due and its activity has begun."""
        n = len(self.taken)
        if not self._posted < n < len(self.steps):
            return
        step = self.steps[n]
        is_recalled = step.before.recalled[:1] == (step.occurrence,)
        if is_recalled or isinstance(step.event, (TimerFired, PlaybackStopped)):
            return
        if step.at_us > round((trio.current_time() - self._began) * 1_000_000):
            return
        if step.event.origin == OUTSIDE:
            self._posted = n
            self.call.mailbox.post(step.event)
            return
        running = {active.activation for active in step.before.active}
        for scene in reversed(self._scenes.get(step.event.origin, [])):
            if (scene.activation not in running) == (step.outcome is Outcome.STALE):
                self._posted = n
                scene.post(step.event)
                return


async def take(chart: Chart, steps: Sequence[Step]) -> list[Step]:
    """Return the steps that the real engine takes when it gets the events of these steps.

    Raises `trio.TooSlowError` if it takes fewer steps."""
    script = _Script(chart, steps)
    await script.run()
    return script.taken
