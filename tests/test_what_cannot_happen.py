"""Every test, property and state that docs/what-cannot-happen.md names exists."""

from __future__ import annotations

import re
from pathlib import Path

from callchart.engine.exploration.invariants import (
    ANSWERED,
    ENDS_ALONE,
    FUNCTIONS_WORK,
    NO_CIRCLE,
    NO_RIVALS,
    invariants,
)
from callchart.states import CHART, WORLD

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/what-cannot-happen.md").read_text("utf-8")
#: The columns: number, cannot happen, because, explored, stories, pairs.
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| \d+ \|", line)
]


def defines(path: Path, test: str) -> bool:
    return re.search(rf"^(async )?def {test}\(", path.read_text("utf-8"), re.MULTILINE) is not None


def test_each_race_has_a_line_with_stories_of_its_number() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, 25))
    for number, _, _, _, stories, _ in ROWS:
        named = re.findall(r"`(\w+)`", stories)
        assert named
        for story in named:
            assert story.startswith(f"test_{int(number):02}_")
            assert any(defines(path, story) for path in (ROOT / "tests/races").glob("test_*.py"))


def test_every_test_that_the_page_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert named
    for path, test in named:
        assert defines(ROOT / path, test), test


def test_every_property_that_the_page_names_is_explored() -> None:
    known = {each.name for each in (*invariants(CHART), *WORLD.properties)}
    known |= {ANSWERED, ENDS_ALONE, FUNCTIONS_WORK, NO_CIRCLE, NO_RIVALS}
    assert {name for row in ROWS for name in row[3].split("; ")} - {""} <= known


def test_every_page_and_state_that_the_page_links_exists() -> None:
    atlas = (ROOT / "docs/statecharts/races.md").read_text("utf-8")
    states = {name.replace(".", "") for name in re.findall(r"^## (.+)$", atlas, re.MULTILINE)}
    for target, anchor in re.findall(r"\]\(([^)#:]+)#?([^)]*)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
        assert not target.endswith("races.md") or not anchor or anchor in states, anchor
