"""A call's sessions at SpeechKit, on the virtual clock: how the next one takes over."""

from __future__ import annotations

import pytest
import trio
from grpclib.const import Status
from trio.testing import MockClock

from callchart.adapters.grpc.errors import ConnectionLost, RpcError
from callchart.adapters.stt.yandex.recognizer import Listening
from callchart.adapters.stt.yandex.session import Limits
from callchart.engine.ports import Heard
from callchart.proto.messages.speechkit.stt.v3 import CodeType, StatusCode, StreamingResponse
from tests.adapters.stt.yandex.scripted import Call, ScriptedSession, settled

SHORT = Limits(duration_s=10.0)

CLOSED = StreamingResponse(status_code=StatusCode(code_type=CodeType.CLOSED))


def unavailable() -> RpcError:
    return RpcError(Status.UNAVAILABLE, "the server reset the call")


async def speaking(call: Call) -> ScriptedSession:
    """Feed a second of silence, then a second of an utterance that continues."""
    await call.deliver_silence(1.0)
    await call.begin_utterance()
    await call.deliver_sound(1.0)
    return call.session


# --- near the limits ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "seconds"), [(Limits(duration_s=300.0), 240.0), (Limits(size_bytes=320_000), 8.0)]
)
async def test_near_its_limits_a_session_is_replaced_in_a_silence(
    autojump_clock: MockClock, limits: Limits, seconds: float
) -> None:
    async with Call.begin(limits=limits) as call:
        await call.deliver_sound(seconds - 0.2, frames=5)
        first = call.session
        assert len(call.kit.sessions) == 1
        await call.deliver_sound(0.4)
        assert len(call.kit.sessions) == 2
        assert not first.is_open
        # The next session gets the sound from before a late onset.
        assert call.session.seconds == pytest.approx(0.36, abs=0.3)
        await call.begin_utterance()
        call.session.partial(("hello", 0.3))
        assert await call.results() == [Heard(1, "hello", final=False)]


