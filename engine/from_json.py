"""Values of annotated types, made of what JSON has of them, and refused where it has another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

#: Nothing is counted or measured beyond that; and what is made of such numbers has no overflow.
MOST = 1e100


class NotOfType(ValueError):
    """JSON has something else there. The message says where, what, and what it is not."""


def made_of(kind: Any, plain: Any, name: str) -> Any:
    """`plain`, as `json.loads` gives it, as a value of the type; `name` says where it stands.

    Numbers are finite. Lists become tuples, objects dataclasses, whole or not at all. A type that
    JSON has no word for is taken as it is. Raises `NotOfType`."""
    origin, of = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(plain, dict):
        return _dataclass(kind, plain, name)
    if origin is tuple and isinstance(plain, list | tuple):
        kinds = of[:1] * len(plain) if of[1:] == (...,) else of
        if len(kinds) == len(plain):
            each = zip(kinds, plain, strict=True)
            return tuple(made_of(k, p, f"{name}[{n}]") for n, (k, p) in enumerate(each))
    if not _fits(kind, plain):
        raise NotOfType(f"{name}: {_quoted(plain)} is not {_in_words(kind)}")
    return plain


def member_of(kind: Any, plain: Mapping[str, Any], word: str, of: str = "") -> Any:
    """What an object has under a name, as a value of the type; `of` says which object's it is."""
    if word not in plain:
        raise NotOfType(f"{of}{word} is missing")
    return made_of(kind, plain[word], f"{of}{word}")


def _dataclass(kind: Any, plain: Mapping[str, Any], name: str) -> Any:
    types, known = _types(kind), {f.name: f.init for f in fields(kind)}
    for word in plain:
        if word not in known:
            raise NotOfType(f"{name}.{word} is not known")
    values = {k: member_of(types.get(k, Any), plain, k, f"{name}.") for k in known}
    try:
        return kind(**{k: value for k, value in values.items() if known[k]})
    except (TypeError, ValueError) as error:  # a check of the type's own
        raise NotOfType(f"{name}: {error}") from None


@cache
def _types(kind: type) -> Mapping[str, Any]:
    try:
        return get_type_hints(kind)
    except NameError:  # of something that is imported for type checkers alone
        return {}


def _fits(kind: Any, plain: Any) -> bool:
    if get_origin(kind) in (Union, UnionType):
        return any(_fits(each, plain) for each in get_args(kind))
    if get_origin(kind) is Literal:
        return plain in get_args(kind)
    if kind in (int, float):
        kinds = int if kind is int else int | float
        is_number = isinstance(plain, kinds) and not isinstance(plain, bool)
        return is_number and abs(plain) <= MOST  # NaN is not
    if kind in (str, bool, dict, NoneType):
        return isinstance(plain, kind)
    return not (is_dataclass(kind) or get_origin(kind) is tuple)


_WORDS = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}


def _in_words(kind: Any) -> str:
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_in_words(each) for each in get_args(kind))
    if get_origin(kind) is Literal:
        return " or ".join(_quoted(each) for each in get_args(kind))
    if get_origin(kind) is tuple:
        *of, last = get_args(kind)
        return "a list" if last is ... else f"a list of {len(of) + 1}"
    return "null" if kind is NoneType else _WORDS.get(kind, "an object")


def _quoted(plain: Any) -> str:
    text = json.dumps(plain)
    return text if len(text) <= 40 else f"{text[:37]}..."
