"""`callchart explore`: its output for right and wrong charts, and the journals that it writes."""

from __future__ import annotations

import json
import sys
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from callchart.adapters.service import explore as command
from callchart.adapters.service.cli import main
from callchart.engine.drawing.files import MARK

CHARTS = "tests.engine.exploration.holed"


def explore(chart: str, out: Path, *more: str) -> int:
    return main(["explore", "--chart", f"{CHARTS}:{chart}", "--out", str(out), *more])


def test_a_complete_exploration_says_that_no_property_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explore("WHOLE", tmp_path) == 0
    said = capsys.readouterr().out
    assert "a test's: " in said
    assert "no property is broken; if only its timers fire, a call ends within 6.0 s" in said


def test_a_call_that_breaks_a_property_is_printed_and_replays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explore("ROUND", tmp_path) == 1
    said = capsys.readouterr().out
    assert "broken: a call ends if only its timers fire: it comes back from tick to tick" in said
    assert "3.000 s  after tick t  ->  tock" in said
    for journal in tmp_path.glob("*.jsonl"):
        assert main(["replay", "--chart", f"{CHARTS}:ROUND", str(journal)]) == 0
        assert "3 steps, all as recorded" in capsys.readouterr().out


def test_all_environments_of_a_module_are_explored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explore("ROUND", tmp_path, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert [(world["environment"], world["turns"]) for world in found["environments"]] == [
        ("", 2),
        ("with turns of none", 0),
    ]
    broken = "a call ends if only its timers fire"
    assert [(v["environment"], v["property"]) for v in found["violations"]] == [
        ("", broken),
        ("with turns of none", broken),
    ]
    assert len(list(tmp_path.glob("*.jsonl"))) == 2
    assert explore("ROUND", tmp_path, "--json", "--turns", "3") == 1
    found = json.loads(capsys.readouterr().out)
    assert [world["turns"] for world in found["environments"]] == [3, 1]


def test_a_reaction_that_is_never_taken_is_named_and_fails_with_every_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explore("SLOW", tmp_path) == 0
    assert "never taken: slow, after slow never -> bye" in capsys.readouterr().out
    assert explore("SLOW", tmp_path, "--every-answer") == 1
    assert explore("WHOLE", tmp_path, "--every-answer", "--turns", "0", "--faults", "0") == 0


def test_a_function_that_fails_is_reported_with_the_steps_before_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explore("FAILING", tmp_path, "--json") == 1
    (violation,) = json.loads(capsys.readouterr().out)["violations"]
    assert violation["how"] == "ValueError: a hole"
    assert [line["at"] for line in violation["call"]][-1] is None
    assert main(["replay", "--chart", f"{CHARTS}:FAILING", violation["journal"]]) == 0


@pytest.mark.parametrize("arguments", [["explore"], ["draw"], ["draw", "--check"]])
def test_a_chart_whose_calls_cannot_begin_is_reported_in_one_line(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # An outdated drawing: without any drawing, --check stops earlier with another message.
    (tmp_path / "chart.mmd").write_text(f"%% {MARK}\n")
    chart = ["--chart", f"{CHARTS}:UNBEGUN", "--out", str(tmp_path)]
    assert main([*arguments, *chart]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "KeyError: 'no greeting' (" in said
    assert "holed.py, line " in said


def test_the_command_that_replays_names_the_chart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explore("FAILING", tmp_path) == 1
    said = capsys.readouterr().out
    assert f"callchart replay --chart {CHARTS}:FAILING {tmp_path}" in said


def test_a_chart_that_depends_on_the_moment_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explore("MOMENTARY", tmp_path) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert (
        'chart "a test\'s": guard is_late of state door, on Knock, must not depend on at_us' in said
    )


def test_a_property_that_fails_is_printed_with_the_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explore("UNCHECKED", tmp_path) == 1
    said = capsys.readouterr().out
    assert "broken: all is well: it cannot be checked: AttributeError: no such data" in said
    assert (
        main(["replay", "--chart", f"{CHARTS}:UNCHECKED", str(tmp_path / "all-is-well.jsonl")]) == 0
    )


def test_a_replay_names_the_step_whose_function_now_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash of a chart does not cover the bodies of functions: they may change."""
    assert explore("ROUND", tmp_path, "--turns", "0") == 1
    journal = min(tmp_path.glob("*.jsonl"))

    def decide(*given: object, **also: object) -> None:
        raise KeyError("no such data")

    monkeypatch.setattr("callchart.engine.journal.decide", decide)
    assert main(["replay", "--chart", f"{CHARTS}:ROUND", str(journal)]) == 1
    assert f"{journal}: step 1 fails: KeyError: 'no such data' (" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--turns", "--faults"])
def test_negative_turns_and_faults_are_refused(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explore("WHOLE", tmp_path, option, "-1") == 2
    assert f"{option} must be 0 or more, got -1" in capsys.readouterr().err


BIG = ("explore", "--chart", f"{CHARTS}:OWN")


@pytest.mark.parametrize(
    ("options", "turns"), [((), 1), (("--turns", "2", "--faults", "0"), 2)], ids=["least", "more"]
)
def test_a_chart_without_an_environment_starts_small_and_reports_an_incomplete_exploration(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    turns: int,
) -> None:
    monkeypatch.setattr(command, "MOST_IN_GENERAL", 2_000)
    assert main([*BIG, "--out", str(tmp_path), *options]) == 1
    said = capsys.readouterr().out.splitlines()
    assert f"configurations with turns up to {turns}, " in said[0]
    assert said[1].startswith("incomplete: explored every call of up to ")
    assert (
        f"steps; lower --turns (here {turns}) or --faults, or give the chart's module WORLDS"
        in said[1]
    )
    assert said[-2] == "no property is broken in the explored part"
    assert said[-1].startswith("NEVER ENTERED in the explored part: ")
    assert "call.turn.transferring" in said[-1]


def test_a_chart_that_extends_the_default_one_is_explored_in_its_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hold_key = ("--chart", "tests.examples.hold_key:CHART", "--turns", "0")
    assert main(["explore", *hold_key, "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "phone call with a hold key, in the environment of the default call: 139 configurations"
    )
    assert (
        "NEVER ENTERED: call.on_hold; give an environment in WORLDS an example for is_star: "
        'keys=("1", ...) (docs/charts.md)\n'
    ) in said


def test_the_states_that_no_call_enters_are_named_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explore("SHUT", tmp_path) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "NEVER ENTERED: study; give an environment in WORLDS an example for is_star: "
        'keys=("1", ...) (docs/charts.md)',
        "NEVER ENTERED: cellar; raise --turns or --faults, or write other environments in "
        "WORLDS (docs/charts.md)",
    ]
    assert explore("SHUT", tmp_path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["never_entered"] == [
        {"state": "study", "examples": {"keys": ["is_star"]}},
        {"state": "cellar", "examples": {}},
    ]


def test_json_says_that_an_exploration_is_incomplete(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "MOST_IN_GENERAL", 2_000)
    assert main([*BIG, "--out", str(tmp_path), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    (world,) = found["environments"]
    assert (world["complete"], found["seconds_alone"], found["violations"]) == (False, None, [])
    assert 2 <= world["steps_of_a_call"] <= 20


def test_the_example_of_an_environment_is_explored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "LINE_EVERY_S", 0.0)
    arguments = ("--turns", "1", "--json", "--out", str(tmp_path))
    assert main(["explore", "--chart", "tests.examples.take_message:CHART", *arguments]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    (world,) = found["environments"]
    assert (world["complete"], world["steps_of_a_call"]) == (True, None)
    # The message itself takes the second turn.
    assert [
        answer for answer in found["unexplored"] if "take_message" in answer.partition(",")[0]
    ] == [
        "call.turn.take_message, after call.turn.take_message longest_message -> speaking",
        "call.turn.take_message.inviting, SpeechStarted ignore",
        "call.turn.take_message.taking, SpeechStarted stay",
        "call.turn.take_message.taking, PartialHeard stay",
        "call.turn.take_message.taking, FinalHeard stay",
    ]
    lines = said.err.splitlines()
    assert len(lines) == world["configurations"] // 500
    assert lines[0].startswith("500 of ")
    assert lines[0].endswith(" known configurations explored")


@pytest.mark.parametrize("dumb", [False, True], ids=["file", "dumb terminal"])
def test_progress_without_a_terminal_is_a_line_every_10_s(
    monkeypatch: pytest.MonkeyPatch, dumb: bool
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    times = iter([0.0, 4.0, 10.0, 19.0, 20.0, 35.0])
    console = Console(file=StringIO(), force_terminal=dumb, get_time=lambda: next(times))
    with command.progress(console) as tell:
        for number in range(5):
            tell(f"{number} done")
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue() == "1 done\n3 done\n4 done\n"


def test_progress_on_a_terminal_stays_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    console = Console(file=StringIO(), force_terminal=True)
    with command.progress(console) as tell:
        tell("500 done")
    assert isinstance(console.file, StringIO)
    assert "500 done" in console.file.getvalue()


@pytest.mark.parametrize("worlds", ["WORLD", "(WORLD, 5)", "5"])
def test_wrong_worlds_are_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    worlds: str,
) -> None:
    (tmp_path / "worldly.py").write_text(
        f"from callchart.states import CHART, WORLD\nWORLDS = {worlds}\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(
        sys.modules, "worldly", ModuleType("worldly")
    )  # removed with the other patches
    del sys.modules["worldly"]
    monkeypatch.chdir(tmp_path)
    assert main(["explore", "--chart", "worldly:CHART"]) == 2
    said = capsys.readouterr().err
    assert "WORLDS must be a list of Phone, got a " in said
