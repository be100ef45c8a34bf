"""The examples in docs/testing.md are tests that pass."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from callchart.engine.testing import questions
from callchart.engine.testing.telephone import Telephone

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).parents[3] / "docs/testing.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES, ids=re.compile(r"def (\w+)").findall)
def test_an_example_passes(
    pytester: pytest.Pytester, request: pytest.FixtureRequest, example: str
) -> None:
    installed = request.config.pluginmanager.hasplugin("callchart")
    loaded = [] if installed else ["-p", "callchart.engine.testing.plugin"]
    pytester.makeini("[pytest]\ntrio_mode = true\n")
    pytester.makepyfile(test_example=example)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *loaded)
    outcomes = result.parseoutcomes()
    assert set(outcomes) == {"passed"}, result.stdout.str()


def test_there_are_four_worked_examples_one_on_settings_and_one_on_schedules() -> None:
    assert len(EXAMPLES) == 6


def test_every_question_and_verb_on_the_page_exists() -> None:
    tables = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    names = set(re.findall(r"`(\w+)\(", tables))
    assert names
    assert {n for n in names if not hasattr(questions, n) and not hasattr(Telephone, n)} == set()
