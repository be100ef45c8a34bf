"""Control of Asterisk as its users know it: requests, news of channels, and calls that arrive.

Theory of operation. A `Link` is one application's connection to Asterisk. It outlives its sockets:
when one breaks, requests raise `ControlLost` at once, listeners stay, and go on with the next one.
All links of a `Control` share its listeners, by the channel's id, whichever socket the news comes
from. A StasisStart that nobody listens for is a call that arrives. How links come to be is the
business of control_connect.py and control_accept.py."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import Any, Final, Self
from weakref import WeakValueDictionary

import trio

from callchart.adapters.carrier.asterisk.control.ari import (
    Ari,
    AriError,
    ControlLost,
    Request,
    Transport,
)
from callchart.adapters.carrier.asterisk.control.events import (
    ApplicationReplaced,
    ChannelDestroyed,
    Event,
    StasisStart,
    channel_of,
)

log = logging.getLogger("callchart")

#: Calls that wait to be taken; the carrier takes them as they come, if only to refuse them.
ARRIVALS: Final = 100


class ControlError(Exception):
    """There is no control of Asterisk, and there will be none: the text says why, and the cure."""


class Events:
    """News of some channels, in order, from when it was made to the end of its block.

    It is not bounded: a channel's news are few, and whoever listens lives no longer than it."""

    def __init__(self, channels: Collection[str], leave: Callable[[Events], None]) -> None:
        self.channels = frozenset(channels)
        self._leave = leave
        self._put, self._get = trio.open_memory_channel[Event](inf)

    async def next(self) -> Event:
        """Wait for the next. One that is cancelled loses nothing."""
        return await self._get.receive()

    def tell(self, event: Event) -> None:
        self._put.send_nowait(event)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Listen no more."""
        self._leave(self)


class Listeners:
    """Who listens for which channel."""

    def __init__(self) -> None:
        self._by_channel: dict[str, list[Events]] = {}

    def listen(self, *channels: str) -> Events:
        events = Events(channels, self._leave)
        for channel in events.channels:
            self._by_channel.setdefault(channel, []).append(events)
        return events

    def channels(self) -> frozenset[str]:
        """The ids that somebody listens for."""
        return frozenset(self._by_channel)

    def tell(self, channel: str, event: Event) -> bool:
        """Hand an event to those who listen for the channel; whether there was one."""
        listening = self._by_channel.get(channel, ())
        for events in listening:
            events.tell(event)
        return bool(listening)

    def _leave(self, events: Events) -> None:
        for channel in events.channels:
            listening = self._by_channel[channel]
            listening.remove(events)
            if not listening:
                del self._by_channel[channel]


class Link:
    """A connection to Asterisk for the application `app`, over as many sockets as it takes."""

    def __init__(self, app: str, listeners: Listeners) -> None:
        self.app = app
        self.ari = Ari(self)
        self._listeners = listeners
        self._transport: Transport | None = None
        self._why: str | None = None
        self._lost, self._back = trio.Event(), trio.Event()
        self._lost.set()

    def listen(self, *channels: str) -> AbstractContextManager[Events]:
        """News of the channels from now on, until the block ends."""
        return self._listeners.listen(*channels)

    @property
    def is_up(self) -> bool:
        return self._transport is not None

    async def lost(self) -> None:
        """Wait until there is no connection; at once where there is none now."""
        await self._lost.wait()

    async def back(self) -> None:
        """Wait until there is a connection; at once where there is one now."""
        await self._back.wait()

    async def ask(self, request: Request) -> Any:
        """See `ari.Transport`."""
        if self._transport is None:
            raise ControlLost(f"control of Asterisk is lost: {self._why or 'not connected yet'}")
        return await self._transport.ask(request)

    def up(self, transport: Transport) -> None:
        """From now on requests travel this way."""
        self._transport = transport
        self._back.set()
        if self._lost.is_set():
            self._lost = trio.Event()
            if self._why is not None:
                log.info("control of Asterisk for %s is back", self._logged_app)

    def down(self, transport: Transport, why: str, level: int = logging.WARNING) -> None:
        """That way is lost, logged as `level`; nothing happens where there is another already."""
        if self._transport is transport:
            self._transport, self._why = None, why
            self._lost.set()
            self._back = trio.Event()
            log.log(level, "control of Asterisk for %s is lost: %s", self._logged_app, why)

    @property
    def _logged_app(self) -> str:
        # Where each call has an application of its own, that has the call's channel in its name.
        return self.app.partition(":")[0]

    async def catch_up(self, ari: Ari) -> None:
        """Learn of the channels that ended while nobody told us: right after the link is up again,
        so that a channel that was listened for before it was asked for counts as none of them.

        Raises `AriError` and `ControlLost`."""
        listened = self._listeners.channels()
        if listened:
            there = {channel.id for channel in await ari.channels()}
            for channel in listened - there:
                self._listeners.tell(
                    channel, ChannelDestroyed(channel, 0, "gone while control was lost")
                )


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call that arrives. `events` tell what happened to its channel since `start`: whoever takes
    the arrival enters their block."""

    start: StasisStart
    link: Link
    events: Events


