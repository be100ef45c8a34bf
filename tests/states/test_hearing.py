"""The words of the caller as data: the question, and the history of both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callchart.engine.data import Reply, Said, ToolUsed
from callchart.engine.events import FinalHeard, PartialHeard, PlaybackStopped, SpeechEnded
from callchart.states.data import PhoneData
from callchart.states.hearing import (
    add_words,
    drop_final,
    drop_partials,
    has_question_or_partial,
    has_words,
    mark_interrupted,
    note_partial,
    note_speech_ended,
    question_is_complete,
    record_heard_words,
    record_question,
    take_partials_as_finals,
    was_only_noise,
)
from tests.states.situations import SPOKEN

ANY = SpeechEnded(1)


@pytest.mark.parametrize(("text", "words"), [("", False), (" \n", False), (" well ", True)])
def test_a_text_of_spaces_has_no_words(text: str, words: bool) -> None:
    assert has_words(FinalHeard(1, text)) is words


def test_a_question_is_complete_when_no_final_is_pending() -> None:
    one_of_two = PhoneData(question=("nails",), ended=2, recognised=1)
    both = PhoneData(question=("nails", "a hammer"), ended=2, recognised=2)
    assert not question_is_complete(one_of_two)
    assert question_is_complete(both)


def test_a_question_without_words_is_not_complete() -> None:
    assert not question_is_complete(PhoneData(ended=1, recognised=1))


@pytest.mark.parametrize(
    ("data", "known"),
    [
        (PhoneData(), False),
        (PhoneData(partial="nails", partial_of=2), True),
        (PhoneData(question=("nails",)), True),
    ],
)
def test_words_are_known_from_a_final_or_a_partial(data: PhoneData, known: bool) -> None:
    assert has_question_or_partial(data) is known
    assert was_only_noise(data, FinalHeard(1, "")) is not known


def test_a_partial_is_kept_with_its_utterance() -> None:
    data = note_partial(PhoneData(), PartialHeard(3, " a ham "))
    assert (data.partial, data.partial_of) == ("a ham", 3)


def test_a_final_is_pending_after_the_end_of_its_utterance() -> None:
    assert note_speech_ended(PhoneData(), SpeechEnded(3), 0).ended == 3


def test_a_final_joins_the_question_and_takes_its_partials_place() -> None:
    before = PhoneData(question=("nails",), partial="a ham", partial_of=2, recognised=1)
    data = add_words(before, FinalHeard(2, " a hammer "))
    assert data.question == ("nails", "a hammer")
    assert (data.partial, data.recognised) == ("", 2)


def test_an_empty_final_is_no_longer_pending_and_adds_nothing() -> None:
    data = add_words(PhoneData(question=("nails",), recognised=1), FinalHeard(2, " "))
    assert (data.question, data.recognised) == (("nails",), 2)


def test_no_final_is_pending_after_finals_in_the_wrong_order() -> None:
    data = add_words(PhoneData(recognised=2), FinalHeard(1, "nails"))
    assert (data.question, data.recognised) == (("nails",), 2)


def test_a_partial_replaces_a_missing_final() -> None:
    before = PhoneData(question=("nails",), partial="a ham", partial_of=2, recognised=1, ended=2)
    data = take_partials_as_finals(before)
    assert data.question == ("nails", "a ham")
    assert (data.partial, data.recognised) == ("", 2)


def test_a_later_final_adds_the_partial_of_an_earlier_utterance() -> None:
    before = PhoneData(partial="nails", partial_of=1, ended=2)
    data = add_words(before, FinalHeard(2, "and a hammer"))
    assert (data.question, data.partial) == (("nails", "and a hammer"), "")
    assert add_words(before, FinalHeard(2, "")).question == ("nails",)


def test_partials_of_several_utterances_without_a_final_are_all_kept() -> None:
    data = PhoneData()
    for partial in (PartialHeard(1, "two"), PartialHeard(2, "and a"), PartialHeard(1, "two nails")):
        data = note_partial(data, partial)
    assert data.partials == ((1, "two nails"), (2, "and a"))
    assert was_only_noise(data, FinalHeard(2, "")) is False
    assert take_partials_as_finals(data).question == ("two nails", "and a")
    assert record_question(replace(data, ended=1)).partials == ((2, "and a"),)
    assert drop_partials(data).partials == ()


def test_a_final_replaces_its_own_partial_and_adds_those_before_it() -> None:
    data = PhoneData(unfinished=((1, "two nails"), (2, "and a")), partial="please", partial_of=3)
    second = add_words(data, FinalHeard(2, "and a hammer"))
    assert second.question == ("two nails", "and a hammer")
    assert second.partials == ((3, "please"),)
    first = add_words(data, FinalHeard(1, "Two nails."))
    assert (first.question, first.partials) == (("Two nails.",), ((2, "and a"), (3, "please")))
    assert drop_final(data, FinalHeard(3, "yes")).partials == ()


def test_the_question_is_unchanged_without_a_partial() -> None:
    data = PhoneData(question=("nails",), partial_of=2, recognised=1)
    assert take_partials_as_finals(data) is data


def test_a_question_of_several_utterances_enters_the_history_as_one_entry() -> None:
    before = PhoneData(
        history=(Said("agent", "Hello.", 1),),
        question=("nails", "a hammer"),
        ended=2,
        recognised=3,
        reprompts=2,
    )
    data = record_question(before)
    assert data.history == (Said("agent", "Hello.", 1), Said("caller", "nails a hammer"))
    assert (data.question, data.partial, data.answered, data.reprompts) == ((), "", 3, 0)


def test_all_ended_utterances_count_as_answered() -> None:
    assert record_question(PhoneData(question=("nails",), ended=4, recognised=3)).answered == 4


def test_two_questions_without_a_heard_reply_between_them_become_one() -> None:
    before = PhoneData(history=(Said("caller", "nails"),), question=("and a hammer",))
    assert record_question(before).history == (Said("caller", "nails and a hammer"),)


def test_the_heard_words_of_a_reply_enter_the_history() -> None:
    before = PhoneData(history=(Said("caller", "nails"),))
    data = record_heard_words(before, PlaybackStopped(2, "We have"))
    assert data.history == (Said("caller", "nails"), Said("agent", "We have", 2))


def test_an_unheard_reply_does_not_enter_the_history() -> None:
    data = PhoneData(history=(Said("caller", "nails"),))
    assert record_heard_words(data, PlaybackStopped(2, "")) is data


def test_a_paused_reply_is_one_entry_of_the_history() -> None:
    before = PhoneData(history=(Said("caller", "nails"), Said("agent", "We have", 2)))
    data = record_heard_words(before, PlaybackStopped(2, "some left."))
    assert data.history == (Said("caller", "nails"), Said("agent", "We have some left.", 2))


def test_an_apology_after_an_answer_is_an_entry_of_its_own() -> None:
    before = PhoneData(history=(Said("agent", "We have", 2),))
    data = record_heard_words(before, PlaybackStopped(3, "I am sorry."))
    assert data.history == (Said("agent", "We have", 2), Said("agent", "I am sorry.", 3))


def test_only_an_interrupted_reply_is_marked() -> None:
    said = (Said("agent", "Hello.", 1), Said("caller", "nails"), Said("agent", "We have", 2))
    data = mark_interrupted(PhoneData(history=said, reply=SPOKEN))
    assert [said.interrupted for said in data.said] == [False, False, True]
    assert data.said[-1].text == "We have"


def test_an_unheard_reply_marks_no_entry() -> None:
    said = (Said("agent", "Hello.", 1), Said("caller", "nails"))
    assert mark_interrupted(PhoneData(history=said, reply=SPOKEN)).history == said
    assert mark_interrupted(PhoneData(reply=SPOKEN)).history == ()


def test_an_interrupted_goodbye_does_not_end_the_call() -> None:
    goodbye = PhoneData(reply=Reply(2, "answer", ends_call=True))
    assert not mark_interrupted(goodbye).reply.ends_call


def test_an_interrupted_reply_does_not_transfer() -> None:
    handing_on = PhoneData(reply=Reply(2, "answer", transfer_to="100"))
    assert mark_interrupted(handing_on).reply.transfer_to == ""


def test_words_heard_after_a_tool_follow_it_in_the_history() -> None:
    used = ToolUsed("price", "{}", "nine", 1)
    before = PhoneData(history=(Said("agent", "Let me see.", 2), used))
    data = record_heard_words(before, PlaybackStopped(2, "It is nine."))
    assert data.history == (*before.history, Said("agent", "It is nine.", 2))


def test_an_interrupted_reply_is_marked_before_the_entry_of_its_tool() -> None:
    used = ToolUsed("price", "{}", "nine", 1)
    before = PhoneData(reply=SPOKEN, history=(Said("agent", "Let me", 2), used))
    data = mark_interrupted(before)
    assert data.history == (Said("agent", "Let me", 2, interrupted=True), used)


def test_a_question_that_goes_on_after_a_tool_follows_it_in_the_history() -> None:
    used = ToolUsed("price", "{}", "nine", 1)
    before = PhoneData(history=(Said("caller", "nails"), used), question=("and a hammer",))
    assert record_question(before).history == (
        *before.history,
        Said("caller", "and a hammer"),
    )
