"""Audio over AudioSocket: with a real Asterisk, and with far ends that break the protocol."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
import trio

from callchart.adapters.carrier.asterisk.media import audiosocket
from callchart.adapters.carrier.asterisk.media.audiosocket import (
    AudioSocketMedia,
    AudioSocketTransport,
)
from callchart.adapters.carrier.asterisk.media.audiosocket_codec import (
    AudioSocketMessage,
    MessageDecoder,
    MessageKind,
)
from callchart.adapters.carrier.asterisk.media.media import MediaFailed
from callchart.adapters.carrier.asterisk.settings import AudioSocketSettings
from callchart.engine.ports import LineGone, frame_bytes
from tests.adapters.carrier.asterisk.media.media_call import controlled, media_call
from tests.adapters.carrier.asterisk.media.media_contract import (
    Exchange,
    MediaChannelContract,
    hear,
    loud_seconds,
)
from tests.adapters.carrier.asterisk.scripted import ScriptedControl
from tests.asterisk.server import Asterisk
from tests.contracts.line import tone

pytestmark = pytest.mark.real

RATE = 16000
FRAME = bytes(frame_bytes(RATE))
SOUND = AudioSocketMessage(MessageKind.SLIN16, FRAME)


def listening(
    rate_hz: int = RATE, host: str = "127.0.0.1", advertise: str = ""
) -> AbstractAsyncContextManager[AudioSocketTransport]:
    at = AudioSocketSettings(host=host, port=0, advertise=advertise)
    return AudioSocketTransport.listening(at, rate_hz)


class TestAudioSocket(MediaChannelContract):
    @pytest.fixture
    async def exchange(self, asterisk: Asterisk) -> AsyncIterator[Exchange]:
        async with listening() as transport:
            yield Exchange(asterisk, transport)


async def test_at_8_khz_both_sides_are_heard(asterisk: Asterisk) -> None:
    async with listening(8000) as transport, media_call(asterisk, transport) as call:
        call.media.play(tone(0.4, 8000))
        call.media.mark(1)
        call.phone.say(tone(0.4, call.phone.rate_hz))
        await hear(call, 0.4)
        with trio.fail_after(60):
            await call.until_reached(1)
            await call.phone.until_silent(for_seconds=0.1)
        assert len(call.phone.ear.loud()) == pytest.approx(20, abs=1)


async def test_two_simultaneous_calls_do_not_hear_each_other(asterisk: Asterisk) -> None:
    async with (
        listening() as transport,
        controlled(asterisk) as control,
        media_call(asterisk, transport, control=control) as one,
        media_call(asterisk, transport, control=control) as other,
    ):
        one.phone.say(tone(0.3, one.phone.rate_hz))
        await hear(one, 0.3)
        assert loud_seconds(await other.media.receive_audio(), RATE) == 0


# --- our address ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("advertise", "expected"),
    [
        ("", "127.0.0.1:PORT"),
        ("bot.example.com", "bot.example.com:PORT"),
        ("bot.example.com:9000", "bot.example.com:9000"),
        ("[::1]", "[::1]:PORT"),
        ("[::1]:9000", "[::1]:9000"),
    ],
)
async def test_asterisk_gets_the_address_to_dial(advertise: str, expected: str) -> None:
    async with listening(advertise=advertise) as transport:
        host, _, port = transport.address.rpartition(":")
        expected_host, _, fixed = expected.rpartition(":")
        assert host == expected_host
        assert port == fixed or (fixed == "PORT" and int(port) > 0)


async def test_a_port_in_use_fails_with_reason_and_cure() -> None:
    async with listening() as transport:
        at = AudioSocketSettings(port=int(transport.address.rpartition(":")[2]))
        with pytest.raises(MediaFailed, match=r"for AudioSocket on 127.0.0.1:\d+: .*in use"):
            async with AudioSocketTransport.listening(at, RATE):
                pass


# --- unexpected connections ----------------------------------------------------------------------


async def check_closed(transport: AudioSocketTransport, said: bytes) -> None:
    """Check that the server closes a connection that sends `said`, without an answer."""
    host, _, port = transport.address.rpartition(":")
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        await stream.send_all(said)
        with trio.fail_after(60):
            assert await stream.receive_some() == b""


@pytest.mark.parametrize(
    "said",
    [
        AudioSocketMessage(MessageKind.UUID, uuid4().bytes).encode(),
        AudioSocketMessage(MessageKind.UUID, b"short").encode(),
        SOUND.encode(),
        b"GET / HTTP/1.1\r\n\r\n" + bytes(20000),
    ],
    ids=["an unknown UUID", "half a UUID", "sound before a UUID", "HTTP"],
)
async def test_a_connection_without_a_waiting_call_is_closed(
    said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening() as transport:
        await check_closed(transport, said)
    assert caplog.text.count("AudioSocket connection closed") == 1


async def test_a_connection_without_a_uuid_is_closed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audiosocket, "UUID_SECONDS", 0.05)
    async with listening() as transport:
        await check_closed(transport, b"")
    assert "it sent no UUID" in caplog.text


# --- far ends that break the protocol ------------------------------------------------------------


@dataclass
class FarEnd:
    """Asterisk's end of a connection that has sent its UUID."""

    stream: trio.SocketStream
    uuid: UUID

    async def say(self, *messages: AudioSocketMessage) -> None:
        await self.stream.send_all(b"".join(message.encode() for message in messages))

    async def the_rest(self) -> list[AudioSocketMessage]:
        """Return all messages until our side closes the connection."""
        decoder, messages = MessageDecoder(), []
        while received := await self.stream.receive_some():
            messages += decoder.decode(received)
        return messages


