"""The thoughts in a reasoning model's text are not spoken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from callchart.adapters.llm.thoughts import Thoughts
from callchart.engine.ports import ProviderError
from tests.adapters.llm.scripted import Server, Stock, asking, delta, whole

TEXTS = {
    "At nine.": "At nine.",
    "<think>Hm, nine?</think>At nine.": "At nine.",
    "<think></think>At nine.": "At nine.",
    "At<think>is it?</think> nine, <think>yes.</think>in fact.": "At nine, in fact.",
    "<think>1 < 2 <b> </thin </think>At nine.": "At nine.",
    "<think>Hm, <think>nine</think>At nine.": "At nine.",
    "</think>At nine.": "At nine.",
    "1 < 2 <b> <thin </thin": "1 < 2 <b> <thin </thin",
    "<<think>Hm</think>/think>": "</think>",
    "<think>At nine. </th": "",
}


@pytest.mark.parametrize("text", TEXTS)
@given(cuts=st.data())
def test_thoughts_are_removed_wherever_the_pieces_end(text: str, cuts: st.DataObject) -> None:
    places = sorted(cuts.draw(st.sets(st.integers(1, len(text) - 1))))
    pieces = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    thoughts = Thoughts()
    spoken = "".join(map(thoughts.filter_piece, pieces))
    assert spoken + thoughts.rest() == TEXTS[text]


def test_a_held_back_piece_is_released_once_it_cannot_be_a_mark() -> None:
    thoughts = Thoughts()
    assert thoughts.filter_piece("1 <") == "1 "
    assert thoughts.filter_piece(" 2") == "< 2"


async def test_thoughts_in_the_text_are_not_spoken(
    autojump_clock: MockClock,
) -> None:
    said: list[str] = []
    async with asking(
        Server(whole("<thi", "nk>Are we", " open?</", "think>", "Yes", ".|"))
    ) as model:
        await model.write((), Stock(), said.append)
    assert said == ["Yes", ".|"]


async def test_thoughts_do_not_count_as_a_first_token(autojump_clock: MockClock) -> None:
    thinking = Server((delta(content="<think>"), *(0.5, delta(content="Well, ")) * 20))
    async with asking(thinking, first_token_s=3.0) as model:
        with pytest.raises(ProviderError, match="sent no token within 3 s"):
            await model.write((), Stock(), lambda text: pytest.fail(text))


async def test_an_answer_of_thoughts_alone_raises_an_error(autojump_clock: MockClock) -> None:
    async with asking(Server(whole("<think>Hm.", "</think>"))) as model:
        with pytest.raises(ProviderError, match="the answer was empty"):
            await model.write((), Stock(), lambda text: pytest.fail(text))


async def test_held_back_text_is_passed_on_at_the_end(autojump_clock: MockClock) -> None:
    said: list[str] = []
    async with asking(Server(whole("Less is ", "<"))) as model:
        await model.write((), Stock(), said.append)
    assert said == ["Less is ", "<"]
