"""Audio over chan_websocket: with a real Asterisk, and with far ends that break the protocol."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio
import trio.testing
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    serve_websocket,
)

from callchart.adapters.carrier.asterisk.control.events import ChannelDestroyed, ChannelStateChange
from callchart.adapters.carrier.asterisk.media import channel, websocket
from callchart.adapters.carrier.asterisk.media.media import MediaFailed
from callchart.adapters.carrier.asterisk.media.websocket import (
    AcceptedMediaTransport,
    DialledMediaTransport,
    WebSocketMedia,
)
from callchart.adapters.carrier.asterisk.settings import ListenSettings
from callchart.adapters.carrier.asterisk.websocket.server import WebSocketServer
from callchart.engine.ports import LineGone, frame_bytes
from tests.adapters.carrier.asterisk.media.media_call import (
    controlled,
    media_call,
    wait_until_removed,
)
from tests.adapters.carrier.asterisk.media.media_contract import (
    Exchange,
    MediaChannelContract,
    hear,
)
from tests.adapters.carrier.asterisk.scripted import ScriptedControl
from tests.asterisk.fixtures import StartAsterisk
from tests.asterisk.server import Asterisk
from tests.contracts.line import tone

pytestmark = pytest.mark.real

RATE = 16000
FRAME = bytes(frame_bytes(RATE))


class TestDialled(MediaChannelContract):
    @pytest.fixture
    def exchange(self, asterisk: Asterisk) -> Exchange:
        return Exchange(
            asterisk, DialledMediaTransport(f"ws://127.0.0.1:{asterisk.http_port}", RATE)
        )


async def test_at_8_khz_both_sides_are_heard(asterisk: Asterisk) -> None:
    transport = DialledMediaTransport(f"ws://127.0.0.1:{asterisk.http_port}", 8000)
    async with media_call(asterisk, transport) as call:
        call.media.play(tone(0.4, 8000))
        call.media.mark(1)
        call.phone.say(tone(0.4, call.phone.rate_hz))
        await hear(call, 0.4)
        with trio.fail_after(60):
            await call.until_reached(1)
            await call.phone.until_silent(for_seconds=0.1)
        assert len(call.phone.ear.loud()) == pytest.approx(20, abs=1)


@asynccontextmanager
async def dialling_us(start_asterisk: StartAsterisk) -> AsyncIterator[Exchange]:
    """Start an Asterisk that dials our server for media."""
    async with WebSocketServer.open(ListenSettings(port=0, password="secret")) as server:
        url = f"ws://127.0.0.1:{server.port}/media"
        async with start_asterisk(media_url=url) as asterisk:
            yield Exchange(asterisk, AcceptedMediaTransport("media", server, RATE))


async def test_a_socket_that_asterisk_opens_carries_both_sides(
    start_asterisk: StartAsterisk,
) -> None:
    async with dialling_us(start_asterisk) as exchange, media_call(*exchange) as call:
        call.media.play(tone(5.0, RATE))
        call.media.mark(1)
        call.phone.say(tone(0.4, call.phone.rate_hz))
        await hear(call, 0.4)
        flushed = trio.current_time()
        call.media.flush()
        call.media.play(tone(0.4, RATE))
        call.media.mark(2)
        with trio.fail_after(60):
            await call.until_reached(2)
            await call.phone.until_silent(for_seconds=0.1)
        assert [mark for mark, _ in call.reached] == [2]
        after = [at for at in call.phone.ear.loud() if at > flushed]
        assert len(after) == pytest.approx(20, abs=3)


async def test_cancelling_a_call_whose_socket_asterisk_opened_leaves_nothing(
    start_asterisk: StartAsterisk,
) -> None:
    async with (
        dialling_us(start_asterisk) as exchange,
        controlled(exchange.asterisk) as control,
    ):
        with trio.CancelScope() as scope:
            async with media_call(*exchange, control=control) as call:
                call.media.play(tone(5.0, RATE))
                scope.cancel()
        assert scope.cancelled_caught
        await wait_until_removed(exchange.asterisk)


# --- Asterisk's own refusals ---------------------------------------------------------------------


async def closed_port() -> int:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port: int = listener.socket.getsockname()[1]
    return port


def media_fails(match: str) -> pytest.RaisesGroup[MediaFailed]:
    """Expect exactly one `MediaFailed` with that message."""
    return pytest.RaisesGroup(pytest.RaisesExc(MediaFailed, match=match), flatten_subgroups=True)


async def test_a_refused_media_connection_fails_with_reason_and_cure(
    asterisk: Asterisk,
) -> None:
    transport = DialledMediaTransport(f"ws://127.0.0.1:{await closed_port()}", RATE)
    with media_fails(r"no media socket to ws://127.0.0.1:.*http.conf"):
        async with media_call(asterisk, transport):
            pass


async def test_a_refused_websocket_fails_with_its_status(
    asterisk: Asterisk,
) -> None:
    transport = DialledMediaTransport(f"ws://127.0.0.1:{asterisk.http_port}/elsewhere", RATE)
    with media_fails(r"no media socket .* it answered 404"):
        async with media_call(asterisk, transport):
            pass


async def test_a_server_that_does_not_answer_times_out(
    asterisk: Asterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "CONNECT_SECONDS", 0.1)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        transport = DialledMediaTransport(
            f"ws://127.0.0.1:{listener.socket.getsockname()[1]}", RATE
        )
        with media_fails(r"no answer within 0\.1 s"):
            async with media_call(asterisk, transport):
                pass


async def test_an_asterisk_that_dials_another_port_fails_with_reason_and_cure(
    start_asterisk: StartAsterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "CONNECT_SECONDS", 0.1)
    url = f"ws://127.0.0.1:{await closed_port()}/media"
    async with (
        WebSocketServer.open(ListenSettings(port=0, password="secret")) as server,
        start_asterisk(media_url=url) as asterisk,
    ):
        with media_fails(r"uri of \[media\] in its websocket_client.conf"):
            async with media_call(asterisk, AcceptedMediaTransport("media", server, RATE)):
                pass


# --- far ends that break the protocol ------------------------------------------------------------

#: The far end's actions on the socket that we open.
Script = Callable[[WebSocketConnection], Awaitable[None]]


class ScriptedAsterisk(ScriptedControl):
    """An Asterisk whose end of the media socket is scripted."""

    url = ""

    @asynccontextmanager
    async def call(self) -> AsyncIterator[WebSocketMedia]:
        transport = DialledMediaTransport(self.url, RATE)
        try:
            async with transport.open(self.link, "c", "caller", self.marks.append) as media:
                yield media
        finally:
            assert self.requests[-1] == "DELETE channels/c.media"


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[ScriptedAsterisk]:
    asterisk = ScriptedAsterisk()

    async def accept(request: WebSocketRequest) -> None:
        assert request.path == "/media/an-id"
        await script(await request.accept(subprotocol="media"))

    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            partial(serve_websocket, accept, "127.0.0.1", 0, None, disconnect_timeout=0.1)
        )
        asterisk.url = f"ws://127.0.0.1:{server.port}"
        with trio.fail_after(60):
            yield asterisk
        nursery.cancel_scope.cancel()


def event(name: str, **fields: object) -> str:
    return json.dumps({"event": name, **fields})


START = event("MEDIA_START", format="slin16", optimal_frame_size=640)


async def the_rest(ws: WebSocketConnection) -> None:
    """Receive messages until the socket is closed."""
    with suppress(ConnectionClosed):
        while True:
            await ws.get_message()


async def commands_and_sound(ws: WebSocketConnection) -> AsyncIterator[str | bytes]:
    """Yield our messages until we close: commands by their names, audio as bytes."""
    with suppress(ConnectionClosed):
        while True:
            message = await ws.get_message()
            yield message if isinstance(message, bytes) else json.loads(message)["command"]


async def test_media_without_media_start_fail_and_no_message_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(websocket, "START_SECONDS", 0.1)
    got: list[str | bytes] = []

    async def far_end(ws: WebSocketConnection) -> None:
        with suppress(ConnectionClosed):
            got.append(await ws.get_message())

    async with scripted(far_end) as asterisk:
        with pytest.raises(MediaFailed, match="the media did not start"):
            async with asterisk.call():
                pass
    assert got == []


async def test_audio_before_media_start_is_received() -> None:
    async def far_end(ws: WebSocketConnection) -> None:
        await ws.send_message(FRAME)
        await ws.send_message(START)
        await the_rest(ws)

    async with scripted(far_end) as asterisk, asterisk.call() as media:
        assert await media.receive_audio() == FRAME


@pytest.mark.parametrize(
    ("format", "size"), [("slin", 320), ("ulaw", 160), ("slin16", 320), (None, None)]
)
async def test_media_of_another_format_fail_with_reason_and_cure(
    format: str | None, size: int | None
) -> None:
    async def far_end(ws: WebSocketConnection) -> None:
        await ws.send_message(event("MEDIA_START", format=format, optimal_frame_size=size))
        await the_rest(ws)

    async with scripted(far_end) as asterisk:
        with pytest.raises(
            MediaFailed, match=rf"slin16 in .* 640 .* got {format} in frames of {size}"
        ):
            async with asterisk.call():
                pass


async def test_half_a_sample_ends_the_media(caplog: pytest.LogCaptureFixture) -> None:
    async def far_end(ws: WebSocketConnection) -> None:
        await ws.send_message(START)
        await ws.send_message(FRAME[1:])
        await the_rest(ws)

    async with scripted(far_end) as asterisk, asterisk.call() as media:
        await media.closed()
    assert (
        "call c: audio from Asterisk must be slin16, an even number of bytes, got 639 bytes"
        in caplog.text
    )


async def test_pieces_of_any_length_become_whole_frames() -> None:
    said = tone(0.2, RATE)

    async def far_end(ws: WebSocketConnection) -> None:
        await ws.send_message(START)
        for at in range(0, len(said), 1000):
            await ws.send_message(said[at : at + 1000])
        await the_rest(ws)

    async with scripted(far_end) as asterisk, asterisk.call() as media:
        heard = b""
        while len(heard) < len(said):
            pcm = await media.receive_audio()
            assert len(pcm) % len(FRAME) == 0
            heard += pcm
        assert heard == said


async def test_control_messages_that_are_not_json_are_logged_once_and_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def far_end(ws: WebSocketConnection) -> None:
        await ws.send_message("MEDIA_START plain text")
        await ws.send_message(START)
        for message in ("[1]", '"MEDIA_XOFF"', "{", "{}", event("SOMETHING_NEW"), event("ERROR")):
            await ws.send_message(message)
        await ws.send_message(event("MEDIA_MARK_PROCESSED", correlation_id=["1"]))
        await ws.send_message(FRAME)
        await the_rest(ws)

    async with scripted(far_end) as asterisk, asterisk.call() as media:
        assert await media.receive_audio() == FRAME
    assert caplog.text.count("must be a JSON object") == 1


async def test_a_lost_socket_closes_the_media_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def far_end(ws: WebSocketConnection) -> None:
        await ws.send_message(START)
        await ws.get_message()
        await ws._stream.aclose()

    async with scripted(far_end) as asterisk, asterisk.call() as media:
        media.play(tone(0.2, RATE))
        await media.closed()
        with pytest.raises(LineGone):
            await media.receive_audio()
        media.play(tone(20.0, RATE))
        media.mark(1)
        media.flush()
    assert caplog.text.count("Asterisk closed the media socket") == 1
    assert asterisk.marks == []


async def test_a_message_that_is_too_long_closes_the_media(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def far_end(ws: WebSocketConnection) -> None:
        await ws.send_message(START)
        await ws.send_message(bytes(100_000))
        await the_rest(ws)

    async with scripted(far_end) as asterisk, asterisk.call() as media:
        await media.closed()
    assert "1009" in caplog.text


async def test_a_media_channel_that_is_destroyed_fails_with_asterisks_words() -> None:
    async def far_end(ws: WebSocketConnection) -> None:
        await ws.send_message(START)
        await the_rest(ws)

    async with scripted(far_end) as asterisk:
        asterisk.news = ChannelDestroyed("c.media", 3, "No route to destination")
        with pytest.raises(MediaFailed, match="ended the media channel: No route to destination"):
            async with asterisk.call():
                pass


async def test_a_media_channel_that_never_enters_our_application_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel, "STASIS_SECONDS", 0.05)

    async def far_end(ws: WebSocketConnection) -> None:
        await ws.send_message(START)
        await the_rest(ws)

    async with scripted(far_end) as asterisk:
        asterisk.news = ChannelStateChange("c.media", "Up")
        with pytest.raises(MediaFailed, match="did not enter our application"):
            async with asterisk.call():
                pass


async def test_xoff_holds_audio_until_xon() -> None:
    go_on, went_on = trio.Event(), trio.Event()
    early: list[str | bytes] = []

    async def far_end(ws: WebSocketConnection) -> None:
        await ws.send_message(START)
        async for message in commands_and_sound(ws):
            if message == "MARK_MEDIA":
                await ws.send_message(event("MEDIA_XOFF"))
                await ws.send_message(FRAME)
                await go_on.wait()
                with trio.move_on_after(0.05):
                    early.append(await ws.get_message())
                await ws.send_message(event("MEDIA_XON"))
            elif message == FRAME:
                went_on.set()

    async with scripted(far_end) as asterisk, asterisk.call() as media:
        media.play(tone(5.0, RATE))
        media.mark(1)
        await media.receive_audio()  # the XOFF came before it
        media.play(FRAME)
        go_on.set()
        await went_on.wait()
    assert early == []


async def test_a_flush_ends_xoff() -> None:
    flushed, went_on = trio.Event(), trio.Event()

    async def far_end(ws: WebSocketConnection) -> None:
        await ws.send_message(START)
        async for message in commands_and_sound(ws):
            if message == "MARK_MEDIA":
                await ws.send_message(event("MEDIA_XOFF"))
                await ws.send_message(FRAME)
            elif message == "FLUSH_MEDIA":
                flushed.set()
            elif message == FRAME:
                assert flushed.is_set()
                went_on.set()

    async with scripted(far_end) as asterisk, asterisk.call() as media:
        media.play(tone(5.0, RATE))
        media.mark(1)
        await media.receive_audio()  # the XOFF came before it
        media.flush()
        media.play(FRAME)
        await went_on.wait()


async def test_a_flush_overtakes_queued_audio() -> None:
    got: list[str | bytes] = []
    second = trio.Event()

    async def far_end(ws: WebSocketConnection) -> None:
        await ws.send_message(START)
        async for message in commands_and_sound(ws):
            got.append(message)
            if got.count("MARK_MEDIA") == 2:
                second.set()

    async with scripted(far_end) as asterisk, asterisk.call() as media:
        media.play(tone(60.0, RATE))
        media.mark(1)
        await trio.testing.wait_all_tasks_blocked(0.02)
        media.flush()
        media.play(FRAME)
        media.mark(2)
        media.play(FRAME)
        media.mark(3)
        await second.wait()
    at = got.index("FLUSH_MEDIA")
    before, after = got[:at], got[at + 1 :]
    assert before[0] == "START_MEDIA_BUFFERING"
    assert sum(map(len, before[1:])) <= 10.2 * RATE * 2
    assert after == ["START_MEDIA_BUFFERING", FRAME, "MARK_MEDIA", FRAME, "MARK_MEDIA"]


async def test_a_reader_that_stalls_gets_the_last_two_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    frames = [bytes([n, 0]) * 320 for n in range(250)]

    async def far_end(ws: WebSocketConnection) -> None:
        await ws.send_message(START)
        for frame in frames:
            await ws.send_message(frame)
        await ws.send_message(event("MEDIA_MARK_PROCESSED", correlation_id="1"))
        await the_rest(ws)

    async with scripted(far_end) as asterisk, asterisk.call() as media:
        media.mark(1)
        while not asterisk.marks:  # noqa: ASYNC110 (a list)
            await trio.sleep(0.005)
        assert await media.receive_audio() == b"".join(frames[-100:])
    assert caplog.text.count("caller audio not read") == 1


async def test_a_write_that_times_out_closes_the_media(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(websocket, "WRITE_SECONDS", 0.1)

    async def far_end(ws: WebSocketConnection) -> None:
        await ws.send_message(START)
        # Read no messages: the peer's queue of one message fills, and then the network's buffers.
        await trio.sleep_forever()

    async with scripted(far_end) as asterisk, asterisk.call() as media:
        for mark in range(200_000):
            media.mark(mark)
        await media.closed()
    assert "read no audio" in caplog.text


async def test_cancelling_during_opening_hangs_up_the_channel() -> None:
    asked = trio.Event()

    async def far_end(ws: WebSocketConnection) -> None:
        asked.set()
        await the_rest(ws)

    async with scripted(far_end) as asterisk:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def cancel() -> None:
                    await asked.wait()
                    scope.cancel()

                nursery.start_soon(cancel)
                async with asterisk.call():  # its exit checks that the channel is hung up
                    pass
        assert scope.cancelled_caught


async def test_an_error_of_the_block_is_raised_unchanged() -> None:
    async def far_end(ws: WebSocketConnection) -> None:
        await ws.send_message(START)
        await the_rest(ws)

    async with scripted(far_end) as asterisk:
        with pytest.raises(KeyError, match="mine"):
            async with asterisk.call():
                raise KeyError("mine")


async def test_closing_does_not_wait_for_the_close_handshake() -> None:
    async def far_end(ws: WebSocketConnection) -> None:
        await ws.send_message(START)
        await trio.sleep_forever()

    async with scripted(far_end) as asterisk:
        async with asterisk.call() as media:
            media.play(tone(1.0, RATE))
            before = trio.current_time()
        assert trio.current_time() - before < 0.1
