"""The base of every section of `callchart.toml`, and the texts of mistakes in them.

Theory of operation. Pydantic validates a section and finds the mistakes in its values. `Table`
catches these, writes each one as `must be <expected>, got <value>`, adds the mistakes that
depend on several keys, and raises them together. So one reading of a file finds all its mistakes.
The text of a mistake continues the name of its key: " must be ..." or ": ...".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from callchart.engine.did_you_mean import did_you_mean

#: The key (or keys of nested sections) that is wrong, and the text that continues its name.
Mistake = tuple[tuple[str, ...], str]

#: The greatest number of known keys that a message lists.
_LISTED_KEYS = 12


@dataclass
class Source:
    """The origin of a configuration: the folder where relative paths start, and the environment.

    With `may_lack_secrets`, a missing secret is not a mistake: the secret is empty. Reading a
    secret that is written in the file itself sets `has_secrets`."""

    folder: Path
    environment: Mapping[str, str]
    may_lack_secrets: bool = False
    has_secrets: bool = False


def shown(value: object) -> str:
    """Return a value of TOML as a message quotes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"'
        case int() | float():
            return str(value)
        case list():
            return "a list"
        case dict():
            return "a table"
    return f"the date or time {value}"


@dataclass(frozen=True)
class Expected:
    """The words for a right value, as metadata of a field: "a host such as 127.0.0.1".

    `shown` quotes a wrong value."""

    text: str
    shown: Callable[[object], str] = shown


@dataclass(frozen=True)
class Unit:
    """The unit of a number, as metadata of a field."""

    text: str


SECONDS = Unit("seconds")


class Table(BaseModel):
    """A section. Subclasses declare keys as fields and add `missing` and `conflicts` as needed."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )
    #: The noun for an unknown key of this table.
    KEY: ClassVar[str] = "key"

    @classmethod
    def prepared(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return the table with an empty section for each section that is not optional."""
        sections: dict[str, Any] = {
            name: {}
            for name, declared in cls.model_fields.items()
            if isinstance(declared.annotation, type) and issubclass(declared.annotation, Table)
        }
        return {**sections, **given}

    @classmethod
    def missing(cls, given: Mapping[str, Any], source: Source) -> Iterator[Mistake]:
        """Yield mistakes that are visible in the table as given, before its values are parsed."""
        yield from ()

    def conflicts(self, source: Source) -> Iterator[Mistake]:
        """Yield mistakes in the combination of values that are each right."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _validate(
        cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        if not isinstance(value, dict):
            raise mistake(f" must be a section, got {shown(value)}")
        source = info.context
        assert isinstance(source, Source), "validation needs a source as its context"
        given, made = cls.prepared(value), None
        mistakes: list[tuple[tuple[str, ...], PydanticCustomError]] = []
        try:
            made = handler(given)
        except ValidationError as error:
            mistakes += [cls._worded(each) for each in error.errors(include_url=False)]
        mistakes += [(keys, mistake(text)) for keys, text in cls.missing(given, source)]
        if made is not None:
            mistakes += [(keys, mistake(text)) for keys, text in made.conflicts(source)]
        if made is None or mistakes:
            order = [*cls.model_fields, *given]
            mistakes.sort(key=lambda each: order.index(each[0][0]))
            raise ValidationError.from_exception_data(
                cls.__name__,
                [InitErrorDetails(type=each, loc=keys, input=None) for keys, each in mistakes],
            )
        return made

    @classmethod
    def _worded(cls, error: ErrorDetails) -> tuple[tuple[str, ...], PydanticCustomError]:
        keys = tuple(map(str, error["loc"]))
        if error["type"] == "mistake":
            return keys, mistake(**error.get("ctx", {}))
        if error["type"] == "extra_forbidden":
            return keys, mistake(unknown(keys[0], [*cls.model_fields], cls.KEY))
        key, *within = keys
        declared, value = cls.model_fields[key], error["input"]
        if error["type"] == "missing":
            return keys, mistake(nothing(declared))
        right = expected(declared)
        place = " in it" if within else ""
        near = _near(value, choices(declared))
        return (key,), mistake(f" must be {right.text}, got {right.shown(value)}{place}{near}")


def mistake(text: str, cure: str = "") -> PydanticCustomError:
    """Return the error that a validator raises for a mistake. Its context has text and cure."""
    context = {"text": text, "cure": cure}
    return PydanticCustomError("mistake", "{text}; {cure}" if cure else "{text}", context)


def continued(error: Exception, noun: str) -> str:
    """Return the text of an error as that of a mistake: the key replaces the noun at its start."""
    text = str(error)
    rest = text.removeprefix(f"{noun} ")
    return f" {rest}" if rest != text else f": {text}"


def nothing(declared: FieldInfo) -> str:
    """Return the text about a key that is missing."""
    return f" must be {expected(declared).text}, got nothing"


def unknown(key: str, known: Sequence[str], noun: str = "key") -> str:
    """Return the text about a key that does not exist, with the keys that do."""
    if not known:
        cure = "; this section has no keys"
    elif len(known) <= _LISTED_KEYS:
        cure = f"; known {noun}s: {', '.join(known)}"
    else:
        cure = "; check its spelling"
    return f" is not a known {noun}{did_you_mean(key, known) or cure}"


def expected(declared: FieldInfo) -> Expected:
    """Return the words for a right value of a field, from its metadata or else from its type."""
    kind, metadata = _type(declared)
    for each in metadata:
        if isinstance(each, Expected):
            return each
    if listed := choices(declared):
        return Expected(_listed(listed))
    bounds = {type(each): each for each in metadata}
    match kind:
        case kind if kind is bool:
            return Expected("a boolean, true or false")
        case kind if kind in (int, float):
            least, most = bounds[Ge].ge, bounds[Le].le
            noun = "an integer" if kind is int else "a number"
            if Unit in bounds:
                noun += f" of {bounds[Unit].text}"
            return Expected(f"{noun} from {least:.15g} to {most:.15g}")
        case kind if isinstance(kind, type) and issubclass(kind, Table):
            return Expected("a section")
    return Expected("a string")


def choices(declared: FieldInfo) -> Collection[object]:
    """Return the values that a field may have, if they can be listed."""
    kind, _ = _type(declared)
    return get_args(kind) if get_origin(kind) is Literal else ()


def _type(declared: FieldInfo) -> tuple[Any, Sequence[Any]]:
    """Return the type of a field and its metadata, without `| None`: TOML has no null."""
    kind, metadata = declared.annotation, declared.metadata
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (each for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is Annotated:
        kind, *nested = get_args(kind)
        flat = [each for one in nested for each in getattr(one, "metadata", [one])]
        return kind, [*metadata, *flat]
    return kind, metadata


def _listed(values: Collection[object]) -> str:
    *others, last = map(shown, values)
    return f"{', '.join(others)} or {last}" if others else last


def _near(value: object, known: Collection[object]) -> str:
    words = [each for each in known if isinstance(each, str) and each]
    return did_you_mean(value, words, shown)
