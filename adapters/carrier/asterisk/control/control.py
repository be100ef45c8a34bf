"""Control of Asterisk: requests, events of channels, and calls that arrive.

Theory of operation. A `ControlLink` is one application's connection to Asterisk. It outlives its
sockets: when one breaks, requests raise `ControlLost` immediately, and listeners wait for the next
socket. All links of a `Control` share its listeners: a listener gets its channels' events from any
socket. A StasisStart of a channel without a listener is a call that arrives. connect.py and
accept.py open the links."""

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
    AriRequest,
    AriTransport,
    ControlLost,
)
from callchart.adapters.carrier.asterisk.control.events import (
    ApplicationReplaced,
    AriEvent,
    ChannelDestroyed,
    StasisStart,
    channel_of,
)
from callchart.adapters.carrier.asterisk.failure import AsteriskFailure

log = logging.getLogger("callchart")

#: The most calls that wait for the carrier, which takes or refuses each one as it arrives.
MAX_ARRIVALS: Final = 100

#: The cure for two clients of one application.
ONE_CLIENT: Final = (
    "stop the other client, or give each client an application of its own, in asterisk.app and in"
    " the dialplan"
)


class ControlError(AsteriskFailure):
    """Control of Asterisk cannot be opened, or has failed for good."""


class ChannelEvents:
    """A listener: the events of some channels, in order, until the end of the block.

    The queue is unbounded, because a channel has few events."""

    def __init__(self, channels: Collection[str], leave: Callable[[ChannelEvents], None]) -> None:
        self.channels = frozenset(channels)
        self._leave = leave
        self._put, self._get = trio.open_memory_channel[AriEvent](inf)

    async def next(self) -> AriEvent:
        """Wait for the next event. A cancelled wait loses none."""
        return await self._get.receive()

    def deliver_event(self, event: AriEvent) -> None:
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
        """Stop listening."""
        self._leave(self)


class Listeners:
    """The listeners of each channel."""

    def __init__(self) -> None:
        self._by_channel: dict[str, list[ChannelEvents]] = {}

    def listen(self, *channels: str) -> ChannelEvents:
        events = ChannelEvents(channels, self._leave)
        for channel in events.channels:
            self._by_channel.setdefault(channel, []).append(events)
        return events

    def channels(self) -> frozenset[str]:
        """Return the ids of the channels that have a listener."""
        return frozenset(self._by_channel)

    def deliver_event(self, channel: str, event: AriEvent) -> bool:
        """Deliver an event to the channel's listeners. Return False if it has none."""
        listening = self._by_channel.get(channel, ())
        for events in listening:
            events.deliver_event(event)
        return bool(listening)

    def _leave(self, events: ChannelEvents) -> None:
        for channel in events.channels:
            listening = self._by_channel[channel]
            listening.remove(events)
            if not listening:
                del self._by_channel[channel]


