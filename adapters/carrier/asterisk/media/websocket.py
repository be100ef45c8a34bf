"""A call's sound over a WebSocket to Asterisk's chan_websocket, whichever of the two dials.

Two tasks serve the socket: one reads (sound, marks reached, XOFF and XON), one writes what the
playback (websocket_playback.py) says is next. Asterisk is asked for JSON control messages."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

import trio
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
)

from callchart.adapters.carrier.asterisk.media.caller_buffer import CallerAudio
from callchart.adapters.carrier.asterisk.media.channel import MediaChannel, media_channel
from callchart.adapters.carrier.asterisk.media.media import MediaFailed
from callchart.adapters.carrier.asterisk.media.websocket_playback import WebSocketPlayback
from callchart.adapters.carrier.asterisk.service_nursery import background
from callchart.adapters.carrier.asterisk.websocket.client import DialFailed, dial
from callchart.engine.ports import frame_bytes

if TYPE_CHECKING:
    from callchart.adapters.carrier.asterisk.control.control import Link

log = logging.getLogger("callchart")

#: Asterisk's names of s16le.
FORMATS: Final = {8000: "slin", 16000: "slin16"}

#: To be connected, and from there to MEDIA_START. Each takes milliseconds.
CONNECT_SECONDS: Final = 5.0
START_SECONDS: Final = 5.0

#: Asterisk takes a message within milliseconds; one that takes this long is never taken.
WRITE_SECONDS: Final = 5.0

#: A goodbye that is not answered within this time is not waited for.
CLOSE_SECONDS: Final = 0.005

#: The most that Asterisk sends in one message is 65,535 bytes.
MESSAGE_BYTES: Final = 2**16


class WebSocketMedia:
    """One call's sound over a socket that is open: `media.Media`."""

    def __init__(
        self,
        ws: WebSocketConnection,
        *,
        call: str,
        channel: str,
        rate_hz: int,
        reached: Callable[[int], None],
    ) -> None:
        self._ws, self._call, self._channel, self._rate_hz = ws, call, channel, rate_hz
        self._reached = reached
        self._caller = CallerAudio(call, rate_hz)
        self._playback = WebSocketPlayback(rate_hz, trio.current_time)
        self._news = trio.Event()
        self._over = trio.Event()
        self._complained = False

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    @property
    def channel(self) -> str:
        return self._channel

    def play(self, pcm: bytes) -> None:
        if not self._over.is_set():
            self._playback.play(pcm)
            self._news.set()

    def mark(self, mark: int) -> None:
        if not self._over.is_set():
            self._playback.mark(mark)
            self._news.set()

    def flush(self) -> None:
        if not self._over.is_set():
            self._playback.flush()
            self._news.set()

    async def hear(self) -> bytes:
        return await self._caller.hear()

    async def closed(self) -> None:
        await self._over.wait()

    async def started(self) -> None:
        """Wait for Asterisk's MEDIA_START: what is sent before it is lost. Raises `MediaFailed`."""
        with trio.move_on_after(START_SECONDS):
            while True:
                try:
                    message = await self._ws.get_message()
                except ConnectionClosed as closed:
                    raise MediaFailed(
                        f"Asterisk closed the media socket at once: {_why(closed)}"
                        " (its log says why)"
                    ) from None
                if isinstance(message, bytes):
                    self._hear(message)
                    continue
                control = self._control(message)
                if control.get("event") == "MEDIA_START":
                    self._check(control)
                    return
        raise MediaFailed(
            f"media never started: no MEDIA_START within {START_SECONDS:g} s"
            " (control in JSON needs Asterisk 20.18, 22.8 or 23.2, or newer)"
        )

    async def run(self) -> None:
        """Read and write until the socket is closed or fails; that is logged."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read)
                nursery.start_soon(self._write)
                await self._over.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._end()

    async def _read(self) -> None:
        try:
            while True:
                message = await self._ws.get_message()
                if isinstance(message, bytes):
                    self._hear(message)
                else:
                    self._told(self._control(message))
        except ConnectionClosed as closed:
            self._fail(f"Asterisk closed the media socket: {_why(closed)} (its log says why)")
        except MediaFailed as failure:
            self._fail(str(failure))

    async def _write(self) -> None:
        while True:
            message = self._playback.next()
            if message is None:
                await self._wait_for_news()
                continue
            with trio.move_on_after(WRITE_SECONDS) as writing:
                try:
                    await self._ws.send_message(message)
                except ConnectionClosed:
                    return  # the reader learns it too
            if writing.cancelled_caught:
                self._fail(f"Asterisk took no sound for {WRITE_SECONDS:g} s (does it still run?)")
                return

    async def _wait_for_news(self) -> None:
        """Until something was queued, flushed or told, or until there is room for what waits."""
        with trio.move_on_at(self._playback.due):
            await self._news.wait()
        self._news = trio.Event()

    def _hear(self, pcm: bytes) -> None:
        # Messages may be of any whole number of samples: a phone need not send 20 ms at a time.
        if len(pcm) % 2:
            raise MediaFailed(
                f"Asterisk sent {len(pcm)} bytes of sound, which is no {FORMATS[self._rate_hz]}"
                " (something between us and Asterisk changes the media)"
            )
        self._caller.feed(pcm)

    def _control(self, message: str) -> dict[str, Any]:
        try:
            control = json.loads(message)
        except ValueError:
            control = None
        if isinstance(control, dict):
            return control
        if not self._complained:
            self._complained = True
            log.warning(
                "call %s: a control message of the media socket is no JSON object; such messages"
                " are left out",
                self._call,
            )
        return {}

    def _told(self, control: dict[str, Any]) -> None:
        match control.get("event"):
            case "MEDIA_MARK_PROCESSED":
                mark = self._playback.processed(control.get("correlation_id"))
                if mark is not None:
                    self._reached(mark)
            case "MEDIA_XOFF":
                self._playback.xoff()
            case "MEDIA_XON":
                self._playback.xon()
                self._news.set()
            case "ERROR":
                log.warning(
                    "call %s: Asterisk's media complains: %s",
                    self._call,
                    control.get("error_text"),
                )
            case _:
                pass

    def _check(self, start: dict[str, Any]) -> None:
        expected = (FORMATS[self._rate_hz], frame_bytes(self._rate_hz))
        given = (start.get("format"), start.get("optimal_frame_size"))
        if given != expected:
            raise MediaFailed(
                f"Asterisk's media are {given[0]} in frames of {given[1]} bytes instead of"
                f" {expected[0]} in frames of {expected[1]} bytes (is the format fixed by a proxy,"
                " or by c() of a dial string?)"
            )

    def _fail(self, what: str) -> None:
        if not self._over.is_set():
            log.error("call %s: %s", self._call, what)
            self._end()

    def _end(self) -> None:
        self._over.set()
        self._caller.close()


@dataclass(frozen=True, slots=True)
class DialledMedia:
    """A way of media: we dial Asterisk, whose HTTP is at `url`: "ws://host:8088" or "wss:..."."""

    url: str
    rate_hz: int

    @asynccontextmanager
    async def open(
        self, link: Link, call: str, channel: str, reached: Callable[[int], None]
    ) -> AsyncIterator[WebSocketMedia]:
        async with media_channel(link, f"{call}.media") as media:
            variables: Mapping[str, str] = {}
            with trio.CancelScope(shield=True):
                variables = await link.ari.external_media(
                    media.id,
                    link.app,
                    host="INCOMING",
                    format=FORMATS[self.rate_hz],
                    connection_type="server",
                    transport_data="f(json)",
                )
            connection = variables.get("MEDIA_WEBSOCKET_CONNECTION_ID")
            if connection is None:
                raise MediaFailed(
                    "Asterisk gave its media channel no MEDIA_WEBSOCKET_CONNECTION_ID"
                    " (WebSocket media need Asterisk 20.18, 22.8 or 23.2, or newer)"
                )
            url = f"{self.url}/media/{quote(connection, safe='')}"
            try:
                async with (
                    dial(
                        url,
                        subprotocol="media",
                        seconds=CONNECT_SECONDS,
                        message_bytes=MESSAGE_BYTES,
                    ) as ws,
                    _served(ws, call, media, self.rate_hz, reached) as served,
                ):
                    yield served
            except DialFailed as failure:
                raise MediaFailed(
                    f"no media socket to {self.url}: {failure} (is it Asterisk's http.conf that"
                    " listens there, with res_http_websocket and chan_websocket loaded?)"
                ) from None


class MediaServer(Protocol):
    """Where Asterisk's media sockets arrive."""

    def expect_media(
        self, call: str
    ) -> AbstractAsyncContextManager[Callable[[], Awaitable[WebSocketConnection]]]:
        """From now on a socket for `call` is let in; the value waits for it."""
        ...


