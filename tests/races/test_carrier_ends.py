"""Calls at a fake Asterisk that end or begin during a transfer, a bridge or a stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio

from callchart.adapters.carrier.asterisk.carrier import AsteriskCarrier
from callchart.adapters.carrier.asterisk.numbers import Allowed
from callchart.engine.ports import (
    Line,
    LineGone,
    Signal,
    TransferDone,
    TransferRefused,
)
from callchart.engine.testing import Story
from tests.races.asterisk import FakeAsterisk

pytestmark = pytest.mark.unmeasured


async def accept_all(carrier: AsteriskCarrier, lines: list[Line]) -> None:
    """Answer every call until the carrier accepts no more. No word is said."""
    try:
        while True:
            line = await carrier.accept()
            line.answer()
            lines.append(line)
    except LineGone:
        pass


async def test_callers_are_refused_or_attended_to_as_the_carrier_stops_accepting(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    asterisk, lines = FakeAsterisk(story), list[Line]()
    async with asterisk.carrier(monkeypatch) as carrier, trio.open_nursery() as nursery:
        nursery.start_soon(accept_all, carrier, lines)

        async def drains() -> None:
            story.note("no new calls")
            carrier.stop_accepting()

        story.event("a call", partial(asterisk.rings, "one"), at=1.0)
        story.event("another", partial(asterisk.rings, "two"), at=3.0)
        story.event("no new calls", drains, at=3.02)
        await story.happens(until=6.0)
        assert len(lines) == 2 - len(asterisk.refused)
        # Each caller is refused as busy, or has a line.
        assert set(asterisk.refused.values()) <= {"busy"}
        assert len(carrier.calls) == len(lines)
    assert (asterisk.remaining, carrier.calls) == ([], set())


async def test_a_stop_while_calls_arrive_leaves_no_channel(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    asterisk = FakeAsterisk(story, variables=("X", "Y"), max_calls=2)
    callers = ("one", "two", "three")
    for caller, at in zip(callers, (1.0, 1.06, 1.08), strict=True):
        story.event(f"{caller} calls", partial(asterisk.rings, caller), at=at)
    async with asterisk.carrier(monkeypatch) as carrier:
        await story.happens()
        # The stop comes so soon after these calls that the carrier may not have accepted them.
        await asterisk.rings("four")
        await asterisk.rings("five")
        story.note("stops")
    assert (asterisk.remaining, carrier.calls) == ([], set())
    assert set(asterisk.refused.values()) == {"busy"}


async def test_a_stop_while_a_bridge_is_made_leaves_no_channel(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    asterisk = FakeAsterisk(story)
    story.event("a call", partial(asterisk.rings, "one"), at=1.0)
    async with asterisk.carrier(monkeypatch) as carrier:
        await story.happens(until=1.195)
    assert (asterisk.remaining, carrier.calls) == ([], set())


# --- transfers -----------------------------------------------------------------------------------

ALLOWED = Allowed(("100",))


class Transfer:
    """A call that is transferred at `at`. It hangs up if the transfer is refused."""

    def __init__(self, story: Story, asterisk: FakeAsterisk, at: float) -> None:
        self.asterisk = asterisk
        self.signals: list[Signal] = []
        self._lines: list[Line] = []
        story.event("a call", partial(asterisk.rings, "one"), at=1.0)
        story.event("a transfer", self._transfer, at=at)

    async def serve(self, carrier: AsteriskCarrier) -> None:
        line = await carrier.accept()
        line.answer()
        self._lines.append(line)
        while True:
            try:
                self.signals.append(await line.signal())
            except LineGone:
                return
            if isinstance(self.signals[-1], TransferRefused):
                line.hang_up()

    async def _transfer(self) -> None:
        for line in self._lines:
            line.transfer("100")

    async def we_hang_up(self) -> None:
        for line in self._lines:
            line.hang_up()

    async def sound_breaks(self) -> None:
        for line in self._lines:
            self.asterisk.sockets[line.call_id].close()

    async def caller_hangs_up(self) -> None:
        await self.asterisk.hangs_up("one")

    async def service_stops(self) -> None:
        """Do nothing: the carrier is closed after the last event."""

    def check(self) -> None:
        """Check that no channel is left, and that no transferred caller was hung up on."""
        assert (self.asterisk.remaining, self.asterisk.wrongly_hung_up) == ([], set())

    def check_that_we_know(self) -> None:
        """Check that the call knows whether its caller was transferred."""
        assert (TransferDone() in self.signals) == bool(self.asterisk.transferred)


Ending = Callable[[Transfer], Awaitable[None]]


@pytest.mark.parametrize(
    "ending",
    [
        Transfer.we_hang_up,
        Transfer.sound_breaks,
        Transfer.caller_hangs_up,
        Transfer.service_stops,
    ],
)
async def test_a_call_that_ends_during_its_transfer_leaves_no_channel(
    story: Story, monkeypatch: pytest.MonkeyPatch, ending: Ending
) -> None:
    transfer = Transfer(story, FakeAsterisk(story, allowed=ALLOWED), at=3.0)
    story.event("it ends", partial(ending, transfer), at=3.025)
    async with trio.open_nursery() as nursery:
        async with transfer.asterisk.carrier(monkeypatch) as carrier:
            nursery.start_soon(transfer.serve, carrier)
            await story.happens()
            if ending != Transfer.service_stops:
                await trio.sleep(20.0)
        nursery.cancel_scope.cancel()
    transfer.check()
    transfer.check_that_we_know()


@pytest.mark.parametrize("in_a_hurry", [False, True])
async def test_a_transfer_survives_a_loss_of_control(
    story: Story, monkeypatch: pytest.MonkeyPatch, in_a_hurry: bool
) -> None:
    transfer = Transfer(story, FakeAsterisk(story, allowed=ALLOWED), at=3.0)
    # Asterisk has made the transfer, and its answer and its event are still on their way.
    story.event("control is lost", transfer.asterisk.loses_control, at=3.035)
    story.event("control is back", transfer.asterisk.has_control_again, at=4.0)
    if in_a_hurry:
        story.event("we hang up", transfer.we_hang_up, at=4.005)
    async with transfer.asterisk.carrier(monkeypatch) as carrier, trio.open_nursery() as nursery:
        nursery.start_soon(transfer.serve, carrier)
        await story.happens(until=20.0)
        nursery.cancel_scope.cancel()
    transfer.check()
    if not in_a_hurry:
        transfer.check_that_we_know()


async def test_a_caller_whose_transfer_was_refused_is_found_after_control_was_lost(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    asterisk = FakeAsterisk(story, allowed=ALLOWED, control_grace_s=0.2)
    asterisk.refuses_transfers = True
    transfer = Transfer(story, asterisk, at=3.0)
    story.event("control is lost", asterisk.loses_control, at=3.065)
    story.event("control is back", asterisk.has_control_again, at=4.0)
    async with asterisk.carrier(monkeypatch) as carrier, trio.open_nursery() as nursery:
        nursery.start_soon(transfer.serve, carrier)
        await story.happens(until=20.0)
        # Check before the carrier closes, because it then ends every call that it knows.
        transfer.check()
        nursery.cancel_scope.cancel()
