"""Delivery of events: calls that arrive, channels with listeners, and control that is lost and
comes back."""

from __future__ import annotations

import gc
import logging
from typing import Any

import pytest
import trio
import trio.testing

from callchart.adapters.carrier.asterisk.control import control as control_module
from callchart.adapters.carrier.asterisk.control.ari import Ari, AriError, AriRequest, ControlLost
from callchart.adapters.carrier.asterisk.control.control import ChannelEvents, Control, ControlError
from callchart.adapters.carrier.asterisk.control.events import (
    ApplicationReplaced,
    AriChannel,
    AriEvent,
    ChannelDestroyed,
    DtmfReceived,
    StasisEnd,
    StasisStart,
    UnknownEvent,
)

APP = "callchart"


class Asterisk:
    """A transport to an Asterisk that has these channels."""

    def __init__(self, *channels: str, refuses: bool = False) -> None:
        self.channels, self.refuses = channels, refuses
        self.asked: list[str] = []

    async def send_request(self, request: AriRequest) -> Any:
        await trio.lowlevel.checkpoint()
        self.asked.append(str(request))
        if self.refuses:
            raise AriError(str(request), 500, "no memory")
        return [
            {"id": c, "name": "", "state": "", "caller": {"number": ""}, "dialplan": {"exten": ""}}
            for c in self.channels
        ]


@pytest.fixture
def control(nursery: trio.Nursery) -> Control:
    return Control(APP, "bot-", nursery)


def start(channel: str, app: str = APP) -> StasisStart:
    return StasisStart(app, AriChannel(channel, "PJSIP/trunk-1", "Ring", "", ""), ())


async def heard(events: ChannelEvents) -> list[AriEvent]:
    """Return all events that wait in the queue."""
    found: list[AriEvent] = []

    async def hear() -> None:
        while True:
            found.append(await events.next())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hear)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return found


async def test_a_channel_without_a_listener_is_a_new_call(control: Control) -> None:
    link = control.link(APP)
    control.deliver_event(start("1"), link)
    arrival = await control.arrival()
    assert (arrival.start, arrival.link) == (start("1"), link)


async def test_a_hangup_before_the_call_is_accepted_is_delivered(
    control: Control,
) -> None:
    link = control.link(APP)
    control.deliver_event(start("1"), link)
    control.deliver_event(StasisEnd("1"), link)
    with (await control.arrival()).events as events:
        assert await events.next() == StasisEnd("1")


async def test_a_channel_with_a_listener_is_not_a_new_call(control: Control) -> None:
    link = control.link(APP)
    with link.listen("bot-1.media", "bot-2.media") as events:
        control.deliver_event(start("bot-1.media"), link)
        control.deliver_event(StasisEnd("bot-1.media"), link)
        control.deliver_event(DtmfReceived("other", "1"), link)
        control.deliver_event(start("bot-2.media"), link)
        assert await heard(events) == [
            start("bot-1.media"),
            StasisEnd("bot-1.media"),
            start("bot-2.media"),
        ]
    control.deliver_event(start("1"), link)
    assert (await control.arrival()).start == start("1")


async def test_our_own_channel_without_a_listener_is_not_a_new_call(
    control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "callchart")
    link = control.link(APP)
    control.deliver_event(start("bot-1.media"), link)
    control.deliver_event(UnknownEvent("ChannelVarset"), link)
    control.deliver_event(start("bottle-1"), link)
    assert (await control.arrival()).start == start("bottle-1")
    assert caplog.messages == [
        "event dropped: no listener for a StasisStart",
        "event dropped: no listener for a UnknownEvent",
    ]


async def test_two_listeners_of_one_channel_both_get_its_events(control: Control) -> None:
    link = control.link(APP)
    with link.listen("1") as one:
        with control.listen("1", "1") as other:
            control.deliver_event(StasisEnd("1"), link)
            assert await heard(other) == [StasisEnd("1")]
        control.deliver_event(DtmfReceived("1", "5"), link)
        assert await heard(one) == [StasisEnd("1"), DtmfReceived("1", "5")]
        assert await heard(other) == []


async def test_a_cancelled_wait_loses_no_event(control: Control) -> None:
    link = control.link(APP)
    with link.listen("1") as events:
        found: list[AriEvent] = []

        async def wait(scope: trio.CancelScope) -> None:
            with scope:
                found.append(await events.next())

        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()
            nursery.start_soon(wait, scope)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            control.deliver_event(StasisEnd("1"), link)
        assert found + await heard(events) == [StasisEnd("1")]


async def test_a_cancelled_wait_loses_no_call(control: Control) -> None:
    link = control.link(APP)
    found = []

    async def wait(scope: trio.CancelScope) -> None:
        with scope:
            found.append((await control.arrival()).start)

    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()
        nursery.start_soon(wait, scope)
        await trio.testing.wait_all_tasks_blocked()
        scope.cancel()
        control.deliver_event(start("1"), link)
    if not found:
        found.append((await control.arrival()).start)
    assert found == [start("1")]


