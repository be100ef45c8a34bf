"""Calls that end, or begin, while something else is under way: on a fake Asterisk."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from adapters.carrier.asterisk.carrier import AsteriskCarrier
from engine.ports import Line, LineGone
from engine.testing import Story
from tests.races.asterisk import FakeAsterisk

pytestmark = pytest.mark.unmeasured


async def accept_all(carrier: AsteriskCarrier, lines: list[Line]) -> None:
    """Answer every call until no new ones are taken; no word is said."""
    try:
        while True:
            line = await carrier.accept()
            line.answer()
            lines.append(line)
    except LineGone:
        pass


async def test_no_new_calls_are_taken_while_one_is_opened(
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
        # Whoever was there before goes on; nobody waits for nothing.
        assert set(asterisk.refused.values()) <= {"busy"}
        assert len(carrier.calls) == len(lines)
    assert (asterisk.left, carrier.calls) == ([], set())


async def test_the_service_stops_while_calls_arrive(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    asterisk = FakeAsterisk(story, variables=("X", "Y"), max_calls=2)
    callers = ("one", "two", "three")
    for caller, at in zip(callers, (1.0, 1.06, 1.08), strict=True):
        story.event(f"{caller} calls", partial(asterisk.rings, caller), at=at)
    async with asterisk.carrier(monkeypatch) as carrier:
        await story.happens()
        # So close behind each other that not all are taken from where they wait.
        await asterisk.rings("four")
        await asterisk.rings("five")
        story.note("stops")
    assert (asterisk.left, carrier.calls) == ([], set())
    assert set(asterisk.refused.values()) == {"busy"}
