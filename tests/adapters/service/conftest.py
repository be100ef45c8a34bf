"""The fixture that reads configurations."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from callchart.adapters.service.config import Config, read_config
from tests.adapters.service.reading import Read


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Return a function that reads a text as a configuration in `tmp_path`."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def read_text(text: str, **environment: str) -> Config:
        path = tmp_path / "callchart.toml"
        path.write_text(text, encoding="utf-8")
        return read_config(path, environment)

    return read_text
