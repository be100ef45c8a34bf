"""The target timeline of one turn, as scripts for the servers.

| s | |
|---|---|
| 0.00 | the caller's turn has ended, and its text is known |
| 0.05 | filler and generation start together |
| 0.15 | the filler is heard |
| 0.60 | the first chunk is written, its synthesis starts |
| 0.75 | it is synthesised |
| 0.90 | the answer is heard |
"""

from __future__ import annotations

from dataclasses import replace

from callchart.engine.data import Scripts
from tests.benchmarks.caller import Script
from tests.servers.model.scripts import Writing
from tests.servers.speechkit.scripts import Speaking
from tests.servers.tones import speak

#: Seconds from the request to the model to its first whole chunk: 0.60 less 0.05.
FIRST_CHUNK = 0.55
#: Seconds from a text to the first sound of its synthesis.
FIRST_SOUND = 0.15

#: Seconds from the caller's text to the first sound of the filler and of the answer.
FILLER_HEARD, ANSWER_HEARD = 0.15, 0.90

#: Three chunks of five tokens, 50 ms apart; the first chunk is complete at `FIRST_CHUNK`. `{n}` is
#: the number of the answer.
CHUNKS = ("{n} takes up to five,", "{n} is in stock now,", "{n} is yours next week.")
WRITING = Writing(first=FIRST_CHUNK - 4 * 0.05, every=0.05, text=" ".join(f"{c}|" for c in CHUNKS))

#: Sound comes in pieces of 240 ms, six times as fast as it is spoken.
SPEAKING = Speaking(first=FIRST_SOUND, piece=0.24, every=0.04)

#: Fillers in another script than the answers, so that a frame identifies them.
SCRIPTS = Scripts(
    greeting="hello",
    fillers=("Хм,", "Так,", "Итак,", "Понятно,", "Сейчас,", "Хорошо,", "Понял,"),
)


def answer(number: int) -> str:
    """Return the words that the caller must hear in this answer."""
    return " ".join(CHUNKS).replace("{n}", str(number))


def script(rate_hz: int) -> Script:
    """Return a caller who asks short questions, hears whole answers, and never interrupts."""
    whole = len(speak(answer(1001), rate_hz).pcm) / 2 / rate_hz
    return replace(Script(), question=1.0, thought=0.4, interrupted_every=0, chunks=1, chunk=whole)
