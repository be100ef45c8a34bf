"""The pytest plugin: a telephone as a fixture, a clock that jumps, failures that repeat.

Tests that use `telephone` or `make_telephone` run on a virtual clock. Every test runs under a
schedule that `--callchart-seed` settles. Those that use `story` tell one, which then happens under
many schedules. A failure's report holds the journal of each call, the seed, and the line that
repeats it.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Generator, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from callchart.engine.chart import Chart
from callchart.engine.journal import JournalFile
from callchart.engine.testing import schedule
from callchart.engine.testing.path_diff import short_name
from callchart.engine.testing.questions import states
from callchart.engine.testing.story import Teller, tell
from callchart.engine.testing.telephone import Telephone

MakeTelephone = Callable[..., Telephone]

_TELEPHONES = pytest.StashKey[list[Telephone]]()

#: Under how many schedules a story happens unless the command line says otherwise.
SCHEDULES = 12
#: What a test's property of that name says.
COURSES = "courses of a story"


def _at_least_one(text: str) -> int:
    """A number of schedules: under none, a story would pass that never happened."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text}: write a number, 1 or more")
    return int(text)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("callchart")
    group.addoption(
        "--callchart-seed",
        type=int,
        default=0,
        metavar="N",
        help="settles the order in which tasks run that are ready at once, and each call's seed",
    )
    group.addoption(
        "--callchart-schedules",
        type=_at_least_one,
        default=SCHEDULES,
        metavar="N",
        help="under how many schedules each story happens; more than the default's are reported",
    )
    group.addoption(
        "--callchart-journals",
        type=Path,
        metavar="DIR",
        help="where to save the journals of the calls of tests that fail",
    )
    parser.addini(
        "callchart_chart",
        "the chart that `telephone` calls, as module:NAME",
        default="callchart.states:CHART",
    )


def pytest_configure(config: pytest.Config) -> None:
    for marker in (
        "call(**kwargs): what `telephone` is made with: chart, settings, scripts, ... (see "
        "callchart.engine.testing.telephone.Telephone)",
        "schedules(n): run the test under n schedules that follow the seed",
    ):
        config.addinivalue_line("markers", marker)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if marker := metafunc.definition.get_closest_marker("schedules"):
        schedules = range(*marker.args)
        if not schedules:
            wrong = f"schedules({schedules.stop}): write a number, 1 or more"
            pytest.fail(f"{metafunc.definition.nodeid}: {wrong}", pytrace=False)
        metafunc.fixturenames.append("callchart_schedule")
        metafunc.parametrize("callchart_schedule", schedules, ids=lambda n: f"s{n}")


# Before pytest-trio marks every async test with its own runner: the first one counts.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "make_telephone" in fixtures:
            item.add_marker(pytest.mark.trio(run=schedule.run))
        elif "story" in fixtures:
            # The teller runs within a run of its own for each schedule.
            item.obj = _told(item.obj)  # type: ignore[attr-defined]


def _told(teller: Callable[..., Any]) -> Callable[..., None]:
    @wraps(teller)
    def test(*, story: Callable[[Teller], None], **others: Any) -> None:
        story(lambda told: teller(story=told, **others))

    return test


def _seed(item: pytest.Item) -> int:
    """The seed of a test: what the command line says, and its schedule's number behind that."""
    given: int = item.config.option.callchart_seed
    callspec = getattr(item, "callspec", None)
    return given + (callspec.params.get("callchart_schedule", 0) if callspec else 0)


@pytest.fixture
def make_telephone(request: pytest.FixtureRequest) -> MakeTelephone:
    """Makes telephones to other charts or with other settings: `async with make_telephone(...)`.

    Takes what `Telephone` takes; what it is not given comes from the marker `call`, or is the
    default chart and the test's seed."""
    telephones = request.node.stash.setdefault(_TELEPHONES, [])

    def make(**given: Any) -> Telephone:
        telephone = _telephone(request.node, given)
        telephones.append(telephone)
        return telephone

    return make


def _telephone(item: pytest.Item, given: dict[str, Any]) -> Telephone:
    arguments: dict[str, Any] = {"seed": _seed(item)}
    for marker in reversed(list(item.iter_markers("call"))):
        arguments.update(marker.kwargs)
    arguments.update(given)
    chart: Chart = arguments.pop("chart", None) or default_chart(item.config)
    return Telephone(chart, **arguments)


