"""README tells the truth: its code is the code that the tests run."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
CODE = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_state_that_it_writes_is_the_one_that_is_called() -> None:
    assert CODE[0] == (ROOT / "tests/examples/take_message.py").read_text("utf-8")


def test_the_test_that_it_shows_is_one_that_runs() -> None:
    test = (ROOT / "tests/examples/test_interruption.py").read_text("utf-8")
    assert CODE[2] == test.partition('"""\n\n')[2]  # all but its docstring, imports too


def test_the_tools_that_it_writes_are_those_that_are_used() -> None:
    assert CODE[1] == (ROOT / "tests/examples/shop_tools.py").read_text("utf-8")


def test_what_it_points_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
