"""The atlas of races, as Markdown: what can meet at one instant, and what either order comes to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from callchart.engine.drawing.model import Diagram
from callchart.engine.exploration.races.ties import Order, RaceOutcome, Tie

#: The test that runs both orders of every pair of a state, in a running call.
TEST = "tests/engine/drawing/test_races.py::test_both_orders_come_to_what_the_atlas_says"

#: How two orders may differ, the weightiest first.
KINDS = ("another state", "other commands", "other data", "alike")

#: By what becomes of one of the two: why the order counts, and why that is right.
REASONS: Mapping[str, tuple[str, str]] = {
    "over": (
        "the call is over",
        "Nothing happens after the end of a call, and nothing is owed to anybody then.",
    ),
    "stale": (
        "said by what is over",
        "The first leaves the state whose activity said the other. What an activity has said of a "
        "stay that is over is written down and not acted on: else an old reply, or an old filler, "
        "would move the call that has gone on without it.",
    ),
    "cancelled": (
        "its timer is cancelled",
        "The first leaves the state whose patience the timer was: what was waited for has come, or "
        "counts no more.",
    ),
    "begun afresh": (
        "its timer begins afresh",
        "The first is a sign of life of what the timer watches: waiting begins anew.",
    ),
    "late": (
        "it speaks of what is over",
        "The first has settled what the other speaks of: an utterance that was answered, a reply "
        "that was replaced.",
    ),
    "": (
        "each is answered where the other led",
        "Both are acted on in either order. Who comes first is what has happened: a caller who "
        "speaks before a reply ends interrupts it, and one who speaks after it answers it.",
    ),
}

HOW_TO_READ = """\
In each state, each two things that may come up there: events that can arrive, and timers that can
come due. Both fall at one instant, and `decide` has taken them in both orders, for all that the
guards may say to them there. Each state was reached by a call, from its beginning.

At one instant the loop takes what effects raised before all else, an event before a timer, events
in the order in which they were posted, and timers in the order of their declaration
([semantics](semantics.md)). So of an event and a timer only one order happens at an instant; a
microsecond makes the other.

- `→ state` leads there; *stays* and *ignored* lead nowhere; *put off* is offered again after the
  next change of state, and what then comes of it stands behind "then". *Stale*, *late* and
  *cancelled* are not acted on; *afresh* is a timer that begins again.
- `[guard]` is the guard that said yes. Behind `=` stands the state in which the instant ends.
- A pair stands with what differs most: the state in which the call ends up; or the commands that
  were given (`/`); or the data, by the names of its fields. An event's words count as data.
- What can come up is the chart's own account, which is a wide one: by it, a transfer may fail where
  none was asked for. A timer counts as due whenever it runs.
