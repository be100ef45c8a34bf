"""The modules, names and states in the glossary exist, and each term is there once."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from callchart.states import CHART

PAGE = (Path(__file__).parents[1] / "docs/glossary.md").read_text("utf-8")
PLACES = sorted(set(re.findall(r"`(callchart\.(?:engine|states|adapters)\.[\w.]+)`", PAGE)))
STATES = sorted(set(re.findall(r"[Ss]tate `([\w.]+)`", PAGE)))
TERMS = re.findall(r"^- \*\*(.+?)\*\*", PAGE, re.MULTILINE)


@pytest.mark.parametrize("place", PLACES)
def test_every_module_and_name_in_the_glossary_exists(place: str) -> None:
    try:
        import_module(place)
    except ModuleNotFoundError:
        module, _, name = place.rpartition(".")
        assert hasattr(import_module(module), name)


@pytest.mark.parametrize("state", STATES)
def test_every_state_in_the_glossary_exists(state: str) -> None:
    assert CHART.resolve(state, why="the glossary")


def test_every_term_is_explained_once() -> None:
    assert PLACES
    assert STATES
    assert len(TERMS) == len(set(TERMS)) > 20
