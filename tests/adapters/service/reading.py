"""The shortest valid configuration, and a function for the mistakes of a wrong one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from callchart.adapters.service.config import Config, ConfigError

LEAST = """
[asterisk]
user = "callchart"
password = "s3same"

[model]
name = "gpt-4o-mini"
key = "sk-s3same"
"""

Read = Callable[..., Config]


def mistakes(read: Read, text: str, **environment: str) -> list[str]:
    """Return the mistakes in a configuration, without the name of the file."""
    with pytest.raises(ConfigError) as raised:
        read(text, **environment)
    for line in raised.value.lines:
        assert Path(line.partition(":")[0]).name == "callchart.toml"
        assert "\n" not in line
        assert "s3same" not in line
    return [line.partition(": ")[2] for line in raised.value.lines]
