"""The pytest plugin: a telephone as a fixture, a virtual clock, and failures that can be repeated.

Tests with `telephone` or `make_telephone` run on a virtual clock. The seed of a test, from
`--callchart-seed`, gives the order of its tasks. A test with `story` runs under many schedules. The
report of a failure shows the states and the journal of each call, the seed, and the command that
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

from callchart.engine.chart import Chart, ChartError
from callchart.engine.did_you_mean import did_you_mean
from callchart.engine.journal import JournalFile
from callchart.engine.settings import SettingError
from callchart.engine.testing import schedule
from callchart.engine.testing.path_diff import names_with_keys
from callchart.engine.testing.story import Teller, tell
from callchart.engine.testing.telephone import Telephone

MakeTelephone = Callable[..., Telephone]

_TELEPHONES = pytest.StashKey[list[Telephone]]()

#: The default number of schedules of a story.
SCHEDULES = 12
#: The name of the test property with the summary of a story.
COURSES = "courses of a story"
#: The warnings about a coroutine without `await`: Python's, and pytest's if that is an error.
NEVER_AWAITED = (
    "coroutine .* was never awaited:RuntimeWarning",
    "Exception ignored in. <coroutine object:pytest.PytestUnraisableExceptionWarning",
)


def _at_least_one(text: str) -> int:
    """Return the number of schedules. Refuse 0: a story that never happens would pass."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"must be a number, 1 or more, got {text}")
    return int(text)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("callchart")
    group.addoption(
        "--callchart-seed",
        type=int,
        default=0,
        metavar="N",
        help="the seed of the order in which ready tasks run, and of each call",
    )
    group.addoption(
        "--callchart-schedules",
        type=_at_least_one,
        default=SCHEDULES,
        metavar="N",
        help="the number of schedules of each story; above the default, they are reported",
    )
    group.addoption(
        "--callchart-journals",
        type=Path,
        metavar="DIR",
        help="the folder for the journals of calls of failed tests",
    )
    parser.addini(
        "callchart_chart",
        "the chart of `telephone`, as module:NAME",
        default="callchart.states:CHART",
    )


def pytest_configure(config: pytest.Config) -> None:
    for marker in (
        "call(**kwargs): the arguments of `telephone`: chart, settings, scripts, ... (see "
        "callchart.engine.testing.telephone.Telephone)",
        "schedules(n): run the test under n schedules that follow the seed",
    ):
        config.addinivalue_line("markers", marker)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if marker := metafunc.definition.get_closest_marker("schedules"):
        schedules = range(*marker.args)
        if not schedules:
            wrong = f"schedules(n): n must be 1 or more, got {schedules.stop}"
            pytest.fail(f"{metafunc.definition.nodeid}: {wrong}", pytrace=False)
        metafunc.fixturenames.append("callchart_schedule")
        metafunc.parametrize("callchart_schedule", schedules, ids=lambda n: f"s{n}")


# `tryfirst`: pytest-trio marks every async test with its own runner, and the first mark counts.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "make_telephone" in fixtures or "story" in fixtures:
            # A verb without `await` does nothing, and the test would pass.
            for warning in NEVER_AWAITED:
                item.add_marker(pytest.mark.filterwarnings(f"error:{warning}"))
        if "make_telephone" in fixtures:
            item.add_marker(pytest.mark.trio(run=schedule.run))
        elif "story" in fixtures:
            # The test runs in its own Trio run for each schedule.
            item.obj = _told(item.obj)  # type: ignore[attr-defined]


def _told(teller: Callable[..., Any]) -> Callable[..., None]:
    @wraps(teller)
    def test(*, story: Callable[[Teller], None], **others: Any) -> None:
        __tracebackhide__ = True
        _check_async(teller, "story")
        story(lambda told: teller(story=told, **others))

    return test


def _seed(item: pytest.Item) -> int:
    """Return the test's seed: the seed of the command line plus the number of its schedule."""
    given: int = item.config.option.callchart_seed
    callspec = getattr(item, "callspec", None)
    return given + (callspec.params.get("callchart_schedule", 0) if callspec else 0)


