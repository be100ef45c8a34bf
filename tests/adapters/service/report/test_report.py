"""Reports that are made from the journals of calls, which may end in any state."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from callchart.adapters.service.report.report import (
    Ending,
    Failure,
    Key,
    Report,
    ToolUse,
    Visit,
    in_words,
    report,
)
from callchart.engine.chart import Chart, State, stay, to
from callchart.engine.chart.state import To, reactions_of
from callchart.engine.data import Reply
from callchart.engine.effects import StartReply, StopPlayback
from callchart.engine.events import (
    CallerHungUp,
    DigitReceived,
    FinalHeard,
    HangUpRequested,
    HearingFailed,
    LineClosed,
    PartialHeard,
    PlaybackFinished,
    PlaybackStarted,
    PlaybackStopped,
    ReplyFailed,
    ReplyReady,
    ReplyWritten,
    SoundQueued,
    SpeechEnded,
    SpeechStarted,
    ToolFinished,
    ToolUnderWay,
)
from callchart.engine.journal import JournalError
from callchart.states import CHART
from callchart.states.settings import PhoneSettings
from tests.adapters.service.scripted_call import WHOLE_CALL, ScriptedCall, whole_call


def asked() -> ScriptedCall:
    """Return a call up to 5 s: a greeting, and a question whose answer is not ready yet."""
    scripted = ScriptedCall()
    for at, (event, heard) in WHOLE_CALL.items():
        if at < 5:
            scripted.then(at, event, heard=heard)
    return scripted.until(5.0)


def test_a_turn_is_a_reply_and_the_question_that_it_answers() -> None:
    greeting, first, second = whole_call().report().turns
    assert (greeting.purpose, greeting.asked, greeting.said) == (
        "greeting",
        "",
        "Hello, how can I help?",
    )
    assert (first.purpose, first.asked, first.said) == (
        "answer",
        "are you open",
        "We are open from",
    )
    assert (second.asked, second.said) == ("wait what about today", "Today until six.")
    assert [t.ending for t in (greeting, first, second)] == ["said", "interrupted", "said"]


def test_the_parts_of_a_latency_add_up_to_the_silence_that_the_caller_heard() -> None:
    _, first, second = whole_call().report().turns
    # The turn ends 0.7 s after the caller stopped; the filler has 0.1 s more to end its word.
    latency = first.latency
    assert (latency.text, latency.end_of_turn, latency.filler) == (0.1, 0.7, 0.02)
    assert (latency.ready, latency.filler_wait, latency.sound) == (0.5, 0.1, 0.1)
    assert latency.total == pytest.approx(0.7 + 0.5 + 0.1 + 0.1)
    # Here the filler ended before the answer was ready, so the answer did not wait for it.
    latency = second.latency
    assert (latency.end_of_turn, latency.ready, latency.filler_wait) == (0.7, 0.8, None)
    assert latency.total == pytest.approx(0.7 + 0.8 + 0.1)


def test_only_a_filler_that_the_answer_stopped_is_cut() -> None:
    greeting, first, second = whole_call().report().turns
    assert greeting.filler is None
    assert first.filler is not None
    assert second.filler is not None
    assert (first.filler.began, first.filler.ended, first.filler.cut) == (4.72, 5.3, True)
    assert (second.filler.began, second.filler.ended, second.filler.cut) == (8.72, 9.3, False)


def test_states_belong_to_the_turn_that_they_led_to() -> None:
    scripted = whole_call().report()
    assert [visit.name for visit in scripted.turns[2].states] == [
        "barged_in.speech",
        "listening.hearing",
        "settling.pause",
        "thinking.silent",
        "thinking.filling.filler",
        "thinking.silent",
        "speaking.opening",
        "speaking.chunks",
        # The last turn includes the states until the end of the call.
        "listening.waiting",
        "hangup",
        "ended",
    ]
    assert scripted.turns[2].states[0] == Visit(
        7.1, "call.turn.barged_in.speech", "barged_in.speech", "after barge_in_speech"
    )


def test_an_interruption_is_timed_from_the_callers_first_sound() -> None:
    scripted = asked().then(5.0, ReplyReady(2)).then(5.2, PlaybackStarted(2))
    # Speech within the guard of 0.4 s after the first sound: deferred until the guard ends.
    scripted.then(5.3, SpeechStarted(2)).until(5.8)
    scripted.then(5.9, PartialHeard(2, "no")).then(6.0, SpeechEnded(2)).then(
        6.1, FinalHeard(2, "no")
    )
    scripted.until(7.0).then(7.0, CallerHungUp()).then(7.0, LineClosed())
    interrupted = scripted.report().turns[1]
    assert interrupted.ending is Ending.INTERRUPTED
    (barge_in,) = interrupted.barge_ins
    assert (barge_in.speech, barge_in.silent_after, barge_in.resumed) == (5.3, 0.4, None)


def test_a_reply_continues_after_a_false_alarm_and_stays_one_reply() -> None:
    scripted = asked().then(5.0, ReplyReady(2)).then(5.2, PlaybackStarted(2))
    scripted.then(6.5, SpeechStarted(2), heard="We are open").then(6.8, SpeechEnded(2))
    scripted.then(6.9, FinalHeard(2, ""))
    assert scripted.state == "call.turn.speaking.opening"
    scripted.then(6.9, SoundQueued(2, 0, 1.0)).then(7.0, PlaybackStarted(2))
    scripted.then(8.0, PlaybackFinished(2), heard="from nine to five.")
    scripted.then(9.0, CallerHungUp()).then(9.0, LineClosed())

    made = scripted.report()
    answer = made.turns[1]
    assert answer.ending is Ending.SAID
    assert answer.said == "We are open from nine to five."
    assert [(b.speech, b.resumed) for b in answer.false_alarms] == [(6.5, 6.9)]
    assert [(s.began, s.ended) for s in answer.sounds] == [(5.2, 6.6), (7.0, 8.0)]
    assert "call.turn.barged_in.silence" in [visit.state for visit in answer.states]
    assert (made.counts()["false_alarms"], made.counts()["interruptions"]) == (1, 0)


def test_a_reply_continues_after_a_backchannel_that_the_next_one_does_not_answer() -> None:
    scripted = asked().then(5.0, ReplyReady(2)).then(5.2, PlaybackStarted(2))
    scripted.then(6.5, SpeechStarted(2), heard="We are open").then(6.8, PartialHeard(2, "uh"))
    scripted.then(6.9, SpeechEnded(2)).then(6.9, FinalHeard(2, "uh-huh"))
    scripted.then(6.9, SoundQueued(2, 0, 1.0)).then(7.0, PlaybackStarted(2))
    scripted.then(8.0, PlaybackFinished(2), heard="from nine to five.")
    scripted.then(9.0, SpeechStarted(3)).then(9.5, SpeechEnded(3)).then(
        9.6, FinalHeard(3, "Thanks")
    )
    scripted.until(12.0).then(12.0, CallerHungUp()).then(12.0, LineClosed())

    made = scripted.report()
    _, answer, thanks = made.turns
    assert answer.said == "We are open from nine to five."
    assert [(b.speech, b.resumed, b.said) for b in answer.backchannels] == [(6.5, 6.9, "uh-huh")]
    assert (answer.false_alarms, thanks.asked) == ((), "Thanks")
    assert (made.counts()["backchannels"], made.counts()["false_alarms"]) == (1, 0)


def test_speech_into_a_reply_not_heard_yet_interrupts_it_too() -> None:
    scripted = asked().then(5.0, SpeechStarted(2)).then(5.3, PartialHeard(2, "sorry"))
    scripted.then(6.0, SpeechEnded(2)).then(6.1, FinalHeard(2, "sorry I meant Sunday")).until(7.0)
    unheard, next_one = scripted.report().turns[1:]
    assert (unheard.ending, unheard.said, unheard.sounds) == (Ending.INTERRUPTED, "", ())
    assert unheard.filler is not None
    assert unheard.filler.cut
    assert next_one.asked == "sorry I meant Sunday"


def test_noises_during_an_answer_are_false_alarms_with_their_own_times() -> None:
    scripted = (
        asked().then(5.0, SpeechStarted(2)).then(5.2, SpeechEnded(2)).then(5.3, FinalHeard(2, ""))
    )
    scripted.then(5.5, SpeechStarted(3)).then(5.7, SpeechEnded(3)).then(
        5.8, FinalHeard(3, "uh-huh")
    )
    assert scripted.state == "call.turn.thinking.silent"
    scripted.then(6.0, CallerHungUp()).then(6.0, LineClosed())

    made = scripted.report()
    answer = made.turns[1]
    assert [(b.speech, b.silent_after, b.resumed, b.said) for b in answer.barge_ins] == [
        (5.0, 0.0, 5.3, ""),
        (5.5, 0.0, 5.8, "uh-huh"),
    ]
    assert answer.ending is Ending.CUT
    counts = made.counts()
    assert (counts["false_alarms"], counts["backchannels"], counts["interruptions"]) == (1, 1, 0)


def test_words_without_a_final_are_part_of_the_question() -> None:
    scripted = asked().then(5.0, SpeechStarted(2)).then(5.3, PartialHeard(2, "sorry I meant"))
    scripted.then(5.4, SpeechEnded(2)).then(5.6, SpeechStarted(3)).then(5.8, PartialHeard(3, "Sun"))
    scripted.then(6.0, SpeechEnded(3)).then(6.1, FinalHeard(3, "Sunday")).until(7.0)
    assert scripted.report().turns[-1].asked == "sorry I meant Sunday"


@pytest.mark.parametrize("moment", [*WHOLE_CALL][:-2])
def test_a_call_is_reported_whenever_the_caller_hangs_up(moment: float) -> None:
    scripted = whole_call(hang_up_after=moment)
    made = scripted.report()
    assert made.ended is not None
    assert made.ended.cause == "the caller hung up"
    assert made.duration == pytest.approx(moment + 0.02, abs=0.001)
    # Every state that was entered is in exactly one turn.
    entered = [line["to"] for line in scripted.lines if line["outcome"] == "taken"]
    assert [visit.state for visit in made.states] == entered
    assert made.states[-1].state == "ended"


def test_words_without_an_answer_are_reported() -> None:
    assert whole_call(hang_up_after=4.1).report().unanswered == "are you open"
    assert whole_call(hang_up_after=3.4).report().unanswered == "are you"
    assert whole_call(hang_up_after=5.2).report().unanswered == ""


def test_a_reply_that_a_hangup_stopped_was_cut_and_not_interrupted() -> None:
    scripted = asked().then(5.0, ReplyReady(2)).then(5.2, PlaybackStarted(2))
    scripted.then(6.0, CallerHungUp("busy"), heard="We are").then(6.0, LineClosed())
    made = scripted.report()
    assert (made.turns[1].ending, made.turns[1].said) == (Ending.CUT, "We are")
    assert made.ended is not None
    assert made.ended.state == "call.turn.speaking.chunks"
    assert made.ended.cause == "the caller hung up (busy)"


def test_a_failure_and_its_apology_are_two_turns() -> None:
    scripted = asked().then(5.0, ReplyFailed(2, "text", "503")).then(5.1, ReplyReady(3))
    scripted.then(5.2, PlaybackStarted(3)).then(7.0, PlaybackFinished(3), heard="I am sorry.")
    scripted.then(8.0, CallerHungUp()).then(8.0, LineClosed())
    made = scripted.report()
    failed, apology = made.turns[1:]
    assert (failed.ending, failed.asked, failed.said) == (Ending.FAILED, "are you open", "")
    assert (apology.purpose, apology.asked, apology.said) == ("apology", "", "I am sorry.")
    assert apology.latency.total is None
    assert made.failures == (Failure(5.0, "text", "503", 2),)
    assert (made.counts()["apologies"], made.counts()["failures"]) == (1, 1)


def test_a_missing_answer_is_a_failure_named_by_its_timer() -> None:
    scripted = asked().until(12.71)
    made = scripted.report()
    assert made.failures == (Failure(12.7, "reply_wait", "fired in call.turn.thinking", 2),)
    assert made.turns[1].ending is Ending.FAILED
    assert made.turns[1].filler is not None
    assert made.turns[1].filler.ended == 12.7


def test_a_recognisers_failure_belongs_to_no_reply() -> None:
    made = asked().then(5.0, HearingFailed("sphinx", "it is gone")).report()
    assert made.failures == (Failure(5.0, "sphinx", "it is gone", None),)
    assert made.turns[-1].purpose == "regret"


def test_a_silent_caller_gets_a_reprompt_and_then_a_goodbye() -> None:
    scripted = ScriptedCall().then(0.1, PlaybackStarted(1)).then(2.0, PlaybackFinished(1))
    for reply, at in ((2, 8.0), (3, 16.0), (4, 24.0)):
        scripted.then(at + 0.1, ReplyReady(reply)).then(at + 0.1, PlaybackStarted(reply))
        scripted.then(at + 2.0, PlaybackFinished(reply), heard="some words")
    scripted.then(27.0, LineClosed())
    made = scripted.report()
    purposes = [turn.purpose for turn in made.turns]
    assert purposes == ["greeting", "reprompt", "reprompt", "farewell"]
    assert made.counts()["reprompts"] == 2
    assert made.ended is not None
    assert made.ended.cause == "the agent hung up after its last reply"
    # The latency of a script counts from its request, because the caller asked nothing.
    latency = made.turns[1].latency
    assert (latency.ready, latency.sound, latency.end_of_turn) == (0.1, 0.0, None)


def test_an_answer_to_a_partial_has_no_time_of_a_final_text() -> None:
    scripted = ScriptedCall(settings=PhoneSettings(words_wait=0.5))
    scripted.then(0.1, PlaybackStarted(1)).then(2.0, PlaybackFinished(1))
    scripted.then(3.0, SpeechStarted(1)).then(3.5, PartialHeard(1, "are you")).then(
        4.0, SpeechEnded(1)
    )
    scripted.until(5.3).then(5.5, FinalHeard(1, "are you open"))
    answer = scripted.report().turns[1]
    assert (answer.asked, answer.latency.text, answer.latency.end_of_turn) == ("are you", None, 1.2)
    # The final came too late for the answer. The record of utterances has it.
    assert scripted.report().utterances[0].text == "are you open"
    assert scripted.report().unanswered == ""


def test_an_answer_to_a_caller_who_never_stops_speaking_has_no_latency() -> None:
    scripted = ScriptedCall(settings=PhoneSettings(longest_utterance=5.0, words_wait=0.5))
    scripted.then(0.1, PlaybackStarted(1)).then(2.0, PlaybackFinished(1))
    scripted.then(3.0, SpeechStarted(1)).then(4.0, PartialHeard(1, "and so on")).until(9.3)
    answer = scripted.report().turns[1]
    assert (answer.asked, answer.speech_ended) == ("and so on", None)
    assert (answer.latency.end_of_turn, answer.latency.total) == (None, None)


def test_a_redacted_journal_gives_the_same_report_without_the_words() -> None:
    plain, redacted = whole_call().report(), whole_call(redacted=True).report()
    assert redacted.redacted
    assert redacted.turns[1].asked == "xxx xxx xxxx"
    assert "open" not in json.dumps([turn.said for turn in redacted.turns])
    assert [t.latency for t in redacted.turns] == [t.latency for t in plain.turns]
    assert redacted.states == plain.states


def test_a_journal_that_stops_early_is_reported_to_its_last_line() -> None:
    scripted = asked().then(5.0, ReplyReady(2)).then(5.2, PlaybackStarted(2))
    scripted.then(6.0, SoundQueued(2, 0, 1.0))
    made = scripted.report()
    assert made.ended is None
    assert made.turns[-1].ending is Ending.CUT
    assert [(s.began, s.ended, s.heard) for s in made.turns[-1].sounds] == [(5.2, 6.0, "")]
    filler = asked().report().turns[-1].filler
    assert filler is not None
    assert (filler.began, filler.cut) == (4.72, True)


def test_a_goodbye_that_the_operator_asked_for_replaces_the_answer() -> None:
    scripted = asked().then(5.0, HangUpRequested("drain")).then(5.1, PlaybackStarted(3))
    scripted.then(6.0, PlaybackFinished(3), heard="Goodbye.").then(6.1, LineClosed())
    assert [turn.purpose for turn in scripted.report().turns] == ["greeting", "answer", "farewell"]


def test_a_closed_line_ends_the_call() -> None:
    closed = asked().then(5.0, LineClosed()).until(5.1).report().ended
    assert closed is not None
    assert closed.cause == "the line closed"


def begins_taking() -> StartReply:
    return StartReply(Reply(1, "message"))


def test_states_of_your_own_chart_are_shown() -> None:
    scripted = ScriptedCall(
        Chart(
            "a mailbox",
            [
                State(
                    "taking",
                    on={PlaybackFinished: to("noting"), PlaybackStopped: stay()},
                    after={"too_long": (60, to("over"))},
                    entry=begins_taking,
                    exit=StopPlayback(),
                    activity="play",
                ),
                State(
                    "noting",
                    on={PlaybackStopped: stay()},
                    after={"too_long": (60, to("over"))},
                ),
                State("over", final=True),
            ],
            events=[PlaybackFinished, PlaybackStopped],
        )
    )
    scripted.then(2.0, PlaybackFinished(1)).until(70.0)
    made = scripted.report()
    assert [(v.at, v.state, v.event) for v in made.states] == [
        (0.0, "taking", "call started"),
        (2.0, "noting", "playback finished"),
        (62.0, "over", "after too_long"),
    ]
    assert (made.chart, made.turns[0].purpose, made.ended) == ("a mailbox", "message", None)


def test_the_error_for_an_invalid_line_names_its_step() -> None:
    scripted = whole_call()
    del scripted.lines[5]["event"]["utterance"]
    with pytest.raises(JournalError, match=r"step 5 of the journal .* remove it and the lines"):
        report(CHART, scripted.head, scripted.lines)


def test_the_models_figures_are_in_the_turn_of_its_answer() -> None:
    scripted = asked().then(5.1, ReplyWritten(2, 3, 2, False, first_chunk=0.31249))
    scripted.then(5.2, ReplyReady(2)).until(6.0)
    greeting, answer = scripted.report().turns
    assert (answer.chunks, answer.marked, answer.latency.first_chunk) == (3, 2, 0.312)
    assert (greeting.chunks, greeting.marked, greeting.latency.first_chunk) == (None, None, None)


def test_the_json_has_all_fields_of_the_report() -> None:
    made = whole_call().report()
    read: dict[str, object] = json.loads(json.dumps(made.as_json()))
    assert (read["report"], read["version"], read["call"]) == ("callchart", 1, "scripted")
    assert read["duration"] == 12.02
    turns = read["turns"]
    assert isinstance(turns, list)
    assert turns[1]["latency"]["total"] == made.turns[1].latency.total
    assert turns[1]["ending"] == "interrupted"
    assert turns[1]["states"][0]["state"] == "call.listening.waiting"
    assert re.fullmatch(r"[0-9a-f]{12}", str(read["hash"]))


def test_a_journal_without_lines_is_an_empty_report() -> None:
    scripted = ScriptedCall()
    empty: Report = report(CHART, scripted.head, [])
    assert (empty.turns, empty.duration, empty.ended) == ((), 0.0, None)


def test_events_are_described_in_words() -> None:
    assert in_words({"type": "CallerHungUp"}) == "caller hung up"
    assert in_words({"type": "TimerFired", "timer": "no_input"}) == "after no_input"


def test_late_events_of_an_earlier_reply_change_nothing() -> None:
    scripted = whole_call()
    before = scripted.report()
    last = scripted.lines[-1]
    for outcome in ("stale", "late"):
        event = {"type": "PlaybackFinished", "reply": 2}
        scripted.lines.insert(-1, {**last, "event": event, "outcome": outcome})
    assert scripted.report() == before


def test_finals_of_one_utterance_count_as_one_question() -> None:
    scripted = ScriptedCall().then(0.1, PlaybackStarted(1)).then(2.0, PlaybackFinished(1))
    scripted.then(3.0, SpeechStarted(1)).then(4.0, SpeechEnded(1))
    scripted.then(4.1, FinalHeard(1, "are you")).then(4.3, FinalHeard(1, "open")).until(5.0)
    made = scripted.report()
    assert [(u.text, u.known) for u in made.utterances] == [("are you open", 4.1)]
    assert made.turns[1].asked == "are you open"
    # The second final completes the words.
    assert made.turns[1].latency.text == 0.3


def test_a_draft_that_is_used_was_ready_at_the_end_of_the_turn() -> None:
    scripted = ScriptedCall(settings=PhoneSettings(drafts=2)).then(0.1, PlaybackStarted(1))
    scripted.then(2.0, PlaybackFinished(1)).then(3.0, SpeechStarted(1)).then(4.0, SpeechEnded(1))
    scripted.then(4.1, FinalHeard(1, "hello")).then(4.2, SpeechStarted(2)).then(4.6, SpeechEnded(2))
    scripted.then(4.7, FinalHeard(2, "you")).then(4.9, ReplyReady(3))
    scripted.then(5.0, ReplyWritten(3, 2, 1, ends_call=False, first_chunk=0.1))
    scripted.then(5.4, PlaybackStarted(3)).then(6.0, PlaybackFinished(3), heard="Yes?")

    made = scripted.report()
    answer = made.turns[-1]
    assert (answer.reply, answer.asked, answer.chunks) == (3, "hello you", 2)
    assert (answer.called, answer.latency.ready) == (5.3, 0.0)
    assert (made.drafts, made.drafts_dropped) == (2, 1)
    assert made.counts()["drafts_dropped"] == 1


def test_tools_are_reported_with_their_times() -> None:
    scripted = asked().then(5.1, ToolUnderWay(1, "set_aside", '{"article": "bread"}', 3.0))
    scripted.then(5.4, ToolFinished(1, "set_aside", '{"article": "bread"}', "it is set aside"))
    scripted.then(5.5, ToolFinished(2, "hours", "{}", "from nine to six")).until(5.6)
    made = scripted.report()
    assert made.tools == (
        ToolUse(1, "set_aside", 5.1, 5.4, '{"article": "bread"}', "it is set aside"),
        ToolUse(2, "hours", None, 5.5, "{}", "from nine to six"),
    )
    assert made.counts()["tools"] == 2


def test_a_tool_that_still_runs_has_no_end() -> None:
    scripted = asked().then(5.1, ToolUnderWay(1, "set_aside", "{}", 3.0)).until(5.2)
    assert scripted.report().tools == (ToolUse(1, "set_aside", 5.1, None, "{}", ""),)


def test_keys_are_reported_and_a_redacted_journal_hides_them() -> None:
    assert asked().then(5.1, DigitReceived("4")).report().keys == (Key(5.1, "4"),)
    redacted = ScriptedCall(redacted=True).then(1.0, DigitReceived("4"))
    assert redacted.report().keys == (Key(1.0, "x"),)


def renamed(name: str) -> str:
    """Return the name of a state of the renamed chart: each part gets an "x"."""
    return ".".join(f"{part}x" for part in name.split("."))


def with_other_names(state: State) -> State:
    """Return the state with other names for itself, its children and its targets."""

    def retargeted(reactions: Any) -> Any:
        return tuple(
            replace(each, target=renamed(each.target)) if isinstance(each, To) else each
            for each in reactions_of(reactions)
        )

    return replace(
        state,
        name=renamed(state.name),
        on={event: retargeted(reactions) for event, reactions in state.on.items()},
        after={t: (delay, retargeted(each)) for t, (delay, each) in state.after.items()},
        children=[with_other_names(child) for child in state.children],
        initial=state.initial and renamed(state.initial),
    )


def test_a_report_does_not_depend_on_the_names_of_states() -> None:
    states = [with_other_names(state) for state in CHART.states]
    chart = Chart("renamed", states, data=CHART.data, late=CHART.late)
    scripted = ScriptedCall(chart)
    for at, (event, heard) in WHOLE_CALL.items():
        scripted.then(at, event, heard=heard)
    made, usual = scripted.report(), whole_call().report()
    assert [renamed(visit.name) for visit in usual.states] == [v.name for v in made.states]
    for ours, theirs in zip(made.turns, usual.turns, strict=True):
        assert replace(ours, states=()) == replace(theirs, states=())
    assert (made.utterances, made.failures) == (usual.utterances, usual.failures)
    assert made.ended == replace(usual.ended, state=renamed(usual.ended.state))  # type: ignore[type-var, union-attr]
