"""The functions of a chart, bound to the values that they read.

The parameters of a guard, an update, a delay or an effect name the values that it reads: `data`
(the call's data), `event`, and `at_us` (microseconds since the call began), in this order. Each
function is bound once: `bound(function)(data, event, at_us)` calls it with the values that it
names.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from types import UnionType
from typing import Any, Protocol, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from callchart.engine.did_you_mean import did_you_mean
from callchart.engine.events import Event

R_co = TypeVar("R_co", covariant=True)
F = TypeVar("F", bound=Callable[..., Any])


class _Named(Protocol):
    """A function with a name, for journals and diagrams."""

    @property
    def __name__(self) -> str: ...


class _OfNothing(_Named, Protocol[R_co]):
    def __call__(self) -> R_co: ...


class _OfData(_Named, Protocol[R_co]):
    def __call__(self, data: Any) -> R_co: ...


class _OfEvent(_Named, Protocol[R_co]):
    def __call__(self, event: Any) -> R_co: ...


class _OfMoment(_Named, Protocol[R_co]):
    def __call__(self, at_us: int) -> R_co: ...


class _OfDataAndEvent(_Named, Protocol[R_co]):
    def __call__(self, data: Any, event: Any) -> R_co: ...


class _OfDataAndMoment(_Named, Protocol[R_co]):
    def __call__(self, data: Any, at_us: int) -> R_co: ...


class _OfEventAndMoment(_Named, Protocol[R_co]):
    def __call__(self, event: Any, at_us: int) -> R_co: ...


class _OfAll(_Named, Protocol[R_co]):
    def __call__(self, data: Any, event: Any, at_us: int) -> R_co: ...


#: A function of some of (data, at_us), because a timer starts without an event.
WithoutEvent = _OfNothing[R_co] | _OfData[R_co] | _OfMoment[R_co] | _OfDataAndMoment[R_co]
#: A function of some of (data, event, at_us). A type checker refuses other parameters, but cannot
#: compare the annotation of `event` with the key in `on`: the chart does that.
Function = (
    WithoutEvent[R_co]
    | _OfEvent[R_co]
    | _OfDataAndEvent[R_co]
    | _OfEventAndMoment[R_co]
    | _OfAll[R_co]
)
#: A bound function: it takes (data, event, at_us), and passes on the values that are read.
Bound = Callable[[Any, Any, int], Any]

DATA, EVENT, AT_US = "data", "event", "at_us"
#: The values that a function may read, in the order in which it names them.
READABLE = (DATA, EVENT, AT_US)

_BINDERS: dict[tuple[str, ...], Callable[[Any], Bound]] = {
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
    """A wrong parameter of a chart's function: it is not one of the values to read."""


def _cached(function: F) -> F:
    # `cache` takes only Hashable arguments, and to a type checker a protocol is not Hashable.
    return cast(F, cache(function))


@_cached
def reads(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the values that a function reads. Raises `BindingError`."""
    try:
        parameters = tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError) as error:
        raise BindingError(f"{function!r} has no signature: {error}") from None
    if parameters not in _BINDERS:
        raise BindingError(
            f"the parameters of {function.__name__} must be some of {', '.join(READABLE)}, in this "
            f"order, got ({', '.join(parameters)}){_cure(parameters)}"
        )
    return parameters


def _cure(parameters: Sequence[str]) -> str:
    unknown = [name for name in parameters if name not in READABLE]
    if not unknown:
        return f"; write ({', '.join(name for name in READABLE if name in parameters)})"
    return did_you_mean(unknown[0], READABLE)


@_cached
def bound(function: Callable[..., Any]) -> Bound:
    """Return a function of (data, event, at_us) that calls `function` with the values it reads."""
    return _BINDERS[reads(function)](function)


@_cached
def event_types(function: Callable[..., Any]) -> Sequence[type[Event]]:
    """Return the classes of events that the function's annotation allows; () allows any event.

    An annotation that cannot be resolved outside its module allows any event."""
    try:
        annotation = get_type_hints(function).get(EVENT)
    except (NameError, TypeError):
        return ()
    is_union = get_origin(annotation) in (Union, UnionType)
    members = get_args(annotation) if is_union else (annotation,)
    allowed = tuple(each for each in members if isinstance(each, type) and issubclass(each, Event))
    return allowed if len(allowed) == len(members) else ()
