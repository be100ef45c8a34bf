"""A broken network between us and Asterisk: which calls continue, and which end."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
import trio

from callchart.adapters.carrier.asterisk.carrier import AsteriskCarrier
from callchart.adapters.carrier.asterisk.settings import ListenSettings
from callchart.engine.ports import Closed
from tests.adapters.carrier.asterisk.carrier_call import FarEnd, calling, carrying
from tests.adapters.carrier.asterisk.media.cable import Cable, cable
from tests.asterisk.fixtures import StartAsterisk
from tests.asterisk.phone import Phone
from tests.asterisk.server import Asterisk
from tests.contracts.line import hear_tone, tone

pytestmark = pytest.mark.real

RATE_HZ = 16000


class Network(NamedTuple):
    """A carrier with one cable for control and one for media."""

    asterisk: Asterisk
    carrier: AsteriskCarrier
    control: Cable
    media: Cable


@asynccontextmanager
async def network(start_asterisk: StartAsterisk, **others: Any) -> AsyncIterator[Network]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    async with (
        cable(port) as media,
        start_asterisk(media_url=f"ws://127.0.0.1:{media.port}/media") as asterisk,
        cable(asterisk.http_port) as control,
        carrying(
            asterisk,
            url=f"http://127.0.0.1:{control.port}",
            media="websocket_client",
            listen=ListenSettings(port=port, password="secret"),
            **others,
        ) as carrier,
    ):
        yield Network(asterisk, carrier, control, media)


async def wait_closed(far: FarEnd) -> None:
    with trio.fail_after(60):
        while await far.line.signal() != Closed():
            pass


async def check_new_call(there: Network) -> None:
    """Call until a call is answered: Asterisk itself refuses calls until control is back."""
    with trio.fail_after(60):
        while True:
            async with Phone.open() as phone:
                call = phone.dial("bot", there.asterisk.sip_port)
                with trio.move_on_after(0.5):
                    line = await there.carrier.accept()
                    line.answer()
                    await call.answered()
                    line.hang_up()
                    return


async def test_a_call_continues_while_control_is_lost(start_asterisk: StartAsterisk) -> None:
    async with network(start_asterisk) as there, calling(there.asterisk, there.carrier) as far:
        far.line.answer()
        # Audio has arrived, so the request to answer is not under way any more.
        far.say(tone(0.1, RATE_HZ))
        await hear_tone(far.line, 0.1)
        await there.control.cut()
        far.say(tone(0.3, RATE_HZ))
        await hear_tone(far.line, 0.3)
        far.line.play(tone(0.3, RATE_HZ))
        with trio.fail_after(60):
            await far.phone.until_loud()
        there.control.mend()
        await check_new_call(there)


async def test_a_hangup_while_control_is_lost_ends_the_call(
    start_asterisk: StartAsterisk,
) -> None:
    async with network(start_asterisk) as there:
        async with calling(there.asterisk, there.carrier) as far:
            far.line.answer()
            with trio.fail_after(60):
                await far.phone.answered()
            await there.control.cut()
            far.hang_up()
            there.control.mend()
            await wait_closed(far)
        await check_new_call(there)


async def test_a_call_whose_control_stays_lost_ends_and_is_cleared_after_reconnect(
    start_asterisk: StartAsterisk,
) -> None:
    async with network(start_asterisk, control_grace_s=0.3) as there:
        async with calling(there.asterisk, there.carrier) as far:
            far.line.answer()
            with trio.fail_after(60):
                await far.phone.answered()
            await there.control.cut()
            await wait_closed(far)
            there.control.mend()
            with trio.fail_after(60):
                assert (await far.phone.ended()).by == "them"
        await check_new_call(there)


async def test_a_call_whose_audio_breaks_off_ends(start_asterisk: StartAsterisk) -> None:
    async with network(start_asterisk) as there:
        async with calling(there.asterisk, there.carrier) as far:
            far.line.answer()
            with trio.fail_after(60):
                await far.phone.answered()
            await there.media.cut()
            await wait_closed(far)
            with trio.fail_after(60):
                assert (await far.phone.ended()).by == "them"
        there.media.mend()
        await check_new_call(there)
