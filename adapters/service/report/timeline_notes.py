"""The notes below the states of a timeline: the latencies of each answer, and each barge-in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from callchart.adapters.service.report.report import Ending, Report, Turn
from callchart.adapters.service.report.timeline_style import (
    CUT,
    FAINT,
    INK,
)


@dataclass(frozen=True, slots=True)
class Note:
    """A bracket over some moments (in seconds), and its text."""

    moments: tuple[float, ...]
    #: The text, then shorter texts for less room.
    says: tuple[str, ...]
    colour: str


def notes(report: Report) -> Iterator[Note]:
    """Yield all notes of a call, turn by turn."""
    for turn in report.turns:
        yield from _latency_notes(turn)
        for barge_in in turn.barge_ins:
            silent_after = "silent at once"
            if barge_in.silent_after:
                silent_after = f"silent after {_milliseconds(barge_in.silent_after)}"
            silent = barge_in.speech + barge_in.silent_after
            if barge_in.resumed is not None:
                moments = tuple(sorted({barge_in.speech, silent, barge_in.resumed}))
                took = _milliseconds(barge_in.resumed - barge_in.speech)
                what = "backchannel" if barge_in.said else "false alarm"
                says = f"{what}: {silent_after}, continues after {took}"
                yield Note(moments, (says, what), FAINT)
            elif turn.ending is Ending.INTERRUPTED:
                moments = tuple(sorted({barge_in.speech, silent}))
                yield Note(moments, (f"interrupted: {silent_after}", "interrupted"), CUT)


def _latency_notes(turn: Turn) -> Iterator[Note]:
    latency = turn.latency
    if turn.speech_ended is None or latency.end_of_turn is None:
        return
    moments = [turn.speech_ended, turn.called]
    says = [f"end of turn {_milliseconds(latency.end_of_turn)}"]
    if turn.filler and latency.filler is not None:
        moments.append(turn.filler.began)
        says.append(f"filler after {_milliseconds(latency.filler)}")
    answer = "no answer was heard"
    if turn.sounds:
        moments.append(turn.sounds[0].began)
        answer = f"answer after {_milliseconds(turn.sounds[0].began - turn.called)}"
    whole = " · ".join([*says, answer])
    wait = latency.filler_wait
    waited = ""
    if wait and turn.sounds:
        waited = f" ({_milliseconds(wait)} for the filler's word)"
    yield Note(tuple(moments), (whole + waited, whole, answer), INK)


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)} ms"
