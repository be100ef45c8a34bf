"""One call in Asterisk, in one cancel scope, from its StasisStart to the end of its cleanup.

A call ends when either side hangs up, its audio breaks, control stays lost, or the service stops.
Every ending runs the same cleanup, which removes the call's objects from Asterisk. If control is
lost during the cleanup, orphans.py removes them when control is back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import trio

from callchart.adapters.carrier.asterisk.control.ari import AriError, ControlLost
from callchart.adapters.carrier.asterisk.control.control import ChannelEvents, ControlLink
from callchart.adapters.carrier.asterisk.control.events import (
    ChannelDestroyed,
    DtmfReceived,
    HangupRequest,
    StasisEnd,
)
from callchart.adapters.carrier.asterisk.line import (
    AsteriskLine,
    LineOrder,
    PickUp,
    SendDigits,
    Transfer,
)
from callchart.adapters.carrier.asterisk.media.media import MediaFailed, MediaTransport
from callchart.adapters.carrier.asterisk.orphans import OWNER, TRANSFERRED
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.engine.exception_groups import leaves
from callchart.engine.ports import DigitPressed, RemoteHungUp, TransferDone, TransferRefused

log = logging.getLogger("callchart")

#: Time limit for the cleanup. Each of its requests takes milliseconds.
CLEANUP_SECONDS = 5.0

#: The common causes of Q.850, in ARI's words.
CAUSES = {
    0: "normal",
    1: "unallocated",
    16: "normal",
    17: "busy",
    18: "no_answer",
    19: "no_answer",
    21: "rejected",
    26: "answered_elsewhere",
    28: "number_incomplete",
    34: "congestion",
    58: "codec_mismatch",
    102: "timeout",
}


def cause(number: int) -> str:
    """Return the hangup cause as a word, or "cause 41" for a rare one."""
    return CAUSES.get(number, f"cause {number}")


@dataclass
class AsteriskCall:
    """One call, from its arrival to its cleanup."""

    line: AsteriskLine
    link: ControlLink
    channel: str
    transport: MediaTransport
    settings: AsteriskSettings

    def __post_init__(self) -> None:
        #: The channel has left our application or was destroyed.
        self._gone = False
        #: We have asked Asterisk to transfer the channel, and it has not refused.
        self._leaving = False
        self._ended = trio.Event()

    async def run(self, events: ChannelEvents, ready: Callable[[], None]) -> None:
        """Run the call from the channel's arrival to its end. `events` are those of the channel.

        Call `ready` when the engine can take the line. An error of this call is logged and ends
        the call; it is not raised."""
        try:
            await self._run(events, ready)
        except* (AriError, ControlLost, MediaFailed) as failures:
            for failure in leaves(failures):
                log.error("call %s ended: %s", self.line.call_id, failure)
        finally:
            # Shielded: a stop of the service must also remove the call from Asterisk.
            with trio.CancelScope(shield=True), trio.move_on_after(CLEANUP_SECONDS):
                await self._clean_up(events)
            self.line.close()

    async def _run(self, events: ChannelEvents, ready: Callable[[], None]) -> None:
        link, call = self.link, self.line.call_id
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_channel, events)
            nursery.start_soon(self._cancel_at_end, nursery.cancel_scope)
            await link.ari.set_variable(self.channel, OWNER, call)
            parties, variables = self.line.parties, await self._read_variables()
            self.line.parties = replace(parties, variables=variables)
            async with self.transport.open(link, call, self.channel, self.line.reached) as media:
                self.line.connect(media)
                if media.channel is not None:
                    # Shielded: Asterisk may carry out a cancelled request after our delete.
                    with trio.CancelScope(shield=True):
                        await link.ari.create_bridge(self.bridge)
                    await link.ari.bridge(self.bridge, [self.channel, media.channel])
                ready()
                nursery.start_soon(self._carry_out_orders)
                nursery.start_soon(self._watch_control)
                nursery.start_soon(self._watch_hangup)
                await media.closed()
                if not self._ended.is_set():
                    log.error("call %s ended: its audio broke off", call)
            self._ended.set()

    async def _read_variables(self) -> tuple[tuple[str, str], ...]:
        """Return the channel variables that the settings name; "" for one that cannot be read."""
        found = []
        for name in self.settings.variables:
            try:
                value = await self.link.ari.variable(self.channel, name)
            except (AriError, ControlLost):
                value = ""
            found.append((name, value))
        return tuple(found)

    @property
    def bridge(self) -> str:
        return f"{self.line.call_id}.bridge"

    async def _cancel_at_end(self, scope: trio.CancelScope) -> None:
        await self._ended.wait()
        scope.cancel()

    async def _watch_hangup(self) -> None:
        await self.line.hung_up()
        self._ended.set()

    async def _watch_channel(self, events: ChannelEvents) -> None:
        """Turn the channel's events into signals of the line, until the channel ends."""
        while True:
            match await events.next():
                case HangupRequest(cause=number):
                    self.line.deliver_signal(RemoteHungUp(cause(number)))
                    break
                case ChannelDestroyed(cause=number):
                    self._record_gone(RemoteHungUp(cause(number)))
                    break
                case StasisEnd():
                    self._record_gone(TransferDone() if self._leaving else RemoteHungUp())
                    break
                case DtmfReceived(digit=digit):
                    self.line.deliver_signal(DigitPressed(digit))
                case _:
                    pass
        self._ended.set()

    def _record_gone(self, why: RemoteHungUp | TransferDone) -> None:
        """Record that the channel has left us, and signal `why` if it is the first reason."""
        if not self._gone:
            self._gone = True
            self.line.deliver_signal(why)
        self._ended.set()

    async def _watch_control(self) -> None:
        """End the call if control stays lost for `control_grace_s`."""
        while True:
            await self.link.wait_lost()
            with trio.move_on_after(self.settings.control_grace_s) as waited:
                await self.link.wait_up()
            if waited.cancelled_caught:
                log.error(
                    "call %s ended: control did not come back within %g s",
                    self.line.call_id,
                    self.settings.control_grace_s,
                )
                self._ended.set()

    async def _carry_out_orders(self) -> None:
        async for order in self.line.orders:
            try:
                await self._carry_out(order)
            except (AriError, ControlLost) as error:
                if isinstance(error, AriError) and error.status == 404:
                    continue  # the channel is gone, and its events end the call
                log.error("call %s: %s", self.line.call_id, error)
                match order:
                    case PickUp():
                        # End the call: the caller cannot hear us.
                        self._ended.set()
                    case Transfer():
                        self.line.deliver_signal(TransferRefused(str(error)))
                    case SendDigits():
                        pass

    async def _carry_out(self, order: LineOrder) -> None:
        ari = self.link.ari
        match order:
            case PickUp():
                await self._pick_up()
            case SendDigits(digits):
                await ari.send_digits(self.channel, digits)
            case Transfer(target):
                if target not in self.settings.allowed:
                    # Leave the target out: a log must not hold phone numbers.
                    log.warning(
                        "call %s: transfer refused: transfer.allow does not name its target",
                        self.line.call_id,
                    )
                    self.line.deliver_signal(
                        TransferRefused("transfer.allow does not name that target")
                    )
                    return
                await self._transfer(target)

    async def _transfer(self, target: str) -> None:
        """Send the channel to `target` in the dialplan.

        Raises `AriError` or `ControlLost` if the channel is still ours, or may still be."""
        ari, context = self.link.ari, self.settings.transfer_context
        self._leaving = True
        try:
            # Shielded: Asterisk may carry out a cancelled request after our hangup. The transport
            # limits the time of each request.
            with trio.CancelScope(shield=True):
                await ari.set_variable(self.channel, OWNER, self.line.call_id + TRANSFERRED)
                await ari.continue_in_dialplan(self.channel, context, target)
                self._record_gone(TransferDone())
            return
        except (AriError, ControlLost) as error:
            failed = error
        await self.link.wait_up()
        await self._take_back()
        if not self._gone:
            raise failed

    async def _take_back(self) -> None:
        """Mark the channel as ours again after a failed transfer, unless it has left."""
        try:
            await self.link.ari.set_variable(self.channel, OWNER, self.line.call_id)
        except AriError as error:
            if error.status == 409:  # the channel has left the application
                self._record_gone(TransferDone())
            elif error.status != 404:
                raise
        self._leaving = False

    async def _pick_up(self) -> None:
        """Answer the channel. Repeat the request if control was lost: a second one is harmless."""
        ari = self.link.ari
        pick_up = ari.progress if self.settings.answer == "early" else ari.answer
        while True:
            try:
                await pick_up(self.channel)
                break
            except ControlLost:
                await self.link.wait_up()
        self.line.picked_up()

    async def _clean_up(self, events: ChannelEvents) -> None:
        """Remove the call's channel and bridge, and wait until the channel is gone."""
        try:
            if self._leaving and not self._gone:
                await self._take_back()
            if not self._gone:
                self._gone = not await self.link.ari.hang_up(self.channel, self.line.reason)
            await self.link.ari.delete_bridge(self.bridge)
            while not self._gone:
                # Wait for one of the two only: Asterisk may not send the second.
                self._gone = isinstance(await events.next(), ChannelDestroyed | StasisEnd)
        except ControlLost:
            log.warning(
                "call %s: control lost, cleanup postponed until it is back", self.line.call_id
            )
        except AriError as error:
            log.error("call %s: %s", self.line.call_id, error)
