"""One call in Asterisk, from StasisStart to the last of its traces: one cancel scope.

Whatever ends it (a hangup from either side, sound that breaks, control that stays lost, the service
that stops), the way out is the same: nothing of the call is left in Asterisk. What cannot be
cleared because control is lost is found by its name when control is back (leftovers.py)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import trio

from callchart.adapters.carrier.asterisk.control.ari import AriError, ControlLost
from callchart.adapters.carrier.asterisk.control.control import Events, Link
from callchart.adapters.carrier.asterisk.control.events import (
    ChannelDestroyed,
    DtmfReceived,
    HangupRequest,
    StasisEnd,
)
from callchart.adapters.carrier.asterisk.line import (
    AsteriskLine,
    Order,
    PickUp,
    SendDigits,
    Transfer,
)
from callchart.adapters.carrier.asterisk.media.media import MediaFailed, MediaWay
from callchart.adapters.carrier.asterisk.orphans import HANDED_ON, OWNER
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.engine.exception_groups import leaves
from callchart.engine.ports import DigitPressed, RemoteHungUp, TransferDone, TransferRefused

log = logging.getLogger("callchart")

#: Seconds for the way out, in which each request takes milliseconds.
WAY_OUT = 5.0

#: Q.850's causes that a bot meets, in ARI's words.
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
    """A hangup cause in a word; "cause 41" for one that is rare."""
    return CAUSES.get(number, f"cause {number}")


@dataclass
class AsteriskCall:
    """One call. `ready` is told when the line can be taken by the engine."""

    line: AsteriskLine
    link: Link
    channel: str
    way: MediaWay
    settings: AsteriskSettings

    def __post_init__(self) -> None:
        #: The channel is ours no more.
        self._gone = False
        #: It was told to go on elsewhere, and did not refuse as far as we know.
        self._leaving = False
        self._over = trio.Event()

    async def hold(self, events: Events, ready: Callable[[], None]) -> None:
        """Everything between the channel's arrival and its end. `events` are the channel's.

        Raises nothing that this call alone is to blame for: it is logged, and the call ends."""
        try:
            await self._hold(events, ready)
        except* (AriError, ControlLost, MediaFailed) as failures:
            for failure in leaves(failures):
                log.error("call %s: %s; it is ended", self.line.call_id, failure)
        finally:
            # Shielded: also when the service stops, nothing of a call may be left in Asterisk.
            with trio.CancelScope(shield=True), trio.move_on_after(WAY_OUT):
                await self._clear(events)
            self.line.close()

    async def _hold(self, events: Events, ready: Callable[[], None]) -> None:
        link, call = self.link, self.line.call_id
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, events)
            nursery.start_soon(self._ends_the_scope, nursery.cancel_scope)
            await link.ari.set_variable(self.channel, OWNER, call)
            parties, variables = self.line.parties, await self._variables()
            self.line.parties = replace(parties, variables=variables)
            async with self.way.open(link, call, self.channel, self.line.reached) as media:
                self.line.connect(media)
                if media.channel is not None:
                    # Shielded: one that is cancelled half-way may be made after it was deleted.
                    with trio.CancelScope(shield=True):
                        await link.ari.create_bridge(self.bridge)
                    await link.ari.bridge(self.bridge, [self.channel, media.channel])
                ready()
                nursery.start_soon(self._orders)
                nursery.start_soon(self._control)
                nursery.start_soon(self._hung_up)
                await media.closed()
                if not self._over.is_set():
                    log.error("call %s: its sound broke off; it is ended", call)
            self._over.set()

    async def _variables(self) -> tuple[tuple[str, str], ...]:
        """The facts that were asked for. One that cannot be had is "", and the call goes on."""
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

    async def _ends_the_scope(self, scope: trio.CancelScope) -> None:
        await self._over.wait()
        scope.cancel()

    async def _hung_up(self) -> None:
        await self.line.hung_up()
        self._over.set()

    async def _watch(self, events: Events) -> None:
        """What happens to the channel."""
        while True:
            match await events.next():
                case HangupRequest(cause=number):
                    self.line.tell(RemoteHungUp(cause(number)))
                    break
                case ChannelDestroyed(cause=number):
                    self._is_gone(RemoteHungUp(cause(number)))
                    break
                case StasisEnd():
                    self._is_gone(TransferDone() if self._leaving else RemoteHungUp())
                    break
                case DtmfReceived(digit=digit):
                    self.line.tell(DigitPressed(digit))
                case _:
                    pass
        self._over.set()

    def _is_gone(self, why: RemoteHungUp | TransferDone) -> None:
        """The channel is ours no more: whoever learns of it first says why."""
        if not self._gone:
            self._gone = True
            self.line.tell(why)
        self._over.set()

    async def _control(self) -> None:
        """A call goes on without control, for a while."""
        while True:
            await self.link.lost()
            with trio.move_on_after(self.settings.control_grace) as waited:
                await self.link.back()
            if waited.cancelled_caught:
                log.error(
                    "call %s: control did not come back within %g s; it is ended",
                    self.line.call_id,
                    self.settings.control_grace,
                )
                self._over.set()

    async def _orders(self) -> None:
        async for order in self.line.orders:
            try:
                await self._carry_out(order)
            except (AriError, ControlLost) as error:
                if isinstance(error, AriError) and error.status == 404:
                    continue  # the channel is gone, as its events will say
                log.error("call %s: %s", self.line.call_id, error)
                match order:
                    case PickUp():
                        # Nobody would hear a word of it.
                        self._over.set()
                    case Transfer():
                        self.line.tell(TransferRefused(str(error)))
                    case SendDigits():
                        pass

    async def _carry_out(self, order: Order) -> None:
        ari = self.link.ari
        match order:
            case PickUp():
                await self._pick_up()
            case SendDigits(digits):
                await ari.send_digits(self.channel, digits)
            case Transfer(target):
                if target not in self.settings.allowed:
                    # Not the target itself: a log holds no numbers.
                    log.warning(
                        "call %s: a transfer was refused: transfer.allow does not name its target",
                        self.line.call_id,
                    )
                    self.line.tell(TransferRefused("transfer.allow does not name that target"))
                    return
                await self._hand_on(target)

    async def _hand_on(self, target: str) -> None:
        """Where this raises, the channel is ours still, or nobody can tell."""
        ari, context = self.link.ari, self.settings.transfer_context
        self._leaving = True
        try:
            # Shielded: a request that is cancelled half-way may be carried out after the hangup.
            # The transport bounds each.
            with trio.CancelScope(shield=True):
                await ari.set_variable(self.channel, OWNER, self.line.call_id + HANDED_ON)
                await ari.continue_in_dialplan(self.channel, context, target)
                self._is_gone(TransferDone())
            return
        except (AriError, ControlLost) as error:
            failed = error
        await self.link.back()
        await self._take_back()
        if not self._gone:
            raise failed

    async def _take_back(self) -> None:
        """Own a channel again that was told to leave, unless it did."""
        try:
            await self.link.ari.set_variable(self.channel, OWNER, self.line.call_id)
        except AriError as error:
            if error.status == 409:  # it is in no application any more
                self._is_gone(TransferDone())
            elif error.status != 404:
                raise
        self._leaving = False

    async def _pick_up(self) -> None:
        """An answer that was lost on its way is asked for again: twice is once."""
        ari = self.link.ari
        pick_up = ari.progress if self.settings.answer == "early" else ari.answer
        while True:
            try:
                await pick_up(self.channel)
                break
            except ControlLost:
                await self.link.back()
        self.line.picked_up()

    async def _clear(self, events: Events) -> None:
        """Nothing is left. The line is closed no sooner than the channel is gone."""
        try:
            if self._leaving and not self._gone:
                await self._take_back()
            if not self._gone:
                self._gone = not await self.link.ari.hang_up(self.channel, self.line.reason)
            await self.link.ari.delete_bridge(self.bridge)
            while not self._gone:
                # Of the two the first is enough: after the one the other may not be told.
                self._gone = isinstance(await events.next(), ChannelDestroyed | StasisEnd)
        except ControlLost:
            log.warning("call %s is cleared when control is back", self.line.call_id)
        except AriError as error:
            log.error("call %s: %s", self.line.call_id, error)
