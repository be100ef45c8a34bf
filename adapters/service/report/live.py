"""The live view: the states of a call on a console, each with its time.

The output is plain lines, also in a pipe: rich leaves out the colours without a terminal.
Spoken words are shown only on request.
"""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from callchart.adapters.service.report.report import Ending, Report, Turn, in_words, short
from callchart.engine.chart import Chart, Outcome, Step
from callchart.engine.drawing.model import diagram_of
from callchart.engine.drawing.palette import palette_of
from callchart.engine.events import (
    DigitReceived,
    FinalHeard,
    PlaybackStopped,
    TimerFired,
    ToolFinished,
    ToolUnderWay,
)

_ENDINGS = {Ending.INTERRUPTED: "red", Ending.FAILED: "red", Ending.CUT: "yellow"}

#: In the table of turns: the width of all columns of figures with their gaps, and the least width
#: of both columns of words together.
_FIGURES_WIDTH, _LEAST_WORDS = 60, 12


class LiveView:
    """A view that prints calls as they happen. `step` is a `callchart.engine.call.Inspector`.

    `words`: also print spoken words, keys, and the arguments and results of tools. They are private
    in a real call."""

    def __init__(self, console: Console, chart: Chart, *, words: bool = False) -> None:
        self._console, self._chart, self._words = console, chart, words
        self._palette = palette_of(diagram_of(chart))
        self._shown = ""

    def step(self, call_id: str, step: Step) -> None:
        """Print a line for a change of state, a key or a tool, and with `words` for speech."""
        if step.outcome is Outcome.TAKEN:
            self._print_call_id(call_id)
            state = short(self._chart, step.after.leaf)
            event = step.event
            timer = event.timer if isinstance(event, TimerFired) else ""
            self._print(
                (f"{step.at_us / 1_000_000:9.3f}  ", "dim"),
                (f"{state:<29}  ", self._palette[step.after.leaf].console),
                (in_words({"type": type(event).__name__, "timer": timer}), "dim"),
            )
        match step.event:
            case DigitReceived(digit):
                self._say(call_id, "key", digit if self._words else "")
            case ToolUnderWay(name=name, arguments=arguments):
                self._say(call_id, f"{name} begins", arguments if self._words else "")
            case ToolFinished(name=name, result=result):
                self._say(call_id, f"{name} ended", result if self._words else "")
        if self._words and step.outcome in (Outcome.TAKEN, Outcome.STAYED):
            match step.event:
                case FinalHeard(text=text) if text.strip():
                    self._say(call_id, "caller", text)
                case PlaybackStopped(heard=heard) if heard:
                    self._say(call_id, "agent", heard)

    def turns(self, report: Report) -> None:
        """Print a table of the turns of an ended call; long texts are cut to one line."""
        how = report.ended.cause if report.ended else "the journal stops in the middle"
        table = Table(
            title=f"call {report.call}: {report.duration:.1f} s, {how}",
            caption="milliseconds; filler and answer count from the end of the caller's turn",
            title_justify="left",
            caption_justify="left",
            box=box.SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
        )
        # Leave out the words on a narrow terminal: rich would make the figures unreadable.
        room = self._console.width - _FIGURES_WIDTH
        words = self._words and room >= _LEAST_WORDS
        table.add_column("turn")
        if words:
            table.add_column("caller", width=room * 2 // 5, no_wrap=True)
            table.add_column("agent", width=room - room * 2 // 5, no_wrap=True)
        for name in ("end of\nturn", "filler", "answer", "total"):
            table.add_column(name, justify="right")
        table.add_column("ended")
        for turn in report.turns:
            table.add_row(*_cells(turn, words))
        self._console.print()
        self._console.print(table)

    def _print_call_id(self, call_id: str) -> None:
        if call_id != self._shown:
            self._shown = call_id
            self._print((f"call {call_id}", "bold"))

    def _say(self, call_id: str, who: str, text: str) -> None:
        self._print_call_id(call_id)
        said = f"“{text.strip()}”" if text.strip() else ""
        self._print((f"{who:>19}  ", "dim"), (said, "italic"))

    def _print(self, *parts: tuple[str, str]) -> None:
        # As Text: a "[" in the caller's words is not markup. Soft wrap: a pipe has no width.
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
