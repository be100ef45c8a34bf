"""A process of the benchmark, and its protocol of one line per message.

The process reads its task (JSON), prints `ready`, waits for the signal to begin, and finally prints
its metrics (JSON)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

READY = "ready"


class ChildFailed(RuntimeError):
    """A process of the benchmark ended too early; its output says why."""


class Child:
    """A running process; `started` makes it."""

    def __init__(self, name: str, process: trio.Process) -> None:
        self._name, self._process = name, process
        self._unread = b""

    @classmethod
    @asynccontextmanager
    async def started(cls, name: str, task: dict[str, Any]) -> AsyncIterator[Child]:
        """Run a module of this package until the end of the block; enter when it is ready."""
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", f"{__package__}.{name}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            child = cls(name, process)
            await child.send(task)
            if await child.line() != READY:
                raise ChildFailed(f"{name} must print {READY!r} first")
            yield child
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def send(self, message: Any) -> None:
        """Send one line of JSON."""
        assert self._process.stdin is not None
        await self._process.stdin.send_all(json.dumps(message).encode() + b"\n")

    async def stop(self) -> Any:
        """Close the input of the process, and return the metrics that it prints."""
        assert self._process.stdin is not None
        await self._process.stdin.aclose()
        return json.loads(await self.line())

    async def line(self) -> str:
        """Return the next line that the process prints. Raises `ChildFailed`."""
        assert self._process.stdout is not None
        while b"\n" not in self._unread:
            more = await self._process.stdout.receive_some()
            if not more:
                raise ChildFailed(f"{self._name} ended too early; see above")
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()


def task() -> Any:
    """Return the next message of the parent; the child calls this."""
    return json.loads(sys.stdin.readline())


def say(message: str) -> None:
    """Send one line to the parent; the child calls this."""
    print(message, flush=True)
