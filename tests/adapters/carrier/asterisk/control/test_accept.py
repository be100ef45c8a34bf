"""Control that Asterisk dials: which sockets are accepted, and how a broken socket is replaced.

Asterisk is scripted here, except in one test; test_open.py has the tests with a real one."""

from __future__ import annotations

import base64
import json
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from trio_websocket import ConnectionClosed, WebSocketConnection

from callchart.adapters.carrier.asterisk.control import accept as accept_module
from callchart.adapters.carrier.asterisk.control.ari import ControlLost
from callchart.adapters.carrier.asterisk.control.control import Control, ControlError
from callchart.adapters.carrier.asterisk.control.events import StasisEnd
from callchart.adapters.carrier.asterisk.control.open import open_control
from callchart.adapters.carrier.asterisk.settings import (
    AsteriskSettings,
    ControlMode,
    ListenSettings,
)
from callchart.adapters.carrier.asterisk.websocket.client import DialFailed, dial
from callchart.adapters.carrier.asterisk.websocket.server import WebSocketServer
from tests.asterisk.fixtures import StartAsterisk
from tests.asterisk.server import DialsBot

pytestmark = pytest.mark.real

LISTEN = ListenSettings(port=0, user="asterisk", password="a-password")
AUTHORIZATION = b"Basic " + base64.b64encode(b"asterisk:a-password")


@asynccontextmanager
async def dialled(server: WebSocketServer, app: str | None) -> AsyncIterator[WebSocketConnection]:
    """Dial our server, as Asterisk does for the application `app`."""
    async with dial(
        f"ws://127.0.0.1:{server.port}/ari",
        subprotocol="ari",
        seconds=5,
        message_bytes=2**20,
        headers=[(b"Authorization", AUTHORIZATION)],
    ) as ws:
        if app is not None:
            await say(ws, type="ApplicationRegistered", application=app)
        yield ws


async def say(ws: WebSocketConnection, **message: Any) -> None:
    await ws.send_message(json.dumps(message))


async def start(ws: WebSocketConnection, channel: str, app: str) -> None:
    """Send the StasisStart of a call that arrives."""
    described = {
        "id": channel,
        "name": "PJSIP/5550123-1",
        "state": "Ring",
        "caller": {"number": ""},
        "dialplan": {"exten": "bot"},
    }
    await say(ws, type="StasisStart", application=app, args=[], channel=described)


async def closed(ws: WebSocketConnection) -> None:
    """Wait until our server has closed the socket."""
    with trio.fail_after(60):
        while True:
            try:
                await ws.get_message()
            except ConnectionClosed:
                return


def transport(control: ControlMode) -> AsteriskSettings:
    return AsteriskSettings(control=control, instance="bot", listen=LISTEN)


@asynccontextmanager
async def per_call() -> AsyncIterator[tuple[WebSocketServer, Control]]:
    async with (
        WebSocketServer.open(LISTEN) as server,
        open_control(transport("per_call"), server, random.Random(1)) as control,
    ):
        yield server, control


@asynccontextmanager
async def persistent() -> AsyncIterator[tuple[WebSocketServer, Control, WebSocketConnection]]:
    """Open control over one socket, and yield Asterisk's end of it too."""
    async with WebSocketServer.open(LISTEN) as server, trio.open_nursery() as nursery:
        opened, sockets = trio.open_memory_channel[WebSocketConnection](1)

        async def asterisk() -> None:
            # Dial when control waits for the socket: our server refuses earlier ones.
            await trio.testing.wait_all_tasks_blocked()
            async with dialled(server, "callchart") as ws:
                opened.send_nowait(ws)
                await trio.sleep_forever()

        nursery.start_soon(asterisk)
        async with open_control(transport("persistent"), server, random.Random(1)) as control:
            yield server, control, await sockets.receive()
        nursery.cancel_scope.cancel()


async def test_an_asterisk_that_never_dials_raises_one_error_with_the_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accept_module, "DIAL_SECONDS", 0.1)
    async with WebSocketServer.open(LISTEN) as server:
        with pytest.raises(ControlError) as failed:
            async with open_control(transport("persistent"), server, random.Random(1)):
                pass
    assert f"did not dial port {server.port} for the application 'callchart'" in str(failed.value)
    assert "type=outbound_websocket" in str(failed.value)


async def test_a_new_socket_restores_control(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "callchart")
    async with persistent() as (server, control, ws):
        link = control.link("callchart")
        await ws.aclose(1001, "restarting")
        with trio.fail_after(60):
            await link.wait_lost()
        with pytest.raises(ControlLost, match="1001 restarting"):
            await link.ari.version()
        async with dialled(server, "callchart") as again:
            with trio.fail_after(60):
                await link.wait_up()
            await start(again, "1", "callchart")
            with trio.fail_after(60):
                assert (await control.arrival()).link is link
            assert caplog.messages == [
                "control socket lost for callchart: Asterisk closed the socket: 1001 restarting",
                "control socket reconnected for callchart",
            ]


