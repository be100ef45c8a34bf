"""The demo's model server in a process of its own.

`server_process` runs it by `python -m`, with a file of answers as its argument."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import trio

from callchart.adapters.service.demo import model_server
from callchart.adapters.service.demo.answers import Answers
from callchart.adapters.service.demo.clock import RealClock
from callchart.adapters.service.demo.loopback import Loopback
from callchart.adapters.service.demo.server_process import run_server


async def serve(
    answers: Answers, asked: Callable[[str], None], *, task_status: trio.TaskStatus[int]
) -> None:
    """Serve as `server_process.Serve`, without reporting requests."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(model_server.serve, answers, Loopback(RealClock()))
        task_status.started(urlsplit(server.url).port or 0)


if __name__ == "__main__":
    run_server(partial(serve, Answers.read(Path(sys.argv[1]))))