Script = Callable[[FarEnd], Awaitable[None]]


@asynccontextmanager
async def call(script: Script | None) -> AsyncIterator[tuple[AudioSocketMedia, ScriptedControl]]:
    """Open a call's media with a scripted far end. Without a script, Asterisk does not dial."""

    async def dial(query: Mapping[str, str]) -> None:
        assert script is not None
        assert (query["encapsulation"], query["transport"]) == ("audiosocket", "tcp")
        host, _, port = query["external_host"].rpartition(":")
        async with await trio.open_tcp_stream(host, int(port)) as stream:
            far = FarEnd(stream, UUID(query["data"]))
            await far.say(AudioSocketMessage(MessageKind.UUID, far.uuid.bytes))
            await script(far)

    async with listening() as transport, trio.open_nursery() as nursery:
        asterisk = ScriptedControl(
            lambda query: nursery.start_soon(dial, query) if script else None
        )
        with trio.fail_after(60):
            try:
                async with transport.open(
                    asterisk.link, "c", "caller", asterisk.marks.append
                ) as media:
                    yield media, asterisk
            finally:
                assert asterisk.requests[-1] == "DELETE channels/c.media"
        nursery.cancel_scope.cancel()


async def test_an_asterisk_that_never_dials_fails_with_reason_and_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audiosocket, "CONNECT_SECONDS", 0.05)
    with pytest.RaisesGroup(
        pytest.RaisesExc(
            MediaFailed, match=r"no AudioSocket within .*check that 127.0.0.1:\d+ leads here"
        ),
        flatten_subgroups=True,
    ):
        async with call(None):
            pass


async def test_a_second_connection_for_the_same_call_is_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused = trio.Event()

    async def far_end(far: FarEnd) -> None:
        address = far.stream.socket.getpeername()
        async with await trio.open_tcp_stream(*address) as second:
            await second.send_all(AudioSocketMessage(MessageKind.UUID, far.uuid.bytes).encode())
            assert await second.receive_some() == b""
        refused.set()
        await far.say(SOUND)
        await far.the_rest()

    async with call(far_end) as (media, _):
        await refused.wait()
        assert await media.receive_audio() == FRAME
    assert "no call waits for its UUID" in caplog.text


async def test_sound_in_pieces_of_any_length_becomes_whole_frames() -> None:
    said = tone(0.2, RATE)

    async def far_end(far: FarEnd) -> None:
        wire = b"".join(
            AudioSocketMessage(MessageKind.SLIN16, said[at : at + 300]).encode()
            for at in range(0, len(said), 300)
        )
        for at in range(0, len(wire), 997):
            await far.stream.send_all(wire[at : at + 997])
        await far.the_rest()

    async with call(far_end) as (media, _):
        heard = b""
        while len(heard) < len(said):
            pcm = await media.receive_audio()
            assert len(pcm) % len(FRAME) == 0
            heard += pcm
        assert heard == said


