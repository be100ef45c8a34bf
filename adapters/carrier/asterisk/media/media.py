"""What the sound of one call is, by whichever way it travels between Asterisk and us.

A way of media makes Asterisk open a path for one call's sound, both ways, and closes it again:
chan_websocket, AudioSocket, or files. Which one is a setting; a call's line needs to know nothing
of it but this."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from callchart.adapters.carrier.asterisk.control.control import Link


class MediaFailed(Exception):
    """A call's sound could not be opened, or broke. The text says how, and what to do."""


class Media(Protocol):
    """One call's sound, mono s16le at `rate_hz`, in whole frames of 20 ms both ways.

    Commands are plain: they hand something over and return. After the path is closed they do
    nothing."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def channel(self) -> str | None:
        """The media channel, in our application by now, to be bridged with the caller's; None
        where the sound goes to the caller's channel itself."""
        ...

    def play(self, pcm: bytes) -> None:
        """Append whole frames to what is played."""
        ...

    def mark(self, mark: int) -> None:
        """Ask for `reached(mark)` when all that was played before it was heard."""
        ...

    def flush(self) -> None:
        """Drop what is queued, here and in Asterisk, marks included."""
        ...

    async def hear(self) -> bytes:
        """The caller's next frames. Raises `LineGone` once the path is closed."""
        ...

    async def closed(self) -> None:
        """Wait until the path is closed by the other end or by an error."""
        ...


class MediaWay(Protocol):
    """A way of media, ready to open the sound of any number of calls."""

    def open(
        self, link: Link, call: str, channel: str, reached: Callable[[int], None]
    ) -> AbstractAsyncContextManager[Media]:
        """The sound of one call, for as long as the block: afterwards nothing of it is left in
        Asterisk or in a folder.

        `call` is an id of ours that begins the ids of all that is made for it (f"{call}.media", at
        most 40 characters), `channel` the caller's channel, `reached` is told of marks. Entering
        raises `MediaFailed`, `AriError` or `ControlLost`."""
        ...
