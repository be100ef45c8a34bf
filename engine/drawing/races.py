"""The races of a chart: the results of two occurrences at one instant, in both orders.

`page` lists, as Markdown, the pairs that end in different states. `rows` lists all other pairs, as
CSV.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from callchart.engine.drawing.model import Diagram
from callchart.engine.exploration.races.ties import Order, RaceOutcome, Tie

#: The test that runs both orders of every pair of a state, in a running call.
TEST = "tests/engine/drawing/test_races.py::test_both_orders_end_as_the_page_says"

#: The ways in which two orders differ, the most important first.
KINDS = ("another state", "other commands", "other data", "alike")

#: The outcome of one of the two -> why the order matters, and why that is right.
REASONS: Mapping[str, tuple[str, str]] = {
    "over": (
        "the call has ended",
        "Nothing happens after the end of a call.",
    ),
    "stale": (
        "its activity has ended",
        "The first leaves the state whose activity posted the other. The call records an event of "
        "an activity that has ended, but does not act on it: an old reply or an old filler must "
        "not change the call.",
    ),
    "cancelled": (
        "its timer is cancelled",
        "The first leaves the state of the timer, so the timer no longer counts.",
    ),
    "restarted": (
        "its timer starts again",
        "The first reports progress, so the timer starts again.",
    ),
    "late": (
        "it is late",
        "The first has answered the utterance, or replaced the reply, that the other is about.",
    ),
    "": (
        "each comes in the state after the other",
        "The call acts on both in either order. The order is a fact of the call: a caller who "
        "speaks before a reply ends interrupts it, and one who speaks after it answers it.",
    ),
}

HOW_TO_READ = """\
This page compares, in each state, each two triggers at one instant: events that can arrive there,
and timers that can fire there. `decide` has taken them in both orders, for each answer of the
guards. A sequence of events from the beginning of a call leads to each case.

The loop takes events that effects raised first, then an event before a timer, events in the order
in which they were posted, and timers in the order of their declaration
([semantics](semantics.md)). So an event and a timer at one instant have only one order; the other
order happens when the event comes a microsecond later.

- `→ state` leads there. *stays* and *ignored* change no state. *deferred* is offered again after
  the next change of state, and the result follows "then". The call does not act on an event that is
  *stale* or *late*, or on a timer that is *cancelled*. *restarted*: the timer starts again.
- `[guard]` is the guard that returned True. After `=` is the state at the end of the instant.
- The largest difference of a pair counts: the state at the end, or else the commands, or else the
  data. The words of an event are data.
- The chart says which events can arrive, and includes some that cannot: a transfer may fail that no
  state has requested. A timer counts as due while it runs.

