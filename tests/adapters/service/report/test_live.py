"""The live view of a call, on a terminal and in a pipe."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from callchart.adapters.service.report.live import LiveView
from callchart.engine.drawing.model import diagram_of
from callchart.engine.drawing.palette import palette_of
from callchart.engine.events import (
    CallerHungUp,
    DigitReceived,
    FinalHeard,
    LineClosed,
    PlaybackStarted,
    SpeechStarted,
    ToolFinished,
)
from callchart.states import CHART
from tests.adapters.service.scripted_call import WHOLE_CALL, ScriptedCall

PALETTE = palette_of(diagram_of(CHART))


def seen(*, words: bool = False, terminal: bool = False, width: int = 120) -> str:
    """Return the output for `WHOLE_CALL`, with its table of turns."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=width)
    view = LiveView(console, CHART, words=words)
    scripted = ScriptedCall(watch=lambda step: view.step("scripted", step))
    for at, (event, heard) in WHOLE_CALL.items():
        scripted.then(at, event, heard=heard)
    view.turns(scripted.report())
    return out.getvalue()


def rows(printed: str) -> list[list[str]]:
    """Return the words of the table's rows."""
    table = printed[printed.index("──") :].splitlines()[1:]
    return [line.split() for line in table if line.strip()]


def test_each_change_of_state_is_a_line_with_its_time_and_its_cause() -> None:
    lines = [line.split() for line in seen().splitlines()]
    assert lines[:10] == [
        ["call", "scripted"],
        ["0.000", "greeting.clear", "call", "started"],
        ["2.000", "listening.waiting", "playback", "finished"],
        ["3.000", "listening.hearing", "speech", "started"],
        ["4.000", "settling.pause", "speech", "ended"],
        ["4.700", "thinking.silent", "after", "end_of_turn"],
        ["4.700", "thinking.filling.filler", "after", "filler"],
        ["5.200", "thinking.filling.filler_ending", "reply", "ready"],
        ["5.300", "speaking.opening", "after", "word_ends"],
        ["5.800", "speaking.chunks", "after", "barge_in_guard"],
    ]


def test_words_are_hidden_by_default() -> None:
    assert "are you" not in seen()
    assert "We are" not in seen()
    printed = seen(words=True)
    assert "caller  “are you open”" in printed
    assert "agent  “We are open from”" in printed


def test_a_pipe_gets_no_control_codes_and_no_wrapped_lines() -> None:
    printed = seen(words=True, width=40)
    assert "\x1b" not in printed
    assert "“wait what about today”\n" in printed
    assert "\x1b[" in seen(terminal=True)


def test_words_are_not_read_as_markup() -> None:
    out = io.StringIO()
    view = LiveView(Console(file=out, width=80), CHART, words=True)
    scripted = ScriptedCall(watch=lambda step: view.step("scripted", step)).then(
        1.0, SpeechStarted(1)
    )
    scripted.then(2.0, FinalHeard(1, "[red]stop[/]"))
    assert "“[red]stop[/]”" in out.getvalue()


def test_lines_of_two_calls_name_their_call() -> None:
    out = io.StringIO()
    view = LiveView(Console(file=out, width=80), CHART)
    first = ScriptedCall(watch=lambda step: view.step("first", step))
    ScriptedCall(watch=lambda step: view.step("second", step))
    first.then(1.0, CallerHungUp()).then(1.0, LineClosed())
    whose = [line for line in out.getvalue().splitlines() if line.startswith("call ")]
    assert whose == ["call first", "call second", "call first"]


def test_the_table_shows_each_turns_latencies_and_ending() -> None:
    assert rows(seen())[:3] == [
        ["greeting", "20", "said"],
        ["answer", "700", "20", "700", "1400", "interrupted"],
        ["answer", "700", "20", "900", "1600", "said"],
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_cuts_words_and_never_figures(width: int) -> None:
    printed = seen(words=True, width=width)
    assert max(len(line) for line in printed[printed.index("──") :].splitlines()) <= width
    assert rows(printed)[1][-5:] == ["700", "20", "700", "1400", "interrupted"]
    assert "wait" in " ".join(rows(printed)[2])


def test_a_narrow_table_has_figures_only() -> None:
    assert rows(seen(words=True, width=64)) == rows(seen())


def test_a_journal_that_stops_early_is_reported_as_such() -> None:
    out = io.StringIO()
    scripted = ScriptedCall().then(0.1, PlaybackStarted(1))
    LiveView(Console(file=out, width=80), CHART).turns(scripted.report())
    assert "the journal stops in the middle" in " ".join(out.getvalue().split())


def test_a_states_name_has_the_colour_that_the_state_has_in_the_chart() -> None:
    console = Console(file=io.StringIO(), record=True, force_terminal=True, width=120)
    view = LiveView(console, CHART)
    scripted = ScriptedCall(watch=lambda step: view.step("scripted", step))
    for at, (event, heard) in WHOLE_CALL.items():
        scripted.then(at, event, heard=heard)
    colour = PALETTE["call.turn.speaking"].console
    html = console.export_html(inline_styles=True)
    assert re.search(rf'color: {colour};[^"]*">speaking.opening', html)


@pytest.mark.parametrize("words", [True, False])
def test_keys_and_tools_are_shown_and_their_contents_only_with_words(words: bool) -> None:
    out = io.StringIO()
    view = LiveView(Console(file=out, width=80), CHART, words=words)
    scripted = ScriptedCall(watch=lambda step: view.step("scripted", step)).then(
        1.0, DigitReceived("4")
    )
    scripted.then(1.1, ToolFinished(1, "hours", "{}", "from nine to six"))
    shown = out.getvalue()
    assert "key" in shown
    assert "hours ended" in shown
    assert ("“4”" in shown, "from nine to six" in shown) == (words, words)
