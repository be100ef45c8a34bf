"""The abstraction of calls: one key and one representative for all that a chart cannot tell apart.

Theory of operation. Each field of a call's data declares its own abstraction
(callchart.engine.memory). This module applies them, and adds two rules: of all numbers of
utterances only the order counts, and a reply is the current one or another. A chart adds
`CanonicalValues`: if nothing depends on a field in some of its states, one value replaces all.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

from callchart.engine.chart import Occurrence
from callchart.engine.data import CallData, Reply
from callchart.engine.exploration import SearchState
from callchart.engine.exploration.environment.state import EnvironmentState
from callchart.engine.memory import FIELD_BY_FIELD, Seen, abstraction_of


@dataclass(frozen=True)
class CanonicalValues:
    """Values by name of field. Each replaces all others where nothing depends on the field.

    `environment` has the fields of `EnvironmentState`."""

    data: Mapping[str, Any] = field(default_factory=dict)
    reply: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)


NOTHING = CanonicalValues()

#: (leaf, data, environment) -> the canonical values there.
Forget = Callable[[str, Any, EnvironmentState], CanonicalValues]


def nothing(leaf: str, data: CallData, environment: EnvironmentState) -> CanonicalValues:
    """Return no canonical values: something may depend on each field."""
    return NOTHING


def spoken(text: str) -> str:
    """Return "words" for a text with words, and "" for one without."""
    return "words" if text.strip() else ""


class _Key(NamedTuple):
    """The parts of a search state that the chart or the environment can tell apart.

    The values are those of the representative."""

    data: tuple[Any, ...]
    reply: tuple[Any, ...]
    environment: tuple[Any, ...]
    deferred: tuple[Any, ...]
    recalled: tuple[Any, ...]


class Abstraction:
    """The abstraction of the calls of one chart, whose data are of the class `data`.

    `word_for` returns the representative of a text, `forget` the canonical values in a state."""

    def __init__(
        self,
        data: type[CallData],
        forget: Forget = nothing,
        word_for: Callable[[str], str] = spoken,
    ) -> None:
        self._forget, self._word_for = forget, word_for
        declared = {f.name: abstraction_of(f) for f in fields(data)}
        kept = {
            name: each
            for name, each in declared.items()
            if not (each.is_constant or each.is_forgotten or each is FIELD_BY_FIELD)
        }
        self._same = tuple(name for name, each in kept.items() if each.value is None)
        self._values = tuple((name, each.value) for name, each in kept.items() if each.value)
        self._names = (*self._same, *(name for name, _ in self._values))
        self._normalized = tuple(
            (name, each.normalized) for name, each in declared.items() if each.normalized
        )
        self._utterances = tuple(
            (name, each.utterances) for name, each in declared.items() if each.utterances
        )
        nothing_seen = Seen({}, word_for, {})
        self._forgotten = {
            name: each.value(None, nothing_seen)
            for name, each in declared.items()
            if each.is_forgotten and each.value
        }
        self._extremes = tuple(
            (name, each.extremes) for name, each in declared.items() if each.extremes
        )
        self._variants = tuple(
            (name, each.variants) for name, each in declared.items() if each.variants
        )
        self._reply = tuple((f.name, abstraction_of(f).value) for f in fields(Reply))

    def key(self, state: SearchState) -> Hashable:
        """See `callchart.engine.exploration.Model`."""
        configuration, data, now = state
        canonical = self._forget(configuration.leaf, data, now)
        values: dict[str, Any] = {**vars(data), **canonical.data}
        rank: dict[int, int] = {}
        seen = Seen(values, self._word_for, rank)
        # A list first: each `normalized` must read the values as they were.
        values.update([(name, normalized(seen)) for name, normalized in self._normalized])
        environment = {**now._asdict(), **canonical.environment}
        answered = values["answered"]
        pending = [u for u in environment["pending_finals"] if u > answered]
        numbers = {0, environment["utterance"], *pending}
        for name, utterances in self._utterances:
            numbers.update(utterances(values[name]))
        deferred, recalled = configuration.deferred, configuration.recalled
        for occurrence in (*deferred, *recalled):
            numbers.add(getattr(occurrence.event, "utterance", 0))
        rank.update([(number, n) for n, number in enumerate(sorted(numbers))])
        environment["utterance"] = rank[environment["utterance"]]
        environment["pending_finals"] = tuple([rank[u] for u in pending])
        if now.reply:
            environment["reply"] = 1 if now.reply == data.reply.number else 2
        reply = tuple(
            [
                canonical.reply[name]
                if name in canonical.reply
                else getattr(data.reply, name)
                if value is None
                else value(getattr(data.reply, name), seen)
                for name, value in self._reply
            ]
        )
        values["reply"] = Reply(*reply)
        return _Key(
            (
                *[values[name] for name in self._same],
                *[value(values[name], seen) for name, value in self._values],
            ),
            reply,
            tuple(environment.values()),
            _abstracted(deferred, state, rank) if deferred else (),
            _abstracted(recalled, state, rank) if recalled else (),
        )

    def representative(self, state: SearchState) -> SearchState:
        """See `callchart.engine.exploration.Model`."""
        key = self.key(state)
        assert isinstance(key, _Key)
        configuration, data, _ = state
        data = replace(
            data,
            reply=Reply(*key.reply),
            **self._forgotten,
            **dict(zip(self._names, key.data, strict=True)),
        )
        if key.deferred or key.recalled:
            configuration = replace(
                configuration,
                deferred=_represented(configuration.deferred, key.deferred),
                recalled=_represented(configuration.recalled, key.recalled),
            )
        return SearchState(configuration, data, EnvironmentState(*key.environment))

    def variants(self, data: CallData, at_us: int) -> list[tuple[str, CallData]]:
        """See `callchart.engine.exploration.Model`."""
        return [
            ("", data),
            *(
                (note, replace(data, **{name: value}))
                for name, variants in self._variants
                for note, value in variants(data, at_us)
            ),
        ]

    def extremes(self, data: CallData, at_us: int) -> tuple[CallData, CallData]:
        """See `callchart.engine.exploration.Model`: shortest delays first, then longest."""
        values = [
            (name, *extremes(getattr(data, name), at_us)) for name, extremes in self._extremes
        ]
        return (
            replace(data, **{name: shortest for name, shortest, _ in values}),
            replace(data, **{name: longest for name, _, longest in values}),
        )


def _abstracted(
    occurrences: tuple[Occurrence, ...], state: SearchState, rank: Mapping[int, int]
) -> tuple[Any, ...]:
    """Return (event, place of its stay) of each occurrence, with ranks for numbers of utterances.

    The place is the index of the stay among the active ones; None for an event from outside."""
    stays = [active.activation for active in state.configuration.active]
    abstracted = []
    for occurrence in occurrences:
        event: Any = occurrence.event
        if hasattr(event, "utterance"):
            event = replace(event, utterance=rank[event.utterance])
        stay = occurrence.activation
        # Not False for a stay that has ended: False equals 0, the place of the outermost stay.
        place = stays.index(stay) if stay in stays else "ended"
        abstracted.append((event, None if stay is None else place))
    return tuple(abstracted)


def _represented(
    occurrences: tuple[Occurrence, ...], abstracted: tuple[Any, ...]
) -> tuple[Occurrence, ...]:
    return tuple(
        replace(occurrence, event=event)
        for occurrence, (event, _) in zip(occurrences, abstracted, strict=True)
    )
