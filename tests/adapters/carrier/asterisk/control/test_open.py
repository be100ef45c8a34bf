"""The contract of all modes of control, with a real Asterisk."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import pytest
import trio

from callchart.adapters.carrier.asterisk.control.ari import AriError, ControlLost
from callchart.adapters.carrier.asterisk.control.control import Arrival, ChannelEvents, Control
from callchart.adapters.carrier.asterisk.control.events import (
    AriEvent,
    ChannelDestroyed,
    ChannelStateChange,
    StasisEnd,
    StasisStart,
)
from callchart.adapters.carrier.asterisk.control.open import open_control
from callchart.adapters.carrier.asterisk.settings import (
    AsteriskSettings,
    ControlMode,
    ListenSettings,
)
from callchart.adapters.carrier.asterisk.websocket.server import WebSocketServer
from tests.adapters.carrier.asterisk.media.cable import Cable, cable
from tests.asterisk.fixtures import StartAsterisk
from tests.asterisk.server import Asterisk, DialsBot

pytestmark = pytest.mark.real

MODES: tuple[ControlMode, ...] = ("connect", "persistent", "per_call")
ONE_LINK: tuple[ControlMode, ...] = ("connect", "persistent")
CONNECTIONS: dict[ControlMode, Literal["persistent", "per_call_config"]] = {
    "persistent": "persistent",
    "per_call": "per_call_config",
}


@dataclass
class Controlled:
    """A real Asterisk, control of it, and the network in between."""

    asterisk: Asterisk
    control: Control
    cable: Cable

    async def call(self) -> Arrival:
        """Place a call in Asterisk, and return its arrival."""
        await self.asterisk.ari(
            "POST", "channels", endpoint="Local/bot@inbound", context="inbound", extension="echo"
        )
        with trio.fail_after(60):
            return await self.control.arrival()


@asynccontextmanager
async def controlled(mode: ControlMode, start_asterisk: StartAsterisk) -> AsyncIterator[Controlled]:
    async with AsyncExitStack() as stack:
        if mode == "connect":
            asterisk = await stack.enter_async_context(start_asterisk())
            between = await stack.enter_async_context(cable(asterisk.http_port))
            settings = AsteriskSettings(
                url=f"http://127.0.0.1:{between.port}",
                user=asterisk.user,
                password=asterisk.password,
                app=asterisk.app,
                instance="bot",
            )
            server = None
        else:
            listen = ListenSettings(port=0, user="asterisk", password="a-password")
            server = await stack.enter_async_context(WebSocketServer.open(listen))
            between = await stack.enter_async_context(cable(server.port))
            dials = DialsBot(
                f"ws://127.0.0.1:{between.port}/ari",
                listen.user,
                listen.password,
                CONNECTIONS[mode],
            )
            asterisk = await stack.enter_async_context(start_asterisk(control=dials))
            settings = AsteriskSettings(
                app=asterisk.app, instance="bot", control=mode, listen=listen
            )
        control = await stack.enter_async_context(open_control(settings, server, random.Random(1)))
        yield Controlled(asterisk, control, between)


async def until(events: ChannelEvents, kind: type[AriEvent]) -> AriEvent:
    """Return the next event of that kind. Skip the events before it."""
    with trio.fail_after(60):
        while not isinstance(event := await events.next(), kind):
            pass
    return event


@pytest.mark.parametrize("mode", MODES)
async def test_a_call_arrives_is_answered_and_ends(
    mode: ControlMode, start_asterisk: StartAsterisk
) -> None:
    async with controlled(mode, start_asterisk) as line:
        arrival = await line.call()
        channel, ari = arrival.start.channel, arrival.link.ari
        assert (channel.dialled, channel.state) == ("bot", "Ring")
        with arrival.events as events:
            await ari.answer(channel.id)
            assert await until(events, ChannelStateChange) == ChannelStateChange(channel.id, "Up")
            assert await ari.application_resources(arrival.link.app) == (channel.id,)
            await ari.hang_up(channel.id)
            assert await until(events, StasisEnd) == StasisEnd(channel.id)
        with pytest.raises(AriError, match=r"with 40[49]: Channel not "):
            await ari.answer(channel.id)


@pytest.mark.parametrize("mode", MODES)
async def test_values_reach_asterisk_unchanged(
    mode: ControlMode, start_asterisk: StartAsterisk
) -> None:
    text = 'a +b&c=d%20;/?#"ü'
    async with controlled(mode, start_asterisk) as line:
        arrival = await line.call()
        ari, channel = arrival.link.ari, arrival.start.channel.id
        await ari.set_variable(channel, "ODD", text)
        assert await ari.variable(channel, "ODD") == text
        assert await ari.variable(channel, "NEVER_SET") == ""


@pytest.mark.parametrize("mode", MODES)
async def test_a_hundred_simultaneous_requests_are_answered(
    mode: ControlMode, start_asterisk: StartAsterisk
) -> None:
    async with controlled(mode, start_asterisk) as line:
        arrival = await line.call()
        ari, channel = arrival.link.ari, arrival.start.channel.id
        found: list[str] = []

        async def ask(number: int) -> None:
            await ari.set_variable(channel, f"V{number}", str(number))
            found.append(await ari.variable(channel, f"V{number}"))

        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                for number in range(100):
                    nursery.start_soon(ask, number)
        assert sorted(found, key=int) == [str(number) for number in range(100)]


@pytest.mark.parametrize("mode", MODES)
async def test_our_own_channel_is_never_a_new_call(
    mode: ControlMode, start_asterisk: StartAsterisk
) -> None:
    async with controlled(mode, start_asterisk) as line:
        link = (await line.call()).link
        with link.listen("bot-1.media") as events:
            await link.ari.create("bot-1.media", "Local/nobody@nowhere", link.app)
            await until(events, StasisStart)
        await link.ari.create("bot-2.media", "Local/nobody@nowhere", link.app)
        await link.ari.create("stranger", "Local/nobody@nowhere", link.app)
        with trio.fail_after(60):
            assert (await line.control.arrival()).start.channel.id == "stranger"


@pytest.mark.parametrize("mode", MODES)
async def test_a_call_outlives_a_socket_that_was_cut(
    mode: ControlMode, start_asterisk: StartAsterisk
) -> None:
    async with controlled(mode, start_asterisk) as line:
        arrival = await line.call()
        link, channel = arrival.link, arrival.start.channel.id
        with arrival.events as events:
            await line.cable.cut()
            with trio.fail_after(60):
                await link.wait_lost()
            with pytest.raises(ControlLost):
                await link.ari.answer(channel)
            line.cable.mend()
            with trio.fail_after(60):
                await link.wait_up()
            await link.ari.answer(channel)
            assert await until(events, ChannelStateChange) == ChannelStateChange(channel, "Up")
            await link.ari.hang_up(channel)
            await until(events, StasisEnd)
        assert (await line.call()).start.channel.id != channel


@pytest.mark.parametrize("mode", ONE_LINK)
async def test_a_call_that_ended_while_control_was_lost_is_reported(
    mode: ControlMode, start_asterisk: StartAsterisk
) -> None:
    async with controlled(mode, start_asterisk) as line:
        over, goes_on = await line.call(), await line.call()
        with over.events as events, goes_on.events as others:
            await line.cable.cut()
            await over.link.wait_lost()
            await line.asterisk.ari("DELETE", f"channels/{over.start.channel.id}")
            line.cable.mend()
            assert await until(events, ChannelDestroyed) == ChannelDestroyed(
                over.start.channel.id, 0, "gone while control was lost"
            )
            await goes_on.link.ari.hang_up(goes_on.start.channel.id)
            assert await until(others, StasisEnd) == StasisEnd(goes_on.start.channel.id)


@pytest.mark.parametrize("mode", ONE_LINK)
async def test_control_reconnects_to_a_restarted_asterisk(
    mode: ControlMode, start_asterisk: StartAsterisk
) -> None:
    async with controlled(mode, start_asterisk) as line:
        before = await line.call()
        with before.events as events:
            await line.asterisk.restart()
            await until(events, ChannelDestroyed)
        after = await line.call()
        assert after.link is before.link
        await after.link.ari.answer(after.start.channel.id)


@pytest.mark.parametrize("mode", MODES)
async def test_requests_without_a_call_use_any_link(
    mode: ControlMode, start_asterisk: StartAsterisk
) -> None:
    async with controlled(mode, start_asterisk) as line:
        if mode == "per_call":
            with pytest.raises(ControlLost, match="no control socket to Asterisk"):
                await line.control.ari.version()
        arrival = await line.call()
        assert line.asterisk.version == f"Asterisk {await line.control.ari.version()}"
        assert line.control.app == arrival.link.app.partition(":")[0] == line.asterisk.app


async def test_in_per_call_mode_each_call_has_its_own_link(start_asterisk: StartAsterisk) -> None:
    async with controlled("per_call", start_asterisk) as line:
        one, other = await line.call(), await line.call()
        assert one.link is not other.link
        with other.events as events:
            await one.link.ari.hang_up(other.start.channel.id)
            assert await until(events, StasisEnd) == StasisEnd(other.start.channel.id)