@dataclass(frozen=True, slots=True)
class AcceptedMedia:
    """A way of media: Asterisk dials us. `client` is the name of the section in Asterisk's
    websocket_client.conf that says where we are."""

    client: str
    server: MediaServer
    rate_hz: int

    @asynccontextmanager
    async def open(
        self, link: Link, call: str, channel: str, reached: Callable[[int], None]
    ) -> AsyncIterator[WebSocketMedia]:
        async with (
            self.server.expect_media(call) as dialled,
            media_channel(link, f"{call}.media") as media,
        ):
            with trio.CancelScope(shield=True):
                await link.ari.external_media(
                    media.id,
                    link.app,
                    host=self.client,
                    format=FORMATS[self.rate_hz],
                    transport_data=f"f(json)v(call={quote(call, safe='')})",
                )
            ws = None
            with trio.move_on_after(CONNECT_SECONDS):
                ws = await dialled()
            if ws is None:
                raise MediaFailed(
                    f"Asterisk opened no media socket within {CONNECT_SECONDS:g} s (does uri of"
                    f" [{self.client}] in its websocket_client.conf lead here?)"
                )
            async with _served(ws, call, media, self.rate_hz, reached) as served:
                yield served


@asynccontextmanager
async def _served(
    ws: WebSocketConnection,
    call: str,
    channel: MediaChannel,
    rate_hz: int,
    reached: Callable[[int], None],
) -> AsyncIterator[WebSocketMedia]:
    """The sound over `ws`, which is closed when the block is: politely, if that is quick."""
    media = WebSocketMedia(ws, call=call, channel=channel.id, rate_hz=rate_hz, reached=reached)
    try:
        await media.started()
        await channel.in_stasis()
        async with background() as nursery:
            nursery.start_soon(media.run)
            yield media
    finally:
        with trio.move_on_after(CLOSE_SECONDS, shield=True):
            await ws.aclose()


def _why(closed: ConnectionClosed) -> str:
    reason = closed.reason
    if reason is None:
        return "no reason given"
    return f"{reason.code} {reason.reason or reason.name}"
