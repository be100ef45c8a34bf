"""pytest that collects once, and then runs what it is asked to in forks of itself.

To import and collect all tests costs more than many of them: a collected session waits for orders
on a socket and forks for each. The fork keeps the tests that are wanted, and goes on as the
ordinary pytest that it is, with its output in the pipe that came with the order.

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

#: The last line of a fork's output; behind it are pytest's exit code and the seconds of CPU that it
#: and its processes took.
END = "pytest ended: "

_ORDER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Selection:
    """Tests by their markers and their places: what `pytest -m` and its arguments say."""

    marked: Sequence[str] = ()
    unmarked: Sequence[str] = ()
    where: Sequence[str] = ("tests",)
    elsewhere: Sequence[str] = ()

    @property
    def arguments(self) -> list[str]:
        """For a pytest that collects them itself."""
        expression = " and ".join([*self.marked, *(f"not {name}" for name in self.unmarked)])
        return ["-m", expression, *(f"--ignore={place}" for place in self.elsewhere), *self.where]

    def has(self, item: pytest.Item) -> bool:
        """Is it one of them?"""
        place = item.path.relative_to(item.config.rootpath)
        return (
            all(item.get_closest_marker(name) for name in self.marked)
            and not any(item.get_closest_marker(name) for name in self.unmarked)
            and any(place.is_relative_to(where) for where in self.where)
            and not any(place.is_relative_to(elsewhere) for elsewhere in self.elsewhere)
        )


@dataclass(frozen=True, slots=True)
class Settled:
    """What else is luck is settled by a seed.

    `schedules`: under so many does a story happen. `cases`: of a test that has more of them, so
    many take their turn."""

    seed: int
    schedules: int
    cases: int


@dataclass(frozen=True, slots=True)
class Order:
    """Run these tests, with this niceness. Not `measured`: without coverage."""

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
        """Of all tests these, in their order."""
        wanted = [item for item in items if self.selection.has(item)]
        if self.settled is None:
            return wanted
        tests: dict[str, list[pytest.Item]] = {}
        for item in wanted:
            # Of a test that has schedules of its own the first: the seeds are schedules as well.
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
    """The plugin: between collecting and running stands the wait for orders."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self.forked = False
        #: What measures this fork, if it is to be measured and anything does.
        self.measured: coverage.Coverage | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        if coverage.Coverage.current() is None:  # under which it would take three times as long
            _work_ahead(session)
        order = self._next_order()
        session.items = order.select(session.items) if order else []
        session.testscollected = len(session.items)
        if order:
            self._begin(session, order)
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

    def _begin(self, session: pytest.Session, order: Order) -> None:
        os.nice(order.niceness)
        random.seed(order.packed())  # two runs of one seed do not choose the same port
        measuring = coverage.Coverage.current()
        if order.measured:
            self.measured = measuring
        elif measuring:
            measuring.stop()
        if order.settled:
            _settle(session, order.settled)


def _work_ahead(session: pytest.Session) -> None:
    """Do once what each fork would do: a module names such functions, whose results it keeps."""
    modules = {item.module for item in session.items if isinstance(item, pytest.Function)}
    for module in modules:
        for work in getattr(module, "WORK_AHEAD", ()):
            work()
    gc.freeze()  # no fork's collector is to walk it, and so to copy it


def _settle(session: pytest.Session, settled: Settled) -> None:
    import hypothesis  # pytest is to import it first: it rewrites the assertions of its plugins

    session.config.option.callchart_seed = settled.seed
    session.config.option.callchart_schedules = settled.schedules
    for item in session.items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            hypothesis.seed(settled.seed)(item.function)  # type: ignore[attr-defined]


def main() -> None:
    forks = Forks(socket.socket(fileno=int(sys.argv[1])))
    code = pytest.main(
        # Descriptors stay as they are: a fork's output goes where they lead.
        ["-q", "-p", "no:cacheprovider", "--capture=sys", *sys.argv[2:], "tests"],
        plugins=[forks],
    )
    if forks.forked:
        if forks.measured:
            forks.measured.stop()
            forks.measured.save()
        print(f"{END}{int(code)} {sum(os.times()[:4]):.0f}", flush=True)
        os._exit(code)  # what runs at the end of a process is the session's to run
    sys.exit(code)


if __name__ == "__main__":
    main()
