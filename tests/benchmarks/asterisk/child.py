"""A process of the benchmark: it is given its task as a line of JSON, says when it is ready, begins
when it is told to, and prints its figures as a line of JSON in the end."""

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
    """A process of the benchmark ended too early; what it printed says why."""


class Child:
    """Made by `started`."""

    def __init__(self, name: str, process: trio.Process) -> None:
        self._name, self._process = name, process
        self._unread = b""

    @classmethod
    @asynccontextmanager
    async def started(cls, name: str, task: dict[str, Any]) -> AsyncIterator[Child]:
        """A module of this package, running; it is ready when the block begins, gone after it."""
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", f"{__package__}.{name}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            child = cls(name, process)
            await child.tell(task)
            if await child.line() != READY:
                raise ChildFailed(f"{name} said something else than that it is ready")
            yield child
        finally:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def tell(self, message: Any) -> None:
        """One line of JSON."""
        assert self._process.stdin is not None
        await self._process.stdin.send_all(json.dumps(message).encode() + b"\n")

    async def stop(self) -> Any:
        """Its figures, now that it is told that there is no more."""
        assert self._process.stdin is not None
        await self._process.stdin.aclose()
        return json.loads(await self.line())

    async def line(self) -> str:
        """The next line that it prints. Raises `ChildFailed`."""
        assert self._process.stdout is not None
        while b"\n" not in self._unread:
            more = await self._process.stdout.receive_some()
            if not more:
                raise ChildFailed(f"{self._name} ended too early; see above")
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()


def task() -> Any:
    """In the child: what it was told."""
    return json.loads(sys.stdin.readline())


def say(message: str) -> None:
    """In the child: one line for whoever started it."""
    print(message, flush=True)
