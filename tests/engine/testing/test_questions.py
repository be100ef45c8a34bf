"""Each question about the recorded steps of a call returns the expected answer."""

from __future__ import annotations

from types import EllipsisType

import pytest

from callchart.engine.chart import Outcome
from callchart.engine.events import FinalHeard, PlaybackStarted, SpeechStarted
from callchart.engine.testing import Telephone
from callchart.engine.testing.questions import (
    HeardReply,
    entered,
    events,
    first_sound_after,
    follows,
    heard_sounds,
    is_in,
    longest_silence,
    outcomes,
    playing_stays,
    states,
    time_in,
    times,
)

LEAVES = ["call.turn.greeting.clear", "call.listening.waiting", "call.listening.hearing", "hangup"]


@pytest.mark.parametrize(
    "path",
    [
        ["greeting", "listening", "hangup"],
        ["call.turn.greeting.clear", "listening.waiting", "listening.hearing", "hangup"],
        ["call", "hangup"],
        [..., "hangup"],
        ["greeting", ..., "hangup"],
        [..., "listening", ...],
        ["greeting", ..., "listening", ..., "listening", "hangup"],
        [...],
    ],
)
def test_follows_returns_true_for_the_path_of_the_leaves(path: list[str | EllipsisType]) -> None:
    assert follows(LEAVES, path)


@pytest.mark.parametrize(
    "path",
    [
        [],
        ["greeting"],
        ["greeting", "listening"],
        ["listening", "hangup"],
        ["greeting", "hangup"],
        [..., "listening"],
        ["greeting", ..., "hangup", ..., "hangup"],
        ["hearing", "greeting", ...],
        ["list", ...],
    ],
)
def test_follows_returns_false_for_another_path(path: list[str | EllipsisType]) -> None:
    assert not follows(LEAVES, path)


def test_a_state_is_found_by_whole_words_of_its_name() -> None:
    leaf = "call.turn.speaking.chunks"
    for part in ("call", "turn.speaking", "speaking", "speaking.chunks", "chunks", leaf):
        assert is_in(leaf, part)
    for other in ("speak", "chunk", "turn.chunks", "chunks.speaking", ""):
        assert not is_in(leaf, other)


async def test_each_question_has_the_expected_answer(telephone: Telephone) -> None:
    telephone.agent_will_say("We open at nine.|", latency=0.5)
    await telephone.caller_says("When do you open?", at=3.0, until=4.0)
    await telephone.expect(states=[..., "speaking", "listening"])
    steps, recording = telephone.steps, telephone.recording

    assert states(steps)[:3] == LEAVES[:3]
    assert entered(steps, "thinking") == [4.42]
    assert entered(steps, "listening") == [2.2, 5.72]
    assert time_in(steps, "greeting") == 2.2
    assert time_in(steps, "thinking") == 0.5
    assert times(steps, SpeechStarted) == [3.02]
    assert outcomes(steps, PlaybackStarted) == [Outcome.IGNORED, Outcome.STAYED]
    assert events(steps, FinalHeard) == [FinalHeard(1, "When do you open?")]

    assert first_sound_after(recording, 1.0) == 1.0
    assert first_sound_after(recording, 3.0) == 4.92
    assert first_sound_after(recording, 7.0) is None
    assert longest_silence(recording, 2.0, 6.0) == pytest.approx(4.92 - 2.2)
    assert longest_silence(recording, 5.3, 5.5) == 0.0
    assert longest_silence(recording, 5.72, 8.0) == pytest.approx(2.28)
    assert [(stay.reply, stay.begin, stay.end) for stay in playing_stays(recording)] == [
        (1, 0.0, 2.2),
        (2, 4.92, 5.72),
    ]
    sound = list(heard_sounds(recording))[1]
    assert (sound.at, sound.text, sound.first, sound.end) == (4.92, "We open at nine.", 0, 12800)
    assert telephone.heard[1] == HeardReply(2, "We open at nine.")


async def test_the_heard_words_are_known_in_the_middle_of_a_reply(telephone: Telephone) -> None:
    await telephone.until(0.65)
    assert telephone.heard == [HeardReply(1, "Hello, this")]
