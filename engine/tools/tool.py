"""A user's own function as a tool: what the model is told of it, and what it makes of arguments.

Pydantic reads the function's annotations: they are the schema that the model is given, and they
check and convert what the model then writes. What a tool returns, the model reads: a text as it is,
anything else as JSON."""

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

#: What OpenAI's API takes as a name.
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")


class ToolDeclarationError(TypeError):
    """A function cannot be a tool as it is. Names the tool and the parameter, and says why."""


class ToolError(Exception):
    """For a tool to raise: its text is the result that the model reads ("there is no such day").

    Of any other exception the model is told nothing but that the tool failed."""


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """A function that the model may use; made by `tool`.

    `seconds` is how long a use may last. `on_interruption` is what becomes of a use when the
    reply that wanted it is over, because the caller interrupted it or hung up: "cancel" ends it
    at once; "finish" lets it go on to its end, once, and the call waits for it, also when the line
    is closed. Nothing but a service that is stopped at once, or a call that fails, cuts it off."""

    spec: ToolSpec
    seconds: float
    on_interruption: OnInterruption
    function: Function
    _arguments: type[BaseModel]

    def understood(self, arguments: str) -> Mapping[str, Any]:
        """The function's arguments, checked and converted, from the JSON that the model wrote.

        Raises `ToolError` for what does not fit, to be told to the model."""
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
        """What came of it, for the model to read, within `seconds`. Raises nothing of its own."""
        name, told = self.spec.name, None
        try:
            with trio.move_on_after(self.seconds):
                returned = self.function(**arguments)
                if inspect.isawaitable(returned):
                    returned = await returned
                return _text(returned)
        # With a star: a tool that is cancelled may fail as it ends, and is cancelled all the same.
        except* ToolError as refusals:
            told = str(first_leaf(refusals))
        except* Exception as failures:
            # The message may hold the caller's words: it is not for the log.
            log.error(
                "the tool %s raised %s; the model is told that it failed",
                name,
                type(first_leaf(failures)).__name__,
                exc_info=log.isEnabledFor(logging.DEBUG),
            )
            told = f"{name} failed."
        if told is None:
            log.warning("the tool %s took longer than its %g s and was ended", name, self.seconds)
            told = f"{name} took longer than {self.seconds:g} s and was given up."
        return told


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
    """Make a function a tool; also as a decorator, with or without arguments.

    The model goes by the function's name, its docstring (or `description`) and its parameters, each
    annotated: `str`, `int`, `float`, `bool`, `Literal`, an `Enum`, lists of these, optional ones,
    and whatever else Pydantic can describe. An async function may wait, within `seconds`; a plain
    one is to be quick, because no call goes on meanwhile. Raises `ToolDeclarationError`."""
    if function is None:
        return lambda function: tool(
            function, seconds=seconds, on_interruption=on_interruption, description=description
        )
    name = getattr(function, "__name__", "")
    if not _NAME.fullmatch(name):
        raise ToolDeclarationError(
            f"tool {name or function!r}: a tool is a function with a name of its own, of at most "
            f"64 English letters, digits and underscores"
        )
    described = inspect.cleandoc(description or inspect.getdoc(function) or "")
    if not described:
        raise ToolDeclarationError(f"tool {name}: it has no docstring, which the model goes by")
    if not 0 < seconds < inf:
        raise ToolDeclarationError(f"tool {name}: seconds is {seconds}; write how long it may last")
    if on_interruption not in ("cancel", "finish"):
        raise ToolDeclarationError(
            f"tool {name}: on_interruption is {on_interruption!r}; write 'cancel' or 'finish'"
        )
    arguments = _arguments(name, function)
    spec = ToolSpec(name, described, arguments.model_json_schema(schema_generator=_Untitled))
    return Tool(spec, seconds, on_interruption, function, arguments)


def by_name(tools: Iterable[Tool], taken: Iterable[str] = ()) -> dict[str, Tool]:
    """The tools by their names, none of which is another's. Raises `ToolDeclarationError`."""
    names: dict[str, Tool] = {}
    for each in tools:
        if each.spec.name in names or each.spec.name in taken:
            raise ToolDeclarationError(f"tool {each.spec.name}: there is another of that name")
        names[each.spec.name] = each
    return names


class _Untitled(GenerateJsonSchema):
    """Without the titles that only repeat the parameters' names."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def generate(self, schema: Any, mode: Any = "validation") -> JsonSchemaValue:
        made = super().generate(schema, mode)
        made.pop("title", None)
        return made


def _arguments(name: str, function: Function) -> type[BaseModel]:
    """What Pydantic makes of the parameters. Raises `ToolDeclarationError`."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ToolDeclarationError(f"tool {name}: its annotations: {error}") from None
    fields: dict[str, Any] = {}
    for number, parameter in enumerate(inspect.signature(function).parameters.values()):
        where = f"tool {name}: parameter {parameter.name}"
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ToolDeclarationError(f"{where} cannot be given by name; a model gives no other")
        if parameter.name not in hints:
            raise ToolDeclarationError(f"{where} has no annotation, such as `: str`")
        try:
            TypeAdapter(hints[parameter.name]).json_schema()
        except PydanticUserError:
            raise ToolDeclarationError(
                f"{where} is of a type that JSON has no word for; use str, int, float, bool, "
                f"Literal, an Enum, or lists of these"
            ) from None
        default = ... if parameter.default is parameter.empty else parameter.default
        # A field's own name must not be one that Pydantic uses itself: the alias is free.
        fields[f"argument_{number}"] = (
            hints[parameter.name],
            Field(default, alias=parameter.name),
        )
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _text(returned: object) -> str:
    if isinstance(returned, str):
        return returned
    return "Done." if returned is None else to_json(returned).decode()
