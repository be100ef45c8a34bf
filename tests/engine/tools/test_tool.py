"""An author's function as a tool: its description, arguments, results and errors."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, cast

import pytest
import trio
from pydantic import Field
from trio.testing import MockClock

from callchart.engine.tools.tool import Tool, ToolDeclarationError, ToolError, by_name, tool


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


async def order(
    article: str,
    pieces: int,
    size: Size,
    colour: Literal["red", "blue"] = "red",
    extras: list[str] | None = None,
    express: bool = False,
    most: Annotated[float, Field(description="what it may cost at most")] = 9.5,
) -> str:
    """Order something.

    It is sent the same day."""
    return f"{pieces} {size.name} {colour} {article} {extras} {express} {most:g}"


def test_a_spec_has_the_name_the_docstring_and_the_parameters() -> None:
    spec = tool(order).spec
    assert spec.name == "order"
    assert spec.description == "Order something.\n\nIt is sent the same day."
    assert json.loads(json.dumps(spec.parameters)) == {
        "$defs": {"Size": {"enum": ["small", "large"], "title": "Size", "type": "string"}},
        "type": "object",
        "properties": {
            "article": {"type": "string"},
            "pieces": {"type": "integer"},
            "size": {"$ref": "#/$defs/Size"},
            "colour": {"enum": ["red", "blue"], "type": "string", "default": "red"},
            "extras": {
                "anyOf": [{"items": {"type": "string"}, "type": "array"}, {"type": "null"}],
                "default": None,
            },
            "express": {"type": "boolean", "default": False},
            "most": {
                "type": "number",
                "default": 9.5,
                "description": "what it may cost at most",
            },
        },
        "required": ["article", "pieces", "size"],
        "additionalProperties": False,
    }


def test_a_tool_is_declared_by_a_decorator_with_or_without_arguments() -> None:
    @tool
    def plain() -> None:
        """Do it."""

    @tool(seconds=2.0, on_interruption="finish", description="Do it at any rate.")
    def careful() -> None:
        pass

    assert (plain.seconds, plain.on_interruption) == (5.0, "cancel")
    assert (careful.seconds, careful.on_interruption) == (2.0, "finish")
    assert careful.spec.description == "Do it at any rate."


async def used(made: Tool, arguments: str) -> str:
    """Return the result of one use."""
    return await made.run(made.parse_arguments(arguments))


async def test_arguments_are_converted_and_the_rest_has_its_defaults() -> None:
    few = '{"article": "nails", "pieces": "3", "size": "large"}'
    assert await used(tool(order), few) == "3 LARGE red nails None False 9.5"
    many = json.dumps(
        {
            "article": "nails",
            "pieces": 3,
            "size": "small",
            "colour": "blue",
            "extras": ["a box"],
            "express": True,
            "most": 2,
        }
    )
    assert await used(tool(order), many) == "3 SMALL blue nails ['a box'] True 2"


@pytest.mark.parametrize("arguments", ["", " ", "{}"])
async def test_empty_arguments_may_be_written_in_several_ways(arguments: str) -> None:
    def now() -> str:
        """The time."""
        return "noon"

    assert await used(tool(now), arguments) == "noon"


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        ('{"article": "nails"}', "pieces: Field required; size: Field required."),
        ('{"article": 1, "pieces": 1, "size": "small"}', "article: Input should be a valid string"),
        ('{"article": "x", "pieces": 1, "size": "huge"}', "size: Input should be 'small' or 'l"),
        ('{"article": "x", "pieces": 1.5, "size": "small"}', "pieces: Input should be a valid int"),
        (
            '{"article": "x", "pieces": 1, "size": "small", "extras": ["a", 1]}',
            "extras.1: Input should be a valid string",
        ),
        (
            '{"article": "x", "pieces": 1, "size": "small", "haste": true}',
            "haste: Extra inputs are not permitted",
        ),
        ('{"article": "x"', "Invalid JSON"),
        ('["x"]', "Input should be an object"),
    ],
)
def test_an_error_names_each_wrong_argument(arguments: str, mistake: str) -> None:
    with pytest.raises(ToolError, match="These arguments do not fit") as refusal:
        tool(order).parse_arguments(arguments)
    assert mistake in str(refusal.value)


def test_a_parameter_may_have_any_name() -> None:
    def odd(model_name: str, schema: str, copy: int, json: bool = False) -> None:
        """Have parameters whose names Pydantic uses itself."""

    parsed = tool(odd).parse_arguments('{"model_name": "a", "schema": "b", "copy": 1}')
    assert parsed == {"model_name": "a", "schema": "b", "copy": 1, "json": False}


def test_a_method_is_a_tool_without_its_self() -> None:
    class Shop:
        def hours(self, day: str) -> str:
            """Return the opening hours."""
            return day

    assert list(cast(Any, tool(Shop().hours).spec.parameters)["properties"]) == ["day"]


# --- results --------------------------------------------------------------------------------------


@dataclass
class Price:
    pounds: int
    article: str


@pytest.mark.parametrize(
    ("returned", "read"),
    [
        ("nine", "nine"),
        (None, "Done."),
        (3, "3"),
        ([Price(9, "nails")], '[{"pounds":9,"article":"nails"}]'),
        (Size.SMALL, '"small"'),
    ],
)
async def test_a_result_is_read_as_a_string_or_as_json(returned: object, read: str) -> None:
    def price() -> object:
        """Return the price."""
        return returned

    assert await used(tool(price), "{}") == read


async def test_the_model_reads_the_text_of_a_tool_error() -> None:
    async def price() -> str:
        """Return the price."""
        raise ToolError("it is not for sale")

    assert await used(tool(price), "{}") == "it is not for sale"


@pytest.mark.parametrize("returned", [object(), "raise"])
async def test_neither_the_model_nor_the_log_reads_the_message_of_another_exception(
    returned: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def price() -> object:
        """Return the price."""
        if returned == "raise":
            raise LookupError("secret")
        return returned

    with caplog.at_level(logging.INFO):
        assert await used(tool(price), "{}") == "price failed."
    (record,) = caplog.records
    assert record.getMessage().startswith("tool price failed: ")
    assert "secret" not in caplog.text


async def test_a_tool_that_takes_too_long_is_cancelled(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    ended = False

    async def price() -> str:
        """Return the price."""
        nonlocal ended
        try:
            await trio.sleep_forever()
        finally:
            ended = True

    made = tool(price, seconds=1.5)
    assert await used(made, "{}") == "price took longer than 1.5 s and was cancelled."
    assert (ended, trio.current_time()) == (True, 1.5)
    assert "tool price: timeout after 1.5 s" in caplog.text


async def test_a_running_tool_can_be_cancelled(autojump_clock: MockClock) -> None:
    async def price() -> str:
        """Return the price."""
        await trio.sleep_forever()
        raise AssertionError

    with trio.move_on_after(1.0) as scope:
        await used(tool(price), "{}")
    assert scope.cancelled_caught


async def test_a_tool_error_is_found_inside_an_exception_group() -> None:
    async def refuse() -> None:
        raise ToolError("it is not for sale")

    async def price() -> None:
        """Return the price."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(refuse)

    assert await used(tool(price), "{}") == "it is not for sale"


