"""A function of the user as a tool: its description for the model, its arguments, its result.

Pydantic reads the function's annotations. It makes the schema for the model from them, and checks
and converts the arguments that the model writes. The model reads the returned value: a string as it
is, any other value as JSON."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Literal, get_type_hints, overload

import trio
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import to_json

from callchart.engine.exception_groups import first_leaf
from callchart.engine.ports import ToolSpec

log = logging.getLogger(__name__)

Function = Callable[..., object]
OnInterruption = Literal["cancel", "finish"]

#: The names that OpenAI's API accepts.
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")


class ToolDeclarationError(TypeError):
    """A function that cannot be a tool. The message names tool, parameter and reason."""


class ToolError(Exception):
    """A refusal that a tool raises: the model reads its text as the result of the tool.

        raise ToolError("the shop is closed on that day")

    After any other exception the model reads only that the tool failed, because the message may
    hold secrets. The log names the type of the exception."""


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """A function that the model may use. `spec` is the tool as the model reads it.

    The decorator `tool` makes it, and describes `seconds` and `on_interruption`."""

    spec: ToolSpec
    seconds: float
    on_interruption: OnInterruption
    function: Function
    _arguments: type[BaseModel]

    def parse_arguments(self, arguments: str) -> Mapping[str, Any]:
        """Check and convert the JSON that the model wrote; return the function's arguments.

        Raises `ToolError`, which names each argument that does not fit."""
        try:
            made = self._arguments.model_validate_json(arguments.strip() or "{}")
        except ValidationError as error:
            mistakes = (
                ": ".join(filter(None, (".".join(map(str, each["loc"])), each["msg"])))
                for each in error.errors(include_url=False, include_context=False)
            )
            raise ToolError(f"These arguments do not fit. {'; '.join(mistakes)}.") from None
        fields = self._arguments.model_fields
        return {str(field.alias): getattr(made, name) for name, field in fields.items()}

    async def run(self, arguments: Mapping[str, Any]) -> str:
        """Run the function for at most `seconds`; return the result as the model reads it.

        A failure of the function is a result, too: this method raises only when it is cancelled."""
        name, result = self.spec.name, None
        try:
            with trio.move_on_after(self.seconds):
                returned = self.function(**arguments)
                if inspect.isawaitable(returned):
                    returned = await returned
                return _text(returned)
        # `except*` lets a cancellation pass while it takes an error of the cancelled tool.
        except* ToolError as refusals:
            result = str(first_leaf(refusals))
        except* Exception as failures:
            # The message may hold the caller's words, which must not be logged.
            log.error(
                "tool %s failed: %s (the model reads only that it failed)",
                name,
                type(first_leaf(failures)).__name__,
                exc_info=log.isEnabledFor(logging.DEBUG),
            )
            result = f"{name} failed."
        if result is None:
            log.warning("tool %s: timeout after %g s", name, self.seconds)
            result = f"{name} took longer than {self.seconds:g} s and was cancelled."
        return result


@overload
def tool(
    function: Function,
    /,
    *,
    seconds: float = 5.0,
    on_interruption: OnInterruption = "cancel",
    description: str = "",
) -> Tool: ...


@overload
def tool(
    *, seconds: float = 5.0, on_interruption: OnInterruption = "cancel", description: str = ""
) -> Callable[[Function], Tool]: ...


def tool(
    function: Function | None = None,
    /,
    *,
    seconds: float = 5.0,
    on_interruption: OnInterruption = "cancel",
    description: str = "",
) -> Tool | Callable[[Function], Tool]:
    """Make a function a tool that the model may use. A decorator, with or without arguments:

        @tool(seconds=3.0)
        async def opening_hours(day: Literal["Saturday", "Sunday"]) -> str:
            \"""Return when the shop is open.\"""

    The model chooses a tool by its name, by its docstring (or `description`), and by its
    parameters. Each parameter needs an annotation: `str`, `int`, `float`, `bool`, a `Literal`, an
    `Enum`, a list of these, an optional one, or another type that Pydantic can describe.
    `Annotated[float, Field(description="in euros")]` describes a parameter to the model.

    The model reads the returned value: a string as it is, `None` as "Done.", any other value as
    JSON, and a `ToolError` as its text. The function may be async. A plain one must return
    within milliseconds, because no call advances while it runs.

    `seconds` is the longest time of one use, more than 0 and finite. A use that takes longer is
    cancelled, and the model reads that. `on_interruption` says what happens to a running use when
    its reply ends because the caller interrupts or hangs up:

    - "cancel" cancels the use. The call's history does not mention it.
    - "finish" lets it run to its end, and the call waits for it, even after the line has closed.
      Use it for functions with consequences, such as an order. If the model asks for the same use
      meanwhile, it gets the result of the running one. Only a failure of the call, or an immediate
      stop of the service, cancels it.

    Raises `ToolDeclarationError` for a function that cannot be a tool."""
    if function is None:
        return lambda function: tool(
            function, seconds=seconds, on_interruption=on_interruption, description=description
        )
    name = getattr(function, "__name__", "")
    if not _NAME.fullmatch(name):
        raise ToolDeclarationError(
            f"the name of a tool must be 1 to 64 English letters, digits and underscores, "
            f"got {name or function!r}"
        )
    described = inspect.cleandoc(description or inspect.getdoc(function) or "")
    if not described:
        raise ToolDeclarationError(
            f"tool {name}: a docstring or a description is missing; the model chooses tools by it"
        )
    if not 0 < seconds < inf:
        raise ToolDeclarationError(
            f"tool {name}: seconds must be more than 0 and finite, got {seconds}"
        )
    if on_interruption not in ("cancel", "finish"):
        raise ToolDeclarationError(
            f"tool {name}: on_interruption must be 'cancel' or 'finish', got {on_interruption!r}"
        )
    arguments = _arguments(name, function)
    spec = ToolSpec(name, described, arguments.model_json_schema(schema_generator=_Untitled))
    return Tool(spec, seconds, on_interruption, function, arguments)


