"""A server of the demo in a process of its own.

The process is a worker (`adapters.worker`) with a socket for requests. Through its pipe it reports
its port and each request. It ends when the pipe closes."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Protocol, Self

import trio

from callchart.adapters.worker.pipes import Owner, Ready, Unable
from callchart.adapters.worker.process import Worker
from callchart.engine.exception_groups import first_leaf
from callchart.engine.ports import ProviderError


@dataclass(frozen=True, slots=True)
class Listening:
    """A message: the server takes requests at this port of 127.0.0.1."""

    port: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A message: a request for this method arrived."""

    method: str


class Serve(Protocol):
    """A function that serves until cancelled, and passes the method of each request to `asked`.

    For `nursery.start`, which returns the port. Raises `ProviderError`, also within groups, if the
    server cannot start."""

    async def __call__(
        self, asked: Callable[[str], None], *, task_status: trio.TaskStatus[int]
    ) -> None: ...


class ServerProcess:
    """A running server, from `started`. `asked` counts its requests by method."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: Counter[str] = Counter()
        self._listening = trio.Event()

    @classmethod
    @asynccontextmanager
    async def started(cls, name: str, module: str, *arguments: str) -> AsyncIterator[Self]:
        """Run `python -m module arguments` during the block; errors call it `name`.

        Raises `ProviderError`; in a group if the server dies during the block."""
        worker = await Worker.start(name, module, *arguments)
        server = cls()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server._run, worker)
            await server._listening.wait()
            yield server
            nursery.cancel_scope.cancel()

    async def _run(self, worker: Worker) -> None:
        raise await worker.run(self._received)

    def _received(self, message: object) -> None:
        match message:
            case Listening(port):
                self.port = port
                self._listening.set()
            case Asked(method):
                self.asked[method] += 1


def run_server(serve: Serve) -> None:
    """Serve in the server's process until its owner has ended."""
    owner = Owner()
    # The owner sends nothing. When its end of the pipe closes, this process ends.
    Thread(target=owner.receive, daemon=True).start()
    try:
        trio.run(_serve, owner, serve)
    except* ProviderError as failures:
        failure = first_leaf(failures)
        owner.send(Unable(f"{failure.provider}: {failure.reason}", failure.cure))


async def _serve(owner: Owner, serve: Serve) -> None:
    def asked(method: str) -> None:
        owner.send(Asked(method))

    async with trio.open_nursery() as nursery:
        port = await nursery.start(partial(serve, asked))
        owner.send(Ready())
        owner.send(Listening(port))
