"""The carrier: it opens every connection to an Asterisk, and takes and places calls there.

Theory of operation. Control delivers the calls that arrive. The carrier counts a call before its
first await, so that two calls cannot take one free place. A call (call.py) runs in its own task,
which hands its line to `accept` as soon as its audio is connected. Closing the carrier ends the
calls under way and refuses new ones. At the start, and each time control is back, the carrier
removes the channels and bridges that a crash or lost control left in Asterisk (orphans.py)."""

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
from callchart.adapters.carrier.asterisk.call import CLEANUP_SECONDS, AsteriskCall, cause
from callchart.adapters.carrier.asterisk.control.ari import AriError, ControlLost
from callchart.adapters.carrier.asterisk.control.control import (
    Arrival,
    ChannelEvents,
    Control,
    ControlError,
    ControlLink,
)
from callchart.adapters.carrier.asterisk.control.events import ChannelDestroyed, StasisStart
from callchart.adapters.carrier.asterisk.control.open import open_control
from callchart.adapters.carrier.asterisk.failure import SEE_LOG
from callchart.adapters.carrier.asterisk.line import AsteriskLine
from callchart.adapters.carrier.asterisk.media.media import MediaFailed, MediaTransport
from callchart.adapters.carrier.asterisk.media.open import needed_modules, open_media_transport
from callchart.adapters.carrier.asterisk.recorder import CallRecorder
from callchart.adapters.carrier.asterisk.service_nursery import open_service_nursery
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.adapters.carrier.asterisk.websocket.server import WebSocketServer
from callchart.engine.data import Parties
from callchart.engine.ports import LineGone

log = logging.getLogger("callchart")

#: The longest time that an outgoing call rings.
RINGING_SECONDS = 30

#: Time limit for Asterisk to release the application's channels; it takes milliseconds.
RELEASE_SECONDS = 1.0


class CallFailed(Exception):
    """An outgoing call failed. `cause` is ARI's word, or else not_allowed, failure or cancelled."""

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause


