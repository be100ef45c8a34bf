"""A call as a person watches it: its states go by on a console, each with its time.

Readable in a pipe as well: what is printed is plain lines, and rich leaves out the colours where
there is no terminal. What people say is shown only if it is asked for.
"""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from callchart.adapters.service.report.report import Ending, Report, Turn, in_words, short
from callchart.engine.chart import Outcome, Step
from callchart.engine.drawing.palette import Palette
from callchart.engine.events import FinalHeard, PlaybackStopped, TimerFired

_ENDINGS = {Ending.INTERRUPTED: "red", Ending.FAILED: "red", Ending.CUT: "yellow"}

#: Columns of the table without those for words, with what stands between all of them; and what
#: those for words take at least, both together.
_FIGURES_WIDTH, _LEAST_WORDS = 60, 12


class LiveView:
    """Prints calls as they happen. `step` is an `callchart.engine.call.Inspector`.

    `words`: with what caller and agent say, which is nobody else's business in a real call."""

    def __init__(self, console: Console, palette: Palette, *, words: bool = False) -> None:
        self._console, self._palette, self._words = console, palette, words
        self._shown = ""

    def step(self, call_id: str, step: Step) -> None:
        """One line for a change of state; one for words that were heard, if they are shown."""
        if step.outcome is Outcome.TAKEN:
            self._tell_whose(call_id)
            state = short(step.after.leaf)
            event = step.event
            timer = event.timer if isinstance(event, TimerFired) else ""
            self._print(
                (f"{step.at_us / 1_000_000:9.3f}  ", "dim"),
                (f"{state:<29}  ", self._palette[step.after.leaf].console),
                (in_words({"type": type(event).__name__, "timer": timer}), "dim"),
            )
        if self._words and step.outcome in (Outcome.TAKEN, Outcome.STAYED):
            match step.event:
                case FinalHeard(text=text) if text.strip():
                    self._say(call_id, "caller", text)
                case PlaybackStopped(heard=heard) if heard:
                    self._say(call_id, "agent", heard)

    def turns(self, report: Report) -> None:
        """A table of the call's turns, once it is over; long words are cut to one line."""
        how = report.ended.cause if report.ended else "its journal stops in the middle"
        table = Table(
            title=f"call {report.call}: {report.duration:.1f} s, {how}",
            caption="milliseconds; filler and answer count from the end of the caller's turn",
            title_justify="left",
            caption_justify="left",
            box=box.SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
        )
        # What is left for words: rich would rather make the figures unreadable.
        room = self._console.width - _FIGURES_WIDTH
        words = self._words and room >= _LEAST_WORDS
        table.add_column("turn")
        if words:
            table.add_column("caller", width=room * 2 // 5, no_wrap=True)
            table.add_column("heard of the agent", width=room - room * 2 // 5, no_wrap=True)
        for name in ("end of\nturn", "filler", "answer", "in all"):
            table.add_column(name, justify="right")
        table.add_column("ended")
        for turn in report.turns:
            table.add_row(*_cells(turn, words))
        self._console.print()
        self._console.print(table)

    def _tell_whose(self, call_id: str) -> None:
        if call_id != self._shown:
            self._shown = call_id
            self._print((f"call {call_id}", "bold"))

    def _say(self, call_id: str, who: str, text: str) -> None:
        self._tell_whose(call_id)
        self._print((f"{who:>19}  ", "dim"), (f"“{text.strip()}”", "italic"))

    def _print(self, *parts: tuple[str, str]) -> None:
        # As Text: a "[" in what a caller said is no markup. Soft wrap: a pipe has no edge.
        self._console.print(Text.assemble(*parts), soft_wrap=True, highlight=False)


def _cells(turn: Turn, words: bool) -> list[Text]:
    latency = turn.latency
    answer = None
    if latency.ready is not None and latency.sound is not None:
        answer = latency.ready + (latency.filler_wait or 0) + latency.sound
    return [
        Text(turn.purpose),
        *([Text(turn.asked), Text(turn.said)] if words else []),
        *map(_milliseconds, (latency.end_of_turn, latency.filler, answer, latency.total)),
        Text(turn.ending.value, _ENDINGS.get(turn.ending, "")),
    ]


def _milliseconds(seconds: float | None) -> Text:
    return Text("") if seconds is None else Text(f"{round(seconds * 1000)}")
