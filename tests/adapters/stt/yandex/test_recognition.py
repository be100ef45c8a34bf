"""A call at SpeechKit, on the virtual clock: the sound sent, and the words of each utterance."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from callchart.adapters.stt.yandex.recognizer import Listening
from callchart.engine.ports import Heard
from callchart.proto.messages.speechkit.stt.v3 import CodeType, StatusCode, StreamingResponse
from tests.adapters.stt.yandex.scripted import Call, length, settled


async def test_sound_is_sent_every_100_ms_and_at_each_edge(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        await call.deliver_sound(0.26)
        options, *sound = call.session.messages
        assert options.session_options is not None
        assert [length(request) for request in sound] == [0.1, 0.1]
        await call.begin_utterance()
        await call.deliver_sound(0.14)
        await call.end_utterance()
        sound = call.session.messages[1:]
        assert [length(request) for request in sound] == [0.1, 0.1, 0.06, 0.1, 0.04]


async def test_silence_is_sent_as_its_duration(autojump_clock: MockClock) -> None:
    async with Call.begin() as call:
        await call.deliver_silence(0.1)
        await call.deliver_sound(0.1)
        _, quiet, loud = call.session.messages
        assert quiet.silence_chunk is not None
        assert quiet.silence_chunk.duration_ms == 100
        assert loud.chunk is not None


async def test_a_gap_in_the_audio_is_sent_as_silence(autojump_clock: MockClock) -> None:
    async with Call.begin() as call:
        await call.deliver_sound(0.1)
        await trio.sleep(20.0)
        lengths = [length(request) for request in call.session.messages[2:]]
        assert max(lengths) < 5.0  # after this, the server would close the session
        assert sum(lengths) == pytest.approx(20.0, abs=2.1)


async def test_a_gap_after_an_utterance_is_sent_as_silence_soon(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        await call.deliver_sound(0.5)
        await call.begin_utterance()
        await call.deliver_sound(0.5)
        await call.end_utterance()
        await trio.sleep(0.5)
        assert call.session.seconds == pytest.approx(1.5, abs=0.3)
        # While the caller speaks, a gap of a second is not sent as silence.
        await call.begin_utterance()
        await call.deliver_sound(0.1)
        heard = call.session.seconds
        await trio.sleep(1.0)
        assert call.session.seconds == heard


async def test_changed_partials_are_delivered_and_the_final_follows_the_end(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        await call.deliver_silence(0.5)
        await call.begin_utterance()
        await call.deliver_sound(1.0)
        call.session.partial(("tell", 0.6))
        call.session.partial(("tell", 0.6))
        call.session.partial(("tell", 0.6), ("me", 0.9))
        await call.end_utterance()
        call.session.final(("tell", 0.6), ("me", 0.9), until=1.6)
        assert await call.results() == [
            Heard(1, "tell", final=False),
            Heard(1, "tell me", final=False),
            Heard(1, "tell me", final=True),
        ]


async def test_several_finals_within_one_utterance_are_joined(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        await call.begin_utterance()
        await call.deliver_sound(1.0)
        call.session.final(("one", 0.1), until=0.8)
        await call.deliver_sound(1.0)
        call.session.partial(("two", 1.2))
        await call.end_utterance()
        call.session.final(("two", 1.2), ("three", 1.5), until=2.0)
        assert await call.results() == [
            Heard(1, "one", final=False),
            Heard(1, "one two", final=False),
            Heard(1, "one two three", final=True),
        ]


async def test_a_final_for_two_utterances_is_divided_by_word_times(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        await call.deliver_silence(0.5)
        await call.begin_utterance()
        await call.deliver_sound(0.5)
        await call.end_utterance()
        await call.deliver_silence(0.4)
        await call.begin_utterance()
        await call.deliver_sound(0.5)
        call.session.partial(("one", 0.6), ("two", 1.5))
        await call.end_utterance()
        # The second utterance waits for the first, which has no final yet.
        assert await call.results() == [Heard(1, "one", final=False)]
        call.session.final(("one", 0.6), ("two", 1.5), until=2.0)
        assert await call.results() == [Heard(1, "one", final=True), Heard(2, "two", final=True)]


@pytest.mark.parametrize("bounds", [(0.0, 0.0), (0.9, 1.9)])
async def test_words_without_times_are_placed_by_the_cursors(
    autojump_clock: MockClock, bounds: tuple[float, float]
) -> None:
    async with Call.begin() as call:
        await call.deliver_sound(0.5)
        await call.begin_utterance()
        await call.deliver_sound(0.4)
        call.session.final(until=0.9)
        await call.end_utterance()
        await call.deliver_silence(0.4)
        await call.begin_utterance()
        await call.deliver_sound(0.6)
        call.session.partial(until=1.9)
        call.session.send_untimed_partial("two words", *bounds)
        assert await call.results() == [
            Heard(1, "", final=True),
            Heard(2, "two words", final=False),
        ]


async def test_words_within_the_pre_roll_belong_to_the_utterance(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        await call.deliver_silence(2.0)
        call.session.final(("noise", 0.5), until=1.2)
        call.session.partial(("hello", 1.8))
        assert await call.results() == []
        await call.begin_utterance()
        assert await call.results() == [Heard(1, "hello", final=False)]


async def test_a_late_final_is_replaced_by_the_last_partial(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        await call.begin_utterance()
        await call.deliver_sound(1.0)
        call.session.partial(("one", 0.3))
        await call.end_utterance()
        await call.deliver_silence(1.48)
        assert await call.results() == [Heard(1, "one", final=False)]
        await call.deliver_silence(0.1)
        assert await call.results() == [Heard(1, "one", final=True)]
        await call.begin_utterance()
        call.session.final(("one", 0.3), ("more", 0.6), until=2.0)
        await call.deliver_sound(0.5)
        call.session.partial(("two", 2.7))
        assert await call.results() == [Heard(2, "two", final=False)]


async def test_an_end_found_by_the_session_is_delivered_once(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        await call.deliver_sound(1.0)
        await call.begin_utterance()
        call.session.end_of_utterance(0.5)
        await call.deliver_silence(0.5)
        assert call.heard_out == []
        await call.end_utterance()
        assert call.heard_out == []
        call.session.final(("one", 0.9), until=1.5)
        assert [heard.text for heard in await call.results()] == ["one"]
        assert call.heard_out == []
        call.session.end_of_utterance(1.5)
        call.session.end_of_utterance(1.6)
        await settled()
        assert call.heard_out == [1]


async def test_an_end_found_after_the_next_onset_is_dropped(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        await call.deliver_sound(1.0)
        await call.begin_utterance()
        await call.end_utterance()
        await call.deliver_silence(0.2)
        await call.begin_utterance()
        call.session.end_of_utterance(1.2)
        await settled()
        assert call.heard_out == []


async def test_an_utterance_without_words_gets_an_empty_final(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        await call.deliver_sound(1.0)
        await call.begin_utterance()
        await call.end_utterance()
        call.session.partial(until=1.2)
        assert await call.results() == []
        call.session.partial(until=1.7)
        assert await call.results() == [Heard(1, "", final=True)]
        await call.deliver_sound(1.0)
        await call.begin_utterance()
        await call.end_utterance()
        call.session.end_of_utterance(2.0)
        assert await call.results() == [Heard(2, "", final=True)]
        await call.deliver_sound(1.0)
        await call.begin_utterance()
        await call.end_utterance()
        await call.deliver_silence(1.6)
        assert await call.results() == [Heard(3, "", final=True)]


async def test_a_normalised_text_replaces_the_final(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin(Listening(normalized=True)) as call:
        await call.begin_utterance()
        await call.deliver_sound(1.0)
        await call.end_utterance()
        said = (("two", 0.1), ("twenty", 0.4), ("five", 0.6))
        call.session.final(*said, until=1.2)
        assert await call.results() == [Heard(1, "two twenty five", final=False)]
        call.session.refine("Two 25.", *said)
        assert await call.results() == [
            Heard(1, "Two 25.", final=True),
        ]


async def test_the_wait_for_a_normalised_text_is_bounded(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin(Listening(normalized=True)) as call:
        await call.begin_utterance()
        await call.deliver_sound(1.0)
        await call.end_utterance()
        call.session.final(("one", 0.1), until=1.2)
        await call.deliver_silence(1.6)
        assert (await call.results())[-1] == Heard(1, "one", final=True)


@pytest.mark.parametrize(
    ("text", "parts"),
    [("One. Two.", ["One.", "Two."]), ("1, 2 and so on", ["one", "two"])],
)
async def test_a_normalised_text_for_two_utterances_is_divided_by_word_times(
    autojump_clock: MockClock, text: str, parts: list[str]
) -> None:
    async with Call.begin(Listening(normalized=True)) as call:
        await call.begin_utterance()
        await call.deliver_sound(0.5)
        await call.end_utterance()
        await call.deliver_silence(0.5)
        await call.begin_utterance()
        await call.deliver_sound(0.5)
        await call.end_utterance()
        said = (("one", 0.2), ("two", 1.2))
        call.session.final(*said, until=2.0)
        call.session.refine(text, *said)
        finals = [heard.text for heard in await call.results() if heard.final]
        assert finals == parts


async def test_warnings_are_logged_once(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with Call.begin() as call:
        for code in (CodeType.WORKING, CodeType.WARNING, CodeType.WARNING):
            status = StatusCode(code_type=code, message="said the caller")
            call.session.say(StreamingResponse(status_code=status))
        await settled()
    (record,) = caplog.records
    assert record.getMessage().startswith("SpeechKit sent a warning")
    assert "caller" not in record.getMessage()


async def test_leaving_the_recognition_ends_the_session(autojump_clock: MockClock) -> None:
    async with Call.begin() as call:
        await call.begin_utterance()
        await call.deliver_sound(0.5)
        session = call.session
    assert not session.is_open


async def test_words_between_two_pending_utterances_belong_to_the_later_one(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        await call.deliver_silence(0.5)
        await call.begin_utterance()
        await call.deliver_sound(0.5)
        await call.end_utterance()
        call.session.partial(("one", 0.6), ("two", 1.02))
        # Until another utterance begins, "two" counts as the end of the first one.
        assert await call.results() == [Heard(1, "one two", final=False)]
        await call.deliver_silence(0.3)
        await call.begin_utterance()
        await call.deliver_sound(0.3)
        await call.end_utterance()
        call.session.final(("one", 0.6), ("two", 1.02), ("three", 1.3), until=2.0)
        assert await call.results() == [
            Heard(1, "one", final=False),
            Heard(1, "one", final=True),
            Heard(2, "two three", final=True),
        ]


async def test_a_word_of_one_final_is_not_in_the_next_utterance(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        await call.deliver_silence(0.5)
        await call.begin_utterance()
        await call.deliver_sound(0.5)
        await call.end_utterance()
        call.session.final(("one", 0.6), ("two", 1.02), until=1.2)
        assert await call.results() == [Heard(1, "one two", final=True)]
        await call.deliver_silence(0.3)
        await call.begin_utterance()
        call.session.partial(("three", 1.3))
        assert await call.results() == [Heard(2, "three", final=False)]
