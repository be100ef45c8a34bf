"""A few dozen random calls, and the verdicts on wrong calls."""

from __future__ import annotations

import pytest
import trio
from rich.console import Console

from callchart.engine.activities import hear, play
from callchart.engine.chart import Chart
from callchart.engine.scene import Scene
from callchart.engine.testing import FakeVoiceDetectors
from callchart.engine.testing.sound import fake_sound
from callchart.states import CHART
from tests.soak.__main__ import main
from tests.soak.tally import Tally
from tests.soak.verdict import CallVerdict, judge

pytestmark = pytest.mark.unmeasured


@pytest.mark.parametrize("first", [0, 10, 20, 30])
def test_random_calls_have_no_defects(callchart_seed: int, first: int) -> None:
    numbers = range(1000 * callchart_seed + first, 1000 * callchart_seed + first + 10)
    for verdict in map(judge, numbers):
        assert verdict.wrong is None, f"call {verdict.number}:\n{verdict.report}"


def test_a_random_call_is_the_same_each_time() -> None:
    assert judge(3) == judge(3)
    assert len({judge(number).shape for number in range(10)}) > 5


async def plays_on(scene: Scene) -> None:
    """Play after the state is left, past the engine."""
    try:
        await play(scene)
    finally:
        scene.line.play(fake_sound(1, 0, 8000))


async def leaks_a_detector(scene: Scene) -> None:
    """Count a detector in use that is never returned."""
    detectors = scene.services.detectors
    assert isinstance(detectors, FakeVoiceDetectors)
    detectors.in_use += 1
    await hear(scene)


async def never_plays(scene: Scene) -> None:
    """Never play the sound that is there."""
    await trio.sleep_forever()


async def crashes(scene: Scene) -> None:
    raise LookupError("nobody foresaw this")


DEFECTS = {
    "stale frames": CHART.extended("late", activities={"play": plays_on}),
    "stuck calls": CHART.extended("mute", activities={"play": never_plays}),
    "leaked tasks": CHART.extended("greedy", activities={"hear": leaks_a_detector}),
    "others": CHART.extended("frail", activities={"hear": crashes}),
}


@pytest.mark.parametrize(("wrong", "chart"), DEFECTS.items())
def test_a_defect_is_found_and_named(wrong: str, chart: Chart) -> None:
    tally = Tally()
    for number in range(5):
        tally.count(judge(number, chart))
    assert tally.calls == 5
    assert [kind for kind in tally.wrong if kind != wrong] == []
    assert tally.wrong[wrong] >= 1  # type: ignore[index]
    assert tally.first is not None
    assert "CallStarted" in tally.first.report


def test_sums_are_printed() -> None:
    tally = Tally()
    for verdict in (
        CallVerdict(1, 1800.0, 20, b"one"),
        CallVerdict(3, 900.0, 10, b"two", "stale frames", 7, "seven"),
        CallVerdict(2, 900.0, 10, b"two", "stale frames", 5, "five"),
    ):
        tally.count(verdict)
    console = Console(width=80)
    with console.capture() as printed:
        console.print(tally.table(took=120.0))
    rows = [line.replace("│", "").split() for line in printed.get().splitlines()]
    for row in ("of them 1.0 hours of virtual time", "steps 40", "stale frames 12", "others 0"):
        assert row.split() in rows
    assert tally.first is not None
    assert tally.first.number == 2


def test_one_call_is_repeated_with_its_journal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--call", "3"]) == 0
    printed = capsys.readouterr().out
    assert "CallStarted()" in printed
    assert printed.endswith("nothing went wrong\n")