async def test_more_calls_than_can_wait_are_refused(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(control_module, "MAX_ARRIVALS", 2)
    control, asterisk = Control(APP, "bot-", nursery), Asterisk()
    link = control.link(APP)
    link.mark_up(asterisk)
    for number in range(3):
        control.deliver_event(start(str(number)), link)
    await trio.testing.wait_all_tasks_blocked()
    assert asterisk.asked == ["DELETE channels/2"]
    assert caplog.messages == ["call refused: 2 calls wait already"]
    assert [(await control.arrival()).start for _ in range(2)] == [start("0"), start("1")]


async def test_a_failed_refusal_does_not_affect_other_calls(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(control_module, "MAX_ARRIVALS", 1)
    control = Control(APP, "bot-", nursery)
    link = control.link(APP)
    for number in range(2):
        control.deliver_event(start(str(number)), link)
    await trio.testing.wait_all_tasks_blocked()
    assert caplog.messages[1].startswith("refusal failed, the caller may still wait: control of")
    assert (await control.arrival()).start == start("0")


async def test_after_a_takeover_of_the_application_arrival_fails(
    control: Control,
) -> None:
    link = control.link(APP)
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(ControlError, match=r"another client took over .*'callchart'"):
                await control.arrival()

        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert not control.has_failed
        control.deliver_event(ApplicationReplaced(APP), link)
    assert control.has_failed
    control.deliver_event(start("1"), link)
    control.deliver_event(ApplicationReplaced(APP), link)
    for _ in range(2):
        with pytest.raises(ControlError, match="took over"):
            await control.arrival()


async def test_a_link_that_is_down_refuses_requests_immediately(control: Control) -> None:
    link, asterisk = control.link(APP), Asterisk()
    with pytest.raises(ControlLost, match="not connected yet"):
        await link.ari.answer("1")
    link.mark_up(asterisk)
    await link.ari.answer("1")
    link.mark_down(asterisk, "the connection broke")
    with pytest.raises(ControlLost, match="the connection broke"):
        await link.ari.answer("1")
    assert asterisk.asked == ["POST channels/1/answer"]


async def test_a_watcher_gets_the_loss_and_the_return_of_control(
    control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "callchart")
    link, asterisk = control.link(APP), Asterisk()
    link.mark_up(asterisk)
    changes: list[str] = []

    async def watch() -> None:
        while True:
            await link.wait_lost()
            changes.append("lost")
            await link.wait_up()
            changes.append("back")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        for _ in range(2):
            await trio.testing.wait_all_tasks_blocked()
            link.mark_down(asterisk, "the connection broke")
            await trio.testing.wait_all_tasks_blocked()
            link.mark_up(asterisk)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert changes == ["lost", "back"] * 2
    assert (
        caplog.messages
        == [
            "control socket lost for callchart: the connection broke",
            "control socket reconnected for callchart",
        ]
        * 2
    )


async def test_the_end_of_an_older_transport_does_not_take_down_the_link(control: Control) -> None:
    link, older, newer = control.link(APP), Asterisk(), Asterisk()
    link.mark_up(older)
    link.mark_up(newer)
    link.mark_down(older, "the connection broke")
    assert link.is_up
    await link.ari.answer("1")
    assert (older.asked, newer.asked) == ([], ["POST channels/1/answer"])


async def test_the_log_does_not_name_the_channel_of_a_call_with_a_link_of_its_own(
    control: Control, caplog: pytest.LogCaptureFixture
) -> None:
    link, asterisk = control.link(f"{APP}:PJSIP/5550123-1"), Asterisk()
    link.mark_up(asterisk)
    link.mark_down(asterisk, "the connection broke")
    assert caplog.messages == ["control socket lost for callchart: the connection broke"]


async def test_channels_that_ended_while_control_was_lost_are_reported_after_reconnect(
    control: Control,
) -> None:
    link = control.link(APP)
    with link.listen("1") as lives, link.listen("2", "3") as gone:
        await link.catch_up(Ari(Asterisk("1", "4")))
        assert await heard(lives) == []
        reported = await heard(gone)
    expected = {ChannelDestroyed(c, 0, "gone while control was lost") for c in ("2", "3")}
    assert set(reported) == expected
    assert len(reported) == 2


async def test_a_call_that_arrives_during_catch_up_is_not_reported_as_ended(
    control: Control,
) -> None:
    link = control.link(APP)
    asterisk = Asterisk()
    with link.listen("1"):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.catch_up, Ari(asterisk))
            await trio.testing.wait_all_tasks_blocked(0)
            control.deliver_event(start("2"), link)
    with (await control.arrival()).events as events:
        assert await heard(events) == []


async def test_without_listeners_channels_are_not_requested(control: Control) -> None:
    asterisk = Asterisk(refuses=True)
    await control.link(APP).catch_up(Ari(asterisk))
    assert asterisk.asked == []


async def test_an_application_has_one_link_while_it_is_referenced(
    control: Control,
) -> None:
    link, other = control.link("callchart:1"), control.link("callchart:2")
    assert control.link("callchart:1") is link
    assert other is not link
    asterisk = Asterisk()
    link.mark_up(asterisk)
    await control.ari.answer("1")
    del link
    gc.collect()
    with pytest.raises(ControlLost, match="no control socket to Asterisk"):
        await control.ari.answer("1")
    assert asterisk.asked == ["POST channels/1/answer"]
