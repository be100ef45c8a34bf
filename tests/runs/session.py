"""The other side of `forks`: it starts a pytest that collects all tests, and orders runs from
it."""

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

#: The command that runs a module.
PLAIN = (sys.executable, "-m")


@dataclass(frozen=True, slots=True)
class Ran:
    """The result of an order: pytest's output, its last line, and the CPU that it used (s)."""

    output: str
    passed: bool
    summary: str
    cpu: str


@dataclass(frozen=True, slots=True)
class Session:
    """A collected pytest. Threads may run several orders at the same time."""

    orders: socket.socket
    log: Path

    def run(self, order: Order) -> Ran:
        """Run the tests of `order` in a fork, and wait for its end."""
        reader, writer = os.pipe()
        socket.send_fds(self.orders, [order.packed()], [writer])
        os.close(writer)
        output, end = [], ""
        with open(reader, errors="replace") as pipe:
            # Stop at the last line: a process that a test left behind may hold the pipe open.
            for line in pipe:
                if line.startswith(END):
                    end = line.removeprefix(END)
                    break
                output.append(line)
        text = "".join(output).rstrip()
        code, _, cpu = end.strip().partition(" ")
        return Ran(
            text or self.log.read_text(),
            code == "0",
            text.rpartition("\n")[2] or "pytest ended without a summary",
            cpu,
        )


@contextmanager
def collected(
    folder: Path,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] = os.environ,
    python: Sequence[str] = PLAIN,
) -> Iterator[Session]:
    """Start a session with these arguments of pytest, for the duration of the block.

    `folder` holds its log and the files that its tests write; `python` is the command that runs a
    module."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    log = folder / "pytest.log"
    variables = {
        **environment,
        "OPENBLAS_NUM_THREADS": "1",  # a fork does not inherit its parent's threads
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
