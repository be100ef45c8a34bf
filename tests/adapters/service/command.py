"""The program as a user starts it: its process, the lines of its log, its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from callchart.adapters.service.demo.answers import DEMO_ANSWERS, Answers
from callchart.adapters.service.demo.clock import RealClock
from callchart.adapters.service.demo.loopback import Loopback
from callchart.adapters.service.demo.model_server import MODEL, ModelServer, serve
from tests.asterisk.server import Asterisk

PROGRAM = Path(sys.executable).with_name("callchart")

#: The time limit of each wait for a process.
PATIENCE_S = 30.0


class Command:
    """A running process. `log` has the lines of its stderr so far, `out` its stdout."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self.log: list[str] = []
        self.out = ""
        self._changed = trio.lowlevel.ParkingLot()

    @classmethod
    @asynccontextmanager
    async def started(cls, *arguments: str | Path) -> AsyncIterator[Command]:
        """Start `callchart ARGUMENTS`; kill it at the end of the block."""
        process = await trio.lowlevel.open_process(
            [PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        command = cls(process)
        async with trio.open_nursery() as nursery:
            try:
                nursery.start_soon(command._read_log)
                nursery.start_soon(command._read_out)
                yield command
            finally:
                nursery.cancel_scope.cancel()
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
                    for pipe in (process.stdout, process.stderr):
                        assert pipe is not None
                        await pipe.aclose()

    async def says(self, text: str) -> None:
        """Wait for a line of the log with this text in it, from the first line on."""
        with trio.move_on_after(PATIENCE_S) as waiting:
            while not any(text in line for line in self.log):
                if self._process.poll() is not None:
                    break
                await self._changed.park()
            else:
                return
        why = "it took too long" if waiting.cancelled_caught else "it ended"
        raise AssertionError(f"{text!r} was not said, {why}:\n" + "\n".join(self.log))

    def stop(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    async def ended(self) -> int:
        """Wait for the end of the process, and return its exit code."""
        with trio.fail_after(PATIENCE_S):
            return await self._process.wait()

    async def _read_log(self) -> None:
        assert self._process.stderr is not None
        rest = b""
        async for piece in self._process.stderr:
            *lines, rest = (rest + piece).split(b"\n")
            self.log += [line.decode() for line in lines]
            self._changed.unpark_all()
        self._changed.unpark_all()

    async def _read_out(self) -> None:
        assert self._process.stdout is not None
        async for piece in self._process.stdout:
            self.out += piece.decode()


@asynccontextmanager
async def model_server() -> AsyncIterator[ModelServer]:
    """Run the demo's model server in this process; other processes reach it over a socket."""
    async with trio.open_nursery() as nursery:
        script = Answers.read(DEMO_ANSWERS)
        yield await nursery.start(serve, script, Loopback(RealClock()))
        nursery.cancel_scope.cancel()


def write_config(
    path: Path, asterisk: Asterisk, model: ModelServer, /, **sections: dict[str, Any]
) -> Path:
    """Write a configuration for this Asterisk and this model, and return its path.

    `sections` adds sections, or keys to existing sections."""
    whole: dict[str, dict[str, Any]] = {
        "asterisk": {"url": asterisk.url, "user": asterisk.user, "password": asterisk.password},
        "model": {"name": MODEL, "key": "offline", "base_url": model.url},
        "journal": {"folder": str(path.parent / "journals")},
    }
    for name, keys in sections.items():
        whole[name] = whole.get(name, {}) | keys
    path.write_text(
        "".join(
            f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
            for name, keys in whole.items()
        )
    )
    path.chmod(0o600)
    return path