@pytest.fixture
def callchart_seed(request: pytest.FixtureRequest) -> int:
    """The test's seed, for what draws its own luck from it."""
    return _seed(request.node)


@pytest.fixture
def story(request: pytest.FixtureRequest) -> Callable[[Teller], None]:
    """In an async test, a `Story`: the test tells it, `--callchart-schedules`
    times, each time under another schedule. Its telephone is made as `make_telephone` makes it."""

    def make() -> Telephone:
        telephone = _telephone(request.node, {})
        request.node.stash[_TELEPHONES] = [telephone]  # of the last schedule alone
        return telephone

    def told(teller: Teller) -> None:
        count, seed = request.config.option.callchart_schedules, _seed(request.node)
        courses = tell(teller, make, schedules=count, seed=seed)
        summary = f"{courses.distinct} distinct journals of {courses.schedules} schedules"
        request.node.user_properties.append((COURSES, summary))

    return told


@pytest.fixture
def telephone(make_telephone: MakeTelephone) -> Telephone:
    """A telephone to the chart; at the test's end its call is ended and its invariants checked."""
    return make_telephone()


def default_chart(config: pytest.Config) -> Chart:
    """The chart that the ini option `callchart_chart` names."""
    module, _, name = config.getini("callchart_chart").partition(":")
    chart = getattr(importlib.import_module(module), name)
    if not isinstance(chart, Chart):
        raise pytest.UsageError(
            f"callchart_chart: {module}:{name} is no callchart.engine.chart.Chart"
        )
    return chart


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """How many courses each story took, where more schedules were asked for than the default's."""
    if config.option.callchart_schedules <= SCHEDULES:
        return
    for report in terminalreporter.getreports("passed"):
        for name, summary in report.user_properties:
            if name == COURSES and report.when == "call":
                terminalreporter.write_line(f"{summary}: {report.nodeid}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    if telephone := getattr(item, "funcargs", {}).get("telephone"):
        # Within the test itself: what its call breaks at the end is its own failure.
        item.obj = _with_call(item.obj, telephone)  # type: ignore[attr-defined]
    schedule.settle(_seed(item))
    return (yield)


def _with_call(test: Callable[..., Any], telephone: Telephone) -> Callable[..., Any]:
    if not inspect.iscoroutinefunction(test):
        pytest.fail("a test on the telephone waits for it: write `async def`", pytrace=False)

    @wraps(test)
    async def call(**arguments: Any) -> None:
        __tracebackhide__ = True
        async with telephone:
            await test(**arguments)

    return call


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    telephones = item.stash.get(_TELEPHONES, [])
    if report.when != "call" or not report.failed or not telephones:
        return report
    directory: Path | None = item.config.getoption("--callchart-journals")
    for number, telephone in enumerate(telephones, 1):
        if telephone.steps:
            names = [short_name(telephone.chart, leaf) for leaf in states(telephone.steps)]
            report.sections.append((f"states of call {number}", _wrapped(names)))
        if len(telephone.journal.lines) > 1:
            report.sections.append((f"journal of call {number}", telephone.readable_journal()))
        if directory is not None and telephone.journal.lines:
            report.sections.append(
                (f"saved journal of call {number}", _save(telephone, directory, item, number))
            )
    given = item.config.getoption("--callchart-seed")
    again = f"pytest '{item.nodeid}' --callchart-seed {given}"
    schedules = item.config.option.callchart_schedules
    if "story" in getattr(item, "fixturenames", ()) and schedules != SCHEDULES:
        again += f" --callchart-schedules {schedules}"
    report.sections.append(
        (
            f"seed {given}",
            f"to repeat it: {again}",
        )
    )
    return report


def _wrapped(names: Sequence[str]) -> str:
    return textwrap.fill(" -> ".join(names), 80, break_long_words=False, break_on_hyphens=False)


def _save(telephone: Telephone, directory: Path, item: pytest.Item, number: int) -> str:
    complaints: list[str] = []
    name = re.sub(r"[^\w.-]+", "-", item.nodeid).strip("-")
    path = directory / f"{name}.{number}.jsonl"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        journal = JournalFile(path, complaints.append)
    except OSError as error:
        return f"{path}: {error.strerror}"
    for line in telephone.journal.lines:
        journal.write(line)
    journal.close()
    return "\n".join([str(path), *complaints])