@pytest.fixture
def make_telephone(request: pytest.FixtureRequest) -> MakeTelephone:
    """A function that makes telephones: `async with make_telephone(...)`.

    It takes the arguments of `Telephone`, such as another chart or other settings. Without them,
    the marker `call` counts, then the default chart and the test's seed."""
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
    known = inspect.signature(Telephone).parameters
    for name in arguments:
        if name not in known:
            pytest.fail(
                f"@pytest.mark.call must have arguments of Telephone, got {name}"
                f"{did_you_mean(name, known)}",
                pytrace=False,
            )
    chart: Chart = arguments.pop("chart", None) or default_chart(item.config)
    return Telephone(chart, **arguments)


@pytest.fixture
def callchart_seed(request: pytest.FixtureRequest) -> int:
    """The test's seed, for its own random generators."""
    return _seed(request.node)


@pytest.fixture
def story(request: pytest.FixtureRequest) -> Callable[[Teller], None]:
    """A `Story` for an async test, which runs under `--callchart-schedules` schedules.

    Its telephone has the same arguments as that of `telephone`."""

    def make() -> Telephone:
        telephone = _telephone(request.node, {})
        request.node.stash[_TELEPHONES] = [telephone]  # only that of the last schedule
        return telephone

    def told(teller: Teller) -> None:
        count, seed = request.config.option.callchart_schedules, _seed(request.node)
        courses = tell(teller, make, schedules=count, seed=seed)
        summary = f"{courses.distinct} distinct journals of {courses.schedules} schedules"
        request.node.user_properties.append((COURSES, summary))

    return told


@pytest.fixture
def telephone(make_telephone: MakeTelephone) -> Telephone:
    """A telephone to the chart. At the end of the test the call ends, and is checked."""
    try:
        return make_telephone()
    except (ChartError, SettingError) as error:
        pytest.fail(str(error), pytrace=False)


def default_chart(config: pytest.Config) -> Chart:
    """Return the chart that the ini option `callchart_chart` names."""
    named: str = config.getini("callchart_chart")
    module_name, colon, name = named.partition(":")
    wrong = f"the ini option callchart_chart must name a Chart, got {named!r}"
    if not (module_name and colon and name):
        pytest.fail(f"{wrong}: write MODULE:NAME", pytrace=False)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        pytest.fail(f"{wrong}: {error}", pytrace=False)
    chart = getattr(module, name, None)
    if chart is None:
        pytest.fail(wrong + did_you_mean(name, dir(module)), pytrace=False)
    if not isinstance(chart, Chart):
        pytest.fail(f"{wrong}, a {type(chart).__name__}", pytrace=False)
    return chart


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Report the distinct journals of each story, if it had more schedules than the default."""
    if config.option.callchart_schedules <= SCHEDULES:
        return
    for report in terminalreporter.getreports("passed"):
        for name, summary in report.user_properties:
            if name == COURSES and report.when == "call":
                terminalreporter.write_line(f"{summary}: {report.nodeid}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    if telephone := getattr(item, "funcargs", {}).get("telephone"):
        # Run the end of the call within the test, so that a broken invariant fails the test.
        _check_async(item.obj, "telephone")  # type: ignore[attr-defined]
        item.obj = _with_call(item.obj, telephone)  # type: ignore[attr-defined]
    elif "make_telephone" in getattr(item, "fixturenames", ()):
        _check_async(item.obj, "make_telephone")  # type: ignore[attr-defined]
    schedule.settle(_seed(item))
    return (yield)


def _check_async(test: Callable[..., Any], fixture: str) -> None:
    # A property test is sync outside, and hypothesis calls the async test within it.
    if not inspect.iscoroutinefunction(test) and not hasattr(test, "hypothesis"):
        pytest.fail(f"a test with `{fixture}` must be async: write `async def`", pytrace=False)


def _with_call(test: Callable[..., Any], telephone: Telephone) -> Callable[..., Any]:
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
            names = names_with_keys(telephone.chart, telephone.steps)
            report.sections.append((f"states of call {number}", _wrapped(names)))
        if len(telephone.journal.lines) > 1:
            report.sections.append((f"journal of call {number}", telephone.readable_journal()))
        if directory is not None and telephone.journal.lines:
            report.sections.append(
                (f"saved journal of call {number}", _save(telephone, directory, item, number))
            )
    given = item.config.getoption("--callchart-seed")
    command = f"pytest '{item.nodeid}' --callchart-seed {given}"
    schedules = item.config.option.callchart_schedules
    if "story" in getattr(item, "fixturenames", ()) and schedules != SCHEDULES:
        command += f" --callchart-schedules {schedules}"
    report.sections.append(
        (
            f"seed {given}",
            f"to repeat it: {command}",
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
