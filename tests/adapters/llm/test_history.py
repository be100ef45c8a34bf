"""A model gets the newest whole turns that fit its limit of tokens."""

from __future__ import annotations

import pytest

from callchart.adapters.llm.history import (
    Item,
    Message,
    messages,
    newest,
    tokens_of_json,
    tokens_of_words,
)
from callchart.engine.data import Said, ToolUsed

GREETING = Said("agent", "Hello.", reply=1)
FIRST = (Said("caller", "Are you open?"), Said("agent", "Yes.", reply=2))
SECOND = (
    Said("caller", "And"),
    Said("caller", "on Sunday?"),
    ToolUsed("look_up", '{"day": "Sunday"}', "closed"),
    Said("agent", "Closed", reply=3, interrupted=True),
)
QUESTION = (Said("caller", "Wait."),)
HISTORY: tuple[Item, ...] = (GREETING, *FIRST, *SECOND, *QUESTION)


@pytest.mark.parametrize(
    ("kept", "dropped"),
    [
        (HISTORY, ()),
        ((*FIRST, *SECOND, *QUESTION), (GREETING,)),
        ((*SECOND, *QUESTION), (GREETING, *FIRST)),
    ],
)
def test_the_oldest_turns_are_dropped_whole(
    kept: tuple[Item, ...], dropped: tuple[Item, ...]
) -> None:
    # The last turn is always included, so its size alone has no limit.
    room = sum(
        tokens_of_words(item.text)
        if isinstance(item, Said)
        else tokens_of_json(item.name + item.arguments) + tokens_of_json(item.result)
        for item in kept
    )
    assert newest(HISTORY, room) == kept
    assert len(newest(HISTORY, room - 1)) < len(kept)


@pytest.mark.parametrize("room", [-5, 0, 1])
def test_the_last_turn_is_kept_even_if_it_does_not_fit(room: int) -> None:
    assert newest(HISTORY, room) == QUESTION
    assert newest(HISTORY[:-1], room) == SECOND
    assert newest((GREETING,), room) == (GREETING,)


def test_an_empty_history_stays_empty() -> None:
    assert newest((), 10) == ()


def test_consecutive_items_of_one_side_are_joined_and_interruptions_are_marked() -> None:
    history = (*HISTORY[:-1], Said("agent", "we are.", reply=4), *QUESTION)
    assert list(messages(history, "…[cut]")) == [
        Message("agent", "Hello."),
        Message("caller", "Are you open?"),
        Message("agent", "Yes."),
        Message("caller", "And\non Sunday?"),
        SECOND[2],
        Message("agent", "Closed…[cut]\nwe are."),
        Message("caller", "Wait."),
    ]


@pytest.mark.parametrize("written", ["", '{"day": ', '"Sunday"', "null"])
def test_arguments_that_are_not_a_json_object_are_sent_as_an_empty_object(written: str) -> None:
    used = ToolUsed("look_up", written, "The arguments are no JSON.")
    assert list(messages([used], "…")) == [ToolUsed("look_up", "{}", used.result)]


# Counted with the older of OpenAI's vocabularies, cl100k, which gives more tokens for each text.
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (
            "Yes, we are open on both days of the weekend.| On Saturday from nine in the morning "
            "until six,| and on Sunday from ten until four in the afternoon.|",
            34,
        ),
        (
            "Здравствуйте, расскажите про РЭМ-шестьсот.\nДля испытания металлов до шестисот "
            "килоньютонов подойдёт машина РЭМ-шестьсот.| Она есть на складе,| отгрузить можем в "
            "течение десяти рабочих дней.|",
            94,
        ),
        ("Понял, спасибо.", 11),
        ("Hm?", 3),
        ("8 800 555 35 35", 9),
    ],
)
def test_the_estimate_is_between_one_and_two_times_the_real_count(text: str, tokens: int) -> None:
    wrapped = tokens + 4
    assert wrapped <= tokens_of_words(text) <= 2 * wrapped


def test_json_counts_more_tokens_than_words_of_the_same_length() -> None:
    order = '{"date": "2026-11-24", "time": "10:30", "order_id": "A-4711"}'
    assert tokens_of_json(order) >= 29 + 4
