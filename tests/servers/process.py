"""A test server in its own process, which tests start, command, kill and start again.

Commands go over HTTP on loopback, so a server may outlive a `trio.run`: a fixture starts it for a
whole module, and each test resets it."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, ClassVar, Self

import httpx2
import trio

from tests.servers.exchanges import OPEN, Asked

#: The ports of the servers. They are below the system's ephemeral ports, so that no other process
#: takes one during a restart.
PORTS = range(20000, 30000)

START_SECONDS = 20.0
READY = b"ready\n"


class ServerFailed(Exception):
    """A test server did not start, or a command failed."""


class ServerProcess:
    """One server. It keeps its ports over restarts."""

    #: The module that `python -m` runs. Its argument is the ports and options, as JSON.
    module: ClassVar[str]

    def __init__(self, **options: Any) -> None:
        self.http_port = free_port()
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    @asynccontextmanager
    async def started(cls, **options: Any) -> AsyncIterator[Self]:
        """Start a server, and kill it after the block."""
        server = cls(**options)
        try:
            await server.start()
            yield server
        finally:
            server.kill()

    @classmethod
    @contextmanager
    def running(cls, **options: Any) -> Iterator[Self]:
        """Do the same outside of Trio, for a fixture of a module or session."""
        server = cls(**options)
        try:
            trio.run(server.start)
            yield server
        finally:
            server.kill()

    @property
    def ports(self) -> dict[str, int]:
        return {"http": self.http_port}

    @property
    def url(self) -> str:
        """The URL of the HTTP server, without a path."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "it was not started"
        return self._process.pid

    async def start(self) -> None:
        """Start the process, and wait until it accepts requests. Raises `ServerFailed`."""
        task = json.dumps({"ports": self.ports, **self._options})
        self._process = subprocess.Popen(  # noqa: ASYNC220 (it outlives this trio.run)
            [sys.executable, "-m", self.module, task],
            stdin=subprocess.PIPE,  # the server exits when this closes, also if tests are killed
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        with trio.move_on_after(START_SECONDS):
            await trio.lowlevel.wait_readable(self._process.stdout)
            if os.read(self._process.stdout.fileno(), 100) == READY:
                return
        self.kill()
        raise ServerFailed(f"{self.module} did not start; see above")

    def kill(self) -> None:
        """Kill the process (SIGKILL)."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process = None

    async def restart(self) -> None:
        """Kill the process, and start another on the same ports, without scripts and requests."""
        self.kill()
        await self.start()

    async def reset(self) -> None:
        """Drop all scripts and the record of all requests."""
        await self.control("reset")

    async def asked(self, method: str | None = None) -> list[Asked]:
        """Return all requests since the last reset, or those for one method, in order."""
        asked = [Asked(**each) for each in await self.control("asked")]
        return [each for each in asked if method in (None, each.method)]

    async def ended(self, method: str | None = None) -> list[Asked]:
        """Return the requests as `asked` does, once all have ended.

        A server learns of an end a moment later than its client. Raises `trio.TooSlowError` after
        60 s."""
        with trio.fail_after(60):
            while True:
                asked = await self.asked(method)
                if not any(each.outcome == OPEN for each in asked):
                    return asked
                await trio.sleep(0.01)

    async def texts(self, method: str | None = None) -> list[str]:
        """Return the texts to speak, or the messages to the model, in order."""
        return [each.text for each in await self.asked(method)]

    async def open(self) -> int:
        """Return the number of requests in progress."""
        return sum(each.outcome == OPEN for each in await self.asked())

    async def until(
        self, *, open: int | None = None, asked: int | None = None, within: float = 10.0
    ) -> None:
        """Wait until `open` requests are open, and at least `asked` came.

        Raises `ServerFailed` after `within` seconds."""
        if not await self.control("wait", open=open, asked=asked, seconds=within):
            raise ServerFailed(f"timeout after {within:g} s: expected {open=} and {asked=}")

    async def control(self, do: str, **arguments: Any) -> Any:
        """Send a command, and return its result; see `http.control`."""
        # Plain HTTP on this machine needs no proxy, and no certificates, which take long to load.
        async with httpx2.AsyncClient(trust_env=False, verify=False, timeout=None) as client:
            answer = await client.post(f"{self.url}/control", json={"do": do, **arguments})
        if answer.status_code != 200:
            raise ServerFailed(answer.text)
        return answer.json()


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerFailed(f"no free port between {PORTS.start} and {PORTS.stop}")


def serve_until_parent_ends() -> None:
    """In the server's process, report the start, and exit with the parent process."""
    sys.stdout.buffer.write(READY)
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)
