"""A Hypothesis strategy for random charts, and their events, effects and data.

A chart has random nesting, reactions, guards, timers, deferrals and activities. `Chart` accepts
each of them: the top states react to every event, and each leaf has a timer that leads to the next
leaf, so that every leaf is reachable and bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import combinations, count, pairwise, permutations
from typing import Any, ClassVar, Self, TypeVar

from hypothesis import strategies as st

from callchart.engine.chart import Chart, Effect, State, defer, ignore, stay, to
from callchart.engine.chart.state import Delay, Guard, Reaction, Update
from callchart.engine.data import CallData, Facts
from callchart.engine.events import Event
from callchart.engine.settings import Settings


@dataclass(frozen=True, slots=True)
class Red(Event):
    """An event from outside. `n` distinguishes two events of one class."""

    n: int = 0


@dataclass(frozen=True, slots=True)
class Green(Event):
    n: int = 0


@dataclass(frozen=True, slots=True)
class Hammered(Event):
    origin: ClassVar[str] = "hammer"
    n: int = 0


@dataclass(frozen=True, slots=True)
class Sawn(Event):
    origin: ClassVar[str] = "saw"
    n: int = 0


@dataclass(frozen=True, slots=True)
class Flushed(Event):
    """The event that the effect `Flush` raises."""

    n: int = 0


@dataclass(frozen=True, slots=True)
class Stop(Event):
    """The event that ends every random chart."""


OUTSIDE = (Red, Green)
WORKED: dict[str, Callable[[int], Event]] = {"hammer": Hammered, "saw": Sawn}
ANSWERED = (Red, Green, Hammered, Sawn, Flushed)


@dataclass(frozen=True)
class Bits(CallData):
    """Data whose bits are the results of the guards."""

    bits: int = 0

    @classmethod
    def begin(cls, settings: Settings, seed: int, facts: Facts) -> Self:
        return replace(super().begin(settings, seed, facts), bits=seed)


@dataclass(frozen=True, slots=True)
class Mark(Effect):
    """An effect that the test's line notes, with its moment."""

    text: str

    def carry_out(self, call: Any) -> None:
        call.line.note(self.text)


@dataclass(frozen=True, slots=True)
class Flush(Effect):
    """An effect that raises an event, as `StopPlayback` does."""

    def carry_out(self, call: Any) -> None:
        call.raise_(Flushed(call.step.after.activations))


def _guard(bit: int) -> Guard:
    def guard(data: Bits) -> bool:
        return bool(data.bits >> bit & 1)

    guard.__name__ = f"bit_{bit}"
    return guard


def _flip(bit: int) -> Update:
    def update(data: Bits) -> Bits:
        return replace(data, bits=data.bits ^ 1 << bit)

    update.__name__ = f"flip_{bit}"
    return update