**This page lists only the pairs that end in different states.** All others are in
[races.csv](races.csv): those that differ only in the commands or the data, and those that do not
differ. Its columns are the state, the two triggers, the difference, both orders, and the state at
the end of the instant. A row has all triggers that have the same result with `one`.
"""

#: The columns of `rows`.
COLUMNS = ("state", "one", "other", "differs in", "one first", "other first", "ends in")


def page(diagram: Diagram, ties: Iterable[Tie]) -> str:
    """Return the page: a summary, and the pairs of each state that end in different states."""
    by_leaf = _by_leaf(ties)
    parts = [f"# Races: {diagram.title}\n", HOW_TO_READ]
    parts.append(_summary(diagram, by_leaf))
    for leaf in diagram.leaves:
        if matter := [tie for tie in by_leaf.get(leaf, ()) if _kind(tie) == KINDS[0]]:
            name = diagram.name(leaf)
            parts.append(f"## {name}\n")
            parts.append(f"`{TEST}[{name}]` runs these.\n")
            parts.append(_different(diagram, leaf, matter))
    return "\n".join(parts)


def rows(diagram: Diagram, ties: Iterable[Tie]) -> str:
    """Return the pairs that end in the same state, as CSV with a line of column names."""
    by_leaf = _by_leaf(ties)
    made: list[tuple[str, ...]] = [COLUMNS]
    for leaf in diagram.leaves:
        found: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for tie in by_leaf.get(leaf, ()):
            kind = _kind(tie)
            if kind == KINDS[0]:
                continue
            one, other = (_plain(_trigger(diagram, leaf, trigger)) for trigger in tie.triggers)
            orders = ("", "")
            if kind != "alike":
                orders = (
                    _plain(_order(diagram, leaf, tie.one_first, kind)),
                    _plain(_order(diagram, leaf, tie.other_first, kind)),
                )
            differs = " ".join(tie.differs_in) if kind == "other data" else kind
            end = diagram.name(tie.one_first.leaf)
            others = found[(one, differs, *orders, end)]
            if other not in others:
                others.append(other)
        made += [
            (diagram.name(leaf), one, ", ".join(others), *cells)
            for (one, *cells), others in found.items()
        ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(made)
    return text.getvalue()


def _by_leaf(ties: Iterable[Tie]) -> dict[str, list[Tie]]:
    by_leaf: dict[str, list[Tie]] = defaultdict(list)
    for tie in ties:
        by_leaf[tie.state.leaf].append(tie)
    return by_leaf


def _kind(tie: Tie) -> str:
    match tie.differs_in:
        case ():
            return "alike"
        case ("state",):
            return "another state"
        case ("commands",):
            return "other commands"
        case _:
            return "other data"


def _reason(tie: Tie) -> str:
    outcomes = chain.from_iterable((*tie.one_first.outcomes, *tie.other_first.outcomes))
    found = {outcome.what for outcome in outcomes}
    return next((what for what in REASONS if what in found), "")


def _pairs(ties: Iterable[Tie]) -> dict[tuple[str, str], Tie]:
    """Return each pair of triggers with the tie that differs most."""
    pairs: dict[tuple[str, str], Tie] = {}
    for tie in sorted(ties, key=lambda tie: KINDS.index(_kind(tie))):
        pairs.setdefault(tie.triggers, tie)
    return pairs


def _summary(diagram: Diagram, by_leaf: Mapping[str, Sequence[Tie]]) -> str:
    pairs = {leaf: _pairs(ties).values() for leaf, ties in by_leaf.items()}
    every = list(chain.from_iterable(pairs.values()))
    kinds = Counter(map(_kind, every))
    reasons = Counter(_reason(tie) for tie in every if _kind(tie) != "alike")
    matter = len(every) - kinds["alike"]
    text = (
        f"**{len(every)} pairs in {len(pairs)} states. The order matters for {matter} of them:** "
        f"{kinds['another state']} end in different states, {kinds['other commands']} differ only "
        f"in the commands, {kinds['other data']} only in the data. It does not matter for "
        f"{kinds['alike']}. With all answers of the guards these are "
        f"{sum(map(len, by_leaf.values()))} cases, each decided in both orders.\n"
    )
    whys = "".join(
        f"| {reasons[what]} | {title} | {why} |\n" for what, (title, why) in REASONS.items()
    )
    rows = "".join(
        f"| {_linked(diagram.name(leaf)) if counts[KINDS[0]] else diagram.name(leaf)} "
        f"| {' | '.join(str(counts[kind]) for kind in KINDS)} |\n"
        for leaf in diagram.leaves
        if leaf in pairs
        for counts in [Counter(map(_kind, pairs[leaf]))]
    )
    return "\n".join(
        [
            text,
            f"| Pairs | Why the order matters | Why that is right |\n| --- | --- | --- |\n{whys}",
            f"| State | {' | '.join(KINDS)} |\n| --- | --- | --- | --- | --- |\n{rows}",
        ]
    )


def _different(diagram: Diagram, leaf: str, ties: Sequence[Tie]) -> str:
    found: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for tie in ties:
        one, other = (_trigger(diagram, leaf, trigger) for trigger in tie.triggers)
        orders = (_order(diagram, leaf, o, KINDS[0]) for o in (tie.one_first, tie.other_first))
        others = found[(one, *orders, REASONS[_reason(tie)][0])]
        if other not in others:
            others.append(other)
    head = "| One | Other | One first | Other first | |\n| --- | --- | --- | --- | --- |\n"
    return head + "".join(
        f"| {one} | {', '.join(others)} | {' | '.join(cells)} |\n"
        for (one, *cells), others in found.items()
    )


def _order(diagram: Diagram, leaf: str, order: Order, kind: str) -> str:
    text = "; ".join(
        " then ".join(_outcome(diagram, outcome) for outcome in each) for each in order.outcomes
    )
    led = [leaf, *(outcome.leaf for outcome in chain(*order.outcomes) if outcome.leaf)]
    if order.leaf != led[-1]:
        text += f" = **{diagram.name(order.leaf)}**"
    if kind == "other commands" and order.commands:
        text += f" / {', '.join(effect.name for effect in order.commands)}"
    return text


def _outcome(diagram: Diagram, outcome: RaceOutcome) -> str:
    words = {"stayed": "stays"}
    text = words.get(outcome.what, outcome.what)
    if outcome.leaf:
        text = f"→ **{diagram.name(outcome.leaf)}**"
    return f"{text} [{outcome.guard}]" if outcome.guard else text


def _trigger(diagram: Diagram, leaf: str, trigger: str) -> str:
    reaction = diagram.in_leaf[leaf][trigger][0]
    if not reaction.timer:
        return f"`{trigger}`"
    owner = "" if reaction.source == leaf else f" ({diagram.name(reaction.source)})"
    return f"⏱ `{reaction.trigger}`{owner}"


def _plain(text: str) -> str:
    """Return the text without Markdown."""
    return text.replace("**", "").replace("`", "")


def _linked(name: str) -> str:
    return f"[{name}](#{name.replace('.', '')})"