class AsteriskCarrier:
    """A `callchart.engine.ports.Carrier`. Create it with `open`."""

    def __init__(
        self,
        settings: AsteriskSettings,
        control: Control,
        transport: MediaTransport,
        nursery: trio.Nursery,
    ) -> None:
        self._settings, self._control, self._transport, self._nursery = (
            settings,
            control,
            transport,
            nursery,
        )
        self._prefix = f"{settings.instance}-"
        # Different in each process, so that orphans of an earlier one cannot have our calls' ids.
        self._process_id = secrets.token_hex(2)
        self._numbers = count(1)
        #: The ids of the calls that are under way or being placed.
        self.calls: set[str] = set()
        self._offers, self._offered = trio.open_memory_channel[AsteriskLine](math.inf)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: AsteriskSettings) -> AsyncIterator[Self]:
        """Check Asterisk, and open a carrier for the length of the block.

        Raises `ControlError`, `MediaFailed` and `ListenFailed`. The block ends with `ControlError`
        if another client takes over our application."""
        async with AsyncExitStack() as stack:
            server = None
            if settings.listen is not None:
                server = await stack.enter_async_context(WebSocketServer.open(settings.listen))
            control = await stack.enter_async_context(
                open_control(settings, server, random.Random())
            )
            stack.push_async_callback(_wait_released, control)
            transport = await stack.enter_async_context(open_media_transport(settings, server))
            nursery = await stack.enter_async_context(open_service_nursery())
            carrier = cls(settings, control, transport, nursery)
            if settings.control == "per_call":
                log.info("Asterisk check skipped: control opens with the first call")
            else:
                await carrier._check_asterisk()
                nursery.start_soon(carrier._clear_after_reconnect)
            nursery.start_soon(carrier._take_arrivals)
            yield carrier

    @property
    def rate_hz(self) -> int:
        """Samples per second of every line."""
        return self._settings.rate_hz

    async def accept(self) -> AsteriskLine:
        try:
            return await self._offered.receive()
        except trio.EndOfChannel:
            raise LineGone("the carrier accepts no more calls") from None

    def stop_accepting(self) -> None:
        """Refuse further calls as busy. Calls under way continue."""
        self._offers.close()

    async def call(self, target: str) -> AsteriskLine:
        """Place a call, and wait until it is answered. Raises `CallFailed`."""
        if target not in self._settings.allowed:
            raise CallFailed("not_allowed", "transfer.allow does not name that number")
        line: AsteriskLine = await self._nursery.start(self._place, target)
        return line

    # --- Asterisk at the start -------------------------------------------------------------------

    async def _check_asterisk(self) -> None:
        """Check Asterisk's modules, and remove orphans of an earlier run."""
        ari, settings = self._control.ari, self._settings
        try:
            version, modules = await ari.version(), await ari.modules()
            missing = sorted(needed_modules(settings) - modules)
            if missing:
                raise MediaFailed(
                    f"Asterisk {version} runs without {', '.join(missing)}, which asterisk.media = "
                    f'"{settings.media}" needs',
                    "load them in modules.conf, or choose other media",
                )
            log.info("Asterisk %s: control %s, media %s", version, settings.control, settings.media)
            await self._clear_orphans()
        except (AriError, ControlLost) as error:
            raise ControlError(str(error), SEE_LOG) from None

    async def _clear_orphans(self) -> None:
        await orphans.clear_orphans(self._control.ari, self._control.app, self._prefix, self.calls)

    async def _clear_after_reconnect(self) -> None:
        link = self._control.link(self._settings.app)
        while True:
            await link.wait_lost()
            await link.wait_up()
            try:
                await self._clear_orphans()
            except (AriError, ControlLost) as error:
                log.warning("orphan cleanup failed: %s", error)

    # --- calls ----------------------------------------------------------------------------------

    async def _take_arrivals(self) -> None:
        while True:
            arrival = await self._control.arrival()
            if self._has_room:
                self._nursery.start_soon(self._run_arrival, self._begin(), arrival)
            else:
                self._nursery.start_soon(_refuse, arrival)

    @property
    def _has_room(self) -> bool:
        statistics = self._offers.statistics()
        return bool(statistics.open_send_channels) and len(self.calls) < self._settings.max_calls

    def _begin(self) -> str:
        """Return the id of a new call, and count the call."""
        call = f"{self._prefix}{self._process_id}-{next(self._numbers)}"
        self.calls.add(call)
        return call

    async def _run_arrival(self, call: str, arrival: Arrival) -> None:
        link, channel = arrival.link, arrival.start.channel
        try:
            with arrival.events as events:
                parties = Parties(channel.caller, channel.dialled)
                await self._run_call(call, link, channel.id, parties, events, self._offer)
        finally:
            self.calls.discard(call)

    def _offer(self, line: AsteriskLine) -> None:
        """Hand a line to `accept`, or refuse it if the carrier stopped accepting meanwhile."""
        try:
            self._offers.send_nowait(line)
        except trio.ClosedResourceError:
            line.refuse()
            log.warning("call refused as busy")

    async def _place(self, target: str, task_status: trio.TaskStatus[AsteriskLine]) -> None:
        settings, was_answered = self._settings, False

        def ready(line: AsteriskLine) -> None:
            nonlocal was_answered
            was_answered = True
            task_status.started(line)

        if not self._has_room:
            raise CallFailed(
                "busy",
                f"no room for another call: asterisk.max_calls is {settings.max_calls}, or the"
                " service is stopping",
            )
        call, link = self._begin(), self._control.link(settings.app)
        channel = f"{call}.out"
        try:
            with link.listen(channel) as events:
                await self._dial(link, channel, target, events)
                parties = Parties(settings.caller, target, outgoing=True)
                await self._run_call(call, link, channel, parties, events, ready)
            if not was_answered:
                raise CallFailed("failure", "its audio could not be connected; see the log")
        finally:
            self.calls.discard(call)

    async def _dial(
        self, link: ControlLink, channel: str, target: str, events: ChannelEvents
    ) -> None:
        """Ring until the call is answered. Raises `CallFailed`, after removing the channel."""
        settings = self._settings
        endpoint = settings.endpoint.replace("{}", target)
        answered = False
        try:
            # Shielded: Asterisk may carry out a cancelled request after our hangup.
            with trio.CancelScope(shield=True):
                await link.ari.originate(
                    channel, endpoint, link.app, caller=settings.caller, seconds=RINGING_SECONDS
                )
            while not answered:
                match await events.next():
                    case StasisStart():
                        answered = True
                    case ChannelDestroyed(cause=number):
                        raise CallFailed(cause(number), f"not answered: {cause(number)}")
                    case _:
                        pass
        except (AriError, ControlLost) as error:
            raise CallFailed("failure", str(error)) from None
        finally:
            if not answered:
                with trio.move_on_after(CLEANUP_SECONDS, shield=True):
                    with suppress(AriError, ControlLost):
                        await link.ari.hang_up(channel)

    async def _run_call(
        self,
        call: str,
        link: ControlLink,
        channel: str,
        parties: Parties,
        events: ChannelEvents,
        ready: Callable[[AsteriskLine], None],
    ) -> None:
        recorder = self._recorder(call)
        line = AsteriskLine(call, parties, self._settings.rate_hz, recorder)
        try:
            running = AsteriskCall(line, link, channel, self._transport, self._settings)
            await running.run(events, partial(ready, line))
        finally:
            if recorder is not None:
                recorder.close()

    def _recorder(self, call: str) -> CallRecorder | None:
        folder = self._settings.record
        if folder is None:
            return None
        try:
            return CallRecorder(folder / f"{call}.wav", self._settings.rate_hz)
        except OSError as error:
            log.error("call %s is not recorded: %s: %s", call, error.filename, error.strerror)
            return None


async def _refuse(arrival: Arrival) -> None:
    # Shielded: a stop of the service must not leave the caller waiting.
    with arrival.events, trio.move_on_after(CLEANUP_SECONDS, shield=True):
        try:
            await arrival.link.ari.hang_up(arrival.start.channel.id, "busy")
            log.warning("call refused as busy")
        except (AriError, ControlLost) as error:
            log.error("refusal failed, the caller may still wait: %s", error)


async def _refuse_all(control: Control, nursery: trio.Nursery) -> None:
    """Refuse the calls that wait, and those that arrive later."""
    with suppress(ControlError):
        while True:
            nursery.start_soon(_refuse, await control.arrival())


async def _wait_released(control: Control) -> None:
    """Wait until the application holds no channel and no bridge.

    If control closes before a channel has left, Asterisk keeps listing the application although
    it has no client."""
    with trio.move_on_after(RELEASE_SECONDS, shield=True), suppress(AriError, ControlLost):
        async with open_service_nursery() as nursery:
            nursery.start_soon(_refuse_all, control, nursery)
            while await control.ari.application_resources(control.app):  # noqa: ASYNC110 (ARI sends no event)
                await trio.sleep(0.01)
