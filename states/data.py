"""The data of the default call: `PhoneData`. Each field declares how explorations abstract it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from callchart.engine.data import CallData
from callchart.engine.exploration.environment.ports import SOUND_S, TOOL_S
from callchart.engine.memory import (
    CONSTANT,
    WORDS,
    FieldAbstraction,
    Seen,
    forget,
    memory,
    moment_us,
    truthy,
    utterance_number,
)
from callchart.states.settings import PhoneSettings

SECOND_US = 1_000_000
#: A number that no utterance of an explored call reaches.
FAR_UTTERANCE = 1_000_000


@dataclass(frozen=True, slots=True)
class RunningTool:
    """A use of a tool that runs to its end even if its reply is interrupted.

    `until_us` is the moment when the tool times out, in microseconds since the call began."""

    use: int
    until_us: int


def _partial_of(seen: Seen) -> int:
    """Return the number of the partial's utterance; 0 without a partial, where it is not read."""
    return int(seen.fields["partial_of"]) if seen.word_for(seen.fields["partial"]) else 0


def _unfinished(partials: tuple[tuple[int, str], ...], seen: Seen) -> tuple[tuple[int, str], ...]:
    return tuple([(seen.rank[number], seen.word_for(text)) for number, text in partials])


def _draft(draft: str, seen: Seen) -> str:
    """Return a representative that depends on how the draft goes on after the question."""
    if not draft:
        return ""
    words, asked = draft.split(), " ".join(seen.fields["question"]).split()
    if words[: len(asked)] != asked:
        return "other words"
    rest = seen.word_for(" ".join(words[len(asked) :]))
    return " ".join(filter(None, (*(("words",) if asked else ()), rest)))


def _left_s(left_s: float, seen: Seen) -> float:
    """Return 0 if the reply is so near its end that any word answers it, otherwise infinity."""
    return 0.0 if left_s <= seen.fields["settings"].early_answer else math.inf


def _queued_chunks(queued: int, seen: Seen) -> int:
    """Return whether a chunk is queued, as 1 or 0.

    For a complete text, return the number of its chunks if all are queued, otherwise 0."""
    chunks: int | None = seen.fields["reply"].chunks
    if chunks is None:
        return min(queued, 1)
    return chunks if queued >= chunks and queued else 0


def _running_tools(tools: tuple[RunningTool, ...], at_us: int) -> Any:
    return tuple(
        tuple(RunningTool(tool.use, until_us) for tool in tools)
        for until_us in (at_us, at_us + round(TOOL_S * SECOND_US))
    )


def _sound_goes_on(data: PhoneData, at_us: int) -> list[tuple[str, int]]:
    """Return a variant in which the sound still plays, if any chunk is queued."""
    if not data.queued_chunks:
        return []
    return [("its sound goes on", at_us + round(SOUND_S * SECOND_US))]


@dataclass(frozen=True)
class PhoneData(CallData):
    """The data of a call of the default chart. A chart of your own may subclass it."""

    settings: PhoneSettings = memory(default_factory=PhoneSettings, abstraction=CONSTANT)

    # --- the words of the caller ---------------------------------------------------------------

    #: Finals of utterances that are not answered yet, in order.
    question: tuple[str, ...] = memory((), abstraction=truthy(("words",), ()))
    #: The last partial of an utterance without a final, or "", and the number of the utterance.
    #: Delays depend on how it sounds: its first extreme sounds complete, the second unfinished.
    partial: str = memory(
        "",
        abstraction=FieldAbstraction(
            value=WORDS.value, extremes=lambda partial, at_us: ("words", "words,")
        ),
    )
    partial_of: int = memory(0, abstraction=utterance_number(_partial_of))
    #: (number, partial) of earlier utterances that have no final either, in order.
    unfinished: tuple[tuple[int, str], ...] = memory(
        (),
        abstraction=FieldAbstraction(
            value=_unfinished, utterances=lambda partials: [number for number, _ in partials]
        ),
    )
    #: True if the caller has heard nothing of the reply to the last question in the history.
    unanswered: bool = memory(False)
    #: The number of the last utterance that the recogniser itself considers ended.
    end_recognised: int = memory(
        0, abstraction=forget(0, extremes=lambda number, at_us: (FAR_UTTERANCE, 0))
    )
    #: The moment from which the silence of the caller counts (us).
    silent_since_us: int = memory(0, abstraction=moment_us(earliest_s=-10.0, latest_s=0.0))

    # --- drafts --------------------------------------------------------------------------------

    #: The words that the current reply answers, if it is a draft; otherwise "".
    draft: str = memory("", abstraction=FieldAbstraction(value=_draft))
    #: The number of drafts of this turn.
    drafted: int = memory(0)

    # --- the current reply ---------------------------------------------------------------------

    #: The state that the caller last spoke into: a false alarm returns to it.
    interrupted: Literal["", "greeting", "thinking", "speaking"] = memory("")
    #: The seconds of the reply that were left when the caller spoke into it.
    left_s: float = memory(math.inf, abstraction=FieldAbstraction(value=_left_s))
    #: The index into `facts.fillers` of the last filler of the call.
    last_filler: int | None = memory(None, abstraction=forget(None))
    #: The moment when the filler began (us).
    filler_at_us: int = memory(0, abstraction=moment_us(earliest_s=-10.0, latest_s=0.0))
    #: The estimated moment when all sound that was sent to the line has played (us).
    sound_until_us: int = memory(
        0,
        abstraction=moment_us(earliest_s=0.0, latest_s=2 * SOUND_S, variants=_sound_goes_on),
    )
    #: The number of the reply's chunks whose whole sound was sent to the line.
    queued_chunks: int = memory(0, abstraction=FieldAbstraction(value=_queued_chunks))

    # --- the whole call ------------------------------------------------------------------------

    #: Reprompts in a row that the caller did not answer.
    reprompts: int = memory(0)
    #: Apologies in a row, without an answer between them.
    apologies: int = memory(0)
    line_closed: bool = memory(False)
    #: Tools that run to their end even if the reply that uses them is interrupted.
    running_tools: tuple[RunningTool, ...] = memory(
        (),
        abstraction=FieldAbstraction(
            value=lambda tools, seen: (RunningTool(1, 0),) if tools else (),
            extremes=_running_tools,
        ),
    )

    @property
    def partials(self) -> tuple[tuple[int, str], ...]:
        """All utterances without a final, in order: (number, partial)."""
        last = ((self.partial_of, self.partial),) if self.partial else ()
        return (*self.unfinished, *last)
