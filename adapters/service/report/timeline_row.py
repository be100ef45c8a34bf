"""One row of a timeline: the part of a call between two moments.

From the top: the time, the caller's words, sound and keys, the agent's sound and words, the tools,
the states in two storeys, and the notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from callchart.adapters.service.report.report import Ending, Report, Sound, Turn, Visit
from callchart.adapters.service.report.timeline_axis import Axis
from callchart.adapters.service.report.timeline_marks import (
    TOOL_HEIGHT,
    draw_keys,
    draw_tools,
    tool_lanes,
)
from callchart.adapters.service.report.timeline_notes import Note, notes
from callchart.adapters.service.report.timeline_style import (
    AGENT_COLOUR,
    CALLER_COLOUR,
    CARD,
    CUT,
    EDGE,
    FAINT,
    FILLER_COLOUR,
    GRID,
    INK,
    LEFT,
    MARGIN,
    NAMES,
    RIGHT,
    SMALL,
    WORDS,
    WORDS_RIGHT,
)
from callchart.engine.drawing.palette import Palette
from callchart.engine.drawing.svg.canvas import Canvas
from callchart.engine.drawing.svg.shapes import Rect
from callchart.engine.drawing.svg.text import fitted, text_width

#: Seconds of sound in one value of loudness.
LEVEL_SECONDS: Final = 0.02

# The offsets from the top of a row, and the heights.
_AXIS, _CALLER_WORDS, _CALLER, _AGENT, _AGENT_WORDS = 12, 34, 79, 129, 170
_TOOLS, _GROUPS, _LEAVES, _NOTES = 191, 196, 215, 249
_LEADING, _TRACK, _GROUP_HEIGHT, _LEAF_HEIGHT, _NOTE_HEIGHT = 15, 46, 19, 15, 20


def _group_and_leaf(name: str) -> tuple[str, str]:
    """Return the two storeys of a state: of `speaking.chunks`, speaking and chunks."""
    group, *below = name.split(".")
    return group, below[-1] if below else ""


def colours_of(report: Report, palette: Palette) -> dict[str, str]:
    """Return the colour of each group of states that the call came through, in that order."""
    colours: dict[str, str] = {}
    for stay in _stays(report):
        colours.setdefault(stay.group, _group_colour(stay, palette))
    return colours


def _group_colour(stay: _Stay, palette: Palette) -> str:
    """Return the colour of the state that the group is named after."""
    lineage = stay.visit.state.split(".")
    path = ".".join(lineage[: lineage.index(stay.group) + 1])
    return palette[path].fill


@dataclass(frozen=True, slots=True)
class _Stay:
    """The time from one change of state to the next."""

    group: str
    leaf: str
    visit: Visit
    ended: float


def _stays(report: Report) -> Iterator[_Stay]:
    ends = [*(visit.at for visit in report.states[1:]), report.duration]
    for visit, ended in zip(report.states, ends, strict=False):
        if ended > visit.at:
            yield _Stay(*_group_and_leaf(visit.name), visit, ended)


def _sounds(turn: Turn) -> tuple[Sound, ...]:
    """Return the sounds of a turn, with a dash after the words where it was cut off."""
    if not turn.sounds or not _is_cut(turn) or not turn.sounds[-1].heard:
        return turn.sounds
    last = turn.sounds[-1]
    return (*turn.sounds[:-1], replace(last, heard=f"{last.heard} —"))


def _is_cut(turn: Turn) -> bool:
    return turn.ending in (Ending.INTERRUPTED, Ending.CUT)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A note in its row, from `begins` to `ends`, with the words `before` the bracket or after."""

    note: Note
    says: str
    begins: float
    ends: float
    before: bool


