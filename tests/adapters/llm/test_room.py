"""The size of a request has a limit, even in a long call."""

from __future__ import annotations

from dataclasses import replace

import pytest
from trio.testing import MockClock

from callchart.adapters.llm.openai import CONTEXT_TOKENS
from callchart.engine.data import Said, ToolUsed
from callchart.engine.ports import ProviderError
from tests.adapters.llm.scripted import (
    LOOK_UP,
    Server,
    Stock,
    asking,
    whole,
)
from tests.contracts.language_model import Listener

ASKED = [Said("caller", "Polly?")]


def turns(count: int) -> list[Said | ToolUsed]:
    """Return `count` turns of about 117 estimated tokens, and a question."""
    turn = (Said("caller", "What? " * 25), Said("agent", "This. " * 25))
    return [*(turn * count), *ASKED]


async def test_a_long_history_is_cut_to_the_newest_turns_that_fit(
    autojump_clock: MockClock,
) -> None:
    server = Server(whole("Hm?|"))
    async with asking(server, prompt="Be kind.", context_tokens=1000) as model:
        await model.write(turns(50), Stock(), Listener())
    messages = server.asked[0]["messages"]
    assert messages[0] == {"role": "system", "content": "Be kind."}
    assert messages[-1] == {"role": "user", "content": "Polly?"}
    assert [message["role"] for message in messages[1:]] == ["user", "assistant"] * 7 + ["user"]


async def test_the_size_of_the_tools_reduces_the_history(autojump_clock: MockClock) -> None:
    server = Server(whole("Hm?|"))
    talkative = replace(LOOK_UP, description="Looks it up. " * 100)
    async with asking(server, prompt="Be kind.", context_tokens=1000) as model:
        await model.write(turns(50), Stock(talkative), Listener())
    assert len(server.asked[0]["messages"]) == 1 + 2 * 4 + 1


async def test_the_size_of_a_request_does_not_grow_with_the_call(autojump_clock: MockClock) -> None:
    server = Server(whole("Hm?|"))
    async with asking(server) as model:
        for count in (100, 200):
            await model.write(turns(count), Stock(), Listener())
    assert server.asked[0] == server.asked[1]
    assert len(server.requests[0].content) < 4 * CONTEXT_TOKENS


async def test_a_prompt_above_the_limit_fails_before_the_first_call() -> None:
    with pytest.raises(ProviderError) as refusal:
        async with asking(Server(whole()), prompt="Be kind. " * 400, context_tokens=1000):
            pass
    assert refusal.value.reason == (
        "the prompt must have at most 1000 tokens (context_tokens), got about 1208"
    )
    assert "raise context_tokens" in refusal.value.cure
