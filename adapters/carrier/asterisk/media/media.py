"""The protocols of one call's audio between Asterisk and us.

A media transport opens a path for one call's audio in both directions, and closes it. The setting
asterisk.media chooses the transport: chan_websocket, AudioSocket or files. A call's line uses only
these protocols."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

from callchart.adapters.carrier.asterisk.failure import AsteriskFailure

if TYPE_CHECKING:
    from callchart.adapters.carrier.asterisk.control.control import ControlLink


class MediaFailed(AsteriskFailure):
    """A call's audio could not be opened, or broke."""


class Media(Protocol):
    """One call's audio, mono s16le at `rate_hz`, in whole frames of 20 ms in both directions.

    Commands never wait. After the path is closed they do nothing."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def channel(self) -> str | None:
        """The media channel in our application, to bridge with the caller's channel.

        None if the audio goes to the caller's channel directly."""
        ...

    def play(self, pcm: bytes) -> None:
        """Append whole frames to the playback."""
        ...

    def mark(self, mark: int) -> None:
        """Call `reached(mark)` when the caller has heard all playback before the mark."""
        ...

    def flush(self) -> None:
        """Drop the queued playback, here and in Asterisk, with its marks."""
        ...

    async def receive_audio(self) -> bytes:
        """Return the caller's next frames. Raises `LineGone` after the path is closed."""
        ...

    async def closed(self) -> None:
        """Wait until the other end or an error closes the path."""
        ...


class MediaTransport(Protocol):
    """The transport that carries the audio of all calls."""

    def open(
        self, link: ControlLink, call: str, channel: str, reached: Callable[[int], None]
    ) -> AbstractAsyncContextManager[Media]:
        """Open one call's audio for the length of the block, and remove its objects after it.

        `call` begins the ids of all objects of the call (f"{call}.media", at most 40 characters).
        `channel` is the caller's channel. `reached` is called with each mark that is reached.
        Entering raises `MediaFailed`, `AriError` or `ControlLost`."""
        ...
