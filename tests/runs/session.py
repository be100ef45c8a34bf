"""A pytest that has collected all tests, asked from outside to run some of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.runs.forks import END, Order

#: What runs a module.
PLAIN = (sys.executable, "-m")


@dataclass(frozen=True, slots=True)
class Ran:
    """What pytest said of an order, its last line, and how much CPU it took (s)."""

    said: str
    passed: bool
    summary: str
    cpu: str


@dataclass(frozen=True, slots=True)
class Session:
    """Forks for each order; several at once, each from a thread of its own."""

    orders: socket.socket
    log: Path

    def run(self, order: Order) -> Ran:
        """Run these tests, and wait for the end."""
        reader, writer = os.pipe()
        socket.send_fds(self.orders, [order.packed()], [writer])
        os.close(writer)
        said, end = [], ""
        with open(reader, errors="replace") as pipe:
            # Not to the end: a process that a test left behind may hold the pipe open.
            for line in pipe:
                if line.startswith(END):
                    end = line.removeprefix(END)
                    break
                said.append(line)
        text = "".join(said).rstrip()
        code, _, cpu = end.strip().partition(" ")
        return Ran(
            text or self.log.read_text(),
            code == "0",
            text.rpartition("\n")[2] or "it ended without a word",
            cpu,
        )


@contextmanager
def collected(
    folder: Path,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] = os.environ,
    python: Sequence[str] = PLAIN,
) -> Iterator[Session]:
    """A session with these arguments of pytest. `folder` takes its log and what its tests write;
    `python` is what runs a module."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    log = folder / "pytest.log"
    variables = {
        **environment,
        "OPENBLAS_NUM_THREADS": "1",  # a fork has none of its parent's threads
        "PYTEST_DEBUG_TEMPROOT": str(folder),
    }
    with ours, log.open("w") as output:
        process = subprocess.Popen(
            [*python, "tests.runs.forks", str(theirs.fileno()), *arguments],
            env=variables,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        theirs.close()
        with process:
            yield Session(ours, log)
            ours.close()
