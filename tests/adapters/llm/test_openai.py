"""The OpenAI adapter passes the model's contract by both APIs, and sends the right requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from callchart.adapters.llm.openai import OpenAIModel
from callchart.adapters.llm.prompts import INTERRUPTED, PROMPTS
from callchart.adapters.service.demo.answers import Answers, DemoAnswer
from callchart.adapters.service.demo.clock import HeldClock
from callchart.adapters.service.demo.loopback import Loopback
from callchart.adapters.service.demo.model_server import ModelServer, serve
from callchart.engine.data import Said
from callchart.engine.ports import LanguageModel, ProviderError
from tests.adapters.llm.scripted import (
    COMPLETED,
    KEY,
    LOOK_UP,
    URL,
    Server,
    Stock,
    answers,
    asking,
    at_pace,
    done,
    text,
    whole,
)
from tests.contracts.language_model import LanguageModelContract, Listener, Script, write

ASKED = [Said("caller", "Polly?")]


class TestChatCompletions(LanguageModelContract):
    """The real client, with the demo's server on real sockets; for tools, with scripted events."""

    @pytest.fixture
    def clock(self) -> MockClock:
        self.held = HeldClock()
        return self.held.trio_clock

    def under_way(self) -> int:
        return self.held.under_way

    def model(self, script: Script) -> AbstractAsyncContextManager[LanguageModel]:
        # The demo's server calls only one tool, the one that hangs up.
        return asking(Server(*answers(script))) if script.uses else self._model(script)

    @asynccontextmanager
    async def _model(self, script: Script) -> AsyncIterator[LanguageModel]:
        answer = DemoAnswer(
            "all",
            (),
            script.pieces,
            script.first_piece,
            script.per_piece,
            hang_up=script.ends_call,
            hang=script.hangs,
            fail=503 if script.fails else None,
        )
        loopback = Loopback(self.held)
        async with trio.open_nursery() as nursery:
            server: ModelServer = await nursery.start(serve, Answers((), answer), loopback)
            async with OpenAIModel.open(
                model="parrot",
                api_key=KEY,
                base_url=server.url,
                transport=loopback.transport(),
                between_tokens_s=10.0,  # the contract tests a hanging server itself
            ) as model:
                yield model
            nursery.cancel_scope.cancel()


class TestResponses(LanguageModelContract):
    """The real client reads scripted events."""

    def under_way(self) -> int:
        return sum(stream.is_open for stream in self.server.streams)

    @asynccontextmanager
    async def model(self, script: Script) -> AsyncIterator[LanguageModel]:
        first = at_pace(script, [text(piece) for piece in script.pieces])
        first += (100.0,) if script.hangs else ()
        first += (done("hang_up", "{}"),) if script.ends_call else ()
        first += tuple(done(*use) for use in script.uses)
        last = at_pace(script, [text(piece) for piece in script.after])
        if script.fails:
            first = ({"type": "response.failed", "response": {"error": {"code": "server_error"}}},)
        self.server = Server(*((*steps, COMPLETED) for steps in (first, last)[: 1 + bool(last)]))
        async with asking(self.server, api="responses", between_tokens_s=10.0) as model:
            yield model


# --- the request --------------------------------------------------------------------------------


async def test_a_chat_request_has_the_prompt_the_history_and_the_tools(
    autojump_clock: MockClock,
) -> None:
    server = Server(whole("Hm?|"))
    async with asking(server) as model:
        await model.write(ASKED, Stock(), Listener())
    (request,), (asked,) = server.requests, server.asked
    assert request.url == f"{URL}/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert asked == {
        "model": "parrot",
        "stream": True,
        "messages": [
            {"role": "system", "content": PROMPTS["en"]},
            {"role": "user", "content": "Polly?"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": LOOK_UP.name,
                    "description": LOOK_UP.description,
                    "parameters": LOOK_UP.parameters,
                },
            }
        ],
    }


