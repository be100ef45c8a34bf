"""The measures of a timeline, in CSS px, and all colours except those of states."""

from __future__ import annotations

from typing import Final

from callchart.engine.drawing.palette import PAPER

#: The width at which a page still shows the smallest words in a readable size.
WIDTH: Final = 1120
#: The axis of time runs between these.
LEFT, RIGHT = 88, WIDTH - 26
#: The left margin; and the end of words that have no room before `RIGHT`.
MARGIN, WORDS_RIGHT = 26, WIDTH - 12

#: Sizes of the text: the title, words of the call, names and numbers, names of leaves.
TITLE, WORDS, NAMES, SMALL = 18, 12, 11.5, 9.5

INK, FAINT, GRID, CARD, EDGE = "#1e293b", "#64748b", "#eef2f6", PAPER, "#d8dee6"
#: The colours of the sound of caller, agent and filler, of a cut, and of tools. `palette_of` has
#: those of states.
CALLER_COLOUR, AGENT_COLOUR, FILLER_COLOUR, CUT = "#2563eb", "#0d9463", "#e08a00", "#dc2626"
TOOL_COLOUR = "#7c3aed"
