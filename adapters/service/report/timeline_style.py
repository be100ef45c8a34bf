"""A timeline's colours and measures, in pixels: what its head, rows and notes have in common."""

from __future__ import annotations

from typing import Final

#: As wide as a page shows it without making its smallest words unreadable.
WIDTH: Final = 1120
#: Between these is time.
LEFT, RIGHT = 88, WIDTH - 26
#: Left of everything; and where words may end that have no room before `RIGHT`.
MARGIN, WORDS_RIGHT = 26, WIDTH - 12

#: Sizes of the text: the title, what is said, names and figures, the names of leaves.
TITLE, WORDS, NAMES, SMALL = 18, 12, 11.5, 9.5

INK, FAINT, GRID, CARD, EDGE = "#1e293b", "#64748b", "#eef2f6", "#ffffff", "#d8dee6"
CALLER_COLOUR, AGENT_COLOUR, FILLER_COLOUR, CUT = "#2563eb", "#0d9463", "#e08a00", "#dc2626"
STATE_COLOURS: Final = {
    "greeting": "#ddd6fe",
    "listening": "#dbe4ee",
    "settling": "#bae0fd",
    "thinking": "#fde59a",
    "speaking": "#b5ecce",
    "barged_in": "#fdb8b8",
    "hangup": "#b9c2cf",
    "ended": "#94a3b8",
}
#: For the states of a chart of your own, in the order in which the call comes into them.
OTHER_COLOURS: Final = ("#f5c6e8", "#c9d6a3", "#a8dfe0", "#f3cfae", "#cfc6b8")
