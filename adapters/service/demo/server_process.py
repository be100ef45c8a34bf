"""A server of the demo's in a process of its own: how it is started, and what it tells of itself.

It is a worker (`adapters.worker`) that is asked over a socket instead of its pipe; the pipe tells
the port, and each request that came; its end is the server's end."""

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
    """A port of 127.0.0.1 takes requests from now on."""

    port: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A request came, for this method."""

    method: str


class Serve(Protocol):
    """A server's job: serves until it is cancelled, and tells `asked` the method of each request.

    For `nursery.start`, which answers with the port. Raises `ProviderError`, also in groups, where
    it cannot begin."""

    async def __call__(
        self, asked: Callable[[str], None], *, task_status: trio.TaskStatus[int]
    ) -> None: ...


class ServerProcess:
    """A server that is up. Made by `started`.

    `asked`: how often which method was asked for."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: Counter[str] = Counter()
        self._listening = trio.Event()

    @classmethod
    @asynccontextmanager
    async def started(cls, name: str, module: str, *arguments: str) -> AsyncIterator[Self]:
        """`python -m module arguments`, for as long as the block; `name` is what its errors carry.

        Raises `ProviderError`; in a group, and out of the block, where the server dies later."""
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
    """In the server's process: serves until its owner is gone."""
    owner = Owner()
    # Nothing comes through the pipe but its end, which ends the process.
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
