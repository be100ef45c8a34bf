"""The fields of a call's data: `memory` declares a field and its abstraction in explorations.

Theory of operation. An exploration treats two calls as one if no guard, update or delay can tell
them apart. Each field says which of its values are equal in this sense: its abstraction maps a
value to its representative. So there are finitely many representatives, and the exploration ends.
An abstraction must not merge values that a chart tells apart: the exploration would miss calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field
from typing import Any, NamedTuple

#: The key of an abstraction in the metadata of a dataclass field.
ABSTRACTION = "abstraction"


class Seen(NamedTuple):
    """The values that the abstraction of one field may read.

    `fields` are the fields of the data, by name: normalized, but not abstracted yet, except for the
    reply."""

    fields: Mapping[str, Any]
    #: A text of the caller -> its representative.
    word_for: Callable[[str], str]
    #: The number of an utterance -> its rank among all that the call still knows.
    rank: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldAbstraction:
    """The way in which an exploration abstracts one field.

    `value` returns the representative of a value; without it, each value represents itself.
    `utterances` returns the numbers of utterances in a value: an exploration keeps only their
    order. `normalized` replaces the value before utterances get their ranks, so it must not read
    `Seen.rank`. `extremes` returns, for a moment (us), the value that makes the delays of timers
    shortest and the one that makes them longest; all values that the representative replaces lie
    between them. `variants` returns, for the data and a moment (us), the values with which a step
    may lead elsewhere than with the representative, each with a note."""

    value: Callable[[Any, Seen], Any] | None = None
    #: The value is the same in all calls of an exploration.
    is_constant: bool = False
    #: All values have the same representative.
    is_forgotten: bool = False
    utterances: Callable[[Any], Iterable[int]] | None = None
    normalized: Callable[[Seen], Any] | None = None
    extremes: Callable[[Any, int], tuple[Any, Any]] | None = None
    variants: Callable[[Any, int], Iterable[tuple[str, Any]]] | None = None


#: Each value represents itself: flags, names, and counters with a limit.
SAME = FieldAbstraction()
#: The value never changes in a call, and is the same in all explored calls.
CONSTANT = FieldAbstraction(is_constant=True)
#: The value is a dataclass; each of its fields declares an abstraction of its own.
FIELD_BY_FIELD = FieldAbstraction()
#: `Phone.word_for` returns the representative of a text.
WORDS = FieldAbstraction(value=lambda text, seen: seen.word_for(text))


def forget(
    representative: Any, *, extremes: Callable[[Any, int], tuple[Any, Any]] | None = None
) -> FieldAbstraction:
    """Return the abstraction of a field that no guard reads: `representative` represents all."""
    return FieldAbstraction(
        value=lambda value, seen: representative, is_forgotten=True, extremes=extremes
    )


def truthy(some: Any, none: Any) -> FieldAbstraction:
    """Return the abstraction that only tells something (`some`) from nothing (`none`)."""
    return FieldAbstraction(value=lambda value, seen: some if value else none)


def is_set(some: Any) -> FieldAbstraction:
    """Return the abstraction that only tells a value (`some`) from None."""
    return FieldAbstraction(value=lambda value, seen: None if value is None else some)


def capped(limit: int) -> FieldAbstraction:
    """Return the abstraction of a counter, or None, whose values from `limit` on are equal."""
    return FieldAbstraction(value=lambda value, seen: None if value is None else min(value, limit))


def moment_us(*, earliest_s: float, latest_s: float, **also: Any) -> FieldAbstraction:
    """Return the abstraction of a moment (us) that only delays read.

    A later moment must make delays longer. Delays are computed for `earliest_s` and for `latest_s`,
    in seconds from now. `also` are further arguments of `FieldAbstraction`."""

    def extremes(value: int, at_us: int) -> tuple[int, int]:
        return at_us + round(earliest_s * 1_000_000), at_us + round(latest_s * 1_000_000)

    return FieldAbstraction(
        value=lambda value, seen: 0, is_forgotten=True, extremes=extremes, **also
    )


def utterance_number(normalized: Callable[[Seen], int] | None = None) -> FieldAbstraction:
    """Return the abstraction of an utterance's number: only the order of such numbers counts."""
    return FieldAbstraction(
        value=lambda number, seen: seen.rank[number],
        utterances=lambda number: (number,),
        normalized=normalized,
    )


def memory(
    default: Any = MISSING,
    *,
    abstraction: FieldAbstraction = SAME,
    default_factory: Any = MISSING,
) -> Any:
    """Declare a field of a call's data, with its default and its abstraction.

    A plain dataclass field has the abstraction `SAME`."""
    metadata = {ABSTRACTION: abstraction}
    if default_factory is not MISSING:
        return field(default_factory=default_factory, metadata=metadata)
    return field(default=default, metadata=metadata)


def abstraction_of(declared: Field[Any]) -> FieldAbstraction:
    """Return the abstraction that a dataclass field declares."""
    abstraction: FieldAbstraction = declared.metadata.get(ABSTRACTION, SAME)
    return abstraction