async def test_a_second_socket_replaces_the_first(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with persistent() as (server, control, first):
        link = control.link("callchart")
        async with dialled(server, "callchart") as second:
            await closed(first)
            assert link.is_up
            await start(second, "1", "callchart")
            with trio.fail_after(60):
                await control.arrival()
            (line,) = caplog.messages
            assert "more than one Asterisk dials here" in line


async def test_a_takeover_of_the_application_ends_control() -> None:
    async with persistent() as (_, control, ws):
        await say(ws, type="ApplicationReplaced", application="callchart")
        with trio.fail_after(60):
            with pytest.raises(ControlError, match="another client took over"):
                await control.arrival()
            await closed(ws)


@pytest.mark.parametrize(
    ("control", "app"),
    [
        ("per_call", "callchart"),
        ("per_call", "callchart-2:PJSIP/5550123-1"),
        ("per_call", "other:PJSIP/5550123-1"),
        ("persistent", "other"),
        ("persistent", "callchart:PJSIP/5550123-1"),
    ],
)
async def test_a_socket_for_another_application_is_closed(
    control: ControlMode,
    app: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        per_call() if control == "per_call" else persistent() as (server, *_),
        dialled(server, app) as ws,
    ):
        await start(ws, "1", app)
        await closed(ws)
    assert caplog.messages[0].startswith("control socket refused: its application")
    assert "555" not in caplog.text


async def test_a_socket_that_names_no_application_is_closed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(accept_module, "REGISTER_SECONDS", 0.1)
    async with per_call() as (server, control):
        async with dialled(server, None) as ws:
            await start(ws, "1", "callchart:PJSIP/5550123-1")
            await closed(ws)
        async with dialled(server, "callchart:PJSIP/5550123-2") as ws:
            await start(ws, "2", "callchart:PJSIP/5550123-2")
            with trio.fail_after(60):
                assert (await control.arrival()).start.channel.id == "2"
    assert (
        caplog.messages[0]
        == "control socket closed: timeout, Asterisk named no application within 0.1 s"
    )


async def test_a_socket_that_closes_before_it_names_its_application_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with per_call() as (server, _):
        async with dialled(server, None):
            pass
        with trio.fail_after(60):
            while not caplog.messages:  # noqa: ASYNC110 (a list)
                await trio.sleep(0.01)
    assert caplog.messages == ["control socket lost before Asterisk named its application"]


async def test_a_socket_that_closes_after_its_call_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with per_call() as (server, control):
        async with dialled(server, "callchart:PJSIP/5550123-1") as ws:
            await start(ws, "1", "callchart:PJSIP/5550123-1")
            with trio.fail_after(60):
                arrival = await control.arrival()
            with arrival.events as events:
                await say(ws, type="StasisEnd", channel={"id": "1"})
                with trio.fail_after(60):
                    assert await events.next() == StasisEnd("1")
            await ws.aclose()
        with trio.fail_after(60):
            await arrival.link.wait_lost()
    assert caplog.messages == []


async def test_a_broken_socket_of_one_call_does_not_affect_other_calls() -> None:
    async with per_call() as (server, control), dialled(server, "callchart:b") as other_ws:
        async with dialled(server, "callchart:a") as ws:
            await start(ws, "1", "callchart:a")
            with trio.fail_after(60):
                broken = (await control.arrival()).link
            await start(other_ws, "2", "callchart:b")
            with trio.fail_after(60):
                other = (await control.arrival()).link
        with trio.fail_after(60):
            await broken.wait_lost()
        assert other.is_up
        async with dialled(server, "callchart:a"):
            with trio.fail_after(60):
                await broken.wait_up()


async def test_the_end_of_control_closes_its_sockets_and_not_the_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with WebSocketServer.open(LISTEN) as server, trio.open_nursery() as nursery:

        async def asterisk() -> None:
            async with dialled(server, "callchart:a") as ws:
                await start(ws, "1", "callchart:a")
                await closed(ws)
            with pytest.raises(DialFailed, match="it answered 404"):
                async with dialled(server, "callchart:b"):
                    pass

        async with open_control(transport("per_call"), server, random.Random(1)) as control:
            nursery.start_soon(asterisk)
            with trio.fail_after(60):
                await control.arrival()
    (line,) = caplog.messages
    assert line.startswith("WebSocket refused with 404: no control socket is expected")


async def test_requests_over_asterisks_socket_are_not_delayed(
    start_asterisk: StartAsterisk,
) -> None:
    async with WebSocketServer.open(LISTEN) as server:
        dials = DialsBot(f"ws://127.0.0.1:{server.port}/ari", LISTEN.user, LISTEN.password)
        async with (
            start_asterisk(control=dials) as asterisk,
            open_control(transport("persistent"), server, random.Random(1)) as control,
        ):
            slow = 0
            for number in range(20):
                for request in (
                    lambda id: control.ari.create(id, "Local/nobody@nowhere", asterisk.app),
                    control.ari.hang_up,
                ):
                    began = trio.current_time()
                    await request(f"bot-{number}")
                    slow += trio.current_time() - began > 0.035
            # If the kernel delays its acknowledgements, half of the answers are 40 ms late.
            assert slow < 10
