"""One row of a timeline: the part of a call between two moments.

From its top: the time, what the caller said and its sound, the agent's sound and what it said, the
states in two storeys, and the notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from callchart.adapters.service.report.report import Ending, Report, Sound, Turn, Visit, short
from callchart.adapters.service.report.svg import Picture, fitted, text_width
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
    OTHER_COLOURS,
    RIGHT,
    SMALL,
    STATE_COLOURS,
    WORDS,
    WORDS_RIGHT,
)

#: One figure of loudness (RMS, 1.0 is full scale) for so many seconds of sound.
LEVEL_SECONDS: Final = 0.02

# A row, from its top: the time, what the caller said and its sound, the agent's sound and what it
# said, the states in two storeys, and the notes.
_AXIS, _CALLER_WORDS, _CALLER, _AGENT, _AGENT_WORDS = 12, 34, 79, 129, 170
_GROUPS, _LEAVES, _NOTES = 196, 215, 249
_LEADING, _TRACK, _GROUP_HEIGHT, _LEAF_HEIGHT, _NOTE_HEIGHT = 15, 46, 19, 15, 20


def _group_and_leaf(state: str) -> tuple[str, str]:
    """`call.turn.speaking.chunks` is shown as speaking, and below it chunks."""
    group, *below = short(state).split(".")
    return group, below[-1] if below else ""


def colours_of(report: Report) -> dict[str, str]:
    """The colour of every group of states that the call came through, in that order."""
    colours: dict[str, str] = {}
    others = 0
    for stay in _stays(report):
        group = stay.group
        if group in colours:
            continue
        if group in STATE_COLOURS:
            colours[group] = STATE_COLOURS[group]
        else:
            colours[group] = OTHER_COLOURS[others % len(OTHER_COLOURS)]
            others += 1
    return colours


@dataclass(frozen=True, slots=True)
class _Stay:
    """From one change of state to the next."""

    group: str
    leaf: str
    visit: Visit
    ended: float


def _stays(report: Report) -> Iterator[_Stay]:
    ends = [*(visit.at for visit in report.states[1:]), report.duration]
    for visit, ended in zip(report.states, ends, strict=False):
        if ended > visit.at:
            yield _Stay(*_group_and_leaf(visit.state), visit, ended)


def _sounds(turn: Turn) -> tuple[Sound, ...]:
    """A dash stands behind the words after which it was cut off."""
    if not turn.sounds or not _is_cut(turn) or not turn.sounds[-1].heard:
        return turn.sounds
    last = turn.sounds[-1]
    return (*turn.sounds[:-1], replace(last, heard=f"{last.heard} —"))


def _is_cut(turn: Turn) -> bool:
    return turn.ending in (Ending.INTERRUPTED, Ending.CUT)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A note in its row, from `begins` to `ends`, with its words `before` its bracket or behind."""

    note: Note
    says: str
    begins: float
    ends: float
    before: bool


