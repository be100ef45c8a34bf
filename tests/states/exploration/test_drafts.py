"""Explorations of charts with and without mistakes in their drafts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from callchart.engine.chart import Chart, Reaction, State, stay, to
from callchart.engine.data import Reply, Said
from callchart.engine.effects import AnswerLine, StartDraft, StartReply, StopPlayback
from callchart.engine.events import (
    CallerHungUp,
    Event,
    LineClosed,
    PlaybackStopped,
    ReplyFailed,
    ReplyReady,
    ReplyWritten,
)
from callchart.engine.exploration import Exploration
from callchart.engine.exploration.environment import (
    NOTHING,
    CanonicalValues,
    EnvironmentState,
    Phone,
)
from callchart.states.data import PhoneData
from callchart.states.exploration.properties import DRAFTS
from callchart.states.exploration.worlds import cap_drafts
from callchart.states.late import is_late
from tests.engine.exploration.charts import BYE, OVER, Knock, state

EVENTS: Sequence[type[Event]] = (ReplyReady, ReplyWritten, ReplyFailed, PlaybackStopped)


def begin_draft(data: PhoneData) -> PhoneData:
    reply = Reply(data.reply.number + 1, "answer")
    return replace(data, reply=reply, draft="words", drafted=min(data.drafted + 1, 3))


def start_draft(data: PhoneData) -> StartDraft:
    return StartDraft(data.reply, (Said("caller", data.draft),))


def put_words(data: PhoneData) -> PhoneData:
    return replace(data, history=(Said("caller", "words"),), draft="", drafted=0)


def put_other_words(data: PhoneData) -> PhoneData:
    return replace(data, history=(Said("caller", "other words"),), draft="", drafted=0)


def another_reply(data: PhoneData) -> PhoneData:
    return replace(put_words(data), reply=Reply(data.reply.number + 1, "answer"))


def note_heard(data: PhoneData, event: PlaybackStopped) -> PhoneData:
    return replace(data, history=(*data.history, Said("agent", event.heard, event.reply)))


def start_reply(data: PhoneData) -> StartReply:
    return StartReply(data.reply)


ANSWERS: Mapping[type[Event], Reaction] = {
    **{kind: stay() for kind in EVENTS},
    PlaybackStopped: stay(update=note_heard),
}
BEGIN = to("turn.drafting", update=begin_draft, effects=start_draft)


def drafting(*, knock: Reaction, then: Reaction) -> Chart:
    """Return a chart that begins a draft at the first knock. Later knocks get `knock`."""
    turn = State(
        "turn",
        activity="reply",
        on=ANSWERS,
        children=[
            State("early", on={Knock: BEGIN}, after={"out": (5, to("bye"))}),
            State("drafting", on={Knock: knock}, after={"out": (5, then)}),
            State("playing", activity="play", exit=StopPlayback(), after={"out": (5, to("bye"))}),
        ],
    )
    call = state("call", entry=AnswerLine(), children=[turn], after={"longest": (60, to("bye"))})
    bye = replace(BYE, on={**BYE.on, PlaybackStopped: stay(update=note_heard)})
    events = (Knock, CallerHungUp, LineClosed, *EVENTS)
    return Chart("a test's", [call, bye, OVER], events=events, data=PhoneData, late=is_late)


def forget(leaf: str, data: PhoneData, environment: EnvironmentState) -> CanonicalValues:
    return cap_drafts(NOTHING, data, environment)


def broken(whole: Chart, drafts: int = 1) -> dict[str, str]:
    phone = Phone(whole, forget=forget, more_properties=DRAFTS, settings={"drafts": drafts})
    exploration = Exploration(whole, phone)
    for _ in exploration.run():
        pass
    return {violation.name: violation.how for violation in exploration.violations}


CONFIRMED = to("turn.playing", update=put_words, effects=start_reply)
AGAIN = stay(update=begin_draft, effects=start_draft)


def test_a_draft_that_is_confirmed_for_its_own_words_breaks_nothing() -> None:
    assert broken(drafting(knock=stay(), then=CONFIRMED)) == {}


def test_a_draft_that_another_answer_replaces_breaks_nothing() -> None:
    another = to("turn.playing", update=another_reply, effects=start_reply)
    assert broken(drafting(knock=stay(), then=another)) == {}


def test_a_draft_that_plays_unconfirmed_is_found() -> None:
    played = drafting(knock=stay(), then=to("turn.playing"))
    name = "a draft is not heard before the caller's words are certain"
    assert broken(played)[name] == "call.turn.playing plays a draft"


def test_a_draft_that_answers_other_words_is_found() -> None:
    other = to("turn.playing", update=put_other_words, effects=start_reply)
    assert broken(drafting(knock=stay(), then=other)) == {
        "a draft answers only the words that it was begun for": (
            "in call.turn.playing the answer is a draft for other words"
        )
    }


@pytest.mark.parametrize("drafts", [1, 2])
def test_more_drafts_than_the_setting_allows_are_found(drafts: int) -> None:
    how = broken(drafting(knock=AGAIN, then=CONFIRMED), drafts)
    assert how["a turn has at most as many drafts as the setting allows"] == (
        f"a turn has {drafts + 1} drafts, the setting allows {drafts}"
    )
