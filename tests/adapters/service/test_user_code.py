"""The code that a user names is loaded, or one line names the mistake."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from callchart.adapters.service.user_code import UserError, load_tools

MODULE = """
from callchart.engine.tools.tool import tool

@tool
def price(article: str) -> int:
    "What an article costs."
    return 9

@tool
def hang_up() -> None:
    "Not ours."

TOOLS = [price]
TWICE = [price, price]
OURS = [hang_up]
MIXED = [price, len]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a folder with a module `my_tools`, and with modules that have mistakes."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "my_tools.py").write_text(MODULE)
    (tmp_path / "untyped_tool.py").write_text(
        "from callchart.engine.tools.tool import tool\n"
        "@tool\ndef price(article):\n    'It costs.'\n"
    )
    (tmp_path / "raising_tools.py").write_text("import os\n\nURL = os.environ['NO_SUCH']\n")
    (tmp_path / "broken_tools.py").write_text("TOOLS = [\n")
    (tmp_path / "silent_tools.py").write_text("raise RuntimeError\n")
    (tmp_path / "misspelt_import.py").write_text("from callchart import ignor\n")
    (tmp_path / "misspelt_name.py").write_text(
        "from callchart import ignore\nTOOLS = igonre('nothing')\n"
    )
    (tmp_path / "misspelt_attribute.py").write_text("import callchart\nWAIT = callchart.ignor\n")
    (tmp_path / "misspelt_setting.py").write_text(
        "from callchart import settings\nWAIT = settings.no_imput\n"
    )
    yield tmp_path
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize("name", ["TOOLS", "price"])
def test_tools_are_loaded_from_the_folder(folder: Path, name: str) -> None:
    (price,) = load_tools(f"my_tools:{name}", folder)
    assert price.spec.name == "price"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my_tools", "tools must be MODULE:NAME, such as tools:TOOLS, got 'my_tools'"),
        (
            "no_tools:TOOLS",
            "tools must be in a module that Python can import, got no_tools:TOOLS: no module "
            "'no_tools'; correct the name, or install the module",
        ),
        (
            "my_tools:TOLLS",
            "tools must be a name in the module my_tools, got 'TOLLS'; it has price, hang_up",
        ),
        ("my_tools:MODULE", "tools must be a name in the module my_tools, got 'MODULE'"),
        (
            "my_tools:MIXED",
            "tools must be functions with @tool above them, got a builtin_function_or_method in "
            "my_tools:MIXED",
        ),
        ("my_tools:TWICE", "tools my_tools:TWICE: tool price: the name must be unique"),
        ("my_tools:OURS", "tools my_tools:OURS: tool hang_up: the name must be unique"),
        (
            "untyped_tool:price",
            "tools untyped_tool:price: tool price: parameter article must have an annotation",
        ),
    ],
)
def test_mistakes_in_tools_are_named(folder: Path, name: str, said: str) -> None:
    with pytest.raises(UserError) as refusal:
        load_tools(name, folder)
    assert said in refusal.value.lines[0]


@pytest.mark.parametrize(
    ("name", "place", "said"),
    [
        ("raising_tools", "raising_tools.py, line 3", "KeyError: 'NO_SUCH'"),
        ("broken_tools", "broken_tools.py, line 1", "SyntaxError: '[' was never closed"),
        ("silent_tools", "silent_tools.py, line 1", "RuntimeError"),
        (
            "misspelt_import",
            "misspelt_import.py, line 1",
            "ImportError: cannot import name 'ignor' from 'callchart'; did you mean ignore?",
        ),
        (
            "misspelt_name",
            "misspelt_name.py, line 2",
            "NameError: name 'igonre' is not defined; did you mean ignore?",
        ),
        (
            "misspelt_attribute",
            "misspelt_attribute.py, line 2",
            "AttributeError: module 'callchart' has no attribute 'ignor'; did you mean ignore?",
        ),
        (
            "misspelt_setting",
            "misspelt_setting.py, line 2",
            "AttributeError: PhoneSettings has no setting 'no_imput'; did you mean 'no_input'?",
        ),
    ],
)
def test_a_module_that_cannot_be_imported_is_named_with_the_line_to_mend(
    folder: Path, name: str, place: str, said: str
) -> None:
    with pytest.raises(UserError) as refusal:
        load_tools(f"{name}:TOOLS", folder)
    (line,) = refusal.value.lines
    wrong = f"tools must be in a module that Python can import, got {name}:TOOLS: {said}"
    assert line.startswith(wrong)
    assert line.endswith(f"; mend {folder}/{place}")
