"""The user's own code and settings, loaded and checked: a chart, its worlds, tools, settings."""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import callchart
from callchart.engine.activities import check_activities
from callchart.engine.chart import Chart, ChartError
from callchart.engine.did_you_mean import did_you_mean
from callchart.engine.exploration.environment import Phone
from callchart.engine.settings import SettingError, Settings
from callchart.engine.tools.tool import Tool, ToolDeclarationError, by_name
from callchart.engine.tools.toolbox import OURS

T = TypeVar("T")


class UserError(Exception):
    """A mistake of the user. Each argument is one mistake, with its cure, in one line."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The mistakes, one a line."""
        return tuple(" ".join(str(mistake).split()) for mistake in self.args)


DEFAULT_CHART = "callchart.states:CHART"
#: The name of the default chart's environment around a chart that extends it.
OF_DEFAULT = "in the environment of the default call"


def load_chart(name: str, folder: Path = Path()) -> Chart:
    """Return the chart at `MODULE:NAME`; the folder is searched for the module too.

    Raises `UserError`, and `ChartError` for a mistake in the chart."""
    chart = _load("chart", name, folder, example=DEFAULT_CHART, kind=Chart)
    if not isinstance(chart, Chart):
        raise UserError(f"chart must be a Chart, got {name}, which is a {type(chart).__name__}")
    check_activities(chart)
    return chart


def load_worlds(name: str, folder: Path = Path()) -> Sequence[Phone]:
    """Return the environments for an exploration of the chart at `MODULE:NAME`.

    These are the members of the module's `WORLDS` that belong to this chart. Without any, a chart
    that extends the default one has the environment of the default one."""
    chart = load_chart(name, folder)
    module = name.partition(":")[0]
    own = vars(sys.modules[module]).get("WORLDS", ())
    worlds = _list_of(Phone, own, "WORLDS must be a list of Phone", module)
    return [world for world in worlds if world.chart is chart] or _worlds_of_base(chart)


def _worlds_of_base(chart: Chart) -> Sequence[Phone]:
    """Return the default chart's environment for a chart that extends it, or nothing."""
    from callchart.states import CHART, WORLD

    base: Chart | None = chart
    while base is not None and base is not CHART:
        base = base.base
    return [] if base is None else [replace(WORLD, chart=chart, name=OF_DEFAULT)]


def load_tools(name: str, folder: Path = Path()) -> Sequence[Tool]:
    """Return the tools at `MODULE:NAME`, which is a tool or a list of tools."""
    try:
        found = _load("tools", name, folder, example="tools:TOOLS", kind=Tool)
        listed = (found,) if isinstance(found, Tool) else found
        tools = _list_of(Tool, listed, "tools must be functions with @tool above them", name)
        return tuple(by_name(tools, taken=OURS).values())
    except ToolDeclarationError as error:
        raise UserError(f"tools {name}: {error}") from None


def _list_of(kind: type[T], found: object, expected: str, place: str) -> Sequence[T]:
    """Return a list that has only this kind of members. Raise `UserError` for anything else."""
    wrong = [found]
    if isinstance(found, list | tuple):
        wrong = [each for each in found if not isinstance(each, kind)]
        if not wrong:
            return found
    raise UserError(f"{expected}, got a {type(wrong[0]).__name__} in {place}")


def _load(what: str, name: str, folder: Path, *, example: str, kind: type) -> object:
    """Return the object at `MODULE:NAME`. The error for a wrong name lists the objects of this
    kind."""
    module_name, colon, attribute = name.partition(":")
    if not colon or not module_name or not attribute:
        raise UserError(f"{what} must be MODULE:NAME, such as {example}, got {name!r}")
    place = "" if folder == Path() else str(folder.resolve())
    if place not in sys.path:
        sys.path.insert(0, place)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UserError(
            f"{what} must be in a module that Python can import, got {name}: no module "
            f"{error.name!r}; correct the name, or install the module"
        ) from None
    except (ChartError, SettingError, ToolDeclarationError):
        raise  # their messages contain the cure
    except Exception as error:  # noqa: BLE001 (the user's code may raise anything)
        raise UserError(
            f"{what} must be in a module that Python can import, got {name}: {_text(error)}; "
            f"mend {_place(error, folder)}"
        ) from None
    try:
        return getattr(module, attribute)
    except AttributeError:
        near = [n for n, value in vars(module).items() if isinstance(value, kind)]
        hint = f"; it has {', '.join(near)}" if near else ""
        raise UserError(
            f"{what} must be a name in the module {module_name}, got {attribute!r}{hint}"
        ) from None


def _place(error: Exception, folder: Path) -> str:
    """Return the file and line of an error: the last line within the folder, or the last of all."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [each for each in frames if Path(each.filename).is_relative_to(folder.resolve())]
    frame = (theirs or frames)[-1]
    return f"{frame.filename}, line {frame.lineno}"


def _text(error: Exception) -> str:
    """Return the class and the text of an error, with the name that a misspelt one resembles."""
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    if found := re.match(r"ImportError: cannot import name '(\w+)' from '([\w.]+)'", text):
        return found[0] + did_you_mean(found[1], dir(sys.modules.get(found[2])))
    match error:
        case NameError(name=name):
            *_, (frame, _) = traceback.walk_tb(error.__traceback__)
            return text + did_you_mean(name, [*frame.f_globals, *frame.f_locals])
        case AttributeError(name=name, obj=owner):
            return text + did_you_mean(name, dir(owner))
    return text


def failure_text(error: Exception) -> str:
    """Return the text of an error, and the place in the user's code that led to it, if any."""
    says = _text(error)
    ours = [Path(callchart.__file__).parent / name for name in ("engine", "adapters")]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not any(Path(frame.filename).is_relative_to(folder) for folder in ours):
            return f"{says} ({frame.filename}, line {frame.lineno})"
    return says


def parse_settings(chart: Chart, assignments: Sequence[str]) -> Settings:
    """Return the chart's defaults with `NAME=VALUE` assignments. Raise `SettingError`."""
    defaults = chart.data().settings
    values: dict[str, Any] = {f.name: getattr(defaults, f.name) for f in fields(defaults)}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise SettingError(f"--set must be NAME=VALUE, got {assignment!r}")
        values[name] = _number(text)
    return type(defaults).of(values)


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
