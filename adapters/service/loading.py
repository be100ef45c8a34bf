"""What a user names on the command line, found and checked: a chart, settings."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from engine.chart import Chart
from engine.settings import SettingError, Settings


class UserError(Exception):
    """What a user named is not there, or not what it should be.

    Each argument is a mistake: one line, and what to do."""

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(" ".join(str(mistake).split()) for mistake in self.args)


DEFAULT_CHART = "states:CHART"


def load_chart(name: str, folder: Path = Path()) -> Chart:
    """The chart at `module:NAME`; modules are also looked for in the folder."""
    module_name, colon, attribute = name.partition(":")
    if not colon or not module_name or not attribute:
        raise UserError(f"chart {name}: write MODULE:NAME, such as {DEFAULT_CHART}")
    place = "" if folder == Path() else str(folder.resolve())
    if place not in sys.path:
        sys.path.insert(0, place)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UserError(f"chart {name}: there is no module {error.name!r}") from None
    try:
        chart = getattr(module, attribute)
    except AttributeError:
        charts = [n for n, value in vars(module).items() if isinstance(value, Chart)]
        hint = f"; it has {', '.join(charts)}" if charts else ""
        raise UserError(f"chart {name}: {module_name} has no {attribute!r}{hint}") from None
    if not isinstance(chart, Chart):
        raise UserError(f"chart {name}: that is {type(chart).__name__}, and no Chart")
    return chart


def parse_settings(chart: Chart, assignments: Sequence[str]) -> Settings:
    """`NAME=VALUE` assignments on top of the chart's defaults. Raises `SettingError`."""
    defaults = chart.data().settings
    values: dict[str, Any] = {f.name: getattr(defaults, f.name) for f in fields(defaults)}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise SettingError(f"--set {assignment}: write NAME=VALUE")
        values[name] = _number(text)
    return type(defaults).of(values)


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
