"""A call as a picture: the speech of both sides, keys, tools, states, and each turn's latencies.

`timeline` makes an SVG from a `Report` and, if there is a recording, the loudness of both sides.
Rows break the call as lines break a text, in quiet moments if possible. Sizes are in CSS px.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from callchart.adapters.service.report.report import Report, Turn
from callchart.adapters.service.report.timeline_axis import Axis
from callchart.adapters.service.report.timeline_row import Row
from callchart.adapters.service.report.timeline_sound import LEVEL_SECONDS
from callchart.adapters.service.report.timeline_states import colours_of
from callchart.adapters.service.report.timeline_style import (
    AGENT_COLOUR,
    CALLER_COLOUR,
    CUT,
    FAINT,
    FILLER_COLOUR,
    INK,
    LEFT,
    MARGIN,
    NAMES,
    RIGHT,
    TITLE,
    TOOL_COLOUR,
    WIDTH,
)
from callchart.engine.drawing.palette import Palette
from callchart.engine.drawing.svg.canvas import Canvas
from callchart.engine.drawing.svg.shapes import Rect
from callchart.engine.drawing.svg.text import cut_to, text_width

_HEAD, _ROW_GAP, _FOOT = 114, 22, 6
#: In a longer row a filler or the end of a turn would be too narrow to see.
_ROW_SECONDS = 20.0
#: A shorter call is drawn at the scale of a row of this length.
_SHORTEST_ROW = 10.0


def levels(stereo: NDArray[np.int16], rate_hz: int) -> tuple[list[float], list[float]]:
    """Return the loudness of caller and agent (RMS, 1.0 is full scale).

    `stereo` has the shape (samples, 2) and begins when the call does."""
    size = max(1, round(rate_hz * LEVEL_SECONDS))
    rest = -len(stereo) % size
    whole = np.pad(stereo.astype(np.float64) / 32768, ((0, rest), (0, 0)))
    rms = np.sqrt(np.mean(whole.reshape(-1, size, 2) ** 2, axis=1))
    return rms[:, 0].tolist(), rms[:, 1].tolist()


def timeline(
    report: Report, palette: Palette, caller: Sequence[float] = (), agent: Sequence[float] = ()
) -> str:
    """Return the picture, as the text of an SVG.

    `palette` has the colours of the states of the call's chart. `caller` and `agent` are `levels`;
    without them, blocks show who spoke."""
    canvas = Canvas(f"Call {report.call}")
    colours = colours_of(report, palette)
    _draw_head(canvas, report, colours)
    top: float = _HEAD
    rows = _rows(report)
    longest = max(ended - began for began, ended in rows)
    for began, ended in rows:
        scale = (RIGHT - LEFT) / max(longest, _SHORTEST_ROW)
        row = Row(canvas, report, palette, Axis(began, ended, scale), top)
        top += row.draw(caller, agent) + _ROW_GAP
    return canvas.finished(WIDTH, round(top - _ROW_GAP + _FOOT))


# --- the head -------------------------------------------------------------------------------------


def _draw_head(canvas: Canvas, report: Report, colours: dict[str, str]) -> None:
    counts = report.counts()
    facts = [f"{report.duration:.1f} s"]
    for name, one, many in (
        ("turns", "turn", "turns"),
        ("interruptions", "interruption", "interruptions"),
        ("backchannels", "backchannel", "backchannels"),
        ("false_alarms", "false alarm", "false alarms"),
        ("reprompts", "reprompt", "reprompts"),
        ("apologies", "apology", "apologies"),
        ("failures", "failure", "failures"),
        ("drafts_dropped", "draft dropped", "drafts dropped"),
        ("tools", "tool use", "tool uses"),
        ("keys", "key", "keys"),
    ):
        if number := counts[name]:
            facts.append(f"{number} {one if number == 1 else many}")
    facts.append(report.ended.cause if report.ended else "the journal stops in the middle")
    if report.redacted:
        facts.append("words redacted")
    title = cut_to(f"Call {report.call}", TITLE, 560)
    canvas.text(MARGIN, 36, title, size=TITLE, fill=INK, bold=True)
    line = cut_to(" · ".join(facts), 12.5, RIGHT - MARGIN)
    canvas.text(MARGIN, 58, line, size=12.5, fill=FAINT)
    tracks = [
        ("caller", CALLER_COLOUR),
        ("agent", AGENT_COLOUR),
        ("filler", FILLER_COLOUR),
        ("cut off", CUT),
        *([("tool", TOOL_COLOUR)] if report.tools else []),
    ]
    _draw_legend(canvas, tracks, RIGHT - _legend_width(tracks), 36)
    _draw_legend(canvas, colours.items(), MARGIN, 84)


def _draw_legend(canvas: Canvas, swatches: Iterable[tuple[str, str]], x: float, y: float) -> None:
    for name, colour in swatches:
        if x + (width := _legend_width([(name, colour)])) > WIDTH:
            return
        canvas.rect(Rect(x, y - 10, 12, 12), fill=colour, rounded=3)
        canvas.text(x + 17, y, name, size=NAMES, fill=INK)
        x += width


def _legend_width(swatches: Iterable[tuple[str, str]]) -> float:
    return sum(17 + text_width(name, NAMES) + 14 for name, _ in swatches)


# --- the rows -------------------------------------------------------------------------------------


def _rows(report: Report) -> list[tuple[float, float]]:
    """Return the rows as (began, ended). They are as long as possible, and break in quiet
    moments."""
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
                # Break just before the next sound.
                late = max((gap_began + gap_ended) / 2, gap_ended - 0.15)
                ended = min(late, latest)
        rows.append((began, ended))
        began = ended
    return [*rows, (began, report.duration)]


def _gaps(busy: Iterable[tuple[float, float]], end: float) -> Iterator[tuple[float, float]]:
    """Yield the quiet stretches up to `end`."""
    at = 0.0
    for began, ended in sorted(busy):
        if began > at:
            yield at, began
        at = max(at, ended)
    if at < end:
        yield at, end


def _answered(turn: Turn) -> float:
    """Return when the first sound of the reply was heard, or when a reply without sound began."""
    return turn.sounds[0].began if turn.sounds else turn.called
