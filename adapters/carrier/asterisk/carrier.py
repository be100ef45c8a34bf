"""Where calls come from: an Asterisk, and everything that is open towards it.

Theory of operation. Control brings arrivals. Each is counted before anything is awaited, so that no
two slip through one free place, and becomes a call (call.py) in a task of its own; as soon as its
sound is connected its line is handed to whoever accepts. Calls end by themselves; closing the
carrier ends those that are left, and refuses those that still arrive. What a crash or lost control
left in Asterisk is cleared at the start, and each time control is back."""

from __future__ import annotations

import logging
import math
import random
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from itertools import count
from typing import Self

import trio

from callchart.adapters.carrier.asterisk import orphans
from callchart.adapters.carrier.asterisk.call import WAY_OUT, AsteriskCall, cause
from callchart.adapters.carrier.asterisk.control.ari import AriError, ControlLost
from callchart.adapters.carrier.asterisk.control.control import (
    Arrival,
    Control,
    ControlError,
    Events,
    Link,
)
from callchart.adapters.carrier.asterisk.control.events import ChannelDestroyed, StasisStart
from callchart.adapters.carrier.asterisk.control.open import open_control
from callchart.adapters.carrier.asterisk.line import AsteriskLine
from callchart.adapters.carrier.asterisk.media.media import MediaFailed, MediaWay
from callchart.adapters.carrier.asterisk.media.open import needed_modules, open_way
from callchart.adapters.carrier.asterisk.recorder import Recorder
from callchart.adapters.carrier.asterisk.service_nursery import background
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.adapters.carrier.asterisk.websocket.server import WebSocketServer
from callchart.engine.data import Parties
from callchart.engine.ports import LineGone

log = logging.getLogger("callchart")

#: How long an outgoing call may ring.
RINGING = 30

#: A channel that has left is let go within milliseconds.
RELEASE = 1.0


class CallFailed(Exception):
    """A call of ours was not answered, or may not be placed. `cause` is ARI's word for it."""

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause


