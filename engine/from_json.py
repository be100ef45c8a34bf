"""Typed values from parsed JSON. All mistakes are reported together.

Pydantic is faster (2 us instead of 16 us for an event), but cannot read journals: its strict mode
makes dataclasses only from text that it parses itself, and its parser refuses half a surrogate
pair, which recognisers do send.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

#: The largest number that is accepted: sums and products of such numbers do not overflow.
LARGEST = 1e100


def made_of(kind: Any, plain: Any, name: str, mistakes: list[str]) -> Any:
    """Return `plain`, a value from `json.loads`, as a value of the type `kind`.

    Numbers must be finite. Lists become tuples, and objects become dataclasses. A type that JSON
    does not have accepts every value. For each part that does not fit, add a message to `mistakes`:
    it begins with the place of the part, which begins with `name`. The returned value is then
    unusable."""
    origin, members = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(plain, dict):
        return _dataclass(kind, plain, name, mistakes)
    if origin is tuple and isinstance(plain, list | tuple):
        kinds = members[:1] * len(plain) if members[1:] == (...,) else members
        if len(kinds) == len(plain):
            each = zip(kinds, plain, strict=True)
            return tuple(made_of(k, p, f"{name}[{n}]", mistakes) for n, (k, p) in enumerate(each))
    if not _fits(kind, plain):
        mistakes.append(f"{name} must be {_in_words(kind)}, got {_quoted(plain)}")
    return plain


def member_of(
    kind: Any, plain: Mapping[str, Any], key: str, mistakes: list[str], prefix: str = ""
) -> Any:
    """Return the member `key` of an object as a value of the type `kind`, like `made_of`.

    `prefix` is the place of the object, with a dot at its end."""
    if key not in plain:
        mistakes.append(f"{prefix}{key} is missing")
        return None
    return made_of(kind, plain[key], f"{prefix}{key}", mistakes)


def _dataclass(kind: Any, plain: Mapping[str, Any], name: str, mistakes: list[str]) -> Any:
    types, known = _types(kind), {f.name: f.init for f in fields(kind)}
    found = len(mistakes)
    mistakes += [f"{name}.{key} is unknown" for key in plain if key not in known]
    values = {k: member_of(types.get(k, Any), plain, k, mistakes, f"{name}.") for k in known}
    if len(mistakes) > found:
        return None
    try:
        return kind(**{key: value for key, value in values.items() if known[key]})
    except (TypeError, ValueError) as error:  # a check of the type itself
        mistakes.append(f"{name}: {error}")
        return None


@cache
def _types(kind: type) -> Mapping[str, Any]:
    try:
        return get_type_hints(kind)
    except NameError:  # only type checkers can resolve the annotation
        return {}


def _fits(kind: Any, plain: Any) -> bool:
    if get_origin(kind) in (Union, UnionType):
        return any(_fits(each, plain) for each in get_args(kind))
    if get_origin(kind) is Literal:
        return plain in get_args(kind)
    if kind in (int, float):
        kinds = int if kind is int else int | float
        is_number = isinstance(plain, kinds) and not isinstance(plain, bool)
        return is_number and abs(plain) <= LARGEST  # false for NaN
    if kind in (str, bool, dict, NoneType):
        return isinstance(plain, kind)
    return not (is_dataclass(kind) or get_origin(kind) is tuple)


_WORDS = {str: "a string", bool: "true or false", int: "an integer", float: "a number"}


def _in_words(kind: Any) -> str:
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_in_words(each) for each in get_args(kind))
    if get_origin(kind) is Literal:
        return " or ".join(_quoted(each) for each in get_args(kind))
    if get_origin(kind) is tuple:
        *others, last = get_args(kind)
        return "a list" if last is ... else f"a list of {len(others) + 1}"
    return "null" if kind is NoneType else _WORDS.get(kind, "an object")


def _quoted(plain: Any) -> str:
    text = json.dumps(plain)
    return text if len(text) <= 40 else f"{text[:37]}..."
