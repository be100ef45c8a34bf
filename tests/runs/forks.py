"""A pytest that collects all tests once, and runs a selection of them in each of its forks.

To import and collect all tests costs more than to run many of them. Therefore a collected session
waits for orders on a socket and forks for each order. The fork keeps the selected tests and goes on
as an ordinary pytest; its output goes to the pipe that came with the order.

    python -m tests.runs.forks FD [PYTEST'S ARGUMENTS]     # FD is this side of a Unix socket
"""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import socket
import sys
from collections.abc import Generator, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import coverage
import pytest

#: The beginning of the last line of a fork's output. Pytest's exit code follows, and the CPU
#: seconds that the fork and its processes used.
END = "pytest ended: "

_ORDER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection of tests by markers and paths, as in the arguments of pytest."""

    marked: Sequence[str] = ()
    unmarked: Sequence[str] = ()
    paths: Sequence[str] = ("tests",)
    ignored_paths: Sequence[str] = ()

    @property
    def arguments(self) -> list[str]:
        """The arguments of an ordinary pytest that runs the same tests."""
        expression = " and ".join([*self.marked, *(f"not {name}" for name in self.unmarked)])
        return ["-m", expression, *(f"--ignore={path}" for path in self.ignored_paths), *self.paths]

    def has(self, item: pytest.Item) -> bool:
        """Return True if the selection has `item`."""
        place = item.path.relative_to(item.config.rootpath)
        return (
            all(item.get_closest_marker(name) for name in self.marked)
            and not any(item.get_closest_marker(name) for name in self.unmarked)
            and any(place.is_relative_to(path) for path in self.paths)
            and not any(place.is_relative_to(path) for path in self.ignored_paths)
        )


@dataclass(frozen=True, slots=True)
class Settled:
    """A seed that fixes everything that is otherwise random.

    `schedules` is the number of schedules of a story, `cases` the most cases of one test in one
    run."""

    seed: int
    schedules: int
    cases: int


@dataclass(frozen=True, slots=True)
class Order:
    """The tests of one fork, its niceness, and whether coverage is measured."""

    selection: Selection
    niceness: int = 0
    measured: bool = False
    settled: Settled | None = None

    def packed(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpacked(cls, data: bytes) -> Self:
        order = json.loads(data)
        settled = order.pop("settled")
        return cls(
            Selection(**order.pop("selection")),
            settled=Settled(**settled) if settled else None,
            **order,
        )

    def select(self, items: Iterable[pytest.Item]) -> list[pytest.Item]:
        """Return the selected tests of `items`, in their order."""
        wanted = [item for item in items if self.selection.has(item)]
        if self.settled is None:
            return wanted
        tests: dict[str, list[pytest.Item]] = {}
        for item in wanted:
            # Take only the first of a test's own schedules, because each seed is a schedule, too.
            if not _schedule(item):
                tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
        return [item for cases in tests.values() for item in _in_turn(cases, self.settled)]


def _schedule(item: pytest.Item) -> int:
    callspec = getattr(item, "callspec", None)
    schedule: int = callspec.params.get("callchart_schedule", 0) if callspec else 0
    return schedule


def _in_turn(cases: Sequence[pytest.Item], settled: Settled) -> Sequence[pytest.Item]:
    if len(cases) <= settled.cases:
        return cases
    first = settled.seed * settled.cases % len(cases)
    return [*cases, *cases][first : first + settled.cases]


class Forks:
    """The plugin that waits for orders after the collection, before the run."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self.forked = False
        #: The coverage of this fork, if its order is measured and coverage runs.
        self.measured: coverage.Coverage | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        # Under coverage this work would take three times as long.
        if coverage.Coverage.current() is None:
            _work_ahead(session)
        order = self._next_order()
        session.items = order.select(session.items) if order else []
        session.testscollected = len(session.items)
        if order:
            self._begin(session, order)
        return (yield)

    def _next_order(self) -> Order | None:
        """Return each fork's order in that fork, and finally None in the session that forks."""
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the pipe ends with the fork
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

    def _begin(self, session: pytest.Session, order: Order) -> None:
        os.nice(order.niceness)
        random.seed(order.packed())  # two runs of one seed must not choose the same port
        measuring = coverage.Coverage.current()
        if order.measured:
            self.measured = measuring
        elif measuring:
            measuring.stop()
        if order.settled:
            _settle(session, order.settled)


def _work_ahead(session: pytest.Session) -> None:
    """Do once what each fork would do: call the functions that modules list in `WORK_AHEAD`."""
    modules = {item.module for item in session.items if isinstance(item, pytest.Function)}
    for module in modules:
        for work in getattr(module, "WORK_AHEAD", ()):
            work()
    gc.freeze()  # a fork's collector would walk these objects, and so copy them


def _settle(session: pytest.Session, settled: Settled) -> None:
    import hypothesis  # import it here: pytest must import it first, to rewrite its assertions

    session.config.option.callchart_seed = settled.seed
    session.config.option.callchart_schedules = settled.schedules
    for item in session.items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            hypothesis.seed(settled.seed)(item.function)  # type: ignore[attr-defined]


def main() -> None:
    forks = Forks(socket.socket(fileno=int(sys.argv[1])))
    code = pytest.main(
        # pytest must not replace the descriptors: a fork's output goes where they lead.
        ["-q", "-p", "no:cacheprovider", "--capture=sys", *sys.argv[2:], "tests"],
        plugins=[forks],
    )
    if forks.forked:
        if forks.measured:
            forks.measured.stop()
            forks.measured.save()
        print(f"{END}{int(code)} {sum(os.times()[:4]):.0f}", flush=True)
        os._exit(code)  # exit handlers belong to the session, not to its forks
    sys.exit(code)


if __name__ == "__main__":
    main()