async def test_a_responses_request_has_the_same_content_and_is_not_stored(
    autojump_clock: MockClock,
) -> None:
    server = Server((COMPLETED,))
    async with asking(server, api="responses") as model:
        with pytest.raises(ProviderError, match="the answer was empty"):
            await model.write(ASKED, Stock(), Listener())
    (request,), (asked,) = server.requests, server.asked
    assert request.url == f"{URL}/responses"
    assert asked == {
        "model": "parrot",
        "stream": True,
        "store": False,
        "instructions": PROMPTS["en"],
        "input": [{"role": "user", "content": "Polly?"}],
        "tools": [
            {
                "type": "function",
                "name": LOOK_UP.name,
                "description": LOOK_UP.description,
                "parameters": LOOK_UP.parameters,
                "strict": False,
            }
        ],
    }


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_without_tools_the_request_omits_the_field(
    autojump_clock: MockClock, api: str
) -> None:
    class NoTools(Stock):
        specs = ()

        def __init__(self) -> None:
            pass

    server = Server(("[DONE]",))
    async with asking(server, api=api) as model:
        with pytest.raises(ProviderError, match="the answer was empty"):
            await model.write(ASKED, NoTools(), Listener())
    assert "tools" not in server.asked[0]


async def test_in_russian_the_prompt_and_the_interruption_mark_are_russian(
    autojump_clock: MockClock,
) -> None:
    server = Server(whole("Да?|"))
    history = [Said("caller", "Алло"), Said("agent", "Магазин", interrupted=True), *ASKED]
    async with asking(server, language="ru") as model:
        await write(model, history)
    system, _, agent, _ = server.asked[0]["messages"]
    assert system["content"] == PROMPTS["ru"]
    assert agent["content"] == "Магазин" + INTERRUPTED["ru"]


async def test_a_custom_prompt_replaces_the_default_one(autojump_clock: MockClock) -> None:
    server = Server(whole("Hm?|"))
    async with asking(server, prompt="Be kind.") as model:
        await write(model)
    assert server.asked[0]["messages"][0] == {"role": "system", "content": "Be kind."}


async def test_a_custom_transport_ignores_the_proxies_of_the_environment(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test")
    async with asking(Server(whole("Well,"))) as model:
        listener, _ = await write(model)
    assert listener.text == "Well,"


async def test_the_first_answer_needs_no_thread(autojump_clock: MockClock) -> None:
    # Without `client._platform`, the client would find the platform in a thread.
    limiter = trio.to_thread.current_default_thread_limiter()
    for number in range(int(limiter.total_tokens)):
        limiter.acquire_on_behalf_of_nowait(number)
    async with asking(Server(whole("Well,"))) as model:
        with trio.fail_after(60):
            await write(model)


# --- invalid settings ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "url", "complaint"),
    [
        ("", URL, "the API key must be printable ASCII without spaces, got an empty one"),
        ("sk-1\n", URL, "the API key must be printable ASCII without spaces, got one with"),
        ("my key", URL, "the API key must be printable ASCII without spaces, got one with"),
        ("ключ", URL, "the API key must be printable ASCII without spaces, got one with"),
        (KEY, "model.test/v1", "the base URL must be an http or https URL, got"),
        (KEY, "localhost:8000", "the base URL must be an http or https URL, got"),
        (KEY, "http://", "the base URL must be an http or https URL, got"),
        (
            KEY,
            "http://model.test:port/v1",
            "the base URL must be an http or https URL, got",
        ),
    ],
)
async def test_an_unusable_key_or_url_fails_before_the_first_call(
    key: str, url: str, complaint: str
) -> None:
    with pytest.raises(ProviderError, match=complaint) as refusal:
        async with OpenAIModel.open(model="parrot", api_key=key, base_url=url):
            pass
    assert refusal.value.cure
    assert not key or key not in str(refusal.value)
