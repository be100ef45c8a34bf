"""SVG as text: shapes, words and icons, in the order in which they are painted.

Charts and timelines are painted on it, by modules that compute the positions. Lengths are CSS px.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from callchart.engine.drawing.palette import EDGE, INK, PAPER
from callchart.engine.drawing.svg.shapes import Rect
from callchart.engine.drawing.svg.text import FONTS, SMALL, escaped


class Canvas:
    """An SVG that is painted part by part; `finished` returns its text."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts: list[str] = []
        self._colours: dict[str, None] = {}

    def finished(self, width: float, height: float) -> str:
        """Return the SVG: a card of `width` x `height` with everything painted so far."""
        w, h = _number(width), _number(height)
        heads = "".join(
            f'<marker id="to-{c[1:]}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
            f'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
            f'<path d="M0 1 L10 5 L0 9 z" fill="{c}"/></marker>'
            for c in self._colours
        )
        head = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" '
            f'viewBox="0 0 {w} {h}" role="img" font-family="{FONTS}" font-size="{SMALL:g}">',
            f"<title>{escaped(self._title)}</title>",
            *([f"<defs>{heads}</defs>"] if heads else []),
            f'<rect x="0.5" y="0.5" width="{_number(width - 1)}" height="{_number(height - 1)}" '
            f'rx="10" fill="{PAPER}" stroke="{EDGE}"/>',
        ]
        return "\n".join([*head, *self._parts, "</svg>", ""])

    @contextmanager
    def group(self, **data: str) -> Iterator[None]:
        """Group all that the `with` block paints. The values are the group's `data-` attributes."""
        given = "".join(f' data-{key}="{escaped(value)}"' for key, value in data.items() if value)
        self._parts.append(f"<g{given}>")
        yield
        self._parts.append("</g>")

    def rect(
        self,
        r: Rect,
        *,
        fill: str,
        stroke: str = "",
        width: float = 1,
        stroke_opacity: float = 1,
        rounded: float = 7,
        opacity: float = 1,
        title: str = "",
        kind: str = "",
    ) -> None:
        """Paint a rectangle. A browser shows `title`; `kind` is its class."""
        x, y, w, h = map(_number, (r.x, r.y, r.w, r.h))
        more = f' class="{kind}"' if kind else ""
        more += f' rx="{rounded:g}"' if rounded else ""
        more += f' stroke="{stroke}"' if stroke else ""
        more += f' stroke-width="{width:g}"' if width != 1 else ""
        more += f' stroke-opacity="{stroke_opacity:g}"' if stroke_opacity != 1 else ""
        more += f' fill-opacity="{opacity:g}"' if opacity != 1 else ""
        end = f"><title>{escaped(title)}</title></rect>" if title else "/>"
        self._parts.append(
            f'<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{fill}"{more}{end}'
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
        kind: str = "",
    ) -> None:
        """Write a text with its baseline at `y`. `anchor` is the part of the text at `x`."""
        style = f' class="{kind}"' if kind else ""
        style += f' font-size="{size:g}"' if size != SMALL else ""
        style += ' font-weight="bold"' if bold else ""
        style += ' font-style="italic"' if italic else ""
        style += f' text-anchor="{anchor}"' if anchor != "start" else ""
        self._parts.append(
            f'<text x="{_number(x)}" y="{_number(y)}" fill="{fill}"{style}>{escaped(text)}</text>'
        )

    def spans(self, x: float, y: float, spans: Sequence[tuple[str, str, bool]]) -> None:
        """Write texts one after another, each given as (text, colour, italic)."""
        parts = []
        for text, fill, italic in spans:
            style = ' font-style="italic"' if italic else ""
            parts.append(f'<tspan fill="{fill}"{style}>{escaped(text)}</tspan>')
        self._parts.append(f'<text x="{_number(x)}" y="{_number(y)}">{" ".join(parts)}</text>')

    def path(
        self, moves: str, stroke: str, width: float = 1, *, opacity: float = 1, more: str = ""
    ) -> None:
        """Paint a line; `moves` is SVG path data, `more` holds further attributes."""
        more += f' stroke-opacity="{opacity:g}"' if opacity != 1 else ""
        self._parts.append(
            f'<path d="{moves}" fill="none" stroke="{stroke}" stroke-width="{width:g}"{more}/>'
        )

    def shape(self, moves: str, fill: str, stroke: str = "") -> None:
        """Paint an area; `moves` is the SVG path data of its border."""
        more = f' stroke="{stroke}"' if stroke else ""
        self._parts.append(f'<path d="{moves}" fill="{fill}"{more}/>')

    def arrow(
        self, points: Sequence[tuple[float, float]], colour: str, *, width: float = 1.4
    ) -> None:
        """Paint an arrow along the points, with rounded corners."""
        self._colours[colour] = None
        path = [f"M{points[0][0]:g} {points[0][1]:g}"]
        for before, here, after in zip(points, points[1:], points[2:], strict=False):
            a, b = _towards(here, before, 7), _towards(here, after, 7)
            path.append(f"L{a[0]:g} {a[1]:g} Q{here[0]:g} {here[1]:g} {b[0]:g} {b[1]:g}")
        path.append(f"L{points[-1][0]:g} {points[-1][1]:g}")
        self.path(" ".join(path), colour, width, more=f' marker-end="url(#to-{colour[1:]})"')

    # --- icons, before a text with its baseline at `y` --------------------------------------------

    def clock(self, x: float, y: float, colour: str) -> None:
        """Paint the clock of a timer."""
        self._parts.append(
            f'<g fill="none" stroke="{colour}" stroke-width="1.2"><circle cx="{x + 5:g}" '
            f'cy="{y - 4:g}" r="4.4"/><path d="M{x + 5:g} {y - 6.6:g} v2.8 h2.2"/></g>'
        )

    def runs(self, x: float, y: float, colour: str) -> None:
        """Paint the triangle of an activity."""
        self.shape(f"M{x + 1:g} {y - 8:g} l8 4.2 l-8 4.2 z", colour)

    def loop(self, x: float, y: float, colour: str) -> None:
        """Paint the loop that marks a state that is left and entered again."""
        self._parts.append(
            f'<g stroke="{colour}" stroke-width="1.3"><path fill="none" '
            f'd="M{x + 8.6:g} {y - 6.2:g} a4 4 0 1 0 0.4 3.4"/>'
            f'<path fill="{colour}" stroke="none" d="M{x + 10.6:g} {y - 8.6:g} v4.2 h-4.2 z"/></g>'
        )

    def down(self, x: float, y: float, colour: str) -> None:
        """Paint a small arrow down."""
        self.shape(f"M{x + 3.5:g} {y - 9:g} h2 v5 h3 l-4 4.5 l-4 -4.5 h3 z", colour)

    def up(self, x: float, y: float, colour: str) -> None:
        """Paint a small arrow up."""
        self.shape(f"M{x + 3.5:g} {y + 0.5:g} h2 v-5 h3 l-4 -4.5 l-4 4.5 h3 z", colour)

    def dot(self, x: float, y: float, r: float = 4.5) -> None:
        """Paint the dot that marks an initial state."""
        self._parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}" fill="{INK}"/>')

    def bullseye(self, x: float, y: float) -> None:
        """Paint the sign of a final state."""
        self._parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="6" fill="none" stroke="{INK}"/>')
        self.dot(x, y, 3.5)


def _number(value: float) -> str:
    return f"{round(value, 1):g}"


def _towards(
    start: tuple[float, float], end: tuple[float, float], by: float
) -> tuple[float, float]:
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = abs(dx) + abs(dy)
    by = min(by, length / 2)
    return start[0] + dx / length * by, start[1] + dy / length * by