class Row:
    """One row: the part of the call between two moments, drawn below `top`."""

    def __init__(
        self,
        picture: Picture,
        report: Report,
        colours: dict[str, str],
        began: float,
        ended: float,
        top: float,
        scale: float,
    ) -> None:
        self._picture, self._report, self._colours = picture, report, colours
        self._began, self._ended, self._top, self._scale = began, ended, top, scale

    def draw(self, caller: Sequence[float], agent: Sequence[float]) -> float:
        """Returns the height that it took."""
        lanes = self._place_notes()
        height = _NOTES + len(lanes) * _NOTE_HEIGHT - (0 if lanes else 12)
        self._draw_axis()
        for y in (_CALLER, _AGENT):
            line = f"M{LEFT} {self._top + y:.1f}H{self._x(self._ended):.1f}"
            self._picture.path(line, EDGE, 1)
        for name, y in (
            ("caller", _CALLER),
            ("agent", _AGENT),
            ("states", _GROUPS + 9),
            *([("latency", _NOTES)] if lanes else []),
        ):
            self._picture.text(MARGIN, self._top + y + 4, name, NAMES, FAINT, bold=True)
        self._draw_caller(caller)
        self._draw_agent(agent)
        self._draw_states()
        self._draw_notes(lanes)
        return height

    def _x(self, at: float) -> float:
        """A moment's place; moments of other rows are at the edge."""
        return LEFT + (min(max(at, self._began), self._ended) - self._began) * self._scale

    def _part(self, began: float, ended: float) -> tuple[float, float] | None:
        """What of a stretch of time is in this row."""
        if ended <= self._began or began >= self._ended:
            return None
        return max(began, self._began), min(ended, self._ended)

    # --- time ------------------------------------------------------------------------------------

    def _draw_axis(self) -> None:
        for second in range(int(-(-self._began // 1)), int(self._ended) + 1):
            x = self._x(second)
            top, bottom = self._top + _AXIS + 8, self._top + _LEAVES + _LEAF_HEIGHT
            self._picture.path(f"M{x:.1f} {top:.1f}V{bottom:.1f}", GRID, 1)
            label = f"{second // 60}:{second % 60:02d}"
            if second % 2 == 0 and x + text_width(label, NAMES - 1) / 2 < RIGHT:
                x -= text_width(label, NAMES - 1) / 2 - 2
                self._picture.text(x, self._top + _AXIS, label, NAMES - 1, FAINT, kind="time")

    # --- sound -----------------------------------------------------------------------------------

    def _draw_caller(self, loudness: Sequence[float]) -> None:
        stretches = [
            (u.began, self._report.duration if u.ended is None else u.ended, u.text)
            for u in self._report.utterances
        ]
        y = self._top + _CALLER
        self._draw_stretches([s[:2] for s in stretches], y, CALLER_COLOUR, bool(loudness))
        self._draw_loudness(loudness, y, [(self._began, self._ended, CALLER_COLOUR)])
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
            if part := self._part(filler.began, filler.ended):
                x, end = self._x(part[0]), self._x(part[1])
                if text_width(filler.text, WORDS) <= end - x - 4:
                    self._picture.text(x, y, filler.text, WORDS, FILLER_COLOUR, kind="words")
        self._draw_words(said, [began for began, _ in fillers], y, AGENT_COLOUR)

    def _by_colour(
        self, fillers: Sequence[tuple[float, float]]
    ) -> Iterator[tuple[float, float, str]]:
        at = self._began
        for began, ended in fillers:
            if part := self._part(began, ended):
                yield at, part[0], AGENT_COLOUR
                yield *part, FILLER_COLOUR
                at = part[1]
        yield at, self._ended, AGENT_COLOUR

    def _draw_stretches(
        self, stretches: Iterable[tuple[float, float]], y: float, colour: str, behind: bool
    ) -> None:
        """Blocks; pale ones where the sound itself is drawn upon them."""
        height = _TRACK if behind else _TRACK * 0.55
        for stretch in stretches:
            if part := self._part(*stretch):
                x, end = self._x(part[0]), self._x(part[1])
                self._picture.rect(
                    x,
                    y - height / 2,
                    max(1.5, end - x),
                    height,
                    colour,
                    rounded=4,
                    opacity=0.1 if behind else 0.75,
                )

    def _draw_loudness(
        self, loudness: Sequence[float], y: float, stretches: Iterable[tuple[float, float, str]]
    ) -> None:
        """Bars of 4 px, mirrored at the middle; quiet sound is lifted, to show its shape."""
        if not (peak := max(loudness, default=0.0)):
            return
        bars: dict[str, list[str]] = {}
        slots = int((self._x(self._ended) - LEFT) / 4)
        for began, ended, colour in stretches:
            for slot in range(slots):
                at = self._began + (slot + 0.5) * 4 / self._scale
                if not began <= at < ended:
                    continue
                first = int((at - 2 / self._scale) / LEVEL_SECONDS)
                last = int((at + 2 / self._scale) / LEVEL_SECONDS)
                within = loudness[first : max(last, first + 1)]
                loud = sum(within) / max(1, len(within)) / peak
                if loud < 0.02:
                    continue
                half = max(1.0, loud**0.8 * (_TRACK / 2 - 2))
                x = LEFT + (slot + 0.5) * 4
                bars.setdefault(colour, []).append(f"M{x:.0f} {y - half:.1f}v{half * 2:.1f}")
        for colour, moves in bars.items():
            self._picture.path("".join(moves), colour, 2.4, more=' stroke-linecap="round"')

    def _draw_cut(self, at: float, y: float) -> None:
        if not self._began < at <= self._ended:
            return
        x, half = self._x(at), _TRACK / 2
        bracket = f"M{x - 5:.1f} {y - half:.1f}h5v{2 * half:.1f}h-5"
        self._picture.path(bracket, CUT, 2.2, more=' stroke-linejoin="round"')

    def _draw_words(
        self,
        stretches: Sequence[tuple[float, float, str]],
        others: Sequence[float],
        y: float,
        colour: str,
    ) -> None:
        """What was said, in two lines, up to where the next begins, or one of `others`."""
        begins = sorted([*others, *(began for began, _, _ in stretches)])
        for began, ended, text in stretches:
            if not (part := self._part(began, ended)):
                continue
            length = ended - began
            shown = _share(text, (part[0] - began) / length, (part[1] - began) / length)
            x = self._x(part[0])
            after = next((b for b in begins if began < b < self._ended), None)
            bound = WORDS_RIGHT if after is None else self._x(after) - 8
            for number, line in enumerate(fitted(shown, WORDS, self._x(part[1]) - x, bound - x)):
                self._picture.text(x, y + number * _LEADING, line, WORDS, colour, kind="words")

    # --- states ----------------------------------------------------------------------------------

    def _draw_states(self) -> None:
        stays = [s for s in _stays(self._report) if self._part(s.visit.at, s.ended)]
        for group, together in groupby(stays, key=lambda stay: stay.group):
            members = list(together)
            self._draw_state(
                members[0].visit.at, members[-1].ended, group, group, _GROUPS, _GROUP_HEIGHT, 1
            )
            for stay in members:
                title = (
                    f"{stay.visit.state}, {stay.visit.at:.3f} s to {stay.ended:.3f} s, "
                    f"by {stay.visit.event}"
                )
                self._draw_state(
                    stay.visit.at,
                    stay.ended,
                    group,
                    stay.leaf,
                    _LEAVES,
                    _LEAF_HEIGHT,
                    0.55,
                    title,
                )

    def _draw_state(
        self,
        began: float,
        ended: float,
        group: str,
        label: str,
        y: float,
        height: float,
        opacity: float,
        title: str = "",
    ) -> None:
        x, end = self._x(began), self._x(ended)
        # A line of the card's colour is left between two states that both have the room for it.
        width = max(0.6, end - x - (1 if end - x > 3 else 0))
        self._picture.rect(
            x,
            self._top + y,
            width,
            height - 1,
            self._colours[group],
            opacity=opacity,
            title=title or f"{group}, {began:.3f} s to {ended:.3f} s",
            kind="state",
        )
        size = NAMES if opacity == 1 else SMALL
        if label and text_width(label, size) + 4 <= width:
            self._picture.text(x + 3, self._top + y + height - 5, label, size, INK, kind="state")

    # --- notes -----------------------------------------------------------------------------------

    def _place_notes(self) -> list[list[_Placed]]:
        """The notes of this row in lanes without overlaps."""
        lanes: list[list[_Placed]] = []
        for note in sorted(notes(self._report), key=lambda note: note.moments):
            if not self._began < note.moments[-1] <= self._ended:
                continue
            placed = self._placed(note)
            free = (lane for lane in lanes if lane[-1].ends + 14 <= placed.begins)
            if (lane := next(free, None)) is None:
                lanes.append(lane := [])
            lane.append(placed)
        return lanes

    def _placed(self, note: Note) -> _Placed:
        """Its words behind its bracket, else before it, as many as there is room for."""
        begin, end = self._x(note.moments[0]), self._x(note.moments[-1])
        for says in note.says:
            width = text_width(says, NAMES) + 9
            if end + width <= WORDS_RIGHT:
                return _Placed(note, says, begin, end + width, before=False)
            if begin - width >= LEFT:
                return _Placed(note, says, begin - width, end, before=True)
        return _Placed(note, "", begin, end, before=False)

    def _draw_notes(self, lanes: list[list[_Placed]]) -> None:
        placed = [
            (each, self._top + _NOTES + number * _NOTE_HEIGHT)
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
            # A bracket of a lane below may pass here: nothing is read through its lines.
            self._picture.rect(x - 3, y - 8, width + 4, 16, CARD)
            if each.before:
                x += width
            self._picture.text(
                x, y + 4, each.says, NAMES, each.note.colour, kind="note", ends=each.before
            )

    def _draw_bracket(self, note: Note, y: float) -> None:
        places = [self._x(moment) for moment in note.moments]
        ticks = "".join(f"M{place:.1f} {y - 4:.1f}v8" for place in places)
        self._picture.path(f"{ticks}M{places[0]:.1f} {y:.1f}H{places[-1]:.1f}", note.colour, 1.4)
        # Down from the sound, but not through what is written on the way.
        for top, bottom in (
            (self._top + _CALLER - _TRACK / 2, self._top + _AGENT + _TRACK / 2),
            (self._top + _LEAVES + _LEAF_HEIGHT, y - 5),
        ):
            guides = "".join(
                f"M{place:.1f} {top:.1f}V{bottom:.1f}" for place in (places[0], places[-1])
            )
            self._picture.path(guides, note.colour, 0.7, more=' stroke-dasharray="2 3"')


def _share(text: str, begin: float, end: float) -> str:
    """The words whose middle lies between two shares (0 to 1) of the text."""
    kept, at = list[str](), 0
    for word in text.split():
        middle = (at + len(word) / 2) / max(1, len(text))
        if begin <= middle < end:
            kept.append(word)
        at += len(word) + 1
    return " ".join(kept)
