"""SVG, as text: a card of its own background, frames, blocks, arrows, labels and little signs.

Nothing here decides where anything stands. Lengths are CSS px.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from callchart.engine.drawing.model import Diagram
from callchart.engine.drawing.svg.shapes import (
    ICON,
    LINE,
    PAD,
    SMALL,
    TITLE,
    Block,
    Line,
    Rect,
    text_width,
)

FONT = "Helvetica, Arial, 'Liberation Sans', Arimo, sans-serif"
INK, GREY, PAPER = "#1f2933", "#5b6775", "#fbfcfd"
#: (line and text, title bar, body) of the states in turn.
HUES = (
    ("#1d5fa8", "#d6e6f7", "#f3f8fd"),
    ("#8a5a00", "#f8e6bd", "#fef9ec"),
    ("#6b3fa0", "#e6daf5", "#f9f5fd"),
    ("#17703f", "#cdeedb", "#f1fbf5"),
    ("#b3261e", "#fadad6", "#fef4f3"),
    ("#0b6b78", "#cbebef", "#f0fafb"),
    ("#57606a", "#e3e7eb", "#f7f8fa"),
    ("#97356f", "#f6d6e8", "#fdf3f9"),
    ("#4d6b12", "#e2edc6", "#f8fbef"),
)
Hue = tuple[str, str, str]
FRAME_HUE: Hue = ("#44505c", "#e6ebf0", "#f6f8fa")
LEGEND = (
    "where it begins",
    "runs as long as the state lasts",
    "after so long in the state",
    "leaves the state and enters it anew",
    "[only if]  […]: guards, see the state's own picture",
)
LEGEND_SIZE = (max(ICON + 2 + text_width(line) for line in LEGEND), LINE * len(LEGEND))


class Drawing:
    """An SVG that grows; `text()` is the whole of it."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width, self.height = width, height
        self._title = title
        self._parts: list[str] = []
        self._colours: dict[str, None] = {}

    def finished(self) -> str:
        w, h = f"{self.width:g}", f"{self.height:g}"
        heads = "".join(
            f'<marker id="to-{c[1:]}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
            f'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
            f'<path d="M0 1 L10 5 L0 9 z" fill="{c}"/></marker>'
            for c in self._colours
        )
        head = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" '
            f'viewBox="0 0 {w} {h}" role="img" font-family="{FONT}" font-size="{SMALL:g}">',
            f"<title>{escape(self._title)}</title>",
            f"<defs>{heads}</defs>",
            f'<rect x="0.5" y="0.5" width="{self.width - 1:g}" height="{self.height - 1:g}" '
            f'rx="10" fill="{PAPER}" stroke="#d0d7de"/>',
        ]
        return "\n".join([*head, *self._parts, "</svg>", ""])

    def rect(
        self, r: Rect, *, fill: str, stroke: str = "none", rx: float = 7, extra: str = ""
    ) -> None:
        self._parts.append(
            f'<rect x="{r.x:g}" y="{r.y:g}" width="{r.w:g}" height="{r.h:g}" rx="{rx:g}" '
            f'fill="{fill}" stroke="{stroke}"{extra}/>'
        )

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        fill: str = INK,
        size: float = SMALL,
        bold: bool = False,
        italic: bool = False,
        anchor: str = "start",
    ) -> None:
        style = f' font-size="{size:g}"' if size != SMALL else ""
        style += ' font-weight="bold"' if bold else ""
        style += ' font-style="italic"' if italic else ""
        style += f' text-anchor="{anchor}"' if anchor != "start" else ""
        self._parts.append(f'<text x="{x:g}" y="{y:g}" fill="{fill}"{style}>{escape(text)}</text>')

    def clock(self, x: float, y: float, colour: str) -> None:
        """A clock whose text stands on the line `y`."""
        self._parts.append(
            f'<g fill="none" stroke="{colour}" stroke-width="1.2"><circle cx="{x + 5:g}" '
            f'cy="{y - 4:g}" r="4.4"/><path d="M{x + 5:g} {y - 6.6:g} v2.8 h2.2"/></g>'
        )

    def runs(self, x: float, y: float, colour: str) -> None:
        """The triangle of an activity."""
        self._parts.append(f'<path d="M{x + 1:g} {y - 8:g} l8 4.2 l-8 4.2 z" fill="{colour}"/>')

    def loop(self, x: float, y: float, colour: str) -> None:
        """The sign of leaving and entering again."""
        self._parts.append(
            f'<g stroke="{colour}" stroke-width="1.3"><path fill="none" '
            f'd="M{x + 8.6:g} {y - 6.2:g} a4 4 0 1 0 0.4 3.4"/>'
            f'<path fill="{colour}" stroke="none" d="M{x + 10.6:g} {y - 8.6:g} v4.2 h-4.2 z"/></g>'
        )

    def dot(self, x: float, y: float, r: float = 4.5) -> None:
        self._parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="{INK}"/>')

    def bullseye(self, x: float, y: float) -> None:
        """The end of everything."""
        self._parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="6" fill="none" stroke="{INK}"/>')
        self.dot(x, y, 3.5)

    def arrow(
        self, points: Sequence[tuple[float, float]], colour: str, *, width: float = 1.4
    ) -> None:
        """Along the points, with rounded corners."""
        self._colours[colour] = None
        path = [f"M{points[0][0]:g} {points[0][1]:g}"]
        for before, here, after in zip(points, points[1:], points[2:], strict=False):
            a, b = _towards(here, before, 7), _towards(here, after, 7)
            path.append(f"L{a[0]:g} {a[1]:g} Q{here[0]:g} {here[1]:g} {b[0]:g} {b[1]:g}")
        path.append(f"L{points[-1][0]:g} {points[-1][1]:g}")
        self._parts.append(
            f'<path d="{" ".join(path)}" fill="none" stroke="{colour}" stroke-width="{width:g}" '
            f'marker-end="url(#to-{colour[1:]})"/>'
        )

    def line(self, x: float, y: float, line: Line, colour: str) -> None:
        """One line of a label, its text standing on `y`."""
        if line.timed:
            self.clock(x, y, colour)
            x += ICON
        spans = [(line.text, colour, False)] if line.text else []
        self.spans(x, y, [*spans, (line.guard, GREY, True)] if line.guard else spans)

    def spans(self, x: float, y: float, spans: Sequence[tuple[str, str, bool]]) -> None:
        """Words one after another: (text, colour, slanted?)."""
        parts = []
        for text, fill, slanted in spans:
            style = ' font-style="italic"' if slanted else ""
            parts.append(f'<tspan fill="{fill}"{style}>{escape(text)}</tspan>')
        self._parts.append(f'<text x="{x:g}" y="{y:g}">{" ".join(parts)}</text>')

    def rule(self, left: float, right: float, y: float, colour: str) -> None:
        """A thin line across."""
        self._parts.append(
            f'<path d="M{left:g} {y:g} H{right:g}" stroke="{colour}" stroke-opacity="0.45"/>'
        )

    def label(self, rect: Rect, lines: Sequence[Line], colour: str, ground: str = PAPER) -> None:
        """A label on its `ground`'s colour, so that its own arrow may run behind it."""
        self.rect(rect.grown(1), fill=ground, rx=3)
        for n, line in enumerate(lines):
            self.line(rect.x, rect.y + LINE * n + 11, line, colour)

    def legend(self, x: float, y: float) -> None:
        """What the little signs mean, in `LEGEND_SIZE`."""
        y += 11
        self.dot(x + 5, y - 4, 3.5)
        self.text(x + ICON + 2, y, LEGEND[0], fill=GREY)
        for n, sign in enumerate((self.runs, self.clock, self.loop), 1):
            sign(x, y + LINE * n, GREY)
            self.text(x + ICON + 2, y + LINE * n, LEGEND[n], fill=GREY)
        self.text(x, y + LINE * 4, LEGEND[4], fill=GREY, italic=True)

    def block(self, diagram: Diagram, block: Block, hue: Hue, *, depth: int = 0) -> None:
        """A state and everything in it; `block.rect` is where it stands."""
        state, r = diagram.states[block.path], block.rect
        line, bar, body = hue
        compound = bool(block.children)
        self.rect(
            r,
            fill=body if compound else "#ffffff" if depth else bar,
            stroke=line,
            extra=' stroke-width="1.3"' if not depth else ' stroke-opacity="0.55"',
        )
        if compound and not depth:
            self._parts.append(
                f'<path d="M{r.x:g} {r.y + block.head:g} v{7 - block.head:g} q0 -7 7 -7 '
                f'h{r.w - 14:g} q7 0 7 7 v{block.head - 7:g} z" fill="{bar}" stroke="{line}"/>'
            )
        if state.final:
            self.bullseye(r.right - PAD - 4, r.y + 15)
        self.text(
            r.x + PAD,
            r.y + 17,
            state.title,
            size=TITLE if not depth else 12,
            bold=True,
            fill=line if not depth else INK,
        )
        if state.activity:
            x = r.right - PAD - text_width(state.activity)
            self.runs(x - ICON, r.y + 17, line)
            self.text(x, r.y + 17, state.activity, fill=line)
        y = r.y + 34
        for timer in block.timers:
            self.clock(r.x + PAD, y, line)
            self.text(r.x + PAD + ICON, y, timer.short, fill=INK)
            y += LINE
        for again in block.again:
            self.loop(r.x + PAD, y, line)
            self.line(r.x + PAD + ICON, y, again, INK)
            y += LINE
        self.inside(diagram, block, hue, depth=depth)

    def inside(self, diagram: Diagram, block: Block, hue: Hue, *, depth: int = 0) -> None:
        """What stands in a block, without the block itself."""
        r = block.rect
        if block.start:
            x, top = r.x + block.start[0], r.y + block.start[1]
            self.dot(x, top - 13, 3.5)
            self.arrow([(x, top - 10), (x, top)], INK, width=1.2)
        for child in block.children:
            self.block(diagram, child.moved(r.x, r.y), hue, depth=depth + 1)
        for link in block.links:
            self.arrow([(r.x + x, r.y + y) for x, y in link.points], hue[0], width=1.2)
            for n, text in enumerate(link.lines):
                self.line(r.x + link.label.x, r.y + link.label.y + LINE * n + 11, text, hue[0])


def _towards(
    start: tuple[float, float], end: tuple[float, float], by: float
) -> tuple[float, float]:
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = abs(dx) + abs(dy)
    by = min(by, length / 2)
    return start[0] + dx / length * by, start[1] + dy / length * by
