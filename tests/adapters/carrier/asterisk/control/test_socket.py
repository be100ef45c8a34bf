"""Requests and events over one WebSocket, with a scripted far end, on a clock that jumps."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    wrap_client_stream,
    wrap_server_stream,
)

from callchart.adapters.carrier.asterisk.control import socket as socket_module
from callchart.adapters.carrier.asterisk.control.ari import Ari, AriError, ControlLost
from callchart.adapters.carrier.asterisk.control.events import (
    ApplicationReplaced,
    AriEvent,
    StasisEnd,
)
from callchart.adapters.carrier.asterisk.control.socket import ControlSocket
from callchart.adapters.carrier.asterisk.rate_limited_log import RateLimitedLog
from callchart.adapters.carrier.asterisk.service_nursery import open_service_nursery
from callchart.adapters.carrier.asterisk.websocket.server import MESSAGE_BYTES

MemoryStream = trio.StapledStream[trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream]

END = {"type": "StasisEnd", "channel": {"id": "1"}}


class Wire:
    """Both ends of a socket: ours, which runs, and Asterisk's, which the test controls."""

    def __init__(
        self, ours: WebSocketConnection, theirs: WebSocketConnection, far: MemoryStream
    ) -> None:
        self.events: list[AriEvent] = []
        self.theirs, self.far = theirs, far
        self.ours = ControlSocket(ours, self.events.append, RateLimitedLog())
        self.ari = Ari(self.ours)

    async def asked(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self.theirs.get_message())
        return message

    async def say(self, message: str | dict[str, Any]) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        await self.theirs.send_message(text)

    async def answer(self, asked: dict[str, Any], status: int = 204, body: str = "") -> None:
        answer = {"type": "RESTResponse", "request_id": asked["request_id"], "status_code": status}
        await self.say({**answer, "reason_phrase": "No way", "message_body": body})


async def open_near_end(
    nursery: trio.Nursery, stream: MemoryStream, message_bytes: int = MESSAGE_BYTES
) -> WebSocketConnection:
    return await wrap_client_stream(
        nursery,
        stream,  # type: ignore[arg-type] # any stream will do
        "asterisk",
        "/",
        max_message_size=message_bytes,
    )


@asynccontextmanager
async def wire(message_bytes: int = MESSAGE_BYTES) -> AsyncIterator[Wire]:
    near, far = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        ends: list[WebSocketConnection] = []

        async def accept() -> None:
            request = await wrap_server_stream(nursery, far)
            ends.append(await request.accept())

        nursery.start_soon(accept)
        ours = await open_near_end(nursery, near, message_bytes)
        both = Wire(ours, ends[0], far)
        nursery.start_soon(both.ours.run)
        yield both
        nursery.cancel_scope.cancel()


async def test_a_request_is_answered_by_its_own_answer(autojump_clock: object) -> None:
    async with wire() as line:
        found: dict[str, str] = {}

        async def ask(name: str) -> None:
            found[name] = await line.ari.variable("c", name)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "A")
            nursery.start_soon(ask, "B")
            requests = [await line.asked(), await line.asked()]
            await line.say(END)
            for request in reversed(requests):
                (query,) = request["query_strings"]
                await line.answer(request, 200, json.dumps({"value": query["value"].lower()}))
        assert found == {"A": "a", "B": "b"}
        assert line.events == [StasisEnd("1")]
        first = requests[0]
        assert (first["type"], first["method"]) == ("RESTRequest", "GET")
        assert first["uri"] == "channels/c/variable"
        assert first["query_strings"][0]["name"] == "variable"
        assert requests[0]["request_id"] != requests[1]["request_id"]


async def test_a_refusal_has_asterisks_own_words(autojump_clock: object) -> None:
    async with wire() as line, trio.open_nursery() as nursery:

        async def ask() -> None:
            with pytest.raises(AriError, match="with 409: Channel not in Stasis"):
                await line.ari.answer("c")
            with pytest.raises(AriError, match="with 500: No way"):
                await line.ari.answer("c")

        nursery.start_soon(ask)
        await line.answer(await line.asked(), 409, json.dumps({"message": "Channel not in Stasis"}))
        await line.answer(await line.asked(), 500)


@pytest.mark.parametrize("changes", [{"status_code": "204"}, {"message_body": {"value": "en"}}])
async def test_an_answer_that_cannot_be_read_is_control_lost(
    changes: dict[str, Any], autojump_clock: object
) -> None:
    async with wire() as line, trio.open_nursery() as nursery:

        async def ask() -> None:
            with pytest.raises(
                ControlLost,
                match=r"must have an int as status_code .* got (str and str|int and dict)",
            ):
                await line.ari.answer("c")

        nursery.start_soon(ask)
        answer = {
            "type": "RESTResponse",
            "request_id": (await line.asked())["request_id"],
            "status_code": 204,
        }
        await line.say({**answer, **changes})


