"""A call's sound over AudioSocket: Asterisk dials our TCP port, one connection a call.

A connection says first whose it is, by the UUID that Asterisk was given with the request for the
media channel; one that names no call that waits is closed. Asterisk does not pace what it gets, so
we do, and from the beginning: Asterisk may read from a connection on which nothing comes (seen with
22.10.1), and then holds a lock until something does, which stops other calls too."""

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

from callchart.adapters.carrier.asterisk.media.audiosocket_codec import Decoder, Kind, Message
from callchart.adapters.carrier.asterisk.media.caller_buffer import CallerAudio
from callchart.adapters.carrier.asterisk.media.channel import media_channel
from callchart.adapters.carrier.asterisk.media.media import MediaFailed
from callchart.adapters.carrier.asterisk.media.paced_playback import PacedPlayback
from callchart.adapters.carrier.asterisk.service_nursery import background
from callchart.adapters.carrier.asterisk.settings import AudioSocketServer
from callchart.engine.ports import frame_bytes

if TYPE_CHECKING:
    from callchart.adapters.carrier.asterisk.control.control import Link

log = logging.getLogger("callchart")

FORMATS: Final = {8000: ("slin", Kind.SLIN), 16000: ("slin16", Kind.SLIN16)}

#: From the request to the connection, and from the connection to its UUID: milliseconds, as a rule.
CONNECT_SECONDS: Final = 5.0
UUID_SECONDS: Final = 5.0

#: Asterisk reads at once; a frame that waits this long is never read.
WRITE_SECONDS: Final = 5.0

RECEIVE_BYTES: Final = 4096

#: The port behind a host's name or address; an IPv6 address stands in brackets.
_PORT: Final = re.compile(r":\d+$")


class _Connection:
    """One connection of Asterisk's, message by message."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._decoder = Decoder()
        self._messages: deque[Message] = deque()

    async def receive(self) -> Message | None:
        """The next message, or None when there is none any more."""
        while not self._messages:
            try:
                received = await self._stream.receive_some(RECEIVE_BYTES)
            except trio.BrokenResourceError:
                return None
            if not received:
                return None
            self._messages.extend(self._decoder.feed(received))
        return self._messages.popleft()

    async def send(self, message: Message) -> None:
        """In one piece: Asterisk misreads a head that comes in two."""
        # A connection that is gone is the reader's to notice.
        with suppress(trio.BrokenResourceError):
            await self._stream.send_all(message.encode())


class AudioSocketMedia:
    """One call's sound over a connection that has said whose it is: `media.Media`."""

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
        self._caller = CallerAudio(call, rate_hz)
        self._playback = PacedPlayback(frame_bytes(rate_hz), trio.current_time)
        self._over = trio.Event()

    @property
    def rate_hz(self) -> int:
        return self._rate_hz

    @property
    def channel(self) -> str:
        return self._channel

    def play(self, pcm: bytes) -> None:
        if not self._over.is_set():
            self._playback.play(pcm)

    def mark(self, mark: int) -> None:
        if not self._over.is_set():
            self._playback.mark(mark)

    def flush(self) -> None:
        self._playback.flush()

    async def hear(self) -> bytes:
        return await self._caller.hear()

    async def closed(self) -> None:
        await self._over.wait()

    async def run(self) -> None:
        """Read and write until the connection is closed or fails; that is logged."""
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
            while message := await self._connection.receive():
                self._take(message)
        except MediaFailed as failure:
            self._fail(str(failure))
        else:
            self._fail("Asterisk closed the AudioSocket connection")

    def _take(self, message: Message) -> None:
        match message.kind:
            case self._kind:
                if len(message.payload) % 2:
                    raise MediaFailed(
                        f"Asterisk sent {len(message.payload)} bytes of sound, which is no s16le"
                        " (something between us and Asterisk changes the media)"
                    )
                self._caller.feed(message.payload)
            case Kind.HANGUP:
                raise MediaFailed("Asterisk hung up the AudioSocket connection")
            case Kind.ERROR:
                raise MediaFailed(f"Asterisk's AudioSocket failed: error {message.payload.hex()}")
            case Kind.UUID | Kind.DTMF:
                pass  # keys come by control
            case kind if self._kind is Kind.SLIN16 and kind == Kind.SLIN:
                raise MediaFailed(
                    "Asterisk sends 8 kHz instead of 16 kHz (AudioSocket at 16 kHz needs Asterisk"
                    " 20.17, 22.7 or 23.1, or newer; with an older one set rate_hz to 8000)"
                )
            case kind:
                raise MediaFailed(
                    f"Asterisk sends sound of kind {kind:#x} instead of {self._kind:#x}"
                )

    async def _write(self) -> None:
        while True:
            await trio.sleep_until(self._playback.due)
            due = self._playback.next()
            if isinstance(due, int):
                self._reached(due)
            else:
                await self._send(Message(self._kind, due))

    async def _send(self, message: Message) -> None:
        with trio.move_on_after(WRITE_SECONDS) as writing:
            await self._connection.send(message)
        if writing.cancelled_caught:
            self._fail(f"Asterisk took no sound for {WRITE_SECONDS:g} s (does it still run?)")

    def _fail(self, what: str) -> None:
        if not self._over.is_set():
            log.error("call %s: %s", self._call, what)
            self._end()

    def _end(self) -> None:
        self._over.set()
        self._playback.flush()
        self._caller.close()


