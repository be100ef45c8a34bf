"""Answers that take several requests, with tools between them; and the counters."""

from __future__ import annotations

import json

import pytest
import trio
from trio.testing import MockClock

from callchart.adapters.llm.counters import ModelCounters
from callchart.engine.data import Said
from callchart.engine.ports import ProviderError, ToolSpec
from tests.adapters.llm.scripted import (
    COMPLETED,
    LOOK_UP,
    Server,
    Stock,
    asking,
    delta,
    done,
    text,
    uses,
    whole,
)
from tests.contracts.language_model import Listener, write

ASKED = [Said("caller", "Polly?")]
HANG_UP = ToolSpec("hang_up", "Ends the call.", {"type": "object", "properties": {}})


async def test_a_tool_result_is_sent_in_the_next_chat_request(
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
    # The caller hears the first text while the tool works.
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


async def test_a_tool_result_is_sent_in_the_next_responses_request(
    autojump_clock: MockClock,
) -> None:
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


async def test_several_tools_run_one_after_the_other_in_order(
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


async def test_no_tool_runs_after_one_that_ends_the_answer(
    autojump_clock: MockClock,
) -> None:
    server = Server((delta(content="Goodbye.|"), *uses(("hang_up", ""), ("look_up", "{}"))))
    listener, stock = Listener(), Stock(HANG_UP, LOOK_UP)
    async with asking(server) as model:
        await model.write(ASKED, stock, listener)
    assert stock.used == [("hang_up", "")]
    assert listener.text == "Goodbye.|"
    assert len(server.requests) == 1


async def test_an_answer_without_text_may_end_with_a_tool(autojump_clock: MockClock) -> None:
    async with asking(Server(uses(("hang_up", "{}")))) as model:
        listener, tools = await write(model)
    assert listener.pieces == []
    assert tools.ends_call


async def test_an_answer_with_text_may_end_with_an_empty_completion(
    autojump_clock: MockClock,
) -> None:
    server = Server((delta(content="Noted.|"), *uses(("look_up", "{}"))), whole())
    listener = Listener()
    async with asking(server) as model:
        await model.write(ASKED, Stock(), listener)
    assert listener.text == "Noted.|"


async def test_a_model_that_uses_tools_in_five_requests_raises_an_error(
    autojump_clock: MockClock,
) -> None:
    server, stock = Server(uses(("look_up", "{}"))), Stock()
    async with asking(server) as model:
        with pytest.raises(ProviderError, match="used tools in 5 requests") as failure:
            await model.write(ASKED, stock, Listener())
    assert len(server.requests) == len(stock.used) == 5
    assert "prompt" in failure.value.cure


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_lone_surrogates_are_neither_spoken_nor_sent(
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


async def test_an_answer_cut_at_the_length_limit_is_kept(autojump_clock: MockClock) -> None:
    async with asking(Server((delta(content="Well, "), delta("length")))) as model:
        listener, _ = await write(model)
    assert listener.text == "Well, "


# --- the counters -------------------------------------------------------------------------------


async def test_requests_failures_and_first_token_latencies_are_counted(
    autojump_clock: MockClock,
) -> None:
    server = Server(
        (0.25, *uses(("look_up", "{}"))),
        (delta(role="assistant", content=""), 0.5, *whole("One.|")),
        (delta(content=""), delta("stop")),
    )
    async with asking(server) as model:
        assert model.counters == ModelCounters()
        await model.write(ASKED, Stock(), Listener())
        assert model.counters == ModelCounters(2, 0, 0, 2, 0.75, 0.5)
        with pytest.raises(ProviderError):
            await model.write(ASKED, Stock(), Listener())
        assert model.counters == ModelCounters(3, 0, 1, 2, 0.75, 0.5)


async def test_a_first_token_latency_is_counted_even_if_the_answer_is_interrupted(
    autojump_clock: MockClock,
) -> None:
    async with asking(Server((0.25, delta(content="Well, "), 1.0))) as model:
        with trio.move_on_after(0.5):
            await model.write(ASKED, Stock(), Listener())
        with trio.move_on_after(0.125):
            await model.write(ASKED, Stock(), Listener())
        assert model.counters == ModelCounters(2, 0, 0, 1, 0.25, 0.25)
