"""A function of a chart gets only the values that its parameters name."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import combinations
from typing import Any, cast

import pytest

from callchart.engine.chart import ChartError, Effect, State, ignore, stay, to
from callchart.engine.chart.binding import READABLE, BindingError, bound, event_types, reads
from callchart.engine.events import DigitReceived, Event
from callchart.states import CHART
from tests.engine.chart.by_hand import Knock, Notes, Say, Worked, chart, leaf


def a_function_of(names: tuple[str, ...]) -> Callable[..., tuple[object, ...]]:
    """Return a function with these parameters, which returns their values."""
    space: dict[str, Any] = {}
    exec(f"def f({', '.join(names)}): return ({''.join(name + ', ' for name in names)})", space)
    function: Callable[..., tuple[object, ...]] = space["f"]
    return function


@pytest.mark.parametrize(
    "names", [names for n in range(4) for names in combinations(READABLE, n)], ids=str
)
def test_a_function_gets_the_values_that_it_names(names: tuple[str, ...]) -> None:
    values = {"data": Notes(), "event": Knock(), "at_us": 7}
    function = a_function_of(names)
    assert reads(function) == names
    read = bound(function)(values["data"], values["event"], 7)
    assert read == tuple(values[name] for name in names)


def refused(message: str, state: State, **options: Any) -> None:
    """Assert that a chart of this state is refused with exactly this message."""
    with pytest.raises(ChartError, match=f"^{re.escape(message)}$"):
        chart(state, **options)


def of_now(data: Notes, now: float) -> bool:
    return now > 0


def backwards(event: Knock, data: Notes) -> bool:
    return bool(data and event)


def of_a_key(event: DigitReceived) -> bool:
    return event.digit == "1"


def of_knocks(event: Knock | Worked) -> bool:
    return True


def of_any_event(event: Event) -> bool:
    return True


def of_the_event(data: Notes, event: Event) -> float:
    return 1.0


def test_another_parameter_is_refused() -> None:
    refused(
        "state a, on Knock: the parameters of of_now must be some of data, event, at_us, in this "
        "order, got (data, now)",
        leaf("a", on={Knock: [stay(when=cast(Any, of_now)), to("over")]}),
    )


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        ("evnt", "did you mean event?"),
        ("dta", "did you mean data?"),
        ("data, event, at_s", "did you mean at_us?"),
        ("data, evnt, at", "did you mean event?"),
    ],
)
def test_a_misspelt_parameter_is_answered_with_the_near_one(names: str, hint: str) -> None:
    with pytest.raises(BindingError) as error:
        reads(a_function_of(tuple(names.split(", "))))
    assert str(error.value) == (
        "the parameters of f must be some of data, event, at_us, in this order, got "
        f"({names}); {hint}"
    )


def test_another_order_is_refused() -> None:
    refused(
        "state a, on Knock: the parameters of backwards must be some of data, event, at_us, in "
        "this order, got (event, data); write (data, event)",
        leaf("a", on={Knock: [stay(when=cast(Any, backwards)), to("over")]}),
    )


def test_a_function_without_a_signature_is_refused() -> None:
    with pytest.raises(ChartError, match=r"^state a, on Knock: <class 'type'> has no signature"):
        chart(leaf("a", on={Knock: [stay(when=cast(Any, type)), to("over")]}))


def test_a_delay_that_reads_the_event_is_refused() -> None:
    refused(
        "state a, after out: of_the_event must read data or at_us, got event: a delay is computed "
        "when its timer starts",
        State("a", on={Knock: ignore("")}, after={"out": (cast(Any, of_the_event), to("over"))}),
    )


def test_a_guard_of_another_event_is_refused() -> None:
    refused(
        "state a, on Knock: of_a_key must take the event Knock, got a function that is annotated "
        "with DigitReceived",
        leaf("a", on={Knock: [stay(when=of_a_key), to("over")]}),
    )


def test_a_guard_of_an_event_is_refused_on_a_timer() -> None:
    refused(
        "state a, after out: of_knocks must take the event TimerFired, got a function that is "
        "annotated with Knock or Worked",
        State(
            "a",
            on={Knock: ignore("")},
            after={"out": (1.0, [to("over", when=of_knocks), to("over")])},
        ),
    )


@pytest.mark.parametrize("guard", [of_knocks, of_any_event])
def test_a_guard_of_the_event_or_of_its_base_is_accepted(guard: Callable[..., bool]) -> None:
    assert chart(leaf("a", on={Knock: [stay(when=guard), to("over")]}))


def test_an_annotation_that_cannot_be_resolved_allows_any_event() -> None:
    def of_something(event: Elsewhere) -> bool:  # type: ignore[name-defined]  # noqa: F821
        return True

    assert event_types(of_something) == ()
    assert event_types(of_knocks) == (Knock, Worked)


def of_a_number(event: int) -> bool:
    return event > 0


def test_an_annotation_with_another_class_allows_any_event() -> None:
    assert event_types(of_a_number) == ()


def announce(at_us: int) -> Effect:
    return Say(f"at {at_us}")


def say_goodbye(at_us: int) -> Effect:
    return Say(f"goodbye at {at_us}")


def longer_and_longer(at_us: int) -> float:
    return 1.0 + at_us / 1_000_000


def is_late(data: Notes, at_us: int) -> bool:
    return at_us > 0


def test_the_chart_lists_every_function_that_reads_the_moment() -> None:
    table = chart(
        State(
            "a",
            on={Knock: [stay(when=is_late), to("over")]},
            after={"out": (longer_and_longer, to("over"))},
            entry=[announce, Say("in")],
            exit=say_goodbye,
        )
    )
    assert table.reads_moment == {
        "announce": "state a, entry",
        "say_goodbye": "state a, exit",
        "longer_and_longer": "state a, after out",
        "is_late": "state a, on Knock",
    }


def test_the_default_chart_lists_its_functions_that_read_the_moment() -> None:
    assert CHART.reads_moment["note_sound"] == "state call.turn.speaking, on SoundQueued"
    assert "reprompts_are_used_up" not in CHART.reads_moment
