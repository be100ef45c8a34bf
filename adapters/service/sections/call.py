"""The section [call]: the chart, and the settings that the chart declares."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from callchart.adapters.service.sections.fields import String
from callchart.adapters.service.sections.table import (
    Mistake,
    Source,
    Table,
    continued,
    shown,
    unknown,
)
from callchart.adapters.service.user_code import DEFAULT_CHART, UserError, load_chart
from callchart.engine.chart import Chart, ChartError
from callchart.engine.settings import SettingError, Settings


def _settings_schema(schema: dict[str, Any]) -> None:
    """Add the settings of the default chart. Another chart may have more settings: allow them."""
    properties = schema["properties"]
    defaults = load_chart(DEFAULT_CHART).data().settings
    for declared in defaults.declared():
        metadata, default = declared.metadata, getattr(defaults, declared.name)
        properties[declared.name] = {
            "type": {int: "integer", float: "number", str: "string"}[type(default)],
            "default": default,
            "description": f"{metadata['why']} ({metadata['unit']})",
        }
    schema["additionalProperties"] = {"type": ["integer", "number", "string"]}


class CallSection(Table):
    """[call]: the statechart of calls, and any of its settings."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_settings_schema)

    chart: String = DEFAULT_CHART
    """The statechart, as MODULE:NAME. The folder of this file is searched too."""

    @classmethod
    def missing(cls, given: Mapping[str, Any], source: Source) -> Iterator[Mistake]:
        name = given.get("chart", DEFAULT_CHART)
        if not isinstance(name, str) or not name:
            return
        try:
            chart = load_chart(name, source.folder)
        except (UserError, ChartError) as error:
            yield ("chart",), continued(error, "chart")
            chart = load_chart(DEFAULT_CHART)
        defaults = _defaults(chart)
        for key, value in given.items():
            if key == "chart":
                continue
            if key not in defaults and key == "tools":
                text = f" is not a known key; add tools = {shown(value)} to [model], next to name "
                yield (key,), f"{text}and key"
            elif key not in defaults:
                yield (key,), unknown(key, [*cls.model_fields, *defaults])
            elif type(value) not in _accepted(defaults[key]):
                yield (key,), f" must be {_noun(defaults[key])}, got {shown(value)}"
            else:
                try:
                    type(chart.data().settings).of({**defaults, key: value})
                except SettingError as error:
                    yield (key,), continued(error, f"setting {key}")

    def chosen(self, folder: Path) -> tuple[Chart, Settings]:
        """Return the chart and its settings."""
        chart = load_chart(self.chart, folder)
        given = self.model_extra or {}
        return chart, type(chart.data().settings).of({**_defaults(chart), **given})


def _accepted(default: object) -> Collection[type]:
    """Return the types that TOML may give for a setting with this default."""
    match default:
        case str():
            return (str,)
        case int():
            return (int,)
    return (int, float)


def _noun(default: object) -> str:
    """Return the words for a right value of a setting with this default."""
    match default:
        case str():
            return "a string"
        case int():
            return "a whole number"
    return "a number"


def _defaults(chart: Chart) -> dict[str, Any]:
    defaults = chart.data().settings
    return {each.name: getattr(defaults, each.name) for each in fields(defaults)}