async def test_near_its_limits_a_session_finishes_the_current_utterance(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin(limits=SHORT) as call:
        await call.deliver_silence(7.0)
        await call.begin_utterance()
        await call.deliver_sound(2.0)
        assert len(call.kit.sessions) == 1
        await call.end_utterance()
        call.session.final(("one", 7.5), until=9.0)
        await call.deliver_silence(0.1)
        assert await call.results() == [Heard(1, "one", final=True)]
        assert len(call.kit.sessions) == 2


async def test_in_mid_utterance_the_next_session_catches_up_before_it_leads(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin(limits=SHORT) as call:
        await call.deliver_silence(5.0)
        await call.begin_utterance()
        await call.deliver_sound(2.0)
        first = call.session
        first.final(("one", 5.2), until=6.0)
        await call.deliver_sound(2.4)
        first.partial(("two", 7.0), ("three", 8.0))
        await call.deliver_sound(0.2)
        second = call.session
        assert second is not first
        # It gets the sound from the last final on, without delay.
        assert second.seconds == pytest.approx(9.6 - 6.0, abs=0.15)
        second.partial(("two", 1.0))
        await settled()
        assert first.is_open
        second.partial(("two", 1.0), ("three", 2.0))
        await settled()
        assert not first.is_open
        await call.end_utterance()
        second.final(("two", 1.0), ("three", 2.0), ("four", 3.2), until=4.0)
        assert [heard.text for heard in await call.results()] == [
            "one",
            "one two three",
            "one two three four",
        ]
        assert len(call.kit.sessions) == 2


async def test_the_first_final_counts_while_two_sessions_overlap(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin(limits=SHORT) as call:
        await call.deliver_silence(7.0)
        await call.begin_utterance()
        await call.deliver_sound(2.4)
        first = call.session
        first.partial(("one", 7.2), ("two", 8.0))
        await call.deliver_sound(0.2)
        second = call.session
        assert second is not first
        # The first session began at 0.0, the second at the pre-roll of the utterance.
        since = 7.0 - 0.36
        second.final(("one", 7.2 - since), until=7.6 - since)
        await settled()
        first.partial(("one", 7.2), ("two", 8.0), ("three", 8.6))
        first.final(("one", 7.2), ("two", 8.0), ("three", 8.6), until=9.0)
        await settled()
        second.partial(("two", 8.0 - since), ("three", 8.6 - since))
        await call.end_utterance()
        second.final(
            ("two", 8.0 - since), ("three", 8.6 - since), ("four", 9.2 - since), until=9.9 - since
        )
        results = await call.results()
        assert results[-1] == Heard(1, "one two three four", final=True)
        assert all(result.text in "one two three four" for result in results)


async def test_results_during_a_takeover_are_delivered_once(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin(limits=SHORT) as call:
        await call.deliver_silence(7.0)
        await call.begin_utterance()
        await call.deliver_sound(2.4)
        first = call.session
        first.partial(("one", 7.2), ("two", 8.0))
        await call.deliver_sound(0.2)
        second, since = call.session, 7.0 - 0.36
        # All this happens in one moment.
        second.partial(("one", 7.2 - since), ("two", 8.0 - since))
        first.final(("one", 7.2), ("two", 8.0), until=9.0)
        first.end(unavailable())
        await settled()
        await call.end_utterance()
        second.final(("one", 7.2 - since), ("two", 8.0 - since), until=9.7 - since)
        assert (await call.results())[-1] == Heard(1, "one two", final=True)
        assert len(call.kit.sessions) == 2


async def test_no_normalised_text_is_expected_from_a_replaced_session(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin(Listening(normalized=True), SHORT) as call:
        await call.deliver_silence(7.0)
        await call.begin_utterance()
        await call.deliver_sound(2.4)
        first = call.session
        first.final(("one", 7.2), until=9.3)
        await call.deliver_sound(0.2)
        second = call.session
        assert second is not first
        await call.end_utterance()
        second.final(until=0.4)
        assert (await call.results())[-1] == Heard(1, "one", final=True)


# --- lost sessions ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["failed", "ended", "closed", "connection"])
async def test_a_session_lost_in_mid_utterance_is_replaced_without_losing_a_word(
    autojump_clock: MockClock, how: str
) -> None:
    async with Call.begin() as call:
        first = await speaking(call)
        first.partial(("one", 1.2), ("two", 1.6))
        match how:
            case "failed":
                first.end(unavailable())
            case "ended":
                first.end()
            case "closed":
                first.say(CLOSED)
            case _:
                first.end(ConnectionLost("the server closed the connection"))
        await settled()
        second = call.session
        assert second is not first
        assert second.messages[0].session_options is not None
        since = 1.0 - 0.36
        assert second.seconds == pytest.approx(2.0 - since, abs=0.15)
        # No shorter partial is delivered while the sound is recognised again.
        second.partial(("one", 1.2 - since))
        await call.deliver_sound(0.5)
        second.partial(("one", 1.2 - since), ("two", 1.6 - since), ("three", 2.2 - since))
        await call.end_utterance()
        second.final(
            ("one", 1.2 - since), ("two", 1.6 - since), ("three", 2.2 - since), until=2.6 - since
        )
        assert await call.results() == [
            Heard(1, "one two", final=False),
            Heard(1, "one two three", final=False),
            Heard(1, "one two three", final=True),
        ]


async def test_a_session_lost_between_utterances_is_replaced(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        await trio.sleep(20.0)
        call.session.end(unavailable())
        await settled()
        # Sending 20 s again would take too long.
        assert call.session.seconds < 0.5
        await call.deliver_silence(0.1)
        await call.begin_utterance()
        await call.deliver_sound(0.5)
        call.session.partial(("one", 0.6))
        assert await call.results() == [Heard(1, "one", final=False)]


async def test_a_lost_session_doubles_the_wait_for_a_final(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        first = await speaking(call)
        first.partial(("one", 1.2), ("two", 1.6))
        await call.end_utterance()
        first.end(unavailable())
        await call.deliver_silence(2.0)
        assert await call.results() == [Heard(1, "one two", final=False)]
        await call.deliver_silence(1.1)
        assert await call.results() == [Heard(1, "one two", final=True)]


async def test_no_normalised_text_is_expected_from_a_lost_session(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin(Listening(normalized=True)) as call:
        first = await speaking(call)
        await call.end_utterance()
        first.final(("one", 1.2), until=2.2)
        assert await call.results() == [Heard(1, "one", final=False)]
        first.end(unavailable())
        assert await call.results() == [Heard(1, "one", final=True)]


async def test_sound_from_between_two_sessions_is_sent_to_the_next_one(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        first = await speaking(call)
        call.kit.refusals.extend(unavailable() for _ in range(3))
        first.end(unavailable())
        await call.deliver_sound(1.5)
        second = call.session
        assert second is not first
        assert second.seconds == pytest.approx(3.5 - 0.64, abs=0.15)


async def test_five_failed_reconnects_fail_the_recognition(autojump_clock: MockClock) -> None:
    async with Call.begin() as call:
        call.kit.refusals.extend(unavailable() for _ in range(100))
        call.session.end(unavailable())
        await trio.sleep(60.0)
        assert len(call.kit.began_at) == 1 + 5
        assert call.kit.began_at[-1] == pytest.approx(3.0)
        assert str(call.failure).startswith("yandex: the server reset the call (request ")


async def test_losses_far_apart_do_not_fail_the_recognition(autojump_clock: MockClock) -> None:
    async with Call.begin() as call:
        for _ in range(20):
            call.session.end(unavailable())
            await trio.sleep(10.0)
        assert call.failure is None
        assert len(call.kit.sessions) == 21


async def test_a_non_retryable_refusal_fails_immediately(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        call.session.end(RpcError(Status.PERMISSION_DENIED, "the server refused the call"))
        await settled()
        assert len(call.kit.sessions) == 1
        assert call.failure is not None
        assert call.failure.cure == "give the account the role the-role in the folder that pays"


async def test_a_refusal_after_the_first_response_is_retried(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        first = await speaking(call)
        first.partial(("one", 1.2))
        first.end(RpcError(Status.INVALID_ARGUMENT, "the server refused the call"))
        await settled()
        assert call.failure is None
        assert len(call.kit.sessions) == 2


async def test_a_session_refused_for_its_token_is_repeated_with_all_its_sound(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin(credentials=Tokens()) as call:
        await call.deliver_sound(1.0)
        call.session.end(RpcError(Status.UNAUTHENTICATED, "the server refused the call"))
        await settled()
        assert call.failure is None
        assert len(call.kit.sessions) == 2
        assert call.session.seconds == pytest.approx(1.0, abs=0.1)


class Tokens:
    """Credentials with a new token after each refusal."""

    async def authorization(self) -> str:
        await trio.lowlevel.checkpoint()
        return "Bearer token"

    async def renew(self, refused: str) -> bool:
        await trio.lowlevel.checkpoint()
        return True


async def test_results_before_a_failure_are_delivered_first(
    autojump_clock: MockClock,
) -> None:
    async with Call.begin() as call:
        first = await speaking(call)
        first.partial(("one", 1.2))
        call.kit.refusals.extend(unavailable() for _ in range(5))
        first.end(unavailable())
        await call.deliver_sound(5.0)
        assert await call.results() == [Heard(1, "one", final=False)]
        assert call.failure is not None
        # The engine may continue for a moment until it reads the failure.
        await call.end_utterance()
        await call.deliver_sound(1.0)


async def test_a_session_that_accepts_no_sound_is_lost(autojump_clock: MockClock) -> None:
    async with Call.begin() as call:
        first = call.session
        first.is_reading = False
        await call.deliver_sound(6.0)
        assert call.session is not first
        assert not first.is_open
        assert call.session.seconds > 0.5
