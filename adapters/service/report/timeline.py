"""A call as a picture: who spoke when, through which states, and where each turn's time went.

SVG, from a `Report` and, where there is a recording, both sides' loudness. It is broken into rows
as a text is into lines, in quiet moments where there are any. Sizes are in pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from callchart.adapters.service.report.report import Report, Turn
from callchart.adapters.service.report.svg import FONTS, Picture, escaped, fitted_to, text_width
from callchart.adapters.service.report.timeline_row import LEVEL_SECONDS, Row, colours_of
from callchart.adapters.service.report.timeline_style import (
    AGENT_COLOUR,
    CALLER_COLOUR,
    CARD,
    CUT,
    EDGE,
    FAINT,
    FILLER_COLOUR,
    INK,
    LEFT,
    MARGIN,
    NAMES,
    RIGHT,
    TITLE,
    WIDTH,
)

_HEAD, _ROW_GAP, _FOOT = 114, 22, 6
#: Longer rows would leave a filler or the end of a turn too narrow to see.
_ROW_SECONDS = 20.0
#: A call shorter than this is not blown up any further.
_SHORTEST_ROW = 10.0


def levels(stereo: NDArray[np.int16], rate_hz: int) -> tuple[list[float], list[float]]:
    """The loudness of caller and agent, from a recording of shape (samples, 2) that
    begins when the call does."""
    size = max(1, round(rate_hz * LEVEL_SECONDS))
    rest = -len(stereo) % size
    whole = np.pad(stereo.astype(np.float64) / 32768, ((0, rest), (0, 0)))
    rms = np.sqrt(np.mean(whole.reshape(-1, size, 2) ** 2, axis=1))
    return rms[:, 0].tolist(), rms[:, 1].tolist()


def timeline(report: Report, caller: Sequence[float] = (), agent: Sequence[float] = ()) -> str:
    """The picture, as the text of an SVG. `caller` and `agent` are `levels`; without them, what was
    heard is drawn as blocks."""
    picture = Picture()
    colours = colours_of(report)
    top: float = _HEAD
    rows = _rows(report)
    longest = max(ended - began for began, ended in rows)
    for began, ended in rows:
        scale = (RIGHT - LEFT) / max(longest, _SHORTEST_ROW)
        row = Row(picture, report, colours, began, ended, top, scale)
        top += row.draw(caller, agent) + _ROW_GAP
    height = round(top - _ROW_GAP + _FOOT)
    head = Picture()
    head.rect(0.5, 0.5, WIDTH - 1, height - 1, CARD, rounded=12, stroke=EDGE)
    _draw_head(head, report, colours)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" aria-label="{_title(report)}" '
            f'font-family="{FONTS}">',
            *head.parts,
            *picture.parts,
            "</svg>\n",
        ]
    )


# --- the head -------------------------------------------------------------------------------------


def _title(report: Report) -> str:
    return escaped(f"Call {report.call}").replace('"', "&quot;")


def _draw_head(picture: Picture, report: Report, colours: dict[str, str]) -> None:
    counts = report.counts()
    facts = [f"{report.duration:.1f} s"]
    for name, one in (
        ("turns", "turn"),
        ("interruptions", "interruption"),
        ("backchannels", "backchannel"),
        ("false_alarms", "false alarm"),
        ("reprompts", "reprompt"),
        ("apologies", "apology"),
        ("failures", "failure"),
        ("drafts_dropped", "draft dropped"),
    ):
        if number := counts[name]:
            facts.append(f"{number} {one if number == 1 else name.replace('_', ' ')}")
    facts.append(report.ended.cause if report.ended else "the journal stops in the middle")
    if report.redacted:
        facts.append("words redacted")
    picture.text(MARGIN, 36, fitted_to(f"Call {report.call}", TITLE, 560), TITLE, INK, bold=True)
    picture.text(MARGIN, 58, fitted_to(" · ".join(facts), 12.5, RIGHT - MARGIN), 12.5, FAINT)
    tracks = [
        ("caller", CALLER_COLOUR),
        ("agent", AGENT_COLOUR),
        ("filler", FILLER_COLOUR),
        ("cut off", CUT),
    ]
    _draw_legend(picture, tracks, RIGHT - _legend_width(tracks), 36)
    _draw_legend(picture, colours.items(), MARGIN, 84)


def _draw_legend(picture: Picture, swatches: Iterable[tuple[str, str]], x: float, y: float) -> None:
    for name, colour in swatches:
        if x + (width := _legend_width([(name, colour)])) > WIDTH:
            return
        picture.rect(x, y - 10, 12, 12, colour, rounded=3)
        picture.text(x + 17, y, name, NAMES, INK)
        x += width


def _legend_width(swatches: Iterable[tuple[str, str]]) -> float:
    return sum(17 + text_width(name, NAMES) + 14 for name, _ in swatches)


# --- the rows -------------------------------------------------------------------------------------


def _rows(report: Report) -> list[tuple[float, float]]:
    """Where the call is broken: as late as may be, and not where somebody speaks or waits."""
    busy = [(u.began, report.duration if u.ended is None else u.ended) for u in report.utterances]
    for turn in report.turns:
        busy += [(sound.began, sound.ended) for sound in turn.sounds]
        if turn.filler:
            busy.append((turn.filler.began, turn.filler.ended))
        if turn.speech_ended is not None:
            busy.append((turn.speech_ended, _answered(turn)))
    quiet = list(_gaps(busy, report.duration))
    rows, began = [], 0.0
    while report.duration - began > _ROW_SECONDS:
        ended = latest = began + _ROW_SECONDS
        for gap_began, gap_ended in quiet:
            if began + _ROW_SECONDS / 3 < gap_ended and gap_began < latest:
                # Just before it gets loud again.
                late = max((gap_began + gap_ended) / 2, gap_ended - 0.15)
                ended = min(late, latest)
        rows.append((began, ended))
        began = ended
    return [*rows, (began, report.duration)]


def _gaps(busy: Iterable[tuple[float, float]], end: float) -> Iterator[tuple[float, float]]:
    """The stretches up to `end` in which nothing is."""
    at = 0.0
    for began, ended in sorted(busy):
        if began > at:
            yield at, began
        at = max(at, ended)
    if at < end:
        yield at, end


def _answered(turn: Turn) -> float:
    """When the first sound of the reply was heard; when it was begun, if none was."""
    return turn.sounds[0].began if turn.sounds else turn.called
