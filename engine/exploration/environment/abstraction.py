"""Which calls no chart can tell apart: a key that is equal for them, and one call for them all.

Numbers of utterances and replies count by their order alone, words by their class, moments not at
all; the history is the model's to read. What else a chart need not tell apart, it says itself, by
`Forgotten` values."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

from callchart.engine.chart import Occurrence
from callchart.engine.data import AtWork, CallData, Reply, Said
from callchart.engine.exploration import SearchState
from callchart.engine.exploration.environment.situation import Situation


@dataclass(frozen=True)
class Forgotten:
    """Values that stand for all others, where nothing depends on them any more."""

    data: Mapping[str, Any] = field(default_factory=dict)
    reply: Mapping[str, Any] = field(default_factory=dict)
    world: Mapping[str, Any] = field(default_factory=dict)


NOTHING = Forgotten()

#: More chunks than that are so many.
MOST_CHUNKS = 2

#: (leaf, data, world) -> what is forgotten there.
Forget = Callable[[str, CallData, Situation], Forgotten]


def nothing(leaf: str, data: CallData, world: Situation) -> Forgotten:
    """All may matter."""
    return NOTHING


def spoken(text: str) -> str:
    """Any words are words."""
    return "words" if text.strip() else ""


class _Like(NamedTuple):
    """A standing as far as it counts."""

    rest: tuple[Any, ...]
    reply: tuple[Any, ...]
    question: bool
    partial: str
    unfinished: tuple[tuple[int, str], ...]
    draft: str
    numbers: tuple[int, int, int, int]
    queued: int
    left: float
    has_filler: bool
    at_work: bool
    world: tuple[Any, ...]
    deferred: tuple[Any, ...]
    recalled: tuple[Any, ...]


#: What is not taken as it is.
_SEEN = frozenset(
    [
        *("settings", "seed", "facts", "history", "question", "partial", "partial_of"),
        *("unfinished", "ended", "recognised", "answered", "draft", "reply", "filler"),
        *("last_filler", "filler_at", "sound_until", "at_work", "queued", "left", "heard_out"),
        "silent_since",
    ]
)


class Likeness:
    """`word_for` gives the words that stand for a text; `forget` says what else is forgotten."""

    def __init__(
        self,
        data: type[CallData],
        forget: Forget = nothing,
        word_for: Callable[[str], str] = spoken,
    ) -> None:
        self._forget, self._word_for = forget, word_for
        self._rest = tuple(f.name for f in fields(data) if f.name not in _SEEN)

    def key(self, standing: SearchState) -> Hashable:
        """See `callchart.engine.exploration.Model`."""
        configuration, data, now = standing
        forgotten = self._forget(configuration.leaf, data, now)
        seen: Mapping[str, Any] = vars(data)
        if forgotten.data:
            seen = {**seen, **forgotten.data}
        answered, ended, recognised = seen["answered"], seen["ended"], seen["recognised"]
        if ended <= answered and recognised <= answered:
            # Of what was answered, only whether all of it was recognised still counts.
            ended, recognised = answered, answered - (recognised < ended)
        partial = self._word_for(seen["partial"])
        partial_of = seen["partial_of"] if partial else 0
        world = {**now._asdict(), **forgotten.world}
        owed = [u for u in world["owed"] if u > answered]
        unfinished: tuple[tuple[int, str], ...] = seen["unfinished"]
        numbers = {0, answered, ended, recognised, partial_of, world["utterance"], *owed}
        numbers.update(of for of, _ in unfinished)
        deferred, recalled = configuration.deferred, configuration.recalled
        for put_off in (*deferred, *recalled):
            numbers.add(getattr(put_off.event, "utterance", 0))
        rank = {number: n for n, number in enumerate(sorted(numbers))}
        world["utterance"] = rank[world["utterance"]]
        world["owed"] = tuple([rank[u] for u in owed])
        world["drafts"] = min(world["drafts"], data.settings.drafts + 1)  # one too many is enough
        reply: Reply = data.reply
        if now.reply:
            world["reply"] = 1 if now.reply == reply.number else 2
        said = {
            "purpose": reply.purpose,
            "script": None if reply.script is None else "script",
            "interruptible": reply.interruptible,
            "ends_call": reply.ends_call,
            "transfer_to": reply.transfer_to and "1000",
            "ready": reply.ready,
            "heard": reply.heard,
            "chunks": None if reply.chunks is None else min(reply.chunks, MOST_CHUNKS),
            "failure": None if reply.failure is None else "failed",
            **forgotten.reply,
        }
        queued, chunks = seen["queued"], said["chunks"]
        # Once its text is complete: is the last of it on its way?
        most = 1 if chunks is None else chunks
        queued = min(queued, 1) if chunks is None or queued >= chunks else 0
        queued *= most
        return _Like(
            tuple([seen[name] for name in self._rest]),
            tuple(said.values()),
            bool(seen["question"]),
            partial,
            tuple([(rank[of], self._word_for(text)) for of, text in unfinished]),
            self._draft(seen["draft"], seen["question"]) if seen["draft"] else "",
            (
                rank[answered],
                rank[ended],
                rank[recognised],
                rank[partial_of],
            ),
            queued,
            0.0 if seen["left"] <= data.settings.early_answer else math.inf,
            seen["filler"] is not None,
            bool(seen["at_work"]),
            tuple(world.values()),
            _alike(deferred, standing, rank) if deferred else (),
            _alike(recalled, standing, rank) if recalled else (),
        )

    def _draft(self, draft: str, question: tuple[str, ...]) -> str:
        """Of the words that it answers, only those count that were not said yet."""
        words, said = draft.split(), " ".join(question).split()
        if words[: len(said)] != said:
            return "other words"
        rest = self._word_for(" ".join(words[len(said) :]))
        return " ".join(filter(None, (*(("words",) if said else ()), rest)))

    def representative(self, standing: SearchState) -> SearchState:
        """See `callchart.engine.exploration.Model`."""
        like = self.key(standing)
        assert isinstance(like, _Like)
        configuration, data, _ = standing
        answered, ended, recognised, partial_of = like.numbers
        data = replace(
            data,
            # Of a reply that was heard: what marks or goes on with its words shows.
            history=(Said("agent", "words", 1),),
            question=("words",) if like.question else (),
            partial=like.partial,
            partial_of=partial_of,
            unfinished=like.unfinished,
            draft=like.draft,
            ended=ended,
            recognised=recognised,
            answered=answered,
            heard_out=0,
            silent_since=0,
            queued=like.queued,
            left=like.left,
            reply=Reply(1, *like.reply),
            filler=0 if like.has_filler else None,
            last_filler=None,
            filler_at=0,
            sound_until=0,
            at_work=(AtWork(1, 0),) if like.at_work else (),
            **dict(zip(self._rest, like.rest, strict=True)),
        )
        if like.deferred or like.recalled:
            configuration = replace(
                configuration,
                deferred=_represented(configuration.deferred, like.deferred),
                recalled=_represented(configuration.recalled, like.recalled),
            )
        return SearchState(configuration, data, Situation(*like.world))


def _alike(
    occurrences: tuple[Occurrence, ...], standing: SearchState, rank: Mapping[int, int]
) -> tuple[Any, ...]:
    stays = [active.activation for active in standing.configuration.active]
    alike = []
    for occurrence in occurrences:
        event: Any = occurrence.event
        if hasattr(event, "utterance"):
            event = replace(event, utterance=rank[event.utterance])
        stay = occurrence.activation
        # No False for a stay that is over: that equals 0, the place of the outermost one.
        place = stays.index(stay) if stay in stays else "over"
        alike.append((event, None if stay is None else place))
    return tuple(alike)


def _represented(
    occurrences: tuple[Occurrence, ...], alike: tuple[Any, ...]
) -> tuple[Occurrence, ...]:
    return tuple(
        replace(occurrence, event=event)
        for occurrence, (event, _) in zip(occurrences, alike, strict=True)
    )