@pytest.mark.parametrize("seconds", [1.0, 9.0])
async def test_a_tool_that_fails_while_it_is_cancelled_is_still_cancelled(
    autojump_clock: MockClock, seconds: float
) -> None:
    async def price() -> None:
        """Return the price."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_at_the_end)
            await trio.sleep_forever()

    async def fail_at_the_end() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise LookupError("secret")

    with trio.move_on_after(2.0) as scope:
        assert await used(tool(price, seconds=seconds), "{}") == "price failed."
    assert scope.cancelled_caught is (seconds > 2.0)


# --- functions that cannot be tools ---------------------------------------------------------------


class Crane:
    pass


def undescribed(day: str) -> None: ...


def untyped(day) -> None:  # type: ignore[no-untyped-def]
    """D."""


def strange(day: Crane) -> None:
    """D."""


def callback(day: Callable[[], None]) -> None:
    """D."""


def unknown(day: Nowhere) -> None:  # type: ignore[name-defined]  # noqa: F821
    """D."""


def many(*days: str) -> None:
    """D."""


def any_of(**days: str) -> None:
    """D."""


def by_place(day: str, /) -> None:
    """D."""


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (undescribed, "tool undescribed: a docstring or a description is missing"),
        (untyped, "tool untyped: parameter day must have an annotation"),
        (strange, "tool strange: parameter day must have a type that JSON can hold"),
        (callback, "tool callback: parameter day must have a type that JSON can hold"),
        (
            unknown,
            "tool unknown: its annotations must be known names: name 'Nowhere' is not defined",
        ),
        (many, "tool many: parameter days must accept a keyword, got a variadic positional"),
        (any_of, "tool any_of: parameter days must accept a keyword, got a variadic keyword"),
        (by_place, "tool by_place: parameter day must accept a keyword, got a positional-only"),
        (
            lambda: None,
            "the name of a tool must be 1 to 64 English letters, digits and underscores, got",
        ),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused(
    function: Callable[..., object], complaint: str
) -> None:
    with pytest.raises(ToolDeclarationError) as refusal:
        tool(function)
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("inf"), float("nan")])
def test_the_time_limit_must_be_positive_and_finite(seconds: float) -> None:
    with pytest.raises(ToolDeclarationError, match="seconds must be more than 0 and finite, got"):
        tool(order, seconds=seconds)


def test_on_interruption_must_be_one_of_two_words() -> None:
    with pytest.raises(ToolDeclarationError, match="must be 'cancel' or 'finish', got 'stop'"):
        tool(order, on_interruption=cast(Any, "stop"))


def test_the_names_of_tools_are_unique() -> None:
    made = tool(order)
    assert by_name([made]) == {"order": made}
    with pytest.raises(ToolDeclarationError, match="tool order: the name must be unique"):
        by_name([made, tool(order)])
    with pytest.raises(ToolDeclarationError, match="tool order: the name must be unique"):
        by_name([made], taken=["order"])
