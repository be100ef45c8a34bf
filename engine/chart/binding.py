"""The functions of a chart, bound to the values that they read.

A guard, an update, a delay or an effect names what it reads, by its parameters: `data` (the call's
data), `event`, and `at_us` (microseconds since the call began), in this order. When a chart is
built, each function is bound once: `bound(function)(data, event, at_us)` passes on the values that
the function names.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from callchart.engine.events import Event

Function = Callable[..., Any]
#: A function of (data, event, at_us), whatever the function behind it reads.
Bound = Callable[[Any, Any, int], Any]

DATA, EVENT, AT_US = "data", "event", "at_us"
#: The values that a function may read, in the order in which it names them.
READABLE = (DATA, EVENT, AT_US)

_BINDERS: dict[tuple[str, ...], Callable[[Function], Bound]] = {
    (): lambda f: lambda data, event, at_us: f(),
    (DATA,): lambda f: lambda data, event, at_us: f(data),
    (EVENT,): lambda f: lambda data, event, at_us: f(event),
    (AT_US,): lambda f: lambda data, event, at_us: f(at_us),
    (DATA, EVENT): lambda f: lambda data, event, at_us: f(data, event),
    (DATA, AT_US): lambda f: lambda data, event, at_us: f(data, at_us),
    (EVENT, AT_US): lambda f: lambda data, event, at_us: f(event, at_us),
    (DATA, EVENT, AT_US): lambda f: f,
}


class BindingError(TypeError):
    """A function of a chart has a parameter that no value of a call belongs to."""


@cache
def reads(function: Function) -> tuple[str, ...]:
    """Return the names of the values that a function reads. Raises `BindingError`."""
    try:
        parameters = tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError) as error:
        raise BindingError(f"{function!r} has no signature: {error}") from None
    if parameters not in _BINDERS:
        raise BindingError(
            f"the parameters of {function.__name__} must be some of {', '.join(READABLE)}, in this "
            f"order, got ({', '.join(parameters)})"
        )
    return parameters


@cache
def bound(function: Function) -> Bound:
    """Return the function of (data, event, at_us) that calls `function` with what it reads."""
    return _BINDERS[reads(function)](function)


@cache
def event_types(function: Function) -> Sequence[type[Event]]:
    """Return the classes of events that the function's annotation allows; none: any event.

    An annotation that cannot be resolved outside its module allows any event."""
    try:
        annotation = get_type_hints(function).get(EVENT)
    except (NameError, TypeError):
        return ()
    is_union = get_origin(annotation) in (Union, UnionType)
    members = get_args(annotation) if is_union else (annotation,)
    if all(isinstance(member, type) and issubclass(member, Event) for member in members):
        return members
    return ()
