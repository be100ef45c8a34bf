"""Each invariant is broken once, and reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import trio

from callchart.engine.events import LineClosed, PlaybackFinished, PlaybackStopped
from callchart.engine.testing import FakeModel, Recording, Telephone, check_invariants
from callchart.engine.testing.model import Asked, FakeAnswer
from callchart.engine.testing.plugin import MakeTelephone
from callchart.engine.testing.sound import fake_sound
from callchart.engine.tools.toolbox import Toolbox


async def finished(make_telephone: MakeTelephone) -> Telephone:
    """Return a correct call that has ended, with an interruption."""
    async with make_telephone() as telephone:
        telephone.agent_will_say("For metals up to 600 kN take the REM-600-A.|")
        await telephone.caller_says("Tell me about the REM-600", at=3.0, until=4.0)
        await telephone.caller_says("And what does it cost?", at=5.5)
        await telephone.until("thinking")
        await telephone.until("listening")
        await telephone.caller_hangs_up()
        await telephone.until_the_end()
    check_invariants(telephone.recording, telephone.model)
    return telephone


def _number(telephone: Telephone, words: str) -> int:
    """Return the number of a script's sound, which was synthesised before the call."""
    return next(s.number for s in telephone.synthesizer.syntheses if words in s.text)


def index_of(recording: Recording, kind: type) -> int:
    return next(n for n, step in enumerate(recording.steps) if isinstance(step.event, kind))


def the_same_answer_twice(recording: Recording, model: FakeModel) -> None:
    model.asked.append(Asked((), FakeAnswer(()), 0.0, 9.0))
    model.asked.append(Asked((), FakeAnswer(()), 5.0, 6.0))


def a_finish_twice(recording: Recording, model: FakeModel) -> None:
    at = index_of(recording, PlaybackFinished)
    recording.steps.insert(at, replace(recording.steps[at], exits=()))


def a_stop_twice(recording: Recording, model: FakeModel) -> None:
    at = index_of(recording, PlaybackStopped)
    recording.steps.insert(at, recording.steps[at])


def a_stop_less(recording: Recording, model: FakeModel) -> None:
    del recording.steps[index_of(recording, PlaybackStopped)]


def a_stale_event_that_is_taken(recording: Recording, model: FakeModel) -> None:
    step = recording.steps[3]
    occurrence = replace(step.occurrence, activation=99)
    recording.steps[3] = replace(step, occurrence=occurrence)


def replies_out_of_order(recording: Recording, model: FakeModel) -> None:
    recording.replies[1] = recording.replies.pop(1)


def a_line_that_closed_twice(recording: Recording, model: FakeModel) -> None:
    closed = recording.steps[index_of(recording, LineClosed)]
    occurrence = replace(closed.occurrence, at_us=0)
    recording.steps.insert(1, replace(recording.steps[0], occurrence=occurrence, entries=()))


def a_step_after_the_end(recording: Recording, model: FakeModel) -> None:
    recording.steps.append(recording.steps[-1])


def an_open_line(recording: Recording, model: FakeModel) -> None:
    recording.line.hung_up = False


def words_that_nobody_heard(recording: Recording, model: FakeModel) -> None:
    at = index_of(recording, PlaybackStopped)
    step = recording.steps[at]
    event = PlaybackStopped(1, "Hello, this is the shop. How can I help you today?")
    recording.steps[at] = replace(step, occurrence=replace(step.occurrence, event=event))


def words_that_were_forgotten(recording: Recording, model: FakeModel) -> None:
    at = index_of(recording, PlaybackStopped)
    step = recording.steps[at]
    event = PlaybackStopped(1, "Hello, this is the shop.")
    recording.steps[at] = replace(step, occurrence=replace(step.occurrence, event=event))


def another_journal(recording: Recording, model: FakeModel) -> None:
    *lines, last = recording.journal
    recording.journal = [*lines, {**last, "to": "hangup"}]


def a_step_that_is_not_in_the_journal(recording: Recording, model: FakeModel) -> None:
    recording.journal = recording.journal[:-1]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (the_same_answer_twice, "two answers were written at once"),
        (a_finish_twice, "reply 1 had 2 times PlaybackFinished"),
        (a_stop_twice, "each playback stops once"),
        (a_stop_less, "was heard, and its playback never stopped"),
        (a_stale_event_that_is_taken, "is of a state that was left, and was stayed"),
        (replies_out_of_order, "in the order of their numbers"),
        (a_line_that_closed_twice, "LineClosed was taken twice"),
        (a_step_after_the_end, "a call ends once"),
        (an_open_line, "left open"),
        (words_that_nobody_heard, "the engine claims"),
        (words_that_were_forgotten, "the engine claims"),
        (another_journal, "the journal does not replay"),
        (a_step_that_is_not_in_the_journal, "are in the journal"),
    ],
)
async def test_a_broken_invariant_is_reported(
    make_telephone: MakeTelephone,
    broken: Callable[[Recording, FakeModel], None],
    said: str,
) -> None:
    telephone = await finished(make_telephone)
    broken(telephone.recording, telephone.model)
    with pytest.raises(AssertionError, match=said):
        check_invariants(telephone.recording, telephone.model)


async def test_sound_of_an_ended_reply_is_counted_in_frames(
    make_telephone: MakeTelephone,
) -> None:
    async def call() -> None:
        async with make_telephone() as telephone:
            await telephone.until(3.0)
            telephone.line.play(fake_sound(_number(telephone, "Hello,"), 640, 3200))
            await telephone.until(4.0)

    with pytest.raises(AssertionError, match=r"10 stale frames from 3\.000 s on: 'Hello, this"):
        await call()


async def test_sound_of_another_reply_is_stale_at_any_time(make_telephone: MakeTelephone) -> None:
    async def call() -> None:
        async with make_telephone() as telephone:
            await telephone.until(0.5)
            telephone.line.flush()
            telephone.line.play(fake_sound(_number(telephone, "Goodbye."), 0, 6400))
            await telephone.until(4.0)

    with pytest.raises(AssertionError, match=r"stale frames from 0\.500 s on"):
        await call()


async def test_heard_words_are_not_checked_without_word_timings(
    make_telephone: MakeTelephone,
) -> None:
    telephone = await finished(make_telephone)
    words_that_nobody_heard(telephone.recording, telephone.model)
    telephone.synthesizer.tells_words = False
    check_invariants(telephone.recording)


async def test_a_call_without_a_journal_is_not_replayed(make_telephone: MakeTelephone) -> None:
    telephone = await finished(make_telephone)
    telephone.recording.journal = ()
    check_invariants(telephone.recording)


async def test_jobs_left_under_way_are_counted(make_telephone: MakeTelephone) -> None:
    async def call(elsewhere: trio.Nursery) -> None:
        async with make_telephone() as telephone:
            telephone.agent_will_say(hangs=True)
            elsewhere.start_soon(telephone.model.write, [], Toolbox(), print)
            await telephone.until(1.0)

    async with trio.open_nursery() as elsewhere:
        with pytest.raises(AssertionError, match="still 1 answers under way"):
            await call(elsewhere)
        elsewhere.cancel_scope.cancel()