class Row:
    """One row: the part of the call between two moments, drawn below `top`."""

    def __init__(
        self,
        canvas: Canvas,
        report: Report,
        palette: Palette,
        began: float,
        ended: float,
        top: float,
        scale: float,
    ) -> None:
        self._canvas, self._report, self._palette = canvas, report, palette
        self._axis, self._top = Axis(began, ended, scale), top
        self._tools = tool_lanes(report, self._axis)
        #: The room that the tools take, from the top of the states' usual place.
        self._tools_height = len(self._tools) * TOOL_HEIGHT

    def draw(self, caller: Sequence[float], agent: Sequence[float]) -> float:
        """Draw the row, and return its height."""
        lanes = self._place_notes()
        height = self._tools_height + _NOTES + len(lanes) * _NOTE_HEIGHT - (0 if lanes else 12)
        self._draw_axis()
        for y in (_CALLER, _AGENT):
            line = f"M{LEFT} {self._top + y:.1f}H{self._axis.x(self._axis.ended):.1f}"
            self._canvas.path(line, EDGE, 1)
        for name, y in (
            ("caller", _CALLER),
            ("agent", _AGENT),
            *([("tools", _TOOLS + 8)] if self._tools else []),
            ("states", self._tools_height + _GROUPS + 9),
            *([("latency", self._tools_height + _NOTES)] if lanes else []),
        ):
            self._canvas.text(MARGIN, self._top + y + 4, name, size=NAMES, fill=FAINT, bold=True)
        self._draw_caller(caller)
        self._draw_agent(agent)
        draw_tools(self._canvas, self._tools, self._top + _TOOLS)
        self._draw_states()
        self._draw_notes(lanes)
        return height

    @property
    def _states_bottom(self) -> float:
        return self._top + self._tools_height + _LEAVES + _LEAF_HEIGHT

    # --- time ------------------------------------------------------------------------------------

    def _draw_axis(self) -> None:
        for second in range(int(-(-self._axis.began // 1)), int(self._axis.ended) + 1):
            x = self._axis.x(second)
            top, bottom = self._top + _AXIS + 8, self._states_bottom
            self._canvas.path(f"M{x:.1f} {top:.1f}V{bottom:.1f}", GRID, 1)
            label = f"{second // 60}:{second % 60:02d}"
            if second % 2 == 0 and x + text_width(label, NAMES - 1) / 2 < RIGHT:
                x -= text_width(label, NAMES - 1) / 2 - 2
                y = self._top + _AXIS
                self._canvas.text(x, y, label, size=NAMES - 1, fill=FAINT, kind="time")

    # --- sound -----------------------------------------------------------------------------------

    def _draw_caller(self, loudness: Sequence[float]) -> None:
        stretches = [
            (u.began, self._report.duration if u.ended is None else u.ended, u.text)
            for u in self._report.utterances
        ]
        y = self._top + _CALLER
        self._draw_stretches([s[:2] for s in stretches], y, CALLER_COLOUR, bool(loudness))
        self._draw_loudness(loudness, y, [(self._axis.began, self._axis.ended, CALLER_COLOUR)])
        draw_keys(self._canvas, self._report.keys, self._axis, y)
        self._draw_words(stretches, (), self._top + _CALLER_WORDS, CALLER_COLOUR)

    def _draw_agent(self, loudness: Sequence[float]) -> None:
        turns, y = self._report.turns, self._top + _AGENT
        said = [(s.began, s.ended, s.heard) for turn in turns for s in _sounds(turn)]
        fillers = [(t.filler.began, t.filler.ended) for t in turns if t.filler]
        self._draw_stretches([s[:2] for s in said], y, AGENT_COLOUR, bool(loudness))
        self._draw_stretches(fillers, y, FILLER_COLOUR, bool(loudness))
        self._draw_loudness(loudness, y, list(self._by_colour(fillers)))
        for turn in turns:
            if turn.sounds and _is_cut(turn):
                self._draw_cut(turn.sounds[-1].ended, y)
        y = self._top + _AGENT_WORDS
        for filler in [turn.filler for turn in turns if turn.filler]:
            if part := self._axis.part(filler.began, filler.ended):
                x, end = self._axis.x(part[0]), self._axis.x(part[1])
                if text_width(filler.text, WORDS) <= end - x - 4:
                    self._canvas.text(
                        x, y, filler.text, size=WORDS, fill=FILLER_COLOUR, kind="words"
                    )
        self._draw_words(said, [began for began, _ in fillers], y, AGENT_COLOUR)

    def _by_colour(
        self, fillers: Sequence[tuple[float, float]]
    ) -> Iterator[tuple[float, float, str]]:
        at = self._axis.began
        for began, ended in fillers:
            if part := self._axis.part(began, ended):
                yield at, part[0], AGENT_COLOUR
                yield *part, FILLER_COLOUR
                at = part[1]
        yield at, self._axis.ended, AGENT_COLOUR

    def _draw_stretches(
        self, stretches: Iterable[tuple[float, float]], y: float, colour: str, behind: bool
    ) -> None:
        """Draw blocks, pale ones where the sound is drawn on them."""
        height = _TRACK if behind else _TRACK * 0.55
        for stretch in stretches:
            if part := self._axis.part(*stretch):
                x, end = self._axis.x(part[0]), self._axis.x(part[1])
                self._canvas.rect(
                    Rect(x, y - height / 2, max(1.5, end - x), height),
                    fill=colour,
                    rounded=4,
                    opacity=0.1 if behind else 0.75,
                )

    def _draw_loudness(
        self, loudness: Sequence[float], y: float, stretches: Iterable[tuple[float, float, str]]
    ) -> None:
        """Draw a bar for each 4 px, mirrored at the middle; raise quiet sound to show its shape."""
        if not (peak := max(loudness, default=0.0)):
            return
        bars: dict[str, list[str]] = {}
        slots = int((self._axis.x(self._axis.ended) - LEFT) / 4)
        for began, ended, colour in stretches:
            for slot in range(slots):
                at = self._axis.began + (slot + 0.5) * 4 / self._axis.scale
                if not began <= at < ended:
                    continue
                first = int((at - 2 / self._axis.scale) / LEVEL_SECONDS)
                last = int((at + 2 / self._axis.scale) / LEVEL_SECONDS)
                within = loudness[first : max(last, first + 1)]
                loud = sum(within) / max(1, len(within)) / peak
                if loud < 0.02:
                    continue
                half = max(1.0, loud**0.8 * (_TRACK / 2 - 2))
                x = LEFT + (slot + 0.5) * 4
                bars.setdefault(colour, []).append(f"M{x:.0f} {y - half:.1f}v{half * 2:.1f}")
        for colour, moves in bars.items():
            self._canvas.path("".join(moves), colour, 2.4, more=' stroke-linecap="round"')

    def _draw_cut(self, at: float, y: float) -> None:
        if not self._axis.has(at):
            return
        x, half = self._axis.x(at), _TRACK / 2
        bracket = f"M{x - 5:.1f} {y - half:.1f}h5v{2 * half:.1f}h-5"
        self._canvas.path(bracket, CUT, 2.2, more=' stroke-linejoin="round"')

    def _draw_words(
        self,
        stretches: Sequence[tuple[float, float, str]],
        others: Sequence[float],
        y: float,
        colour: str,
    ) -> None:
        """Write the words in two lines, up to the begin of the next or of one of `others`."""
        begins = sorted([*others, *(began for began, _, _ in stretches)])
        for began, ended, text in stretches:
            if not (part := self._axis.part(began, ended)):
                continue
            length = ended - began
            shown = _part_of(text, (part[0] - began) / length, (part[1] - began) / length)
            x = self._axis.x(part[0])
            after = next((b for b in begins if began < b < self._axis.ended), None)
            bound = WORDS_RIGHT if after is None else self._axis.x(after) - 8
            for number, line in enumerate(
                fitted(shown, WORDS, self._axis.x(part[1]) - x, bound - x)
            ):
                y_line = y + number * _LEADING
                self._canvas.text(x, y_line, line, size=WORDS, fill=colour, kind="words")

    # --- states ----------------------------------------------------------------------------------

    def _draw_states(self) -> None:
        stays = [s for s in _stays(self._report) if self._axis.part(s.visit.at, s.ended)]
        for group, together in groupby(stays, key=lambda stay: stay.group):
            members = list(together)
            colour = _group_colour(members[0], self._palette)
            began, ended = members[0].visit.at, members[-1].ended
            title = f"{group}, {began:.3f} s to {ended:.3f} s"
            self._draw_state(began, ended, group, colour, title, _GROUPS, _GROUP_HEIGHT, 1)
            for stay in members:
                title = (
                    f"{stay.visit.state}, {stay.visit.at:.3f} s to {stay.ended:.3f} s, "
                    f"by {stay.visit.event}"
                )
                self._draw_state(
                    stay.visit.at,
                    stay.ended,
                    stay.leaf,
                    self._palette[stay.visit.state].fill,
                    title,
                    _LEAVES,
                    _LEAF_HEIGHT,
                    0.55,
                )

    def _draw_state(
        self,
        began: float,
        ended: float,
        label: str,
        colour: str,
        title: str,
        y: float,
        height: float,
        opacity: float,
    ) -> None:
        x, end = self._axis.x(began), self._axis.x(ended)
        y += self._top + self._tools_height
        # Leave a thin gap between two states that are wide enough for it.
        width = max(0.6, end - x - (1 if end - x > 3 else 0))
        self._canvas.rect(
            Rect(x, y, width, height - 1),
            fill=colour,
            rounded=0,
            opacity=opacity,
            title=title,
            kind="state",
        )
        size = NAMES if opacity == 1 else SMALL
        if label and text_width(label, size) + 4 <= width:
            self._canvas.text(x + 3, y + height - 5, label, size=size, fill=INK, kind="state")

    # --- notes -----------------------------------------------------------------------------------

    def _place_notes(self) -> list[list[_Placed]]:
        """Return the notes of this row in lanes without overlaps."""
        lanes: list[list[_Placed]] = []
        for note in sorted(notes(self._report), key=lambda note: note.moments):
            if not self._axis.has(note.moments[-1]):
                continue
            placed = self._placed(note)
            free = (lane for lane in lanes if lane[-1].ends + 14 <= placed.begins)
            if (lane := next(free, None)) is None:
                lanes.append(lane := [])
            lane.append(placed)
        return lanes

    def _placed(self, note: Note) -> _Placed:
        """Return the note with its words after the bracket or before it, as many as have room."""
        begin, end = self._axis.x(note.moments[0]), self._axis.x(note.moments[-1])
        for says in note.says:
            width = text_width(says, NAMES) + 9
            if end + width <= WORDS_RIGHT:
                return _Placed(note, says, begin, end + width, before=False)
            if begin - width >= LEFT:
                return _Placed(note, says, begin - width, end, before=True)
        return _Placed(note, "", begin, end, before=False)

    def _draw_notes(self, lanes: list[list[_Placed]]) -> None:
        placed = [
            (each, self._top + self._tools_height + _NOTES + number * _NOTE_HEIGHT)
            for number, lane in enumerate(lanes)
            for each in lane
        ]
        for each, y in placed:
            self._draw_bracket(each.note, y)
        for each, y in placed:
            if not each.says:
                continue
            width = text_width(each.says, NAMES)
            x = each.begins if each.before else each.ends - width
            # A bracket of a lane below may pass here: cover its lines.
            self._canvas.rect(Rect(x - 3, y - 8, width + 4, 16), fill=CARD, rounded=0)
            if each.before:
                x += width
            self._canvas.text(
                x,
                y + 4,
                each.says,
                size=NAMES,
                fill=each.note.colour,
                kind="note",
                anchor="end" if each.before else "start",
            )

    def _draw_bracket(self, note: Note, y: float) -> None:
        places = [self._axis.x(moment) for moment in note.moments]
        ticks = "".join(f"M{place:.1f} {y - 4:.1f}v8" for place in places)
        self._canvas.path(f"{ticks}M{places[0]:.1f} {y:.1f}H{places[-1]:.1f}", note.colour, 1.4)
        # From the sound down to the bracket, with a gap where words may be.
        for top, bottom in (
            (self._top + _CALLER - _TRACK / 2, self._top + _AGENT + _TRACK / 2),
            (self._states_bottom, y - 5),
        ):
            guides = "".join(
                f"M{place:.1f} {top:.1f}V{bottom:.1f}" for place in (places[0], places[-1])
            )
            self._canvas.path(guides, note.colour, 0.7, more=' stroke-dasharray="2 3"')


def _part_of(text: str, begin: float, end: float) -> str:
    """Return the words whose middle lies between two positions (0 to 1) in the text."""
    kept, at = list[str](), 0
    for word in text.split():
        middle = (at + len(word) / 2) / max(1, len(text))
        if begin <= middle < end:
            kept.append(word)
        at += len(word) + 1
    return " ".join(kept)
