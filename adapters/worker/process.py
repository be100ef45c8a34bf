"""A worker: a Python process for code that must not run in the event loop's process.

Some libraries hold the interpreter's lock for 200 ms, and the licence of some requires a separate
process. We always stop a worker with SIGKILL, and the operating system frees its memory and files.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

import trio

import callchart
from callchart.adapters.worker.pipes import Ready, Unable, Unpacker, packed
from callchart.engine.ports import ProviderError

_ROOT = Path(callchart.__file__).resolve().parents[1]
_CHUNK_BYTES = 65536  # the size of a pipe


class Worker:
    """One process, and the pipes to it. Create it with `start`, then call `run` or `aclose`.

    `provider` is the name in its errors."""

    def __init__(self, provider: str, process: trio.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._provider = provider
        self._process = process
        self._stdin, self._stdout = process.stdin, process.stdout
        self._unpacker = Unpacker()
        self._arrived: deque[object] = deque()
        self._post, self._posted = trio.open_memory_channel[object](math.inf)

    @classmethod
    async def start(cls, provider: str, module: str, *arguments: str) -> Worker:
        """Run `python -m module arguments` and wait until it is ready. Raises `ProviderError`.

        The module finds this program's packages from any current directory, and does not import
        files of the current directory."""
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        process = await trio.lowlevel.open_process(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # One thread: our numpy arrays are too small for more, and each thread costs memory.
            env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        )
        worker = cls(provider, process)
        ready = False
        try:
            match await worker._receive():
                case Ready():
                    ready = True
                case Unable(reason, cure):
                    raise ProviderError(provider, reason, cure)
                case _:
                    raise await worker._exit_error()
        finally:
            if not ready:
                await worker.aclose()
        return worker

    @property
    def alive(self) -> bool:
        """True while the process runs."""
        return self._process.poll() is None

    def post(self, message: object) -> None:
        """Queue a message; messages are sent in order. A message to a dead process is lost."""
        self._post.send_nowait(message)

    async def run(self, on_message: Callable[[object], None]) -> ProviderError:
        """Send the posted messages, and call `on_message` with each answer.

        Return the reason when the process has exited. A cancellation kills the process."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                while (message := await self._receive()) is not None:
                    on_message(message)
                nursery.cancel_scope.cancel()
            return await self._exit_error()
        finally:
            await self.aclose()

    async def _write(self) -> None:
        try:
            async for message in self._posted:
                await self._stdin.send_all(packed(message))
        except trio.BrokenResourceError:
            pass  # the process has exited, and `run` reads the end of its output

    async def _receive(self) -> object | None:
        """Return the next message, or None once the process has exited."""
        while not self._arrived:
            data = await self._stdout.receive_some(_CHUNK_BYTES)
            if not data:
                return None
            self._arrived.extend(self._unpacker.unpack(data))
        return self._arrived.popleft()

    async def _exit_error(self) -> ProviderError:
        """Wait for the process, whose output has ended, and return an error with the reason."""
        code = await self._process.wait()
        how = (
            f"was killed by {signal.Signals(-code).name}"
            if code < 0
            else f"exited with code {code}"
        )
        return ProviderError(self._provider, f"its process {how}", "try again")

    async def aclose(self) -> None:
        """Kill the process, wait for it, and close the pipes.

        `run` does this at its end; call it for a worker that is not run."""
        self._process.kill()
        with trio.CancelScope(shield=True):  # a killed process is gone within milliseconds
            await self._process.wait()
            await self._stdin.aclose()
            await self._stdout.aclose()