class AudioSocketWay:
    """A way of media, for as long as `listening` lasts."""

    def __init__(self, address: str, rate_hz: int) -> None:
        """`address` is what Asterisk dials: "host:port"."""
        self.address, self.rate_hz = address, rate_hz
        self._expected: dict[bytes, _Expected] = {}

    @classmethod
    @asynccontextmanager
    async def listening(cls, at: AudioSocketServer, rate_hz: int) -> AsyncIterator[AudioSocketWay]:
        """Raises `MediaFailed` where nobody can listen."""
        try:
            listeners = await trio.open_tcp_listeners(at.port, host=at.host)
        except OSError as error:
            raise MediaFailed(
                f"no AudioSocket server at {at.host}:{at.port}: {error.strerror}"
                " (is another one running there?)"
            ) from None
        told = at.advertise or at.host
        if not _PORT.search(told):
            told += f":{listeners[0].socket.getsockname()[1]}"
        way = cls(told, rate_hz)
        async with background() as nursery:
            await nursery.start(partial(trio.serve_listeners, way._serve, listeners))
            yield way

    @asynccontextmanager
    async def open(
        self, link: Link, call: str, channel: str, reached: Callable[[int], None]
    ) -> AsyncIterator[AudioSocketMedia]:
        name = uuid4()
        with self._expecting(name) as expected:
            async with media_channel(link, f"{call}.media") as media:
                with trio.CancelScope(shield=True):
                    await link.ari.external_media(
                        media.id,
                        link.app,
                        host=self.address,
                        format=FORMATS[self.rate_hz][0],
                        encapsulation="audiosocket",
                        transport="tcp",
                        data=str(name),
                    )
                with trio.move_on_after(CONNECT_SECONDS) as waiting:
                    await expected.came.wait()
                if waiting.cancelled_caught:
                    raise MediaFailed(
                        f"Asterisk opened no AudioSocket within {CONNECT_SECONDS:g} s"
                        f" (does {self.address} lead here from where Asterisk runs?)"
                    )
                served = AudioSocketMedia(
                    expected.connection,
                    call=call,
                    channel=media.id,
                    rate_hz=self.rate_hz,
                    reached=reached,
                )
                async with background() as nursery:
                    nursery.start_soon(served.run)
                    await media.in_stasis()
                    yield served

    @contextmanager
    def _expecting(self, name: UUID) -> Iterator[_Expected]:
        expected = self._expected[name.bytes] = _Expected()
        try:
            yield expected
        finally:
            del self._expected[name.bytes]
            expected.over.set()

    async def _serve(self, stream: trio.SocketStream) -> None:
        """One connection, until its call is over."""
        async with stream:
            connection, first = _Connection(stream), None
            with trio.move_on_after(UUID_SECONDS):
                first = await connection.receive()
            if first is None or first.kind != Kind.UUID:
                log.warning("an AudioSocket connection that did not say whose it is was closed")
                return
            expected = self._expected.get(first.payload)
            if expected is None or expected.came.is_set():
                log.warning("an AudioSocket connection of no call that waits for one was closed")
                return
            expected.connection = connection
            expected.came.set()
            await expected.over.wait()


class _Expected:
    """A call that waits for its connection, and then has it until it is over."""

    connection: _Connection

    def __init__(self) -> None:
        self.came, self.over = trio.Event(), trio.Event()