async def test_a_request_times_out_and_its_late_answer_is_dropped(
    autojump_clock: object,
) -> None:
    async with wire() as line:
        before = trio.current_time()
        with pytest.raises(ControlLost, match=r"did not answer POST channels/c/answer within 5 s"):
            await line.ari.answer("c")
        assert trio.current_time() - before == 5
        await line.answer(await line.asked())
        await line.say(END)
        await trio.testing.wait_all_tasks_blocked()
        assert line.events == [StasisEnd("1")]


async def test_the_answer_to_a_cancelled_request_is_dropped(autojump_clock: object) -> None:
    async with wire() as line:
        with trio.move_on_after(1) as patience:
            await line.ari.answer("c")
        assert patience.cancelled_caught
        late = await line.asked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(line.ari.hang_up, "c")
            request = await line.asked()
            await line.answer(late, 409)
            await line.answer(request)


async def test_a_request_that_is_cancelled_before_it_is_written_is_not_sent(
    autojump_clock: object,
) -> None:
    async with wire() as line:
        with trio.CancelScope() as scope:
            scope.cancel()
            await line.ari.answer("c")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(line.ari.hang_up, "c")
            request = await line.asked()
            assert request["method"] == "DELETE"
            await line.answer(request)


async def test_a_lost_socket_fails_pending_requests(
    autojump_clock: object,
) -> None:
    async with wire() as line:
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                with pytest.raises(ControlLost, match=r"before it answered .*connection broke"):
                    await line.ari.answer("c")

            nursery.start_soon(ask)
            await line.asked()
            await trio.aclose_forcefully(line.far)
        assert await line.ours.ended() == "the connection broke"
        assert not line.ours.was_closed
        with pytest.raises(ControlLost, match="the connection broke"):
            await line.ari.answer("c")


async def test_a_socket_that_asterisk_closes_ends_with_its_reason(autojump_clock: object) -> None:
    async with wire() as line:
        await line.theirs.aclose(1000, "Shutting down")
        assert await line.ours.ended() == "Asterisk closed the socket: 1000 Shutting down"
        assert line.ours.was_closed


async def test_malformed_events_are_logged_once_and_dropped(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    async with wire() as line:
        for _ in range(3):
            await line.say("{")
        await line.say({"type": "StasisEnd"})
        await line.say({"type": "RESTResponse"})
        await line.say({"type": "SomethingNew", "channel": {"id": "1"}})
        await line.say(END)
        await trio.testing.wait_all_tasks_blocked()
        assert line.events[-1] == StasisEnd("1")
        await trio.sleep(31)
        await line.say("{")
        await trio.testing.wait_all_tasks_blocked()
    no_json = "malformed ARI event dropped: not JSON"
    assert caplog.messages == [
        no_json,
        "malformed ARI event dropped: a StasisEnd with a field missing or wrong: 'channel'",
        f"{no_json} (and 2 times before)",
    ]


async def test_a_message_that_is_too_long_ends_the_socket(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_module, "MESSAGE_BYTES", 1000)
    async with wire(message_bytes=1000) as line:
        await line.say({**END, "more": "x" * 1000})
        assert await line.ours.ended() == (
            "a message of Asterisk must be at most 1000 bytes, got a longer one"
        )


async def test_a_missing_pong_ends_the_socket(autojump_clock: object) -> None:
    async with wire() as line:
        before = trio.current_time()
        line.far.send_stream.send_all_hook = trio.sleep_forever
        assert await line.ours.ended() == "timeout: no pong from Asterisk within 5 s"
        assert trio.current_time() - before == 15


async def test_a_socket_with_pongs_stays_open(
    autojump_clock: object,
) -> None:
    async with wire() as line:
        with trio.move_on_after(100) as waited:
            await line.ours.ended()
        assert waited.cancelled_caught


async def test_a_write_that_times_out_ends_the_socket(autojump_clock: object) -> None:
    near, far = trio.testing.memory_stream_pair()
    async with open_service_nursery() as nursery:

        async def accept() -> None:
            await (await wrap_server_stream(nursery, far)).accept()

        nursery.start_soon(accept)
        ws = await open_near_end(nursery, near)
        near.send_stream.send_all_hook = trio.sleep_forever
        socket = ControlSocket(ws, lambda event: None, RateLimitedLog())
        nursery.start_soon(socket.run)
        with pytest.raises(ControlLost):
            await Ari(socket).answer("c")
        assert await socket.ended() == "timeout: Asterisk read nothing for 5 s"


async def test_a_takeover_of_the_application_ends_the_socket(autojump_clock: object) -> None:
    async with wire() as line:
        await line.say({"type": "ApplicationReplaced", "application": "callchart"})
        assert await line.ours.ended() == "another client took over the application"
        assert line.events == [ApplicationReplaced("callchart")]


async def test_our_end_closes_with_code_1000(autojump_clock: object) -> None:
    async with wire() as line:
        line.ours.end("enough")
        with pytest.raises(ConnectionClosed) as closed:
            await line.theirs.get_message()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1000


async def test_a_socket_whose_task_is_cancelled_refuses_requests(autojump_clock: object) -> None:
    async with wire() as line:
        pass
    with pytest.raises(ControlLost, match="callchart closed the socket"):
        await line.ari.answer("c")
