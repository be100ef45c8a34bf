"""The channel that carries a call's audio in Asterisk: its events and its end."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from callchart.adapters.carrier.asterisk.control.ari import AriError, ControlLost
from callchart.adapters.carrier.asterisk.control.events import (
    ChannelDestroyed,
    StasisEnd,
    StasisStart,
)
from callchart.adapters.carrier.asterisk.failure import SEE_LOG
from callchart.adapters.carrier.asterisk.media.media import MediaFailed

if TYPE_CHECKING:
    from callchart.adapters.carrier.asterisk.control.control import ChannelEvents, ControlLink

log = logging.getLogger("callchart")

#: Time limit from the request to the channel's StasisStart; it takes milliseconds.
STASIS_SECONDS: Final = 5.0

#: Time limit for a hangup. It takes milliseconds, and must not delay the call's end if Asterisk
#: does not answer.
HANGUP_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class MediaChannel:
    """A media channel, which the block of `media_channel` requests."""

    id: str
    _events: ChannelEvents

    async def in_stasis(self) -> None:
        """Wait until the channel is in our application: then it can be bridged.

        Raises `MediaFailed`."""
        with trio.move_on_after(STASIS_SECONDS):
            while True:
                match await self._events.next():
                    case StasisStart():
                        return
                    case ChannelDestroyed(text=text):
                        raise MediaFailed(f"Asterisk ended the media channel: {text}", SEE_LOG)
                    case _:
                        pass
        raise MediaFailed(
            f"the media channel did not enter our application within {STASIS_SECONDS:g} s", SEE_LOG
        )


@asynccontextmanager
async def media_channel(link: ControlLink, id: str) -> AsyncIterator[MediaChannel]:
    """Listen to the channel `id`, which the block requests, and hang it up after the block.

    The exit waits until the channel has left the application: if control closes earlier, Asterisk
    keeps listing the application although it has no client.

    The block must shield its request from cancellation: Asterisk may carry out a cancelled request
    after our hangup, and the channel would stay."""
    with link.listen(id) as events:
        try:
            yield MediaChannel(id, events)
        finally:
            with trio.move_on_after(HANGUP_SECONDS, shield=True):
                try:
                    if await link.ari.hang_up(id):
                        await _gone(events)
                except (AriError, ControlLost) as error:
                    log.warning("hangup of media channel %s failed: %s", id, error)


async def _gone(events: ChannelEvents) -> None:
    while not isinstance(await events.next(), ChannelDestroyed | StasisEnd):
        pass
