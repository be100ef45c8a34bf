"""pytest that collects once, and then runs what it is asked to in forks of itself.

To import and collect all tests costs more than many of them: a collected session waits for orders
on a socket and forks for each. The fork keeps the tests that are wanted, and goes on as the
ordinary pytest that it is, with its output in the pipe that came with the order.

    python -m tests.flakes.forks FD     # FD is this side of a Unix socket
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys
from collections.abc import Generator, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import pytest

#: The last line of a fork's output; behind it are pytest's exit code and the seconds of CPU that it
#: and its processes took.
END = "pytest ended: "

#: Under how many schedules a story happens in each run.
SCHEDULES = 20

_ORDER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Selection:
    """Tests by their markers and their place: what `pytest -m` and its arguments say."""

    marked: Sequence[str] = ()
    unmarked: Sequence[str] = ()
    where: str = "tests"
    elsewhere: str | None = None

    @property
    def arguments(self) -> list[str]:
        """For a pytest that collects them itself."""
        expression = " and ".join([*self.marked, *(f"not {name}" for name in self.unmarked)])
        ignored = [f"--ignore={self.elsewhere}"] if self.elsewhere else []
        return ["-m", expression, *ignored, self.where]

    def has(self, item: pytest.Item) -> bool:
        """Is it one of them?"""
        place = item.path.relative_to(item.config.rootpath)
        return (
            # Of a test that has schedules of its own the first: the seeds are schedules as well.
            not _schedule(item)
            and all(item.get_closest_marker(name) for name in self.marked)
            and not any(item.get_closest_marker(name) for name in self.unmarked)
            and place.is_relative_to(self.where)
            and not (self.elsewhere and place.is_relative_to(self.elsewhere))
        )


def _schedule(item: pytest.Item) -> int:
    callspec = getattr(item, "callspec", None)
    schedule: int = callspec.params.get("callchart_schedule", 0) if callspec else 0
    return schedule


@dataclass(frozen=True, slots=True)
class Order:
    """Run these tests under this seed, with this niceness.

    `cases`: of a test that has more of them, so many take their turn."""

    selection: Selection
    seed: int
    niceness: int = 0
    cases: int | None = None

    def packed(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpacked(cls, data: bytes) -> Self:
        order = json.loads(data)
        return cls(Selection(**order.pop("selection")), **order)

    def select(self, items: Iterable[pytest.Item]) -> list[pytest.Item]:
        """Of all tests these, in their order."""
        tests: dict[str, list[pytest.Item]] = {}
        for item in items:
            if self.selection.has(item):
                tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
        return [item for cases in tests.values() for item in self._in_turn(cases)]

    def _in_turn(self, cases: Sequence[pytest.Item]) -> Sequence[pytest.Item]:
        if self.cases is None or len(cases) <= self.cases:
            return cases
        first = self.seed * self.cases % len(cases)
        return [*cases, *cases][first : first + self.cases]


class Forks:
    """The plugin: between collecting and running stands the wait for orders."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self.forked = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        order = self._next_order()
        session.items = order.select(session.items) if order else []
        session.testscollected = len(session.items)
        if order:
            _settle(session, order)
        return (yield)

    def _next_order(self) -> Order | None:
        """In each fork the order that it is for; in the session that forks None, in the end."""
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a fork: its pipe tells
        while True:
            data, pipes, _, _ = socket.recv_fds(self._orders, _ORDER_BYTES, 1)
            if not data:
                return None
            sys.stdout.flush()
            if os.fork() == 0:
                break
            os.close(pipes[0])
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.forked = True
        self._orders.close()
        for descriptor in (1, 2):
            os.dup2(pipes[0], descriptor)
        os.close(pipes[0])
        return Order.unpacked(data)


def _settle(session: pytest.Session, order: Order) -> None:
    import hypothesis  # pytest is to import it first: it rewrites the assertions of its plugins

    os.nice(order.niceness)
    random.seed(order.packed())  # two runs of one seed do not choose the same port
    session.config.option.callchart_seed = order.seed
    session.config.option.callchart_schedules = SCHEDULES
    for item in session.items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            hypothesis.seed(order.seed)(item.function)  # type: ignore[attr-defined]


def main() -> None:
    forks = Forks(socket.socket(fileno=int(sys.argv[1])))
    code = pytest.main(
        # Descriptors stay as they are: a fork's output goes where they lead.
        ["-q", "-p", "no:cacheprovider", "--capture=sys", "--hypothesis-profile=flakes", "tests"],
        plugins=[forks],
    )
    if forks.forked:
        print(f"{END}{int(code)} {sum(os.times()[:4]):.0f}", flush=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
