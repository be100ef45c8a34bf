"""The OpenAI adapter keeps a model's contract by both APIs: it asks, uses tools, and asks again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from adapters.llm.openai import CONTEXT_TOKENS, OpenAIModel
from adapters.llm.prompts import INTERRUPTED, PROMPTS
from adapters.llm.tally import ModelTally
from adapters.service.clock import HeldClock
from adapters.service.demo.answers import Answer, Answers
from adapters.service.demo.loopback import Loopback
from adapters.service.demo.model_server import ModelServer, serve
from engine.data import Said, ToolUsed
from engine.ports import LanguageModel, ProviderError, ToolSpec
from tests.adapters.llm.scripted import (
    KEY,
    LOOK_UP,
    URL,
    Server,
    Stock,
    answers,
    asking,
    at_pace,
    delta,
    uses,
    whole,
)
from tests.contracts.language_model import LanguageModelContract, Listener, Script, write

ASKED = [Said("caller", "Polly?")]
COMPLETED = {"type": "response.completed"}
FAILS = ({"error": {"code": "server_error"}},)
HANG_UP = ToolSpec("hang_up", "Ends the call.", {"type": "object", "properties": {}})


class TestChatCompletions(LanguageModelContract):
    """The real client asks the demo's server over real sockets, and scripted events for tools."""

    @pytest.fixture
    def clock(self) -> MockClock:
        self.held = HeldClock()
        return self.held.trio_clock

    def under_way(self) -> int:
        return self.held.under_way

    def model(self, script: Script) -> AbstractAsyncContextManager[LanguageModel]:
        # The demo's server asks for one tool alone, the one that hangs up.
        return asking(Server(*answers(script))) if script.uses else self._model(script)

    @asynccontextmanager
    async def _model(self, script: Script) -> AsyncIterator[LanguageModel]:
        answer = Answer(
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
                between_tokens=10.0,  # a hanging server is the contract's matter
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
        async with asking(self.server, api="responses", between_tokens=10.0) as model:
            yield model


def text(piece: str) -> dict[str, Any]:
    """An event of a response: more of its text."""
    return {"type": "response.output_text.delta", "delta": piece}


def done(name: str, arguments: str) -> dict[str, Any]:
    """An event of a response: a tool call is whole."""
    item = {"type": "function_call", "name": name, "arguments": arguments, "call_id": "x"}
    return {"type": "response.output_item.done", "item": item}


# --- what the model is asked --------------------------------------------------------------------


async def test_the_model_is_asked_with_the_prompt_the_history_and_the_tools(
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


async def test_responses_are_asked_for_the_same_and_nothing_is_kept(
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
async def test_where_there_are_no_tools_none_are_spoken_of(
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


async def test_in_russian_the_prompt_and_the_mark_of_an_interruption_are_russian(
    autojump_clock: MockClock,
) -> None:
    server = Server(whole("Да?|"))
    history = [Said("caller", "Алло"), Said("agent", "Магазин", interrupted=True), *ASKED]
    async with asking(server, language="ru") as model:
        await write(model, history)
    system, _, agent, _ = server.asked[0]["messages"]
    assert system["content"] == PROMPTS["ru"]
    assert agent["content"] == "Магазин" + INTERRUPTED["ru"]


async def test_a_prompt_of_ones_own_is_sent_instead(autojump_clock: MockClock) -> None:
    server = Server(whole("Hm?|"))
    async with asking(server, prompt="Be kind.") as model:
        await write(model)
    assert server.asked[0]["messages"][0] == {"role": "system", "content": "Be kind."}


async def test_a_transport_of_ones_own_is_used_whatever_proxies_the_environment_names(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test")
    async with asking(Server(whole("Well,"))) as model:
        listener, _ = await write(model)
    assert listener.text == "Well,"


async def test_the_first_answer_needs_no_thread(autojump_clock: MockClock) -> None:
    # The client would look up the platform in one, were it not told beforehand.
    limiter = trio.to_thread.current_default_thread_limiter()
    for number in range(int(limiter.total_tokens)):
        limiter.acquire_on_behalf_of_nowait(number)
    async with asking(Server(whole("Well,"))) as model:
        with trio.fail_after(1):
            await write(model)


# --- how much of the history --------------------------------------------------------------------


def turns(count: int) -> list[Said | ToolUsed]:
    """So many turns of about 117 tokens, by estimate, and a question."""
    turn = (Said("caller", "What? " * 25), Said("agent", "This. " * 25))
    return [*(turn * count), *ASKED]


async def test_of_a_long_call_the_newest_turns_are_sent_that_have_room(
    autojump_clock: MockClock,
) -> None:
    server = Server(whole("Hm?|"))
    async with asking(server, prompt="Be kind.", context_tokens=1000) as model:
        await model.write(turns(50), Stock(), Listener())
    messages = server.asked[0]["messages"]
    assert messages[0] == {"role": "system", "content": "Be kind."}
    assert messages[-1] == {"role": "user", "content": "Polly?"}
    assert [message["role"] for message in messages[1:]] == ["user", "assistant"] * 7 + ["user"]


async def test_tools_take_room_from_the_history(autojump_clock: MockClock) -> None:
    server = Server(whole("Hm?|"))
    talkative = replace(LOOK_UP, description="Looks it up. " * 100)
    async with asking(server, prompt="Be kind.", context_tokens=1000) as model:
        await model.write(turns(50), Stock(talkative), Listener())
    assert len(server.asked[0]["messages"]) == 1 + 2 * 4 + 1


async def test_an_hours_talk_does_not_grow_the_request(autojump_clock: MockClock) -> None:
    server = Server(whole("Hm?|"))
    async with asking(server) as model:
        for count in (100, 200):
            await model.write(turns(count), Stock(), Listener())
    assert server.asked[0] == server.asked[1]
    assert len(server.requests[0].content) < 4 * CONTEXT_TOKENS


async def test_a_prompt_that_leaves_no_room_is_refused_before_any_call() -> None:
    with pytest.raises(ProviderError) as refusal:
        async with asking(Server(whole()), prompt="Be kind. " * 400, context_tokens=1000):
            pass
    assert refusal.value.reason == (
        "the prompt alone has about 1208 tokens, and context_tokens is 1000"
    )
    assert "raise context_tokens" in refusal.value.cure


# --- how the model answers ----------------------------------------------------------------------


async def test_what_a_tool_gives_is_read_by_the_model_in_the_next_request(
    autojump_clock: MockClock,
) -> None:
    server = Server(
        (delta(content="Let me see.|"), *uses(("look_up", '{"thing": "nails"}'))),
        whole("One", " left.|"),
    )
    listener, stock = Listener(), Stock(takes=0.5)
    async with asking(server) as model:
        await model.write(ASKED, stock, listener)
    assert stock.used == [("look_up", '{"thing": "nails"}')]
    # What comes before the tool is heard while it works.
    assert listener.pieces == [(0.0, "Let me see.|"), (0.5, "One"), (0.5, " left.|")]
    first, second = server.asked
    assert second["tools"] == first["tools"]
    (call,) = second["messages"][-2]["tool_calls"]
    assert second["messages"] == [
        *first["messages"],
        {"role": "assistant", "content": "Let me see.|", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "1 in stock"},
    ]
    assert call["function"] == {"name": "look_up", "arguments": '{"thing": "nails"}'}


async def test_responses_read_what_a_tool_gives_as_well(autojump_clock: MockClock) -> None:
    server = Server((done("look_up", "{}"), COMPLETED), (text("One left.|"), COMPLETED))
    listener, stock = Listener(), Stock()
    async with asking(server, api="responses") as model:
        await model.write(ASKED, stock, listener)
    assert stock.used == [("look_up", "{}")]
    assert listener.text == "One left.|"
    question, call, result = server.asked[1]["input"]
    assert question == {"role": "user", "content": "Polly?"}
    assert (call["type"], call["name"]) == ("function_call", "look_up")
    assert result == {
        "type": "function_call_output",
        "call_id": call["call_id"],
        "output": "1 in stock",
    }


async def test_several_tools_are_used_one_after_the_other_in_order(
    autojump_clock: MockClock,
) -> None:
    server = Server(uses(("look_up", "{}"), ("note", "{}"), ("look_up", "{}")), whole("Three.|"))
    stock = Stock(takes=1.0)
    async with asking(server) as model:
        await model.write(ASKED, stock, Listener())
    assert [name for name, _ in stock.used] == ["look_up", "note", "look_up"]
    assert server.asked_at == [0.0, 3.0]
    results = [m["content"] for m in server.asked[1]["messages"] if m["role"] == "tool"]
    assert results == ["1 in stock", "2 in stock", "3 in stock"]


async def test_a_tool_that_ends_the_answer_ends_it_before_the_next_tool(
    autojump_clock: MockClock,
) -> None:
    server = Server((delta(content="Goodbye.|"), *uses(("hang_up", ""), ("look_up", "{}"))))
    listener, stock = Listener(), Stock(HANG_UP, LOOK_UP)
    async with asking(server) as model:
        await model.write(ASKED, stock, listener)
    assert stock.used == [("hang_up", "")]
    assert listener.text == "Goodbye.|"
    assert len(server.requests) == 1


async def test_a_tool_alone_is_an_answer_where_it_ends_it(autojump_clock: MockClock) -> None:
    async with asking(Server(uses(("hang_up", "{}")))) as model:
        listener, tools = await write(model)
    assert listener.pieces == []
    assert tools.ends_call


async def test_after_words_and_a_tool_nothing_more_need_be_said(autojump_clock: MockClock) -> None:
    server = Server((delta(content="Noted.|"), *uses(("look_up", "{}"))), whole())
    listener = Listener()
    async with asking(server) as model:
        await model.write(ASKED, Stock(), listener)
    assert listener.text == "Noted.|"


async def test_a_model_that_never_stops_using_tools_is_stopped(autojump_clock: MockClock) -> None:
    server, stock = Server(uses(("look_up", "{}"))), Stock()
    async with asking(server) as model:
        with pytest.raises(ProviderError, match="used tools 5 times in one answer") as failure:
            await model.write(ASKED, stock, Listener())
    assert len(server.requests) == len(stock.used) == 5
    assert "prompt" in failure.value.cure


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_halves_of_characters_are_neither_spoken_nor_sent(
    autojump_clock: MockClock, api: str
) -> None:
    tool = ("look_up", '{"thing": "\ud83d"}')
    server = (
        Server((delta(content="Hm \ud83d"), delta(content="\ude00."), *uses(tool)), whole("No."))
        if api == "chat"
        else Server(
            (text("Hm \ud83d"), text("\ude00."), done(*tool), COMPLETED), (text("No."), COMPLETED)
        )
    )
    listener = Listener()
    async with asking(server, api=api) as model:
        await model.write([Said("caller", "Polly\ud83d?")], Stock(unit="in \ude00stock"), listener)
    assert listener.text == "Hm .No."
    sent = json.dumps(server.asked[1], ensure_ascii=False)
    assert "Polly?" in sent
    assert "1 in stock" in sent
    sent.encode()


async def test_an_answer_that_is_cut_for_its_length_is_one(autojump_clock: MockClock) -> None:
    async with asking(Server((delta(content="Well, "), delta("length")))) as model:
        listener, _ = await write(model)
    assert listener.text == "Well, "


# --- what is counted ----------------------------------------------------------------------------


async def test_the_tally_counts_requests_and_how_long_the_first_token_took(
    autojump_clock: MockClock,
) -> None:
    server = Server(
        (0.25, *uses(("look_up", "{}"))),
        (delta(role="assistant", content=""), 0.5, *whole("One.|")),
        (delta(content=""), delta("stop")),
    )
    async with asking(server) as model:
        assert model.tally == ModelTally()
        await model.write(ASKED, Stock(), Listener())
        assert model.tally == ModelTally(2, 0, 0, 2, 0.75, 0.5)
        with pytest.raises(ProviderError):
            await model.write(ASKED, Stock(), Listener())
        assert model.tally == ModelTally(3, 0, 1, 2, 0.75, 0.5)


async def test_a_latency_is_counted_when_the_caller_interrupts_after_it(
    autojump_clock: MockClock,
) -> None:
    async with asking(Server((0.25, delta(content="Well, "), 1.0))) as model:
        with trio.move_on_after(0.5):
            await model.write(ASKED, Stock(), Listener())
        with trio.move_on_after(0.125):
            await model.write(ASKED, Stock(), Listener())
        assert model.tally == ModelTally(2, 0, 0, 1, 0.25, 0.25)


# --- what can never work ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "url", "complaint"),
    [
        ("", URL, "the API key is missing"),
        ("sk-1\n", URL, "the API key is not a key"),
        ("my key", URL, "the API key is not a key"),
        ("ключ", URL, "the API key is not a key"),
        (KEY, "model.test/v1", "the base URL is none"),
        (KEY, "localhost:8000", "the base URL is none"),
        (KEY, "http://", "the base URL is none"),
        (KEY, "http://model.test:port/v1", "the base URL is none"),
    ],
)
async def test_a_key_or_an_address_that_cannot_work_is_refused_before_any_call(
    key: str, url: str, complaint: str
) -> None:
    with pytest.raises(ProviderError, match=complaint) as refusal:
        async with OpenAIModel.open(model="parrot", api_key=key, base_url=url):
            pass
    assert refusal.value.cure
    assert not key or key not in str(refusal.value)