async def test_keys_and_a_second_uuid_are_ignored() -> None:
    async def far_end(far: FarEnd) -> None:
        await far.say(
            AudioSocketMessage(MessageKind.DTMF, b"5"),
            AudioSocketMessage(MessageKind.UUID, far.uuid.bytes),
            SOUND,
        )
        await far.the_rest()

    async with call(far_end) as (media, _):
        assert await media.receive_audio() == FRAME


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (AudioSocketMessage(MessageKind.SLIN, bytes(320)), "must be 16000 Hz, got 8000 Hz"),
        (AudioSocketMessage(0x11, bytes(480)), "kind 0x12, got 0x11"),
        (AudioSocketMessage(MessageKind.SLIN16, bytes(639)), "got 639 bytes"),
        (AudioSocketMessage(MessageKind.HANGUP, b""), "hung up"),
        (AudioSocketMessage(MessageKind.ERROR, b"\x02"), "error 02"),
    ],
)
async def test_a_fatal_message_closes_the_media_with_its_cause(
    said: AudioSocketMessage, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def far_end(far: FarEnd) -> None:
        await far.say(said)
        await far.the_rest()

    async with call(far_end) as (media, _):
        await media.closed()
        with pytest.raises(LineGone):
            await media.receive_audio()
    assert caplog.text.count("call c: ") == 1
    assert cause in caplog.text


async def test_a_broken_connection_closes_the_media(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def far_end(far: FarEnd) -> None:
        await far.stream.receive_some()
        # With SO_LINGER 0 the close is a reset, as after a crash.
        far.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    async with call(far_end) as (media, asterisk):
        media.play(tone(1.0, RATE))
        media.mark(1)
        await media.closed()
    assert caplog.text.count("Asterisk closed the AudioSocket connection") == 1
    assert asterisk.marks == []


async def test_a_write_that_times_out_closes_the_media(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(audiosocket, "WRITE_SECONDS", 0.1)

    async def far_end(far: FarEnd) -> None:
        far.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        await trio.sleep_forever()

    async with call(far_end) as (media, _):
        media.play(tone(60.0, RATE))
        await media.closed()
    assert "read no audio" in caplog.text


async def test_each_frame_is_one_message_and_a_mark_is_reached_after_its_frames() -> None:
    got: list[AudioSocketMessage] = []
    loud = tone(0.1, RATE)

    async def far_end(far: FarEnd) -> None:
        decoder = MessageDecoder()
        while received := await far.stream.receive_some():
            got.extend(decoder.decode(received))

    async with call(far_end) as (media, asterisk):
        media.play(loud)
        media.mark(1)
        while not asterisk.marks:  # noqa: ASYNC110 (a list)
            await trio.sleep(0.005)
    assert {message.kind for message in got} == {MessageKind.SLIN16}
    assert {len(message.payload) for message in got} == {640}
    assert loud in b"".join(message.payload for message in got)


async def test_silence_is_sent_while_nothing_is_played() -> None:
    enough = trio.Event()
    got: list[AudioSocketMessage] = []

    async def far_end(far: FarEnd) -> None:
        decoder = MessageDecoder()
        while received := await far.stream.receive_some():
            got.extend(decoder.decode(received))
            if len(got) == 10:
                enough.set()

    async with call(far_end):
        began = trio.current_time()
        await enough.wait()
        assert trio.current_time() - began > 0.1
    assert set(got) == {SOUND}


async def test_two_silent_calls_do_not_block_each_other(
    asterisk: Asterisk,
) -> None:
    # Without the silence that we send, Asterisk 22.10.1 sometimes blocks here.
    async with listening() as transport, controlled(asterisk) as control:
        for _ in range(10):
            with trio.fail_after(60):
                async with (
                    media_call(asterisk, transport, control=control),
                    media_call(asterisk, transport, control=control),
                ):
                    pass
