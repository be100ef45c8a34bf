"""The process of echo_server.py, which a test can start, stop, kill and restart on its port."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from callchart.adapters.grpc.dial import Address
from tests.adapters.grpc.messages import Caller, ask


class EchoServer:
    """An echo server in a process of its own. Create it with `running`."""

    def __init__(self, options: dict[str, int], files: tuple[str, ...]) -> None:
        self._options, self._files = options, files
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @classmethod
    @contextmanager
    def running(cls, options: dict[str, int] | None = None, *files: str) -> Iterator[EchoServer]:
        """Run a server with gRPC's `options`, and with TLS if `files` are a key and its chain."""
        server = cls(options or {}, files)
        server.start()
        try:
            yield server
        finally:
            server.kill()

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.port)

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.adapters.grpc.echo_server", str(self.port)]
        self._process = subprocess.Popen(
            [*command, json.dumps(self._options), *self._files], stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def stop(self) -> None:
        """Let the server refuse new calls, and exit after its open calls have ended."""
        assert self._process is not None
        self._process.terminate()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


async def hanging(caller: Caller) -> int:
    """Return the number of open calls of Hang at the server."""
    ((counted),) = await ask(caller, "Count")
    return int(counted.split()[0])


async def until_none_hangs(caller: Caller) -> None:
    """Wait until the server has no open calls of Hang. The test limits the time."""
    while await hanging(caller):
        await trio.lowlevel.checkpoint()
