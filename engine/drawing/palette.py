"""The colours of states: the same in the charts, in a call's timeline and in the live view.

A shade belongs to a block of the chart (see `Diagram.blocks`) and to all states inside it. Blocks
take the shades in the order of declaration. In an extended chart the states of the base keep
theirs, and each added state has a shade of a second list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from callchart.engine.drawing.model import Diagram


@dataclass(frozen=True, slots=True)
class Shade:
    """The colours of one state, as `#rrggbb`.

    `line` is for borders and text, `fill` for a title or a stretch of time, `body` for the
    background inside, `console` for text on a dark or a light terminal. `dark` has line, fill and
    body for a dark page."""

    line: str
    fill: str
    body: str
    console: str
    dark: tuple[str, str, str]


#: Text, less important text, and the background of a picture.
INK, GREY, PAPER = "#1f2933", "#5b6775", "#fbfcfd"
WHITE, EDGE = "#ffffff", "#d0d7de"
#: The background of a frame within a frame, and the border of both.
GROUND, FRAME_LINE = "#f0f3f7", "#9aa7b4"

#: The colours above -> those on a dark page.
DARK: Final = {
    INK: "#e6edf3",
    GREY: "#9aa7b4",
    PAPER: "#12181e",
    WHITE: "#0f1419",
    EDGE: "#3a444e",
    GROUND: "#1a2129",
    FRAME_LINE: "#55626f",
}

#: For the frames around blocks.
FRAME: Final = Shade("#44505c", "#e6ebf0", "#f6f8fa", "#7d8894", ("#b6c2cf", "#323c47", "#1c232b"))
#: For the blocks of a chart, in the order of declaration.
SHADES: Final = (
    Shade("#6b3fa0", "#e0d2f4", "#f9f5fd", "#9b6dd6", ("#c4a3ee", "#3d2b57", "#211b2b")),
    Shade("#1d5fa8", "#cbe0f6", "#f3f8fd", "#3f8ae0", ("#8dbdf0", "#1f3a58", "#17212d")),
    Shade("#8a5a00", "#f8e2ad", "#fef9ec", "#c98500", ("#e6bd66", "#4d3a10", "#29220f")),
    Shade("#17703f", "#bfe8d0", "#f1fbf5", "#1f9d57", ("#74cf9b", "#174429", "#14251b")),
    Shade("#b3261e", "#f9cfca", "#fef4f3", "#e0483f", ("#f2958f", "#5a221e", "#2d1817")),
    Shade("#0b6b78", "#bfe6eb", "#f0fafb", "#1b98a8", ("#6fc9d6", "#123f47", "#12252a")),
    Shade("#57606a", "#dde2e7", "#f7f8fa", "#7d8894", ("#aab4bf", "#363e47", "#1d2329")),
    Shade("#97356f", "#f4cce2", "#fdf3f9", "#d0529d", ("#e795c2", "#4f2440", "#2a1823")),
    Shade("#4d6b12", "#dae9b5", "#f8fbef", "#759c25", ("#b3cf74", "#34461a", "#1f2616")),
)
#: For the states that an extended chart adds, in the order of declaration.
ADDED_SHADES: Final = (
    Shade("#a8470a", "#fbd5bb", "#fef6f0", "#e0701f", ("#f2a571", "#562f14", "#2b1d13")),
    Shade("#3c45b8", "#d3d6fa", "#f4f5fe", "#6c75ea", ("#a6acf5", "#2c3166", "#1b1d30")),
    Shade("#78492f", "#ead5c7", "#faf5f2", "#b0714c", ("#d3a98e", "#493224", "#271e18")),
    Shade("#9c1f4f", "#f7c9d9", "#fef3f7", "#e2497f", ("#f28fb3", "#561e36", "#2d1720")),
)

#: A state's full name -> its shade.
Palette = Mapping[str, Shade]


def palette_of(diagram: Diagram) -> Palette:
    """Return the shade of every state of the chart."""
    if diagram.base is None:
        frames = dict.fromkeys(diagram.frames, FRAME)
        return frames | _in_turn(diagram, diagram.blocks, SHADES, 0)
    base = palette_of(diagram.base)
    used = len({shade for shade in base.values() if shade in ADDED_SHADES})
    return {**base, **_in_turn(diagram, diagram.added, ADDED_SHADES, used)}


def _in_turn(
    diagram: Diagram, outermost: tuple[str, ...], shades: tuple[Shade, ...], first: int
) -> dict[str, Shade]:
    """Return one shade for each of `outermost` and all states inside, from number `first` on."""
    return {
        path: shades[(first + n) % len(shades)]
        for n, outer in enumerate(outermost)
        for path in diagram.states
        if diagram.within(path, outer)
    }