def by_name(tools: Iterable[Tool], taken: Iterable[str] = ()) -> dict[str, Tool]:
    """Return the tools by their names.

    Raises `ToolDeclarationError` for two tools of one name, and for a name in `taken`."""
    names: dict[str, Tool] = {}
    for each in tools:
        if each.spec.name in names or each.spec.name in taken:
            raise ToolDeclarationError(
                f"tool {each.spec.name}: the name must be unique; rename one of the two tools"
            )
        names[each.spec.name] = each
    return names


class _Untitled(GenerateJsonSchema):
    """A generator that omits the titles: they only repeat the parameters' names."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def generate(self, schema: Any, mode: Any = "validation") -> JsonSchemaValue:
        made = super().generate(schema, mode)
        made.pop("title", None)
        return made


def _arguments(name: str, function: Function) -> type[BaseModel]:
    """Return a Pydantic model of the function's parameters. Raises `ToolDeclarationError`."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ToolDeclarationError(
            f"tool {name}: its annotations must be known names: {error}"
        ) from None
    fields: dict[str, Any] = {}
    for number, parameter in enumerate(inspect.signature(function).parameters.values()):
        where = f"tool {name}: parameter {parameter.name}"
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ToolDeclarationError(
                f"{where} must accept a keyword, got a {parameter.kind.description} parameter"
            )
        if parameter.name not in hints:
            raise ToolDeclarationError(f"{where} must have an annotation, such as `: str`")
        try:
            TypeAdapter(hints[parameter.name]).json_schema()
        except PydanticUserError:
            raise ToolDeclarationError(
                f"{where} must have a type that JSON can hold (str, int, float, bool, Literal, an "
                f"Enum, lists of these), got {inspect.formatannotation(hints[parameter.name])}"
            ) from None
        default = ... if parameter.default is parameter.empty else parameter.default
        # Pydantic reserves some field names ("copy", "schema"), but no alias.
        fields[f"argument_{number}"] = (
            hints[parameter.name],
            Field(default, alias=parameter.name),
        )
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _text(returned: object) -> str:
    if isinstance(returned, str):
        return returned
    return "Done." if returned is None else to_json(returned).decode()
