"""The sound in a row of a timeline: a track for each side, with its loudness and its words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from callchart.adapters.service.report.report import Ending, Report, Sound, Turn
from callchart.adapters.service.report.timeline_axis import Axis
from callchart.adapters.service.report.timeline_marks import draw_keys
from callchart.adapters.service.report.timeline_style import (
    AGENT_COLOUR,
    CALLER_COLOUR,
    CUT,
    FILLER_COLOUR,
    LEFT,
    WORDS,
    WORDS_RIGHT,
)
from callchart.engine.drawing.svg.canvas import Canvas
from callchart.engine.drawing.svg.shapes import Rect
from callchart.engine.drawing.svg.text import fitted, text_width

#: Seconds of sound in one value of loudness.
LEVEL_SECONDS: Final = 0.02

#: The height of a track.
TRACK: Final = 46

#: The distance between two lines of words.
_LEADING = 15

#: The begin and end of a piece of speech, in seconds.
Stretch = tuple[float, float]
#: The same, with its words or its colour.
LabelledStretch = tuple[float, float, str]


@dataclass(frozen=True, slots=True)
class Track:
    """A track, centred on `y`; the first line of its words is at `words_y`.

    `loudness` has a value for each `LEVEL_SECONDS` of the call, or is empty without a recording."""

    canvas: Canvas
    axis: Axis
    loudness: Sequence[float]
    y: float
    words_y: float

    def draw_caller(self, report: Report) -> None:
        """Draw the caller's utterances and keys."""
        said = [
            (u.began, report.duration if u.ended is None else u.ended, u.text)
            for u in report.utterances
        ]
        self._draw_stretches([each[:2] for each in said], CALLER_COLOUR)
        self._draw_loudness([(self.axis.began, self.axis.ended, CALLER_COLOUR)])
        draw_keys(self.canvas, report.keys, self.axis, self.y)
        self._draw_words(said, (), CALLER_COLOUR)

    def draw_agent(self, turns: Sequence[Turn]) -> None:
        """Draw the agent's speech and fillers, with a bracket where speech was cut off."""
        said = [(s.began, s.ended, s.heard) for turn in turns for s in _sounds(turn)]
        fillers = [turn.filler for turn in turns if turn.filler]
        filled = [(filler.began, filler.ended) for filler in fillers]
        self._draw_stretches([each[:2] for each in said], AGENT_COLOUR)
        self._draw_stretches(filled, FILLER_COLOUR)
        self._draw_loudness(self._by_colour(filled))
        for turn in turns:
            if turn.sounds and _is_cut(turn):
                self._draw_cut(turn.sounds[-1].ended)
        for filler in fillers:
            self._draw_filler_text(filler.text, (filler.began, filler.ended))
        self._draw_words(said, [began for began, _ in filled], AGENT_COLOUR)

    def _by_colour(self, fillers: Sequence[Stretch]) -> Iterator[LabelledStretch]:
        """Yield the stretches of this row with their colours: fillers, and the time between."""
        at = self.axis.began
        for began, ended in fillers:
            if part := self.axis.part(began, ended):
                yield at, part[0], AGENT_COLOUR
                yield *part, FILLER_COLOUR
                at = part[1]
        yield at, self.axis.ended, AGENT_COLOUR

    def _draw_stretches(self, stretches: Iterable[Stretch], colour: str) -> None:
        """Draw a block for each stretch: pale and high behind its loudness, or full and low."""
        height, opacity = (TRACK, 0.1) if self.loudness else (TRACK * 0.55, 0.75)
        for stretch in stretches:
            if part := self.axis.part(*stretch):
                x, end = self.axis.x(part[0]), self.axis.x(part[1])
                box = Rect(x, self.y - height / 2, max(1.5, end - x), height)
                self.canvas.rect(box, fill=colour, rounded=4, opacity=opacity)

    def _draw_loudness(self, stretches: Iterable[LabelledStretch]) -> None:
        """Draw a bar for each 4 px, mirrored at the middle. Keep quiet sound visible."""
        if not (peak := max(self.loudness, default=0.0)):
            return
        bars: dict[str, list[str]] = {}
        slots = int((self.axis.x(self.axis.ended) - LEFT) / 4)
        for began, ended, colour in stretches:
            for slot in range(slots):
                at = self.axis.began + (slot + 0.5) * 4 / self.axis.scale
                if not began <= at < ended:
                    continue
                first = int((at - 2 / self.axis.scale) / LEVEL_SECONDS)
                last = int((at + 2 / self.axis.scale) / LEVEL_SECONDS)
                within = self.loudness[first : max(last, first + 1)]
                loud = sum(within) / max(1, len(within)) / peak
                if loud < 0.02:
                    continue
                half = max(1.0, loud**0.8 * (TRACK / 2 - 2))
                x = LEFT + (slot + 0.5) * 4
                bars.setdefault(colour, []).append(f"M{x:.0f} {self.y - half:.1f}v{half * 2:.1f}")
        for colour, moves in bars.items():
            self.canvas.path("".join(moves), colour, 2.4, more=' stroke-linecap="round"')

    def _draw_cut(self, at: float) -> None:
        if not self.axis.has(at):
            return
        x, half = self.axis.x(at), TRACK / 2
        bracket = f"M{x - 5:.1f} {self.y - half:.1f}h5v{2 * half:.1f}h-5"
        self.canvas.path(bracket, CUT, 2.2, more=' stroke-linejoin="round"')

    def _draw_filler_text(self, text: str, stretch: Stretch) -> None:
        if part := self.axis.part(*stretch):
            x, end = self.axis.x(part[0]), self.axis.x(part[1])
            if text_width(text, WORDS) <= end - x - 4:
                self.canvas.text(
                    x, self.words_y, text, size=WORDS, fill=FILLER_COLOUR, kind="words"
                )

    def _draw_words(
        self, stretches: Sequence[LabelledStretch], others: Sequence[float], colour: str
    ) -> None:
        """Write the words of each stretch in two lines.

        They end where the next stretch begins, or at one of the moments `others`."""
        begins = sorted([*others, *(began for began, _, _ in stretches)])
        for began, ended, text in stretches:
            if not (part := self.axis.part(began, ended)):
                continue
            length = ended - began
            words = _words_between(text, (part[0] - began) / length, (part[1] - began) / length)
            x = self.axis.x(part[0])
            after = next((b for b in begins if began < b < self.axis.ended), None)
            bound = WORDS_RIGHT if after is None else self.axis.x(after) - 8
            lines = fitted(words, WORDS, self.axis.x(part[1]) - x, bound - x)
            for number, line in enumerate(lines):
                y = self.words_y + number * _LEADING
                self.canvas.text(x, y, line, size=WORDS, fill=colour, kind="words")


def _sounds(turn: Turn) -> tuple[Sound, ...]:
    """Return the sounds of a turn, with a dash after the last words if they were cut off."""
    if not turn.sounds or not _is_cut(turn) or not turn.sounds[-1].heard:
        return turn.sounds
    last = turn.sounds[-1]
    return (*turn.sounds[:-1], replace(last, heard=f"{last.heard} —"))


def _is_cut(turn: Turn) -> bool:
    return turn.ending in (Ending.INTERRUPTED, Ending.CUT)


def _words_between(text: str, begin: float, end: float) -> str:
    """Return the words whose middle lies between two positions (0 to 1) in the text."""
    kept, at = list[str](), 0
    for word in text.split():
        middle = (at + len(word) / 2) / max(1, len(text))
        if begin <= middle < end:
            kept.append(word)
        at += len(word) + 1
    return " ".join(kept)