class AsteriskCarrier:
    """`callchart.engine.ports.Carrier`. Made by `open`."""

    def __init__(
        self, settings: AsteriskSettings, control: Control, way: MediaWay, nursery: trio.Nursery
    ) -> None:
        self._settings, self._control, self._way, self._nursery = settings, control, way, nursery
        self._prefix = f"{settings.instance}-"
        # Not the same in two processes: what an earlier one left behind is none of our calls.
        self._mark = secrets.token_hex(2)
        self._numbers = count(1)
        #: The ids of the calls that are under way, or being placed.
        self.calls: set[str] = set()
        self._rings, self._ringing = trio.open_memory_channel[AsteriskLine](math.inf)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: AsteriskSettings) -> AsyncIterator[Self]:
        """A carrier whose Asterisk was found as it should be, for as long as the block.

        Raises `ControlError` and `MediaFailed`, with cause and cure; within the block too, where
        another client takes our application."""
        async with AsyncExitStack() as stack:
            server = None
            if settings.listen is not None:
                server = await stack.enter_async_context(WebSocketServer.open(settings.listen))
            control = await stack.enter_async_context(
                open_control(settings, server, random.Random())
            )
            stack.push_async_callback(_released, control)
            way = await stack.enter_async_context(open_way(settings, server))
            nursery = await stack.enter_async_context(background())
            carrier = cls(settings, control, way, nursery)
            if settings.control == "per_call":
                log.info("what Asterisk offers is seen when the first call opens control")
            else:
                await carrier._look_around()
                nursery.start_soon(carrier._clear_when_control_is_back)
            nursery.start_soon(carrier._take_arrivals)
            yield carrier

    @property
    def rate_hz(self) -> int:
        """Samples a second of every line."""
        return self._settings.rate_hz

    async def accept(self) -> AsteriskLine:
        try:
            return await self._ringing.receive()
        except trio.EndOfChannel:
            raise LineGone("no new calls are taken") from None

    def stop_accepting(self) -> None:
        """Further calls are refused as busy; those under way go on."""
        self._rings.close()

    async def call(self, target: str) -> AsteriskLine:
        """Place a call, and wait until it is answered.

        Raises `CallFailed`, and what opening a call's sound raises."""
        if target not in self._settings.allowed:
            raise CallFailed("not_allowed", "transfer.allow does not name that number")
        line: AsteriskLine = await self._nursery.start(self._place, target)
        return line

    # --- what Asterisk offers -------------------------------------------------------------------

    async def _look_around(self) -> None:
        """At the start: is what was chosen there, and was anything left behind?"""
        ari, settings = self._control.ari, self._settings
        try:
            version, modules = await ari.version(), await ari.modules()
            missing = sorted(needed_modules(settings) - modules)
            if missing:
                raise MediaFailed(
                    f"Asterisk {version} runs without {', '.join(missing)}, which asterisk.media = "
                    f'"{settings.media}" needs (load it in modules.conf, or choose other media)'
                )
            log.info("Asterisk %s: control %s, media %s", version, settings.control, settings.media)
            await self._clear()
        except (AriError, ControlLost) as error:
            raise ControlError(f"{error} (see Asterisk's log)") from None

    async def _clear(self) -> None:
        await orphans.clear(self._control.ari, self._control.app, self._prefix, self.calls)

    async def _clear_when_control_is_back(self) -> None:
        link = self._control.link(self._settings.app)
        while True:
            await link.lost()
            await link.back()
            try:
                await self._clear()
            except (AriError, ControlLost) as error:
                log.warning("what is left of calls is not cleared yet: %s", error)

    # --- calls ----------------------------------------------------------------------------------

    async def _take_arrivals(self) -> None:
        while True:
            arrival = await self._control.arrival()
            if self._has_place:
                self._nursery.start_soon(self._hold_arrival, self._begin(), arrival)
            else:
                self._nursery.start_soon(_refuse, arrival)

    @property
    def _has_place(self) -> bool:
        statistics = self._rings.statistics()
        return bool(statistics.open_send_channels) and len(self.calls) < self._settings.max_calls

    def _begin(self) -> str:
        """The id of a call that is counted from now on."""
        call = f"{self._prefix}{self._mark}-{next(self._numbers)}"
        self.calls.add(call)
        return call

    async def _hold_arrival(self, call: str, arrival: Arrival) -> None:
        link, channel = arrival.link, arrival.start.channel
        try:
            with arrival.events as events:
                parties = Parties(channel.caller, channel.dialled)
                await self._hold(call, link, channel.id, parties, events, self._offer)
        finally:
            self.calls.discard(call)

    def _offer(self, line: AsteriskLine) -> None:
        """Hand a line to whoever accepts; no calls may be taken any more since it was begun."""
        try:
            self._rings.send_nowait(line)
        except trio.ClosedResourceError:
            line.refuse()
            log.warning("a call was refused as busy")

    async def _place(self, target: str, task_status: trio.TaskStatus[AsteriskLine]) -> None:
        settings, was_answered = self._settings, False

        def ready(line: AsteriskLine) -> None:
            nonlocal was_answered
            was_answered = True
            task_status.started(line)

        if not self._has_place:
            raise CallFailed("busy", f"{settings.max_calls} calls are under way already")
        call, link = self._begin(), self._control.link(settings.app)
        channel = f"{call}.out"
        try:
            with link.listen(channel) as events:
                await self._dial(link, channel, target, events)
                parties = Parties(settings.caller, target, outgoing=True)
                await self._hold(call, link, channel, parties, events, ready)
            if not was_answered:
                raise CallFailed("failure", "its sound could not be connected; the log says why")
        finally:
            self.calls.discard(call)

    async def _dial(self, link: Link, channel: str, target: str, events: Events) -> None:
        """Ring, until it is answered. Raises `CallFailed`; nothing of the channel is left then."""
        settings = self._settings
        endpoint = settings.endpoint.replace("{}", target)
        answered = False
        try:
            # Shielded: a request that is cancelled half-way may be carried out after the hangup.
            with trio.CancelScope(shield=True):
                await link.ari.originate(
                    channel, endpoint, link.app, caller=settings.caller, seconds=RINGING
                )
            while not answered:
                match await events.next():
                    case StasisStart():
                        answered = True
                    case ChannelDestroyed(cause=number):
                        raise CallFailed(cause(number), f"it was not answered: {cause(number)}")
                    case _:
                        pass
        except (AriError, ControlLost) as error:
            raise CallFailed("failure", str(error)) from None
        finally:
            if not answered:
                with trio.move_on_after(WAY_OUT, shield=True):
                    with suppress(AriError, ControlLost):
                        await link.ari.hang_up(channel)

    async def _hold(
        self,
        call: str,
        link: Link,
        channel: str,
        parties: Parties,
        events: Events,
        ready: Callable[[AsteriskLine], None],
    ) -> None:
        recorder = self._recorder(call)
        line = AsteriskLine(call, parties, self._settings.rate_hz, recorder)
        try:
            held = AsteriskCall(line, link, channel, self._way, self._settings)
            await held.hold(events, partial(ready, line))
        finally:
            if recorder is not None:
                recorder.close()

    def _recorder(self, call: str) -> Recorder | None:
        folder = self._settings.record
        if folder is None:
            return None
        try:
            return Recorder(folder / f"{call}.wav", self._settings.rate_hz)
        except OSError as error:
            log.error("call %s is not recorded: %s: %s", call, error.filename, error.strerror)
            return None


async def _refuse(arrival: Arrival) -> None:
    # Shielded: whoever is turned away as the service stops does not wait on.
    with arrival.events, trio.move_on_after(WAY_OUT, shield=True):
        try:
            await arrival.link.ari.hang_up(arrival.start.channel.id, "busy")
            log.warning("a call was refused as busy")
        except (AriError, ControlLost) as error:
            log.error("a call that was to be refused as busy may wait on: %s", error)


async def _refuse_all(control: Control, nursery: trio.Nursery) -> None:
    """Calls that nobody takes any more: those that waited, and those that still come."""
    with suppress(ControlError):
        while True:
            nursery.start_soon(_refuse, await control.arrival())


async def _released(control: Control) -> None:
    """Wait until the application has nothing any more.

    Where control is closed while one is on its way out, Asterisk goes on to name an application
    that nobody serves."""
    with trio.move_on_after(RELEASE, shield=True), suppress(AriError, ControlLost):
        async with background() as nursery:
            nursery.start_soon(_refuse_all, control, nursery)
            while await control.ari.held_by(control.app):  # noqa: ASYNC110 (ARI does not tell)
                await trio.sleep(0.01)
