"""A call's audio over a WebSocket to Asterisk's chan_websocket, dialled by us or by Asterisk.

Two tasks serve the socket: one reads (audio, marks reached, XOFF and XON), one writes the next
message of the playback (websocket_playback.py). We request control messages in JSON."""

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

from callchart.adapters.carrier.asterisk.failure import SEE_LOG
from callchart.adapters.carrier.asterisk.media.caller_buffer import CallerBuffer
from callchart.adapters.carrier.asterisk.media.channel import MediaChannel, media_channel
from callchart.adapters.carrier.asterisk.media.media import MediaFailed
from callchart.adapters.carrier.asterisk.media.websocket_playback import WebSocketPlayback
from callchart.adapters.carrier.asterisk.service_nursery import open_service_nursery
from callchart.adapters.carrier.asterisk.websocket.client import DialFailed, dial
from callchart.engine.ports import frame_bytes

if TYPE_CHECKING:
    from callchart.adapters.carrier.asterisk.control.control import ControlLink

log = logging.getLogger("callchart")

#: Asterisk's names of s16le.
FORMATS: Final = {8000: "slin", 16000: "slin16"}

#: Time limits for the connection, and then for MEDIA_START. Each takes milliseconds.
CONNECT_SECONDS: Final = 5.0
START_SECONDS: Final = 5.0

#: Time limit for a write. Asterisk reads a message within milliseconds, or never.
WRITE_SECONDS: Final = 5.0

#: Time limit for the close handshake.
CLOSE_SECONDS: Final = 0.005

#: The longest message. Asterisk sends at most 65,535 bytes in one.
MESSAGE_BYTES: Final = 2**16


class WebSocketMedia:
    """A `media.Media` over an open socket."""

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
        self._caller = CallerBuffer(call, rate_hz)
        self._playback = WebSocketPlayback(rate_hz, trio.current_time)
        self._news = trio.Event()
        self._ended = trio.Event()
        self._malformed_logged = False

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    @property
    def channel(self) -> str:
        return self._channel

    def play(self, pcm: bytes) -> None:
        if not self._ended.is_set():
            self._playback.play(pcm)
            self._news.set()

    def mark(self, mark: int) -> None:
        if not self._ended.is_set():
            self._playback.mark(mark)
            self._news.set()

    def flush(self) -> None:
        if not self._ended.is_set():
            self._playback.flush()
            self._news.set()

    async def receive_audio(self) -> bytes:
        return await self._caller.receive_audio()

    async def closed(self) -> None:
        await self._ended.wait()

    async def started(self) -> None:
        """Wait for MEDIA_START. Asterisk drops audio that we send before. Raises `MediaFailed`."""
        with trio.move_on_after(START_SECONDS):
            while True:
                try:
                    message = await self._ws.get_message()
                except ConnectionClosed as closed:
                    raise MediaFailed(
                        f"Asterisk closed the media socket before MEDIA_START: {_why(closed)}",
                        SEE_LOG,
                    ) from None
                if isinstance(message, bytes):
                    self._receive_audio(message)
                    continue
                control = self._parse_control(message)
                if control.get("event") == "MEDIA_START":
                    self._check(control)
                    return
        raise MediaFailed(
            f"the media did not start: no MEDIA_START within {START_SECONDS:g} s",
            "upgrade Asterisk to 20.18, 22.8, 23.2 or newer, which send control messages in JSON",
        )

    async def run(self) -> None:
        """Read and write until the socket closes or fails. Log the cause."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read)
                nursery.start_soon(self._write)
                await self._ended.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._end()

    async def _read(self) -> None:
        try:
            while True:
                message = await self._ws.get_message()
                if isinstance(message, bytes):
                    self._receive_audio(message)
                else:
                    self._receive_control(self._parse_control(message))
        except ConnectionClosed as closed:
            self._fail(f"Asterisk closed the media socket: {_why(closed)}; {SEE_LOG}")
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
                    return  # the reader gets ConnectionClosed too, and ends the media
            if writing.cancelled_caught:
                self._fail(
                    f"timeout: Asterisk read no audio for {WRITE_SECONDS:g} s; check that it runs"
                )
                return

    async def _wait_for_news(self) -> None:
        """Wait for a command, an event, or room in Asterisk for the queued audio."""
        with trio.move_on_at(self._playback.due_s):
            await self._news.wait()
        self._news = trio.Event()

    def _receive_audio(self, pcm: bytes) -> None:
        # A message may hold any number of whole samples: not every phone sends 20 ms at a time.
        if len(pcm) % 2:
            raise MediaFailed(
                f"audio from Asterisk must be {FORMATS[self._rate_hz]}, an even number of bytes,"
                f" got {len(pcm)} bytes",
                "check for a proxy that changes the media",
            )
        self._caller.append_audio(pcm)

    def _parse_control(self, message: str) -> dict[str, Any]:
        try:
            control = json.loads(message)
        except ValueError:
            control = None
        if isinstance(control, dict):
            return control
        if not self._malformed_logged:
            self._malformed_logged = True
            log.warning(
                "call %s: malformed control message of the media socket dropped: it must be a JSON"
                " object (logged once per call)",
                self._call,
            )
        return {}

    def _receive_control(self, control: dict[str, Any]) -> None:
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
                    "call %s: Asterisk reports a media error: %s",
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
                f"Asterisk's media must be {expected[0]} in frames of {expected[1]} bytes, got"
                f" {given[0]} in frames of {given[1]} bytes",
                "check for a proxy that changes the media, and for c() in a dial string",
            )

    def _fail(self, what: str) -> None:
        if not self._ended.is_set():
            log.error("call %s: %s", self._call, what)
            self._end()

    def _end(self) -> None:
        self._ended.set()
        self._caller.close()


@dataclass(frozen=True, slots=True)
class DialledMediaTransport:
    """A `media.MediaTransport` that dials Asterisk at `url`: "ws://host:8088" or "wss:..."."""

    url: str
    rate_hz: int

    @asynccontextmanager
    async def open(
        self, link: ControlLink, call: str, channel: str, reached: Callable[[int], None]
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
                    "Asterisk gave its media channel no MEDIA_WEBSOCKET_CONNECTION_ID",
                    "upgrade Asterisk to 20.18, 22.8, 23.2 or newer, or choose other media",
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
                    f"no media socket to {self.url}: {failure}",
                    "check that Asterisk's http.conf listens there, and that res_http_websocket.so"
                    " and chan_websocket.so are loaded",
                ) from None


class MediaServer(Protocol):
    """The server that accepts Asterisk's media sockets."""

    def expect_media(
        self, call: str
    ) -> AbstractAsyncContextManager[Callable[[], Awaitable[WebSocketConnection]]]:
        """Accept one socket for `call`, and yield a function that waits for it."""
        ...


@dataclass(frozen=True, slots=True)
class AcceptedMediaTransport:
    """A `media.MediaTransport` whose sockets Asterisk dials.

    `client` names the section of Asterisk's websocket_client.conf that holds our address."""

    client: str
    server: MediaServer
    rate_hz: int

    @asynccontextmanager
    async def open(
        self, link: ControlLink, call: str, channel: str, reached: Callable[[int], None]
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
                    f"Asterisk opened no media socket within {CONNECT_SECONDS:g} s",
                    f"check that uri of [{self.client}] in its websocket_client.conf leads here",
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
    """Serve a call's audio over `ws`, and close it after the block."""
    media = WebSocketMedia(ws, call=call, channel=channel.id, rate_hz=rate_hz, reached=reached)
    try:
        await media.started()
        await channel.in_stasis()
        async with open_service_nursery() as nursery:
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
