"""A phone in a call over one media transport, for the tests of all transports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from random import Random

import trio

from callchart.adapters.carrier.asterisk.control.control import Control
from callchart.adapters.carrier.asterisk.control.open import open_control
from callchart.adapters.carrier.asterisk.media.media import Media, MediaTransport
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from tests.asterisk.call import Call
from tests.asterisk.codec import Codec
from tests.asterisk.phone import Phone
from tests.asterisk.server import Asterisk

_numbers = count(1)


class MediaCall:
    """One call: the phone, our media, and the reached marks, each with its moment."""

    def __init__(self, id: str, phone: Call) -> None:
        self.id, self.phone = id, phone
        self.media: Media
        self.reached: list[tuple[int, float]] = []
        self._changed = trio.lowlevel.ParkingLot()

    def mark_reached(self, mark: int) -> None:
        self.reached.append((mark, trio.current_time()))
        self._changed.unpark_all()

    async def until_reached(self, mark: int) -> float:
        """Wait until a mark is reached, and return the moment."""
        while True:
            for reached, at in self.reached:
                if reached == mark:
                    return at
            await self._changed.park()


@asynccontextmanager
async def controlled(asterisk: Asterisk) -> AsyncIterator[Control]:
    """Open control of Asterisk for the length of the block."""
    settings = AsteriskSettings(
        url=asterisk.url,
        user=asterisk.user,
        password=asterisk.password,
        app=asterisk.app,
        instance="media",
    )
    async with open_control(settings, None, Random(0)) as control:
        yield control
    # Wait until Asterisk has removed the application: a later removal may hit the registration of
    # the next test. It took more than 3 s on a busy machine.
    with trio.fail_after(60):
        while await asterisk.applications():  # noqa: ASYNC110 (ARI sends no event)
            await trio.sleep(0.01)


@asynccontextmanager
async def media_call(
    asterisk: Asterisk, transport: MediaTransport, *codecs: Codec, control: Control | None = None
) -> AsyncIterator[MediaCall]:
    """Open an answered call of a phone, bridged with its media, and clean it up after the block.

    Simultaneous calls share a `control`."""
    async with AsyncExitStack() as stack:
        if control is None:
            control = await stack.enter_async_context(controlled(asterisk))
        phone = await stack.enter_async_context(Phone.open(*codecs))
        dialled = phone.dial("bot", asterisk.sip_port)
        with trio.fail_after(60):
            arrival = await control.arrival()
        stack.enter_context(arrival.events)
        link, channel = arrival.link, arrival.start.channel.id
        call = MediaCall(f"media-{next(_numbers)}", dialled)
        bridge = f"{call.id}.bridge"
        try:
            async with transport.open(link, call.id, channel, call.mark_reached) as media:
                call.media = media
                if media.channel is not None:
                    await link.ari.create_bridge(bridge)
                    await link.ari.bridge(bridge, [channel, media.channel])
                await link.ari.answer(channel)
                await dialled.answered()
                yield call
        finally:
            with trio.CancelScope(shield=True):
                await link.ari.delete_bridge(bridge)
                await link.ari.hang_up(channel)
                await wait_until_removed(asterisk, f"{call.id}.", channel)


async def wait_until_removed(asterisk: Asterisk, prefix: str = "", channel: str = "") -> None:
    """Wait until `channel`, and all channels and bridges with the prefix, are removed."""
    with trio.fail_after(60):
        while any(  # noqa: ASYNC110 (ARI sends no event)
            each["id"].startswith(prefix) or each["id"] == channel
            for each in await asterisk.channels() + await asterisk.bridges()
        ):
            await trio.sleep(0.01)
