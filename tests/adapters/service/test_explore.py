"""`callchart explore`: what it says of charts, whole and holed, and the journals that it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.service.cli import main

CHARTS = "tests.engine.chart.explore.holed"


def explore(chart: str, out: Path, *more: str) -> int:
    return main(["explore", "--chart", f"{CHARTS}:{chart}", "--out", str(out), *more])


def test_a_whole_chart_is_said_to_be_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explore("WHOLE", tmp_path) == 0
    said = capsys.readouterr().out
    assert "a test's: " in said
    assert "no property is broken; a call that is left alone ends within 6.0 s" in said


def test_a_call_that_breaks_a_property_is_told_and_replays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explore("ROUND", tmp_path) == 1
    said = capsys.readouterr().out
    assert "broken: a call that is left alone ends: from tick on it comes back to tick" in said
    assert "3.000 s  after tick t  ->  tock" in said
    for journal in tmp_path.glob("*.jsonl"):
        assert main(["replay", "--chart", f"{CHARTS}:ROUND", str(journal)]) == 0
        assert "3 steps, all as recorded" in capsys.readouterr().out


def test_all_worlds_that_a_module_has_of_its_chart_are_explored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explore("ROUND", tmp_path, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert [(world["world"], world["turns"]) for world in found["worlds"]] == [
        ("", 2),
        ("with turns of none", 0),
    ]
    broken = "a call that is left alone ends"
    assert [(v["world"], v["property"]) for v in found["violations"]] == [
        ("", broken),
        ("with turns of none", broken),
    ]
    assert len(list(tmp_path.glob("*.jsonl"))) == 2
    assert explore("ROUND", tmp_path, "--json", "--turns", "3") == 1
    found = json.loads(capsys.readouterr().out)
    assert [world["turns"] for world in found["worlds"]] == [3, 1]


def test_an_answer_that_is_never_given_is_named_and_fails_where_every_one_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explore("SLOW", tmp_path) == 0
    assert "never given: slow, after slow never -> bye" in capsys.readouterr().out
    assert explore("SLOW", tmp_path, "--every-answer") == 1
    assert explore("WHOLE", tmp_path, "--every-answer", "--turns", "0", "--faults", "0") == 0


def test_a_function_that_fails_leaves_the_steps_before_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explore("FAILING", tmp_path, "--json") == 1
    (violation,) = json.loads(capsys.readouterr().out)["violations"]
    assert violation["how"] == "ValueError: a hole"
    assert [line["at"] for line in violation["call"]][-1] is None
    assert main(["replay", "--chart", f"{CHARTS}:FAILING", violation["journal"]]) == 0


@pytest.mark.parametrize("option", ["--turns", "--faults"])
def test_less_than_none_is_refused(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explore("WHOLE", tmp_path, option, "-1") == 2
    assert f"{option} -1: write 0 or more" in capsys.readouterr().err