class Control:
    """All links to Asterisk, and the calls that arrive on them.

    `ari` is for what is no call's business; where each call has a link of its own, it uses any that
    is up. `prefix` begins the ids of what we make: a channel of such an id never is an arrival."""

    def __init__(self, app: str, prefix: str, nursery: trio.Nursery) -> None:
        self.app, self._prefix, self._nursery = app, prefix, nursery
        self.ari = Ari(self)
        self._listeners = Listeners()
        # A link that no socket and no call holds has had its time.
        self._links: WeakValueDictionary[str, Link] = WeakValueDictionary()
        self._arrived, self._arrivals = trio.open_memory_channel[Arrival](ARRIVALS)
        self._failure: str | None = None

    def listen(self, *channels: str) -> AbstractContextManager[Events]:
        """News of the channels from now on, until the block ends."""
        return self._listeners.listen(*channels)

    async def arrival(self) -> Arrival:
        """The next call. Raises `ControlError` once there is no control any more, for good."""
        try:
            if self._failure is None:
                return await self._arrivals.receive()
        except trio.EndOfChannel:
            pass
        assert self._failure is not None
        raise ControlError(self._failure)

    async def ask(self, request: Request) -> Any:
        """See `ari.Transport`."""
        for link in tuple(self._links.values()):
            if link.is_up:
                return await link.ask(request)
        raise ControlLost("there is no link to Asterisk at the moment")

    # --- the links' side ------------------------------------------------------------------------

    def link(self, app: str) -> Link:
        """A new link, or the one that there is for the application."""
        link = self._links.get(app)
        if link is None:
            link = self._links[app] = Link(app, self._listeners)
        return link

    def tell(self, event: Event, link: Link) -> None:
        """Hand on what Asterisk says."""
        if isinstance(event, ApplicationReplaced):
            self._fail(
                f"another client took over the application {event.app!r} of Asterisk, and with it"
                " its calls (stop it, or give each an app of its own, here and in the dialplan)"
            )
            return
        channel = channel_of(event)
        if channel is None or not self._listeners.tell(channel, event):
            if isinstance(event, StasisStart) and not event.channel.id.startswith(self._prefix):
                self._arrive(event, link)
            else:
                log.debug("nobody waits for a %s", type(event).__name__)

    @property
    def is_over(self) -> bool:
        """Whether `arrival` has nothing to give but its error."""
        return self._failure is not None

    def _fail(self, failure: str) -> None:
        if self._failure is None:
            self._failure = failure
            self._arrived.close()

    def _arrive(self, start: StasisStart, link: Link) -> None:
        if self._failure is not None:
            return
        # Begun here: a caller may hang up before somebody takes the call.
        events = self._listeners.listen(start.channel.id)
        try:
            self._arrived.send_nowait(Arrival(start, link, events))
        except trio.WouldBlock:
            events.leave()
            log.error("a call was refused: %d are waiting to be taken", ARRIVALS)
            self._nursery.start_soon(self._refuse, start.channel.id, link)

    async def _refuse(self, channel: str, link: Link) -> None:
        try:
            await link.ari.hang_up(channel, "congestion")
        except (AriError, ControlLost) as error:
            log.error("a call that was refused may wait on: %s", error)
