"""A call's audio over AudioSocket: Asterisk dials our TCP port, one connection per call.

A connection begins with the UUID from our request for the media channel. We close a connection if
no call waits for its UUID. Asterisk does not pace playback, so we do. While nothing plays, we send
silence: Asterisk (seen with 22.10.1) may block in a read of a silent connection while it holds a
lock, which stops other calls too."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import trio

from callchart.adapters.carrier.asterisk.media.audiosocket_codec import (
    AudioSocketMessage,
    MessageDecoder,
    MessageKind,
)
from callchart.adapters.carrier.asterisk.media.caller_buffer import CallerBuffer
from callchart.adapters.carrier.asterisk.media.channel import media_channel
from callchart.adapters.carrier.asterisk.media.media import MediaFailed
from callchart.adapters.carrier.asterisk.media.paced_playback import PacedPlayback
from callchart.adapters.carrier.asterisk.service_nursery import open_service_nursery
from callchart.adapters.carrier.asterisk.settings import AudioSocketSettings
from callchart.engine.ports import frame_bytes

if TYPE_CHECKING:
    from callchart.adapters.carrier.asterisk.control.control import ControlLink

log = logging.getLogger("callchart")

#: Asterisk's name of s16le at each rate, and the kind of its messages.
FORMATS: Final = {8000: ("slin", MessageKind.SLIN), 16000: ("slin16", MessageKind.SLIN16)}

#: Time limits from the request to the connection, and from the connection to its UUID. Each takes
#: milliseconds.
CONNECT_SECONDS: Final = 5.0
UUID_SECONDS: Final = 5.0

#: Time limit for a write. Asterisk reads a frame immediately, or never.
WRITE_SECONDS: Final = 5.0

RECEIVE_BYTES: Final = 4096

#: The port at the end of an address. An IPv6 host is in brackets: "[::1]:9092".
_PORT: Final = re.compile(r":\d+$")


class _Connection:
    """One connection of Asterisk, as messages."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._decoder = MessageDecoder()
        self._messages: deque[AudioSocketMessage] = deque()

    async def receive(self) -> AudioSocketMessage | None:
        """Return the next message, or None at the end of the connection."""
        while not self._messages:
            try:
                received = await self._stream.receive_some(RECEIVE_BYTES)
            except trio.BrokenResourceError:
                return None
            if not received:
                return None
            self._messages.extend(self._decoder.decode(received))
        return self._messages.popleft()

    async def send(self, message: AudioSocketMessage) -> None:
        """Send a message in one piece: Asterisk misreads a header that arrives in two pieces."""
        # The reader gets the end of a broken connection too, and ends the media.
        with suppress(trio.BrokenResourceError):
            await self._stream.send_all(message.encode())


class AudioSocketMedia:
    """A `media.Media` over a connection that has sent its UUID."""

    def __init__(
        self,
        connection: _Connection,
        *,
        call: str,
        channel: str,
        rate_hz: int,
        reached: Callable[[int], None],
    ) -> None:
        self._connection, self._call, self._channel = connection, call, channel
        self._rate_hz, self._reached = rate_hz, reached
        self._kind = FORMATS[rate_hz][1]
        self._caller = CallerBuffer(call, rate_hz)
        self._playback = PacedPlayback(frame_bytes(rate_hz), trio.current_time)
        self._ended = trio.Event()

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    @property
    def channel(self) -> str:
        return self._channel

    def play(self, pcm: bytes) -> None:
        if not self._ended.is_set():
            self._playback.play(pcm)

    def mark(self, mark: int) -> None:
        if not self._ended.is_set():
            self._playback.mark(mark)

    def flush(self) -> None:
        self._playback.flush()

    async def receive_audio(self) -> bytes:
        return await self._caller.receive_audio()

    async def closed(self) -> None:
        await self._ended.wait()

    async def run(self) -> None:
        """Read and write until the connection closes or fails. Log the cause."""
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
            while message := await self._connection.receive():
                self._receive_message(message)
        except MediaFailed as failure:
            self._fail(str(failure))
        else:
            self._fail("Asterisk closed the AudioSocket connection")

    def _receive_message(self, message: AudioSocketMessage) -> None:
        match message.kind:
            case self._kind:
                if len(message.payload) % 2:
                    raise MediaFailed(
                        "audio from Asterisk must be s16le, an even number of bytes, got"
                        f" {len(message.payload)} bytes",
                        "check for a proxy that changes the media",
                    )
                self._caller.append_audio(message.payload)
            case MessageKind.HANGUP:
                raise MediaFailed("Asterisk hung up the AudioSocket connection")
            case MessageKind.ERROR:
                raise MediaFailed(f"Asterisk's AudioSocket failed: error {message.payload.hex()}")
            case MessageKind.UUID | MessageKind.DTMF:
                pass  # control delivers keys
            case kind if self._kind is MessageKind.SLIN16 and kind == MessageKind.SLIN:
                raise MediaFailed(
                    "audio from Asterisk must be 16000 Hz, got 8000 Hz",
                    "upgrade Asterisk to 20.17, 22.7, 23.1 or newer, or set asterisk.rate_hz to"
                    " 8000",
                )
            case kind:
                raise MediaFailed(
                    f"audio from Asterisk must be of kind {self._kind:#x}, got {kind:#x}"
                )

    async def _write(self) -> None:
        while True:
            await trio.sleep_until(self._playback.due_s)
            due = self._playback.next()
            if isinstance(due, int):
                self._reached(due)
            else:
                await self._send(AudioSocketMessage(self._kind, due))

    async def _send(self, message: AudioSocketMessage) -> None:
        with trio.move_on_after(WRITE_SECONDS) as writing:
            await self._connection.send(message)
        if writing.cancelled_caught:
            self._fail(
                f"timeout: Asterisk read no audio for {WRITE_SECONDS:g} s; check that it runs"
            )

    def _fail(self, what: str) -> None:
        if not self._ended.is_set():
            log.error("call %s: %s", self._call, what)
            self._end()

    def _end(self) -> None:
        self._ended.set()
        self._playback.flush()
        self._caller.close()


