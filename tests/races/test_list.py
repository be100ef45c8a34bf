"""Each line of docs/races.md has a story, and each story a line."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs/races.md").read_text("utf-8")


def test_each_race_has_its_story() -> None:
    listed = {int(number) for number in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    source = "\n".join(path.read_text("utf-8") for path in HERE.glob("test_*.py"))
    stories = {
        int(number) for number in re.findall(r"^async def test_(\d\d)_", source, re.MULTILINE)
    }
    assert stories == listed == set(range(1, 25))
