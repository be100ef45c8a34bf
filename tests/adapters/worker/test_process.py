"""A worker's life, with a real process that echoes messages."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from callchart.adapters.worker.process import Worker
from callchart.engine.ports import ProviderError

pytestmark = pytest.mark.real

ECHO = "tests.adapters.worker.echo"
BOUND = 60.0


def nothing(message: object) -> None:
    pytest.fail(f"nobody asked for {message!r}")


async def converse(
    worker: Worker, answered: Callable[[object, trio.CancelScope], None]
) -> ProviderError | None:
    """Runs the worker until it dies (why) or `answered` cancels (None)."""
    death: ProviderError | None = None
    with trio.fail_after(BOUND), trio.CancelScope() as scope:
        death = await worker.run(lambda message: answered(message, scope))
    return death


async def test_messages_come_back_in_order_and_whole(processes: list[trio.Process]) -> None:
    sent: list[object] = ["one", b"\0" * 300_000, ("two", 2.5)]
    came: list[object] = []

    def answered(message: object, scope: trio.CancelScope) -> None:
        came.append(message)
        if len(came) == len(sent):
            scope.cancel()

    worker = await Worker.start("echo", ECHO)
    for message in sent:
        worker.post(message)
    assert await converse(worker, answered) is None
    assert came == sent
    assert processes[0].returncode == -signal.SIGKILL


async def test_a_process_that_cannot_work_says_why_and_is_gone(
    processes: list[trio.Process],
) -> None:
    with trio.fail_after(BOUND), pytest.raises(ProviderError) as refusal:
        await Worker.start("echo", ECHO, "too much asked")
    assert str(refusal.value) == "echo: too much asked (ask for less)"
    assert processes[0].returncode is not None


async def test_a_process_that_does_not_start_is_an_error(processes: list[trio.Process]) -> None:
    with trio.fail_after(BOUND), pytest.raises(ProviderError, match="exited with code 1"):
        await Worker.start("echo", "tests.adapters.worker.no_such_module")
    assert processes[0].returncode == 1


async def test_whoever_runs_a_process_is_told_of_what_it_died() -> None:
    worker = await Worker.start("echo", ECHO)
    worker.post(3)
    death = await converse(worker, lambda message, scope: nothing(message))
    assert death is not None
    assert death.reason == "its process exited with code 3"
    assert not worker.alive


async def test_ctrl_c_is_for_the_owner_to_answer(processes: list[trio.Process]) -> None:
    """The terminal sends it to every process in the foreground."""
    worker = await Worker.start("echo", ECHO)
    processes[0].send_signal(signal.SIGINT)
    worker.post("still there?")
    assert await converse(worker, lambda message, scope: scope.cancel()) is None


async def test_a_process_whose_owner_is_gone_ends(processes: list[trio.Process]) -> None:
    worker = await Worker.start("echo", ECHO)
    assert processes[0].stdin is not None
    with trio.fail_after(BOUND):
        await processes[0].stdin.aclose()
        assert await processes[0].wait() == 0
    await worker.aclose()


async def test_a_start_that_is_cancelled_leaves_no_process(
    processes: list[trio.Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    start = trio.lowlevel.open_process
    with trio.fail_after(BOUND), trio.CancelScope() as scope:

        async def cancelled(*args: Any, **options: Any) -> trio.Process:
            process: trio.Process = await start(*args, **options)
            scope.cancel()
            return process

        monkeypatch.setattr(trio.lowlevel, "open_process", cancelled)
        await Worker.start("echo", ECHO)
    assert scope.cancelled_caught
    assert processes[0].returncode == -signal.SIGKILL


async def test_a_file_where_the_user_stands_is_not_taken_for_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pickle.py").write_text("raise SystemExit('the wrong pickle')")
    monkeypatch.chdir(tmp_path)
    with trio.fail_after(BOUND):
        worker = await Worker.start("echo", ECHO)
    await worker.aclose()