class AudioSocketTransport:
    """A `media.MediaTransport` over AudioSocket. Create it with `listening`."""

    def __init__(self, address: str, rate_hz: int) -> None:
        """Create a transport whose server Asterisk dials at `address`, "host:port"."""
        self.address, self.rate_hz = address, rate_hz
        self._expected: dict[bytes, _Expected] = {}

    @classmethod
    @asynccontextmanager
    async def listening(
        cls, at: AudioSocketSettings, rate_hz: int
    ) -> AsyncIterator[AudioSocketTransport]:
        """Listen for the length of the block. Raises `MediaFailed` if the port cannot be opened."""
        try:
            listeners = await trio.open_tcp_listeners(at.port, host=at.host)
        except OSError as error:
            raise MediaFailed(
                f"cannot listen for AudioSocket on {at.host}:{at.port}: {error.strerror}",
                "stop the other server on that port, or correct asterisk.audiosocket",
            ) from None
        address = at.advertise or at.host
        if not _PORT.search(address):
            address += f":{listeners[0].socket.getsockname()[1]}"
        transport = cls(address, rate_hz)
        async with open_service_nursery() as nursery:
            await nursery.start(partial(trio.serve_listeners, transport._serve, listeners))
            yield transport

    @asynccontextmanager
    async def open(
        self, link: ControlLink, call: str, channel: str, reached: Callable[[int], None]
    ) -> AsyncIterator[AudioSocketMedia]:
        uuid = uuid4()
        with self._expecting(uuid) as expected:
            async with media_channel(link, f"{call}.media") as media:
                with trio.CancelScope(shield=True):
                    await link.ari.external_media(
                        media.id,
                        link.app,
                        host=self.address,
                        format=FORMATS[self.rate_hz][0],
                        encapsulation="audiosocket",
                        transport="tcp",
                        data=str(uuid),
                    )
                with trio.move_on_after(CONNECT_SECONDS) as waiting:
                    await expected.connected.wait()
                if waiting.cancelled_caught:
                    raise MediaFailed(
                        f"Asterisk opened no AudioSocket within {CONNECT_SECONDS:g} s",
                        f"check that {self.address} leads here from Asterisk's machine",
                    )
                served = AudioSocketMedia(
                    expected.connection,
                    call=call,
                    channel=media.id,
                    rate_hz=self.rate_hz,
                    reached=reached,
                )
                async with open_service_nursery() as nursery:
                    nursery.start_soon(served.run)
                    await media.in_stasis()
                    yield served

    @contextmanager
    def _expecting(self, uuid: UUID) -> Iterator[_Expected]:
        expected = self._expected[uuid.bytes] = _Expected()
        try:
            yield expected
        finally:
            del self._expected[uuid.bytes]
            expected.call_ended.set()

    async def _serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection until its call ends."""
        async with stream:
            connection, first = _Connection(stream), None
            with trio.move_on_after(UUID_SECONDS):
                first = await connection.receive()
            if first is None or first.kind != MessageKind.UUID:
                log.warning("AudioSocket connection closed: it sent no UUID")
                return
            expected = self._expected.get(first.payload)
            if expected is None or expected.connected.is_set():
                log.warning("AudioSocket connection closed: no call waits for its UUID")
                return
            expected.connection = connection
            expected.connected.set()
            await expected.call_ended.wait()


class _Expected:
    """The connection that a call waits for."""

    connection: _Connection

    def __init__(self) -> None:
        self.connected, self.call_ended = trio.Event(), trio.Event()
