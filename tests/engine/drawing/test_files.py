"""The files that `callchart draw` writes, and the differences that `--check` reports."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from callchart.engine.chart import Chart, State, to
from callchart.engine.drawing.files import MARK, differences, files, is_ours
from callchart.engine.events import LineClosed

CHART = Chart(
    "short",
    [
        State("open", on={LineClosed: to("closed")}, after={"limit": (5, to("closed"))}),
        State("closed", final=True),
    ],
    events=[LineClosed],
)


@pytest.fixture
def folder() -> dict[str, str]:
    """Return the folder right after drawing."""
    return files(CHART)


def test_a_chart_is_drawn_as_pictures_a_page_tables_and_a_pair_of_pictures_a_state(
    folder: dict[str, str],
) -> None:
    assert sorted(folder) == [
        "README.md",
        "call.scxml",
        "chart.html",
        "chart.mmd",
        "chart.svg",
        "overview.svg",
        "races.csv",
        "races.md",
        "states/closed.mmd",
        "states/closed.svg",
        "states/open.mmd",
        "states/open.svg",
        "table.md",
    ]


def test_every_file_says_that_it_is_generated(folder: dict[str, str]) -> None:
    assert all(MARK in text[:500] for text in folder.values())


def test_every_link_of_the_index_leads_to_a_file(folder: dict[str, str]) -> None:
    links = [part.split(")")[0] for part in folder["README.md"].split("](")[1:]]

    assert {"chart.svg", "table.md", "states/open.svg"} <= set(links) <= set(folder)


def test_a_folder_just_drawn_has_no_differences(folder: dict[str, str]) -> None:
    assert differences(CHART, folder) == []


def test_a_missing_file_is_named(folder: dict[str, str]) -> None:
    del folder["states/open.svg"]

    assert differences(CHART, folder) == ["states/open.svg: is missing"]


def test_a_changed_file_is_named_with_its_first_line_that_differs(folder: dict[str, str]) -> None:
    folder["chart.mmd"] = folder["chart.mmd"].replace("LineClosed", "LineLost")

    (line,) = differences(CHART, folder)

    assert line.startswith("chart.mmd: line ")
    assert "LineLost" in line.split(" and should be ")[0]
    assert "LineClosed" in line.split(" and should be ")[1]


def test_a_truncated_file_differs_at_its_end(folder: dict[str, str]) -> None:
    folder["chart.mmd"] = "".join(folder["chart.mmd"].splitlines(keepends=True)[:-1])

    (line,) = differences(CHART, folder)

    assert " is missing and should be " in line


def test_a_file_with_other_line_endings_differs(folder: dict[str, str]) -> None:
    folder["chart.mmd"] = folder["chart.mmd"].replace("\n", "\r\n")

    assert differences(CHART, folder)[0].startswith("chart.mmd: line 1 is ")


def test_the_picture_of_a_removed_state_is_named(folder: dict[str, str]) -> None:
    folder["states/waiting.svg"] = folder["states/open.svg"]

    assert differences(CHART, folder) == ["states/waiting.svg: the chart no longer has this state"]


def test_files_written_by_hand_are_kept(folder: dict[str, str]) -> None:
    folder["semantics.md"] = "# Semantics\n"
    folder["states/notes.md"] = "# What the states are for\n"

    assert differences(CHART, folder) == []
    assert not is_ours(folder["semantics.md"])


def test_the_same_chart_is_drawn_the_same_in_another_process() -> None:
    program = (
        "from hashlib import sha256\n"
        "from callchart.engine.drawing.files import files\n"
        "from tests.engine.drawing.test_model import TINY\n"
        "print(sha256(repr(files(TINY)).encode()).hexdigest())\n"
    )
    # Another hash seed gives a set another order, which must not change a picture.
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    one, other = (run.communicate(timeout=120)[0].strip() for run in runs)
    assert one == other
    assert len(one) == 64
