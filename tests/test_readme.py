"""The code in README and in docs/charts.md is that of tests/examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README, CHARTS = (
    re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    for page in ("README.md", "docs/charts.md")
)
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    *(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")),
)


@pytest.mark.parametrize(
    ("code", "example"),
    [
        (README[0], "hold_key.py"),
        (CHARTS[0], "take_message.py"),
        (CHARTS[1], "shop_tools.py"),
    ],
    ids=lambda value: value if value.endswith(".py") else "code",
)
def test_the_code_of_a_page_is_that_of_a_tested_example(code: str, example: str) -> None:
    assert code == (ROOT / "tests/examples" / example).read_text("utf-8")


def test_the_test_in_readme_is_that_of_an_example() -> None:
    test = (ROOT / "tests/examples/test_interruption.py").read_text("utf-8")
    assert README[1] == test.partition('"""\n\n')[2]  # without its docstring


def test_readme_imports_public_names_only() -> None:
    modules = re.findall(r"^from (callchart[\w.]*) import", "\n".join(README), re.MULTILINE)
    assert set(modules) == {"callchart", "callchart.testing"}


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 160


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_to_a_file(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert ((ROOT / page).parent / target).exists(), target


def test_every_file_that_the_map_names_exists() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    paths = re.findall(r"`((?:engine|states|adapters|tests|deploy|docs)/[\w./-]*)`", text)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