"""


def page(diagram: Diagram, ties: Iterable[Tie]) -> str:
    """The page: a summary, and for each state what depends on the order and what does not."""
    by_leaf: dict[str, list[Tie]] = defaultdict(list)
    for tie in ties:
        by_leaf[tie.state.leaf].append(tie)
    parts = [f"# What can meet: {diagram.title}\n", HOW_TO_READ]
    parts.append(_summary(diagram, by_leaf))
    for leaf in diagram.leaves:
        if found := by_leaf.get(leaf):
            parts.append(f"## {diagram.name(leaf)}\n")
            parts.append(_state(diagram, leaf, found))
    return "\n".join(parts)


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
    whats = {outcome.what for outcome in outcomes}
    return next((what for what in REASONS if what in whats), "")


def _pairs(ties: Iterable[Tie]) -> dict[tuple[str, str], Tie]:
    """Each pair, with one of its ties that differ most."""
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
        f"**{len(every)} pairs in {len(pairs)} states. Of {kinds['alike']} nothing depends on the "
        f"order. Of {matter} something does:** of {kinds['another state']} the state in which the "
        f"call ends up, of {kinds['other commands']} the commands alone, of {kinds['other data']} "
        f"the data alone. With all that guards may say, {sum(map(len, by_leaf.values()))} meetings "
        f"were decided, each in both orders.\n"
    )
    whys = "".join(
        f"| {reasons[what]} | {title} | {why} |\n" for what, (title, why) in REASONS.items()
    )
    rows = "".join(
        f"| [{diagram.name(leaf)}](#{_anchor(diagram.name(leaf))}) "
        f"| {' | '.join(str(counts[kind]) for kind in KINDS)} |\n"
        for leaf in diagram.leaves
        if leaf in pairs
        for counts in [Counter(map(_kind, pairs[leaf]))]
    )
    return "\n".join(
        [
            text,
            f"| Pairs | Why the order counts | Why that is right |\n| --- | --- | --- |\n{whys}",
            f"| State | {' | '.join(KINDS)} |\n| --- | --- | --- | --- | --- |\n{rows}",
        ]
    )


def _state(diagram: Diagram, leaf: str, ties: Sequence[Tie]) -> str:
    by_kind: dict[str, list[Tie]] = defaultdict(list)
    for tie in ties:
        by_kind[_kind(tie)].append(tie)
    name = diagram.name(leaf)
    parts = [f"Run by `{TEST}[{name}]`.\n"]
    if states := by_kind["another state"]:
        parts.append(_different(diagram, leaf, states))
    for kind in ("other commands", "other data"):
        if others := by_kind[kind]:
            title = f"The same state, {kind}: {len(_pairs(others))} pairs"
            parts.append(_folded(title, _different(diagram, leaf, others)))
    if same := by_kind["alike"]:
        title = f"Alike in both orders: {len(_pairs(same))} pairs"
        parts.append(_folded(title, _alike(diagram, leaf, same)))
    return "\n".join(parts)


def _different(diagram: Diagram, leaf: str, ties: Sequence[Tie]) -> str:
    rows: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for tie in ties:
        one, other = (_trigger(diagram, leaf, trigger) for trigger in tie.triggers)
        kind = _kind(tie)
        cells = (
            _order(diagram, leaf, tie.one_first, kind),
            _order(diagram, leaf, tie.other_first, kind),
            f"`{'`, `'.join(tie.differs_in)}`"
            if kind == "other data"
            else REASONS[_reason(tie)][0],
        )
        others = rows[(one, *cells)]
        if other not in others:
            others.append(other)
    head = "| One | Other | One first | Other first | |\n| --- | --- | --- | --- | --- |\n"
    return head + "".join(
        f"| {one} | {', '.join(others)} | {' | '.join(cells)} |\n"
        for (one, *cells), others in rows.items()
    )


def _alike(diagram: Diagram, leaf: str, ties: Sequence[Tie]) -> str:
    ends: dict[tuple[str, str], list[str]] = defaultdict(list)
    for tie in ties:
        end = diagram.name(tie.one_first.leaf)
        if end not in ends[tie.triggers]:
            ends[tie.triggers].append(end)
    rows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (one, other), leaves in ends.items():
        text = " or ".join(f"**{end}**" for end in leaves)
        rows[_trigger(diagram, leaf, one), text].append(_trigger(diagram, leaf, other))
    head = "| One | Other | The instant ends in |\n| --- | --- | --- |\n"
    return head + "".join(
        f"| {one} | {', '.join(others)} | {text} |\n" for (one, text), others in rows.items()
    )


def _order(diagram: Diagram, leaf: str, order: Order, kind: str) -> str:
    text = "; ".join(
        " then ".join(_outcome(diagram, outcome) for outcome in f) for f in order.outcomes
    )
    led = [leaf, *(outcome.leaf for outcome in chain(*order.outcomes) if outcome.leaf)]
    if order.leaf != led[-1]:
        text += f" = **{diagram.name(order.leaf)}**"
    if kind == "other commands" and order.commands:
        text += f" / {', '.join(effect.name for effect in order.commands)}"
    return text


def _outcome(diagram: Diagram, outcome: RaceOutcome) -> str:
    words = {"stayed": "stays", "deferred": "put off", "begun afresh": "afresh"}
    text = (
        f"→ **{diagram.name(outcome.leaf)}**"
        if outcome.leaf
        else words.get(outcome.what, outcome.what)
    )
    return f"{text} [{outcome.guard}]" if outcome.guard else text


def _trigger(diagram: Diagram, leaf: str, trigger: str) -> str:
    reaction = diagram.in_leaf[leaf][trigger][0]
    if not reaction.timer:
        return f"`{trigger}`"
    of = "" if reaction.source == leaf else f" ({diagram.name(reaction.source)})"
    return f"⏱ `{reaction.trigger}`{of}"


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n</details>\n"


def _anchor(name: str) -> str:
    return name.replace(".", "")