class ControlLink:
    """A connection to Asterisk for the application `app`, over successive sockets."""

    def __init__(self, app: str, listeners: Listeners) -> None:
        self.app = app
        self.ari = Ari(self)
        self._listeners = listeners
        self._transport: AriTransport | None = None
        self._why: str | None = None
        self._lost, self._back = trio.Event(), trio.Event()
        self._lost.set()

    def listen(self, *channels: str) -> AbstractContextManager[ChannelEvents]:
        """Listen to the channels from now on, until the block ends."""
        return self._listeners.listen(*channels)

    @property
    def is_up(self) -> bool:
        return self._transport is not None

    async def wait_lost(self) -> None:
        """Wait until the link is down. Return immediately if it is down now."""
        await self._lost.wait()

    async def wait_up(self) -> None:
        """Wait until the link is up. Return immediately if it is up now."""
        await self._back.wait()

    async def send_request(self, request: AriRequest) -> Any:
        """See `ari.AriTransport`."""
        if self._transport is None:
            raise ControlLost(f"control of Asterisk is lost: {self._why or 'not connected yet'}")
        return await self._transport.send_request(request)

    def mark_up(self, transport: AriTransport) -> None:
        """Send requests over `transport` from now on."""
        self._transport = transport
        self._back.set()
        if self._lost.is_set():
            self._lost = trio.Event()
            if self._why is not None:
                log.info("control socket reconnected for %s", self._logged_app)

    def mark_down(self, transport: AriTransport, why: str, level: int = logging.WARNING) -> None:
        """Drop a lost `transport`, and log that at `level`.

        Do nothing if the link has another transport already."""
        if self._transport is transport:
            self._transport, self._why = None, why
            self._lost.set()
            self._back = trio.Event()
            log.log(level, "control socket lost for %s: %s", self._logged_app, why)

    @property
    def _logged_app(self) -> str:
        # In the mode "per_call" the name ends with the call's channel: leave that out of the log.
        return self.app.partition(":")[0]

    async def catch_up(self, ari: Ari) -> None:
        """Deliver the end of each channel that ended while the link was down.

        Call it right after `mark_up`: a channel that we request later is not in Asterisk's list
        yet, and would count as ended. Raises `AriError` and `ControlLost`."""
        listened = self._listeners.channels()
        if listened:
            present = {channel.id for channel in await ari.channels()}
            for channel in listened - present:
                self._listeners.deliver_event(
                    channel, ChannelDestroyed(channel, 0, "gone while control was lost")
                )


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call that arrives. `events` are those of its channel since `start`.

    The task that takes the arrival must enter the block of `events`."""

    start: StasisStart
    link: ControlLink
    events: ChannelEvents


class Control:
    """All links to Asterisk, and the calls that arrive on them.

    `ari` sends requests that belong to no particular call, over any link that is up. `prefix`
    begins the ids of our own channels, which are never arrivals."""

    def __init__(self, app: str, prefix: str, nursery: trio.Nursery) -> None:
        self.app, self._prefix, self._nursery = app, prefix, nursery
        self.ari = Ari(self)
        self._listeners = Listeners()
        # Weak: a link ends with the last socket or call that refers to it.
        self._links: WeakValueDictionary[str, ControlLink] = WeakValueDictionary()
        self._arrived, self._arrivals = trio.open_memory_channel[Arrival](MAX_ARRIVALS)
        self._failure: str | None = None

    def listen(self, *channels: str) -> AbstractContextManager[ChannelEvents]:
        """Listen to the channels from now on, until the block ends."""
        return self._listeners.listen(*channels)

    async def arrival(self) -> Arrival:
        """Wait for the next call. Raises `ControlError` after control has failed for good."""
        try:
            if self._failure is None:
                return await self._arrivals.receive()
        except trio.EndOfChannel:
            pass
        assert self._failure is not None
        raise ControlError(self._failure, ONE_CLIENT)

    async def send_request(self, request: AriRequest) -> Any:
        """See `ari.AriTransport`."""
        for link in tuple(self._links.values()):
            if link.is_up:
                return await link.send_request(request)
        raise ControlLost("no control socket to Asterisk is open")

    # --- the links' side ------------------------------------------------------------------------

    def link(self, app: str) -> ControlLink:
        """Return the application's link; create it if necessary."""
        link = self._links.get(app)
        if link is None:
            link = self._links[app] = ControlLink(app, self._listeners)
        return link

    def deliver_event(self, event: AriEvent, link: ControlLink) -> None:
        """Deliver an event of Asterisk to its listeners, or announce a call that arrives."""
        if isinstance(event, ApplicationReplaced):
            self._fail(
                f"another client took over the application {event.app!r} of Asterisk and its calls"
            )
            return
        channel = channel_of(event)
        if channel is None or not self._listeners.deliver_event(channel, event):
            if isinstance(event, StasisStart) and not event.channel.id.startswith(self._prefix):
                self._arrive(event, link)
            else:
                log.debug("event dropped: no listener for a %s", type(event).__name__)

    @property
    def has_failed(self) -> bool:
        """True after control has failed for good."""
        return self._failure is not None

    def _fail(self, failure: str) -> None:
        if self._failure is None:
            self._failure = failure
            self._arrived.close()

    def _arrive(self, start: StasisStart, link: ControlLink) -> None:
        if self._failure is not None:
            return
        # Listen from now on: the caller may hang up before the carrier takes the call.
        events = self._listeners.listen(start.channel.id)
        try:
            self._arrived.send_nowait(Arrival(start, link, events))
        except trio.WouldBlock:
            events.leave()
            log.error("call refused: %d calls wait already", MAX_ARRIVALS)
            self._nursery.start_soon(self._refuse, start.channel.id, link)

    async def _refuse(self, channel: str, link: ControlLink) -> None:
        try:
            await link.ari.hang_up(channel, "congestion")
        except (AriError, ControlLost) as error:
            log.error("refusal failed, the caller may still wait: %s", error)
