"""Transcription over OpenAI's API, with a server in the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from callchart.adapters.stt.openai import recognizer as recognizer_module
from callchart.adapters.stt.openai.recognizer import OpenAIRecognizer
from callchart.engine.ports import Heard, ProviderError, Recognition
from tests.adapters.stt.openai.transcriptions import ScriptedAnswer, Server, refusal, serving
from tests.contracts.recognizer import LIMIT_S, WORDS, RecognizerContract, result, results, say
from tests.recordings import RATE_HZ, silence

pytestmark = pytest.mark.real

KEY = "sk-secret"


@asynccontextmanager
async def calling(*answers: ScriptedAnswer) -> AsyncIterator[tuple[Recognition, Server]]:
    """Open a call's recogniser, with its server."""
    with trio.fail_after(LIMIT_S):
        async with (
            serving(*answers) as server,
            OpenAIRecognizer.open(api_key=KEY, language="ru", base_url=server.url) as recognizer,
            recognizer.recognition(RATE_HZ) as call,
        ):
            yield call, server


class TestContract(RecognizerContract):
    @pytest.fixture
    async def recognizer(self) -> AsyncIterator[OpenAIRecognizer]:
        async with (
            serving() as server,
            OpenAIRecognizer.open(api_key=KEY, language="en", base_url=server.url) as recognizer,
        ):
            yield recognizer


async def test_an_utterance_is_sent_whole_when_it_ends() -> None:
    async with calling(ScriptedAnswer(" Да, конечно. ")) as (call, server):
        say(call, 1, WORDS)
        assert await call.result() == Heard(1, "Да, конечно.", final=True)
    (asked,) = server.asked
    assert asked.path == "/v1/audio/transcriptions"
    assert asked.key == KEY
    assert asked.fields == {
        "model": "gpt-4o-mini-transcribe",
        "language": "ru",
        "response_format": "json",
    }
    assert asked.rate_hz == RATE_HZ
    # 0.36 s from before the onset, and all sound up to the end.
    assert asked.duration_s == pytest.approx(0.36 + len(WORDS) / 2 / RATE_HZ, abs=0.01)


async def test_a_silent_utterance_sends_no_request() -> None:
    async with calling() as (call, server):
        say(call, 1, silence(0.5))
        assert await call.result() == Heard(1, "", final=True)
    assert server.asked == []


async def test_finals_keep_the_order_of_the_utterances() -> None:
    held = trio.Event()
    async with calling(ScriptedAnswer("first", wait=held), ScriptedAnswer("second")) as (
        call,
        server,
    ):
        say(call, 1, WORDS)
        await server.wait_for_requests(1)
        say(call, 2, WORDS)
        await server.wait_for_requests(2)
        say(call, 3, silence(0.3))
        held.set()
        assert [(await result(call)).text for _ in range(3)] == ["first", "second", ""]


async def test_the_end_of_a_call_closes_its_requests() -> None:
    never = trio.Event()
    with trio.fail_after(LIMIT_S):
        async with (
            serving(ScriptedAnswer(wait=never)) as server,
            OpenAIRecognizer.open(api_key=KEY, language="ru", base_url=server.url) as recognizer,
        ):
            async with recognizer.recognition(RATE_HZ) as call:
                say(call, 1, WORDS)
                await server.wait_for_requests(1)
            never.set()
            await server.wait_for_close()


async def test_utterances_share_a_connection() -> None:
    async with calling() as (call, server):
        for utterance in (1, 2):
            say(call, utterance, WORDS)
            await call.result()
        assert server.closed == 0
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    "failure", [ScriptedAnswer(hangs_up=True), refusal(503), refusal(429, retry_after="0.05")]
)
async def test_a_temporary_failure_is_retried_once(failure: ScriptedAnswer) -> None:
    async with calling(failure, ScriptedAnswer("words")) as (call, server):
        say(call, 1, WORDS)
        assert (await result(call)).text == "words"
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("failure", "message", "tries"),
    [
        (refusal(401, "invalid_api_key"), r"answered 401 \(invalid_api_key\) \(the key was", 1),
        (refusal(404), r"404 for model 'gpt-4o-mini-transcribe' \(check the model's name", 1),
        (refusal(429), r"429 \(too many requests at once", 1),
        (refusal(429, retry_after="20"), r"429 \(too many requests at once", 1),
        (refusal(429, "insufficient_quota", retry_after="0"), r"credit is used up", 1),
        (refusal(503), r"503 \(server error: see", 2),
        (ScriptedAnswer(hangs_up=True), r"broke off the connection", 2),
        (ScriptedAnswer(body=b"<html>"), r"not a transcription \(check that the base URL", 1),
        (ScriptedAnswer(body=b'{"text": null}'), r"not a transcription", 1),
    ],
)
async def test_a_persistent_failure_raises_the_cause_and_the_cure(
    failure: ScriptedAnswer, message: str, tries: int
) -> None:
    async with calling(failure) as (call, server):
        say(call, 1, WORDS)
        with pytest.raises(
            ProviderError, match=rf"^openai: 127\.0\.0\.1:\d+ .*{message}"
        ) as raised:
            await call.result()
        say(call, 2, WORDS)
        with pytest.raises(ProviderError, match=message):
            await call.result()
    assert len(server.asked) == tries
    error: BaseException | None = raised.value
    while error:  # neither the error nor its causes quote the caller
        assert "secret" not in str(error)
        assert "+44" not in str(error)
        error = error.__cause__ or error.__context__


async def test_results_before_a_failure_are_delivered() -> None:
    async with calling(ScriptedAnswer("first"), refusal(401)) as (call, server):
        say(call, 1, WORDS)
        await server.wait_for_requests(1)
        say(call, 2, WORDS)
        assert (await result(call)).text == "first"
        with pytest.raises(ProviderError):
            await call.result()


async def test_a_request_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognizer_module, "ANSWER_TIMEOUT_S", 0.05)
    async with calling(ScriptedAnswer(wait=trio.Event())) as (call, _):
        say(call, 1, WORDS)
        with pytest.raises(ProviderError, match=r"sent no transcription within 0\.05 s"):
            await call.result()


async def test_a_refused_connection_names_the_server() -> None:
    with trio.fail_after(LIMIT_S):
        async with serving() as gone:
            pass
        async with (
            OpenAIRecognizer.open(api_key=KEY, language="ru", base_url=gone.url) as recognizer,
            recognizer.recognition(RATE_HZ) as call,
        ):
            say(call, 1, WORDS)
            with pytest.raises(ProviderError, match=r"refused the connection \(start that server"):
                await results(call)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"api_key": ""}, "the API key must be printable ASCII without spaces, got an empty one"),
        ({"api_key": "a key"}, "got one with"),
        (
            {"base_url": "api.openai.com"},
            "the base URL must be an http or https URL, got",
        ),
        ({"language": "Russian"}, "language must be a code of 2 or 3 letters, got 'Russian'"),
    ],
)
async def test_unusable_settings_fail_before_the_first_call(
    wrong: dict[str, str], message: str
) -> None:
    with pytest.raises(ProviderError, match=message):
        async with OpenAIRecognizer.open(**{"api_key": KEY, "language": "ru", **wrong}):
            pytest.fail("open must refuse these settings")
