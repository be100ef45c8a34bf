"""A phone in a call whose sound one way of media carries: what the tests of every way need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from itertools import count
from typing import Any

import httpx2
import trio
from trio_websocket import open_websocket_url

from adapters.carrier.asterisk import events
from adapters.carrier.asterisk.ari import Ari, AriError, Request
from adapters.carrier.asterisk.media import Media, MediaWay
from tests.asterisk.call import Call
from tests.asterisk.codec import Codec
from tests.asterisk.phone import Phone
from tests.asterisk.server import Asterisk

_numbers = count(1)


class Events:
    """What happened to some channels, in order."""

    def __init__(self) -> None:
        self.put, self._get = trio.open_memory_channel[events.Event](1000)

    async def next(self) -> events.Event:
        return await self._get.receive()


class Link:
    """Control by the tests' own means: `adapters.carrier.asterisk.control.Link`."""

    def __init__(self, asterisk: Asterisk) -> None:
        self._asterisk = asterisk
        self._listeners: list[tuple[tuple[str, ...], Events]] = []
        self.arrivals = Events()
        self.ari = Ari(self)
        self.app = asterisk.app

    async def ask(self, request: Request) -> Any:
        try:
            return await self._asterisk.ari(request.method, request.path, **request.query)
        except httpx2.HTTPStatusError as error:
            raise AriError(str(request), error.response.status_code, error.response.text) from None

    @contextmanager
    def listen(self, *channels: str) -> Iterator[Events]:
        listener = (channels, Events())
        self._listeners.append(listener)
        try:
            yield listener[1]
        finally:
            self._listeners.remove(listener)

    async def lost(self) -> None:
        await trio.sleep_forever()

    async def back(self) -> None:
        await trio.lowlevel.checkpoint()

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        asterisk = self._asterisk
        key = f"app={asterisk.app}&api_key={asterisk.user}:{asterisk.password}"
        async with open_websocket_url(
            f"ws://127.0.0.1:{asterisk.http_port}/ari/events?{key}", disconnect_timeout=0.1
        ) as ws:
            task_status.started()
            while True:
                event = events.event_of(events.decode(await ws.get_message()))
                heard = False
                for channels, listener in self._listeners:
                    if events.channel_of(event) in channels:
                        listener.put.send_nowait(event)
                        heard = True
                if isinstance(event, events.StasisStart) and not heard:
                    self.arrivals.put.send_nowait(event)


class MediaCall:
    """The phone's side, our side, and the marks that were reached, each with its moment."""

    def __init__(self, id: str, phone: Call) -> None:
        self.id, self.phone = id, phone
        self.media: Media
        self.reached: list[tuple[int, float]] = []
        self._changed = trio.lowlevel.ParkingLot()

    def mark_reached(self, mark: int) -> None:
        self.reached.append((mark, trio.current_time()))
        self._changed.unpark_all()

    async def until_reached(self, mark: int) -> float:
        """Wait for a mark: the moment that it was reached."""
        while True:
            for reached, at in self.reached:
                if reached == mark:
                    return at
            await self._changed.park()


@asynccontextmanager
async def control(asterisk: Asterisk) -> AsyncIterator[Link]:
    """A link to control, for as long as the block."""
    async with trio.open_nursery() as nursery:
        link = Link(asterisk)
        await nursery.start(link.run)
        try:
            yield link
        finally:
            nursery.cancel_scope.cancel()
    # The next link's registration must not be undone by the end of this one.
    with trio.fail_after(3):
        while await asterisk.applications():  # noqa: ASYNC110 (ARI does not tell)
            await trio.sleep(0.01)


@asynccontextmanager
async def media_call(
    asterisk: Asterisk, way: MediaWay, *codecs: Codec, link: Link | None = None
) -> AsyncIterator[MediaCall]:
    """A phone that was answered, bridged with its media; afterwards nothing of it is left. Calls
    that are up at once share a `link`."""
    async with AsyncExitStack() as stack:
        if link is None:
            link = await stack.enter_async_context(control(asterisk))
        phone = await stack.enter_async_context(Phone.open(*codecs))
        dialled = phone.dial("bot", asterisk.sip_port)
        with trio.fail_after(5):
            start = await link.arrivals.next()
        assert isinstance(start, events.StasisStart)
        channel, call = start.channel.id, MediaCall(f"media-{next(_numbers)}", dialled)
        bridge = f"{call.id}.bridge"
        try:
            async with way.open(link, call.id, channel, call.mark_reached) as media:
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
                await nothing_left(asterisk, f"{call.id}.", channel)


async def nothing_left(asterisk: Asterisk, prefix: str = "", channel: str = "") -> None:
    """Wait until Asterisk has neither that channel nor channels and bridges of that prefix."""
    with trio.fail_after(3):
        while any(  # noqa: ASYNC110 (ARI does not tell)
            each["id"].startswith(prefix) or each["id"] == channel
            for each in await asterisk.channels() + await asterisk.bridges()
        ):
            await trio.sleep(0.01)
