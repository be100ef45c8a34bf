"""The code in docs/testing.md is the code of tests/examples, and the names on the page exist."""

from __future__ import annotations

import re
from pathlib import Path

from callchart.engine.testing import questions
from callchart.engine.testing.telephone import Telephone

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/testing.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
EXAMPLES = (
    "test_happy_call.py",
    "test_barge_in.py",
    "test_dying_synthesis.py",
    "test_tool_use.py",
    "test_patience.py",
    "test_hangup_race.py",
)


def test_each_block_is_an_example_that_runs_and_is_type_checked() -> None:
    examples = [(ROOT / "tests/examples" / name).read_text("utf-8") for name in EXAMPLES]
    assert [example.partition('"""\n\n')[2] for example in examples] == BLOCKS


def test_every_question_and_verb_on_the_page_exists() -> None:
    tables = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    names = set(re.findall(r"`(\w+)\(", tables))
    assert names
    assert {n for n in names if not hasattr(questions, n) and not hasattr(Telephone, n)} == set()
