"""A timeline is a well-formed picture: nothing overlaps, and nothing crosses its border."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from callchart.adapters.service.report.report import BargeIn, Key, Report, ToolUse, Visit
from callchart.adapters.service.report.timeline import levels
from callchart.adapters.service.report.timeline import timeline as timeline_of
from callchart.adapters.service.report.timeline_style import WIDTH
from callchart.engine.drawing.model import diagram_of
from callchart.engine.drawing.palette import palette_of
from callchart.engine.drawing.svg.text import text_width
from callchart.engine.events import (
    CallerHungUp,
    DigitReceived,
    FinalHeard,
    LineClosed,
    PartialHeard,
    PlaybackFinished,
    PlaybackStarted,
    ReplyReady,
    SoundQueued,
    SpeechEnded,
    SpeechStarted,
    ToolFinished,
    ToolUnderWay,
)
from callchart.states import CHART
from tests.adapters.service.scripted_call import WHOLE_CALL, ScriptedCall, whole_call
from tests.examples.take_message import CHART as MESSAGES

SVG = "{http://www.w3.org/2000/svg}"
PALETTE = palette_of(diagram_of(CHART))


def timeline(report: Report, *loudness: list[float]) -> str:
    """Return the timeline of a call of the default chart."""
    return timeline_of(report, PALETTE, *loudness)


@dataclass(frozen=True)
class Written:
    """A text of the picture: its kind, words and position."""

    kind: str
    says: str
    left: float
    right: float
    y: float


def drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def texts(svg: str) -> list[Written]:
    found = []
    for text in drawn(svg).iter(f"{SVG}text"):
        says, x = text.text or "", float(text.attrib["x"])
        width = text_width(says, float(text.attrib["font-size"]))
        left = x - width if text.get("text-anchor") == "end" else x
        found.append(
            Written(text.get("class", ""), says, left, left + width, float(text.attrib["y"]))
        )
    return found


def said(svg: str, kind: str) -> list[str]:
    return [text.says for text in texts(svg) if text.kind == kind]


def edges(svg: str) -> Iterator[tuple[float, float, float, float]]:
    """Yield left, top, right, bottom of all blocks, and of the points of each path."""
    for rect in drawn(svg).iter(f"{SVG}rect"):
        x, y, width, height = (float(rect.attrib[k]) for k in ("x", "y", "width", "height"))
        assert width > 0
        assert height > 0
        yield x, y, x + width, y + height
    for path in drawn(svg).iter(f"{SVG}path"):
        for x, y in re.findall(r"M(-?[\d.]+) (-?[\d.]+)", path.attrib["d"]):
            yield float(x), float(y), float(x), float(y)
        for x in re.findall(r"H(-?[\d.]+)", path.attrib["d"]):
            yield float(x), 1.0, float(x), 1.0


def noise(seconds: float) -> tuple[list[float], list[float]]:
    generator = np.random.default_rng(0)
    samples = generator.normal(0, 3000, (int(seconds * 8000), 2)).astype(np.int16)
    return levels(samples, 8000)


def long_call() -> ScriptedCall:
    """Return a call of three minutes: ten questions, each with a long answer."""
    scripted = ScriptedCall().then(0.1, PlaybackStarted(1))
    scripted.then(2.0, PlaybackFinished(1), heard="Hello, how can I help?")
    at = 3.0
    for n in range(1, 11):
        scripted.then(at, SpeechStarted(n)).then(at + 1.2, SpeechEnded(n))
        scripted.then(at + 1.3, FinalHeard(n, "would you please tell me " * n))
        scripted.then(at + 2.4, ReplyReady(n + 1)).then(at + 2.7, SoundQueued(n + 1, 0, 12.0))
        scripted.then(at + 2.8, PlaybackStarted(n + 1))
        scripted.then(at + 14.0, PlaybackFinished(n + 1), heard="There is so much to tell. " * n)
        at += 17.5
    return scripted.then(at, CallerHungUp()).then(at, LineClosed())


def false_alarm(words: str = "") -> ScriptedCall:
    scripted = (
        ScriptedCall().then(0.1, PlaybackStarted(1)).then(1.0, SpeechStarted(1), heard="Hello, how")
    )
    scripted.then(1.3, SpeechEnded(1)).then(1.5, FinalHeard(1, words))
    scripted.then(1.5, SoundQueued(1, 0, 1.0)).then(1.6, PlaybackStarted(1))
    return scripted.then(3.0, PlaybackFinished(1), heard="can I help?").until(4.0)


def tools_and_keys(*, redacted: bool = False) -> ScriptedCall:
    """Return a call with keys and three tools: two overlap, one is cancelled, one does not end."""
    scripted = ScriptedCall(redacted=redacted).then(0.1, PlaybackStarted(1))
    scripted.then(2.0, PlaybackFinished(1), heard="Hello, how can I help?")
    scripted.then(2.5, DigitReceived("1")).then(2.6, DigitReceived("#"))
    scripted.then(3.0, SpeechStarted(1)).then(3.5, DigitReceived("9")).then(4.0, SpeechEnded(1))
    scripted.then(4.1, FinalHeard(1, "are you open"))
    scripted.then(5.1, ToolUnderWay(1, "opening_hours", '{"day": "today"}', 3.0))
    scripted.then(5.1, ToolUnderWay(2, "find_customer", "{}", 3.0))
    scripted.then(5.3, ToolFinished(1, "opening_hours", '{"day": "today"}', "until six"))
    scripted.then(5.85, ToolFinished(3, "set_aside", "{}", "cancelled"))
    return scripted.then(5.9, DigitReceived("*"))


def hung_up_after(moment: float) -> Callable[[], ScriptedCall]:
    return lambda: whole_call(hang_up_after=moment)


def redacted_call() -> Report:
    return whole_call(redacted=True).report()


CALLS: dict[str, Callable[[], ScriptedCall]] = {
    "a whole call": whole_call,
    "a long call": long_call,
    "a false alarm": false_alarm,
    "a call that was only begun": ScriptedCall,
    "tools and keys": tools_and_keys,
    **{f"a hangup at {moment} s": hung_up_after(moment) for moment in [*WHOLE_CALL][:-2]},
}


@pytest.fixture(params=CALLS)
def call(request: pytest.FixtureRequest) -> Report:
    return CALLS[request.param]().report()


@pytest.mark.parametrize("with_sound", [True, False], ids=["with sound", "journal only"])
def test_nothing_crosses_the_border_of_the_picture(call: Report, with_sound: bool) -> None:
    svg = timeline(call, *noise(call.duration) if with_sound else ())
    left, top, width, height = (float(n) for n in drawn(svg).attrib["viewBox"].split())
    assert (left, top) == (0, 0)
    assert width == WIDTH <= 1280
    for text in texts(svg):
        assert 0 <= text.left <= text.right <= width, text
        assert 8 <= text.y <= height - 4, text
    for edge in edges(svg):
        assert 0 <= edge[0] <= edge[2] <= width
        assert 0 <= edge[1] <= edge[3] <= height


def test_texts_do_not_overlap(call: Report) -> None:
    written = sorted(texts(timeline(call)), key=lambda text: (text.y, text.left))
    for one, other in pairwise(written):
        if one.y == other.y:
            assert one.right <= other.left, (one, other)


def test_a_states_name_is_within_its_block(call: Report) -> None:
    svg = timeline(call)
    blocks = [
        (float(r.attrib["x"]), float(r.attrib["y"]), float(r.attrib["width"]))
        for r in drawn(svg).iter(f"{SVG}rect")
        if r.get("class") == "state"
    ]
    for text in texts(svg):
        if text.kind == "state":
            assert any(
                x <= text.left and text.right <= x + width and y < text.y < y + 20
                for x, y, width in blocks
            ), text


def test_the_same_report_gives_the_same_picture() -> None:
    sound = noise(12.0)
    assert timeline(whole_call().report(), *sound) == timeline(whole_call().report(), *sound)


def test_a_timeline_shows_the_words_of_both_sides_and_the_cut() -> None:
    svg = timeline(whole_call().report())
    words = " ".join(said(svg, "words"))
    for phrase in ("Hello, how can I help?", "are you open", "Today until six."):
        assert phrase in words
    # The words of the interrupted reply end with a dash.
    assert "We are open from —" in words


def test_each_answer_has_its_latencies() -> None:
    first, interruption, second = said(timeline(whole_call().report()), "note")
    assert first == (
        "end of turn 700 ms · filler after 20 ms · answer after 700 ms "
        "(100 ms for the filler's word)"
    )
    assert interruption == "interrupted: silent after 100 ms"
    assert second == "end of turn 700 ms · filler after 20 ms · answer after 900 ms"


def test_a_false_alarm_has_the_duration_of_its_silence() -> None:
    notes = said(timeline(false_alarm().report()), "note")
    assert notes == ["false alarm: silent after 100 ms, continues after 500 ms"]


def test_a_backchannel_differs_from_a_noise() -> None:
    svg = timeline(false_alarm("yes").report())
    assert said(svg, "note") == ["backchannel: silent after 100 ms, continues after 500 ms"]
    assert "1 backchannel" in svg
    assert "yes" in said(svg, "words")


def test_the_states_are_named_where_there_is_room() -> None:
    names = said(timeline(whole_call().report()), "state")
    assert {"greeting", "listening", "thinking", "speaking", "hearing", "pause"} <= {*names}
    # Hangup lasts 20 ms, too short for a name in its block; the legend names it.
    assert "hangup" not in names
    assert "hangup" in said(timeline(whole_call().report()), "")


def test_fillers_have_their_own_colour() -> None:
    def colours(scripted: ScriptedCall) -> set[str]:
        report = scripted.report()
        svg = drawn(timeline(report, *noise(report.duration)))
        return {p.attrib["stroke"] for p in svg.iter(f"{SVG}path") if p.get("stroke-linecap")}

    agent, filler, caller = "#0d9463", "#e08a00", "#2563eb"
    assert colours(whole_call()) == {agent, filler, caller}
    assert colours(whole_call(hang_up_after=3.4)) == {agent, caller}


def test_silence_draws_no_bars() -> None:
    silent = levels(np.zeros((96000, 2), np.int16), 8000)
    svg = drawn(timeline(whole_call().report(), *silent))
    assert not [p for p in svg.iter(f"{SVG}path") if p.get("stroke-linecap")]


def test_a_long_call_is_broken_at_silence() -> None:
    report = long_call().report()
    svg = timeline(report)
    assert said(svg, "").count("caller") > 9  # one is in the legend
    # No bracket and no sentence is broken in two.
    assert sum(note.startswith("end of turn") for note in said(svg, "note")) == 10
    assert said(svg, "words").count("There is so much to tell.") == 1


def test_speech_without_a_pause_is_broken_between_words() -> None:
    scripted = ScriptedCall().then(0.05, SoundQueued(1, 0, 50.0)).then(0.1, PlaybackStarted(1))
    text = " ".join(f"word{n:02d}" for n in range(60))
    scripted.then(50.0, PlaybackFinished(1), heard=text)
    shown = " ".join(said(timeline(scripted.report()), "words"))
    assert shown == text


def test_words_that_do_not_fit_end_with_an_ellipsis() -> None:
    scripted = (
        ScriptedCall()
        .then(0.1, PlaybackStarted(1))
        .then(1.0, PlaybackFinished(1), heard="well " * 99)
    )
    scripted.then(1.1, SpeechStarted(1)).then(2.0, SpeechEnded(1))
    lines = said(timeline(scripted.report()), "words")
    assert len(lines) == 2
    assert lines[-1].endswith("…")


def test_words_without_room_are_left_out() -> None:
    scripted = ScriptedCall().then(0.1, PlaybackStarted(1)).then(1.0, PlaybackFinished(1))
    scripted.then(2.0, SpeechStarted(1)).then(2.05, SpeechEnded(1)).then(
        2.06, FinalHeard(1, "well")
    )
    scripted.then(2.1, SpeechStarted(2)).then(3.0, SpeechEnded(2)).then(3.1, FinalHeard(2, "hello"))
    assert said(timeline(scripted.report()), "words") == ["hello"]


def test_the_head_names_a_call_as_redacted() -> None:
    assert any("words redacted" in text for text in said(timeline(redacted_call()), ""))


def test_a_long_name_is_cut_to_its_room() -> None:
    svg = timeline(replace(whole_call().report(), call="0123456789abcdef" * 10))
    assert said(svg, "")[0].startswith("Call 0123456789abcdef")
    assert said(svg, "")[0].endswith("…")


def test_an_answer_that_was_not_heard_is_noted() -> None:
    notes = said(timeline(whole_call(hang_up_after=5.2).report()), "note")
    assert notes == ["end of turn 700 ms · filler after 20 ms · no answer was heard"]


def test_deferred_speech_is_noted_with_its_delay() -> None:
    scripted = ScriptedCall().then(0.1, PlaybackStarted(1)).then(1.0, PlaybackFinished(1))
    scripted.until(7.1).then(7.1, PlaybackStarted(2)).then(7.2, SpeechStarted(1)).until(8.0)
    scripted.then(8.5, PartialHeard(1, "yes"))
    assert "interrupted: silent after 400 ms" in said(timeline(scripted.report()), "note")


def test_a_bracket_as_long_as_its_row_leaves_no_room_for_a_note() -> None:
    report = whole_call(hang_up_after=2.0).report()
    (greeting,) = report.turns
    endless = replace(greeting, barge_ins=(BargeIn(0.1, 0.0, 19.8),))
    svg = timeline(replace(report, turns=(endless,), duration=19.9))
    assert said(svg, "note") == []
    assert said(svg, "").count("latency") == 1


def test_words_may_hold_anything() -> None:
    scripted = ScriptedCall().then(0.1, PlaybackStarted(1)).then(2.0, PlaybackFinished(1))
    scripted.then(3.0, SpeechStarted(1)).then(4.0, SpeechEnded(1))
    scripted.then(4.1, FinalHeard(1, "<b>&\x00\ud800 привет 電話"))
    report = replace(scripted.report(), call='"><script>')
    svg = timeline(report)
    assert "<b>&�� привет 電話" in " ".join(said(svg, "words"))
    assert drawn(svg).findtext(f"{SVG}title") == 'Call "><script>'
    svg.encode()


def test_states_have_the_colours_of_their_chart_and_added_states_their_own() -> None:
    palette = palette_of(diagram_of(MESSAGES))
    report = whole_call().report()
    last = report.turns[-1]
    added = Visit(11.0, "call.turn.take_message.taking", "take_message.taking", "x")
    mine = replace(report, turns=(*report.turns[:-1], replace(last, states=(added,))))
    svg = timeline_of(mine, palette)
    assert "take_message" in said(svg, "")
    fills = {r.attrib["fill"] for r in drawn(svg).iter(f"{SVG}rect") if r.get("class") == "state"}
    turn = ("greeting", "settling", "thinking", "speaking", "take_message")
    visited = ["call.listening", *(f"call.turn.{name}" for name in turn)]
    assert fills == {palette[path].fill for path in visited}
    assert palette["call.turn.greeting"] == PALETTE["call.turn.greeting"]


def test_loudness_has_a_value_for_each_20_ms() -> None:
    caller = np.concatenate([np.full(160, 16384), np.zeros(160), np.full(80, -32768)])
    stereo = np.stack([caller, np.zeros(400)], axis=1).astype(np.int16)
    heard, played = levels(stereo, 8000)
    assert heard == pytest.approx([0.5, 0.0, 0.5**0.5])
    assert played == [0.0, 0.0, 0.0]


def titles(svg: str, kind: str) -> list[str]:
    """Return the tooltips of the rectangles of this kind."""
    rects = [rect for rect in drawn(svg).iter(f"{SVG}rect") if rect.get("class") == kind]
    return [rect.findtext(f"{SVG}title", "") for rect in rects]


def test_tools_are_bars_with_their_names_and_never_their_arguments() -> None:
    svg = timeline(tools_and_keys().report())
    assert said(svg, "tool") == ["opening_hours", "set_aside", "find_customer"]
    assert titles(svg, "tool") == [
        "opening_hours, 5.100 s to 5.300 s",
        "set_aside, ended at 5.850 s",
        "find_customer, from 5.100 s, not ended",
    ]
    assert "today" not in svg
    assert "until six" not in svg
    assert "tool" in said(svg, "")  # the legend


def test_simultaneous_tools_have_separate_lanes() -> None:
    report = tools_and_keys().report()
    svg, plain = timeline(report), timeline(replace(report, tools=()))
    lanes = {text.says: text.y for text in texts(svg) if text.kind == "tool"}
    assert lanes["opening_hours"] == lanes["set_aside"] == lanes["find_customer"] - 20
    heights = [float(drawn(picture).attrib["height"]) for picture in (plain, svg)]
    assert heights[1] - heights[0] == 40


def test_a_tool_that_outlasts_its_row_has_a_bar_in_the_next_one_too() -> None:
    report = long_call().report()
    tool = ToolUse(1, "search", 1.0, 30.0, "{}", "")
    svg = timeline(replace(report, tools=(tool,)))
    assert said(svg, "tool") == ["search", "search"]
    assert said(svg, "").count("tools") == 2  # rows without tools have no lane


def test_a_tools_name_near_the_right_edge_stays_in_the_picture() -> None:
    report = whole_call().report()
    tool = ToolUse(1, "find_customer", report.duration, None, "{}", "")
    (name,) = (t for t in texts(timeline(replace(report, tools=(tool,)))) if t.kind == "tool")
    assert name.says == "find_customer"
    assert name.right <= WIDTH


def test_keys_are_marks_in_the_callers_track_and_close_ones_share_a_mark() -> None:
    svg = timeline(tools_and_keys().report())
    assert said(svg, "key") == ["1#", "9", "*"]
    assert titles(svg, "key") == [
        "keys: 1 at 2.500 s, # at 2.600 s",
        "keys: 9 at 3.500 s",
        "keys: * at 5.900 s",
    ]
    assert "2 keys" in timeline(replace(whole_call().report(), keys=(Key(1, "1"), Key(2, "2"))))


def test_keys_of_a_long_call_are_each_in_one_row() -> None:
    report = long_call().report()
    keys = tuple(Key(float(second), str(second % 10)) for second in range(170))
    svg = timeline(replace(report, keys=keys))
    assert said(svg, "key") == [key.digit for key in keys]


def test_many_keys_at_once_are_cut_to_their_room() -> None:
    report = whole_call().report()
    keys = tuple(Key(report.duration, "5") for _ in range(999))
    (mark,) = said(timeline(replace(report, keys=keys)), "key")
    assert mark.endswith("…")


def test_digits_of_a_redacted_call_are_not_shown() -> None:
    assert said(timeline(tools_and_keys(redacted=True).report()), "key") == ["x#", "x", "*"]


def test_a_call_without_tools_and_keys_has_no_place_for_them() -> None:
    svg = timeline(whole_call().report())
    assert "tool" not in svg
    assert said(svg, "key") == []
