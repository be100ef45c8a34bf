"""The tests' Asterisk starts as asked, answers ARI, can be killed and restarted."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Literal

import httpx2
import pytest
import trio

from tests.asterisk.fixtures import StartAsterisk
from tests.asterisk.install import Installation
from tests.asterisk.server import Asterisk, AsteriskFailed, DialsBot

pytestmark = pytest.mark.real


async def test_an_idle_asterisk_has_no_channels_bridges_or_applications(
    start_asterisk: StartAsterisk,
) -> None:
    async with start_asterisk() as asterisk:
        assert await asterisk.channels() == []
        assert await asterisk.bridges() == []
        assert await asterisk.applications() == []
        assert "0 active channels" in await asterisk.command("core show channels")


async def test_two_instances_run_independently(
    asterisk: Asterisk, start_asterisk: StartAsterisk
) -> None:
    async with start_asterisk() as other:
        await other.ari("POST", "bridges/only-here")
        assert [bridge["id"] for bridge in await other.bridges()] == ["only-here"]
        assert "only-here" not in [bridge["id"] for bridge in await asterisk.bridges()]


async def test_a_restarted_asterisk_keeps_its_port_and_loses_its_bridges(
    start_asterisk: StartAsterisk,
) -> None:
    async with start_asterisk() as asterisk:
        port = asterisk.http_port
        await asterisk.ari("POST", "bridges/forgotten")
        await asterisk.restart()
        assert await asterisk.bridges() == []
        assert asterisk.http_port == port


async def test_a_killed_asterisk_does_not_answer(start_asterisk: StartAsterisk) -> None:
    async with start_asterisk() as asterisk:
        await asterisk.kill()
        assert not asterisk.running
        with pytest.raises(httpx2.ConnectError):
            await asterisk.channels()


async def test_the_end_of_the_block_ends_the_process_and_removes_the_folder(
    start_asterisk: StartAsterisk,
) -> None:
    async with start_asterisk() as asterisk:
        assert asterisk.folder.exists()
    assert not asterisk.folder.exists()
    assert not asterisk.running


async def test_asterisk_dies_with_the_process_that_started_it(
    asterisk_installed: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # the killed process cannot delete its folder
    program = (
        "import trio; from tests.asterisk.server import Asterisk\n"
        "asterisk = Asterisk(); trio.run(asterisk.start)\n"
        "print(asterisk.pid, flush=True); input()"
    )
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            starter: trio.Process = await nursery.start(
                partial(
                    trio.run_process,
                    [sys.executable, "-c", program],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    check=False,
                )
            )
            assert starter.stdout is not None
            pidfd = os.pidfd_open(int(await starter.stdout.receive_some()))
            starter.kill()
            await trio.lowlevel.wait_readable(pidfd)
            os.close(pidfd)


async def test_modules_listed_in_without_are_not_loaded(start_asterisk: StartAsterisk) -> None:
    async with start_asterisk(without=["chan_websocket.so"]) as asterisk:
        assert "0 modules loaded" in await asterisk.command("module show like chan_websocket")
        assert "1 modules loaded" in await asterisk.command("module show like chan_pjsip")


async def test_additional_dialplan_is_added_to_its_context(start_asterisk: StartAsterisk) -> None:
    async with start_asterisk(dialplan="[inbound]\nexten => new,1,Hangup()\n") as asterisk:
        shown = await asterisk.command("dialplan show inbound")
        assert "'new'" in shown
        assert "'bot'" in shown


@pytest.mark.parametrize("connection", ["persistent", "per_call_config"])
async def test_asterisk_dials_the_bot_with_the_user_and_password(
    start_asterisk: StartAsterisk, connection: Literal["persistent", "per_call_config"]
) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    control = DialsBot(f"ws://127.0.0.1:{port}/control", "me", "secret", connection)
    async with listeners[0] as listener, start_asterisk(control=control) as asterisk:
        if connection == "per_call_config":
            await asterisk.ari("POST", "channels", endpoint="Local/bot@inbound", app=asterisk.app)
        with trio.fail_after(60):
            async with await listener.accept() as stream:
                request = await stream.receive_some()
    assert request.startswith(b"GET /control")
    assert b"Authorization: Basic bWU6c2VjcmV0\r\n" in request
    assert b"Sec-WebSocket-Protocol: ari\r\n" in request


async def test_stop_ends_the_process_without_a_kill(start_asterisk: StartAsterisk) -> None:
    async with start_asterisk() as asterisk:
        await asterisk.stop()
        assert "Asterisk cleanly ending" in asterisk.logs()


async def test_the_error_says_why_ari_does_not_answer(
    start_asterisk: StartAsterisk,
) -> None:
    with pytest.raises(AsteriskFailed, match=r"(?s)ARI does not answer.*res_ari"):
        async with start_asterisk(without=["res_ari.so"]):
            pass