def stir(data: Bits, at_us: int) -> Bits:
    """Change the bits; the result depends on the moment."""
    return replace(data, bits=(data.bits * 5 + at_us // 10_000 + 1) % 64)


def by_the_bits(data: Bits) -> float:
    """Return 10 to 80 ms, in seconds."""
    return (data.bits % 8 + 1) / 100


GUARDS = tuple(_guard(bit) for bit in range(4))
UPDATES = (stir, *(_flip(bit) for bit in range(4)))

SOME_EVENTS = tuple(some for n in range(4) for some in combinations(ANSWERED, n))
SOME_GUARDS = tuple(some for n in range(3) for some in permutations(GUARDS, n))
SOME_UPDATES = tuple(some for n in range(3) for some in permutations(UPDATES, n))

WITHOUT_TO = ("ignore", "stay", "defer", "defer")
KINDS = (*WITHOUT_TO, "to", "to")

Shape = tuple[Any, ...]
_shapes: st.SearchStrategy[Shape] = st.recursive(
    st.just(()), lambda inner: st.lists(inner, min_size=2, max_size=3).map(tuple), max_leaves=4
)

_up_to = cache(partial(st.integers, 0))

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Place:
    """The plan of a state. `timers` are its timers without the one that leads out."""

    path: str
    name: str
    ancestors: tuple[str, ...]
    children: tuple[_Place, ...]
    initial: int
    timers: tuple[str, ...]

    def walk(self) -> Iterator[_Place]:
        yield self
        for child in self.children:
            yield from child.walk()


def _leaves(shapes: Sequence[Shape]) -> int:
    return sum(_leaves(shape) or 1 for shape in shapes)


class _Builder:
    """One chart while Hypothesis draws it."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw, self._numbers, self._words = draw, count(), count()
        shapes: list[Shape] = draw(st.lists(_shapes, min_size=1, max_size=2))
        if _leaves(shapes) == 1:
            shapes.append(())  # The timer `out` needs another leaf.
        self._tops = tuple(self._place(shape, ()) for shape in shapes)
        self._all = {place.path: place for top in self._tops for place in top.walk()}
        leaves = [path for path, place in self._all.items() if not place.children]
        first = leaves.index(self._entered(self._tops[0]))
        # The timer `out` of each leaf leads to the next leaf, in a circle from the initial one.
        around = [*leaves[first:], *leaves[: first + 1]]
        self._next = dict(pairwise(around))
        self._last = around[-2]

    def states(self) -> list[State]:
        return [*map(self._state, self._tops), State("over", final=True)]

    def _place(self, shape: Shape, ancestors: tuple[str, ...]) -> _Place:
        name = f"s{next(self._numbers)}"
        path = ".".join((*ancestors[-1:], name))
        children = tuple(self._place(inner, (*ancestors, path)) for inner in shape)
        return _Place(
            path,
            name,
            ancestors,
            children,
            self._pick(range(len(children))) if children else 0,
            self._pick(((), ("t0",), ("t1",), ("t0", "t1"))),
        )

    def _entered(self, place: _Place) -> str:
        while place.children:
            place = place.children[place.initial]
        return place.path

    def _state(self, place: _Place) -> State:
        on = {}
        for event in self._pick(SOME_EVENTS):
            # An event that an exit raises must not lead to an exit: no circle without time.
            kinds = WITHOUT_TO if event is Flushed else KINDS
            on[event] = self._reactions(place, kinds, last=self._pick((True, False)))
        if not place.ancestors:
            for event in ANSWERED:
                given = on.get(event, [])
                if not given or given[-1].when is not None:
                    on[event] = [*given, ignore("no other state reacts")]
        after: dict[str, tuple[Delay, list[Reaction]]] = {
            timer: (self._delay(least=1), self._reactions(place, KINDS, last=True))
            for timer in place.timers
        }
        if not place.children:
            reactions = [self._to(place, guard) for guard in self._pick(SOME_GUARDS)]
            # A delay of 0 s is safe only if the timer always leads onwards: no circle without time.
            least = 1 if reactions or place.path == self._last else 0
            after["out"] = (self._delay(least=least), [*reactions, to(self._next[place.path])])
        return State(
            place.name,
            on=on if place.ancestors else {**on, Stop: to("over")},
            after=after,
            activity=self._pick((None, "hammer", "saw")),
            entry=self._mark(),
            exit=[self._mark(), *self._pick(((), (), (), (Flush(),)))],
            children=tuple(map(self._state, place.children)),
            initial=place.children[place.initial].name if place.children else None,
        )

    def _reactions(self, place: _Place, kinds: Sequence[str], *, last: bool) -> list[Reaction]:
        """Return one to three reactions with guards; with `last`, the last one has no guard."""
        guards = self._pick(SOME_GUARDS)
        reactions = [self._reaction(place, kinds, guard) for guard in guards or GUARDS[: not last]]
        return [*reactions, self._reaction(place, kinds, None)] if last else reactions

    def _reaction(self, place: _Place, kinds: Sequence[str], when: Guard | None) -> Reaction:
        match self._pick(kinds):
            case "to":
                return self._to(place, when)
            case "stay":
                near = [*place.ancestors, place.path]
                timers = sorted({timer for path in near for timer in self._all[path].timers})
                rearm = self._pick(((), timers[:1], timers[::-1]))
                return stay(
                    when=when,
                    update=self._pick(SOME_UPDATES),
                    effects=self._mark(),
                    rearm=rearm,
                )
            case "defer":
                return defer("later", when=when)
            case _:
                return ignore("no", when=when)

    def _to(self, place: _Place, when: Guard | None) -> Reaction:
        target = self._pick(list(self._all))
        return to(
            target,
            when=when,
            update=self._pick(SOME_UPDATES),
            effects=self._mark(),
            restart=target in place.ancestors,
        )

    def _delay(self, *, least: int) -> Delay:
        """Return a delay on a grid of 10 ms, so that ties are frequent."""
        delays: list[Delay] = [n / 100 for n in range(least, 9)]
        return self._pick([*delays, by_the_bits] if least else delays)

    def _pick(self, options: Sequence[T]) -> T:
        chosen: int = self._draw(_up_to(len(options) - 1))
        return options[chosen]

    def _mark(self) -> Mark:
        return Mark(f"mark {next(self._words)}")


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    """Draw a chart that `Chart` accepts."""
    return Chart("random", _Builder(draw).states(), events=(*ANSWERED, Stop), data=Bits)


seeds = st.integers(0, 63)
