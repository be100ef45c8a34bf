"""The channel that carries a call's sound in Asterisk: news of it, and its end."""

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
from callchart.adapters.carrier.asterisk.media.media import MediaFailed

if TYPE_CHECKING:
    from callchart.adapters.carrier.asterisk.control.control import Events, Link

log = logging.getLogger("callchart")

#: From the request to the channel's StasisStart; it takes milliseconds.
STASIS_SECONDS: Final = 5.0

#: A hangup takes milliseconds, and must not hold the call's end when Asterisk is in trouble.
HANGUP_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class MediaChannel:
    """A channel that somebody is about to ask for."""

    id: str
    _events: Events

    async def in_stasis(self) -> None:
        """Wait until our application has it: only then can it be bridged. Raises `MediaFailed`."""
        with trio.move_on_after(STASIS_SECONDS):
            while True:
                match await self._events.next():
                    case StasisStart():
                        return
                    case ChannelDestroyed(text=text):
                        raise MediaFailed(
                            f"Asterisk gave up the media channel: {text} (its log says why)"
                        )
                    case _:
                        pass
        raise MediaFailed(
            f"the media channel did not come to our application within {STASIS_SECONDS:g} s"
            " (Asterisk's log says why)"
        )


@asynccontextmanager
async def media_channel(link: Link, id: str) -> AsyncIterator[MediaChannel]:
    """News of the channel `id` from before it is asked for; it is gone when the block is.

    Truly gone, not merely told to go: where control is closed while a channel is on its way out of
    the application, Asterisk goes on to name an application that nobody serves.

    The request for it belongs into a shield: one that was cancelled half-way may be carried out
    after the hangup here, and then nobody would know of the channel."""
    with link.listen(id) as events:
        try:
            yield MediaChannel(id, events)
        finally:
            with trio.move_on_after(HANGUP_SECONDS, shield=True):
                try:
                    if await link.ari.hang_up(id):
                        await _gone(events)
                except (AriError, ControlLost) as error:
                    log.warning("media channel %s may be left behind: %s", id, error)


async def _gone(events: Events) -> None:
    while not isinstance(await events.next(), ChannelDestroyed | StasisEnd):
        pass
