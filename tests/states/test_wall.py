"""The engine names no state of the default chart, because code that knows a state belongs to
states/."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from callchart.engine.chart.state import ROLES
from callchart.states import CHART

ENGINE = Path(__file__).parents[2] / "engine"
#: The names by which a chart refers to a state: "speaking.chunks", and each longer one.
STATES = {
    ".".join(path.split(".")[start:])
    for path in CHART.nodes
    for start in range(path.count(".") + 1)
}
#: Names of states that the engine uses in another meaning.
OTHER_WORDS = {
    "words",  # a caller's text
    "ended",  # a field of the data
    "greeting",  # the purpose of a reply
    "chunks",  # a unit
    "speech",  # a move of the environment
    "call",  # the parameter of an effect, and of a fixture
    *ROLES,  # a role, which a chart declares for its states
}


def strings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield the string literals of a module, without its docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
        ):
            yield node


def states_named_in(source: str) -> list[str]:
    """Return (state, line) of each string that is the name of a state, or contains a full name."""
    return [
        f"{state} in line {node.lineno}"
        for node in strings(ast.parse(source))
        for state in sorted(STATES - OTHER_WORDS)
        if node.value == state or ("." in state and state in str(node.value))
    ]


def test_the_engine_names_no_state_of_the_default_chart() -> None:
    modules = sorted(ENGINE.rglob("*.py"))
    assert modules
    found = {str(path.relative_to(ENGINE)): states_named_in(path.read_text()) for path in modules}
    assert {path: named for path, named in found.items() if named} == {}


@pytest.mark.parametrize("name", ["barged_in", "call.listening.hearing", "at speaking.chunks"])
def test_the_name_of_a_state_in_a_string_is_found(name: str) -> None:
    assert states_named_in(f'"""speaking"""\nleaf = {name!r}\n')


def test_a_docstring_may_name_a_state() -> None:
    assert not states_named_in('"""For example, speaking.chunks."""\n')
