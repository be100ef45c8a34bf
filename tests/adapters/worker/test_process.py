"""A worker with a real process that echoes messages, from its start to its exit."""

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


def refuse(message: object) -> None:
    pytest.fail(f"unexpected message: {message!r}")


async def converse(
    worker: Worker, answered: Callable[[object, trio.CancelScope], None]
) -> ProviderError | None:
    """Run the worker until it exits (return the reason) or `answered` cancels (return None)."""
    death: ProviderError | None = None
    with trio.fail_after(BOUND), trio.CancelScope() as scope:
        death = await worker.run(lambda message: answered(message, scope))
    return death


async def test_messages_are_answered_in_order_and_whole(processes: list[trio.Process]) -> None:
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


async def test_a_process_that_cannot_work_gives_the_reason_and_exits(
    processes: list[trio.Process],
) -> None:
    with trio.fail_after(BOUND), pytest.raises(ProviderError) as refusal:
        await Worker.start("echo", ECHO, "too much asked")
    assert str(refusal.value) == "echo: too much asked (ask for less)"
    assert processes[0].returncode is not None


async def test_a_process_that_does_not_start_raises_an_error(processes: list[trio.Process]) -> None:
    with trio.fail_after(BOUND), pytest.raises(ProviderError, match="exited with code 1"):
        await Worker.start("echo", "tests.adapters.worker.no_such_module")
    assert processes[0].returncode == 1


async def test_run_returns_the_reason_of_the_exit() -> None:
    worker = await Worker.start("echo", ECHO)
    worker.post(3)
    death = await converse(worker, lambda message, scope: refuse(message))
    assert death is not None
    assert death.reason == "its process exited with code 3"
    assert not worker.alive


async def test_a_worker_ignores_ctrl_c(processes: list[trio.Process]) -> None:
    """A terminal sends Ctrl-C to every process in the foreground."""
    worker = await Worker.start("echo", ECHO)
    processes[0].send_signal(signal.SIGINT)
    worker.post("still there?")
    assert await converse(worker, lambda message, scope: scope.cancel()) is None


async def test_a_worker_exits_with_its_owner(processes: list[trio.Process]) -> None:
    worker = await Worker.start("echo", ECHO)
    assert processes[0].stdin is not None
    with trio.fail_after(BOUND):
        await processes[0].stdin.aclose()
        assert await processes[0].wait() == 0
    await worker.aclose()


async def test_a_cancelled_start_leaves_no_process(
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


async def test_files_of_the_current_directory_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pickle.py").write_text("raise SystemExit('the wrong pickle')")
    monkeypatch.chdir(tmp_path)
    with trio.fail_after(BOUND):
        worker = await Worker.start("echo", ECHO)
    await worker.aclose()
