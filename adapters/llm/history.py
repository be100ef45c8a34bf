"""The part of a call's history that a model gets: the newest whole turns, within a token limit.

No tokenizer is asked: each model has its own, and most of them would have to be downloaded. Tokens
are estimated from bytes instead, and rather too many than too few."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from callchart.engine.data import Said, Speaker, ToolUsed
from callchart.engine.ports import ToolSpec

Item = Said | ToolUsed

#: Bytes of UTF-8 in a token, at the least. OpenAI's vocabularies were measured on prompts and talk:
#: English has 4.3 bytes in a token; Russian 3.8 in the older (cl100k), which newer vocabularies,
#: made for more languages, exceed (6.2 in o200k).
_BYTES_OF_WORDS = 3
#: The same for JSON, which is full of signs: 2.1 bytes in English, 2.7 in Russian.
_BYTES_OF_JSON = 2
#: Tokens that wrap a message: its role and its ends. OpenAI's chat format has 4 of them.
_WRAPPING = 8


@dataclass(frozen=True, slots=True)
class Message:
    """Everything that one side said in a row, one line each."""

    who: Speaker
    text: str


def encodable(text: str) -> str:
    """The text without halves of characters, which JSON can hold (as "\\ud83d") and UTF-8 cannot:
    a model that cuts an emoji into two tokens may write them, and a tool may give them."""
    return text.encode("utf-8", "ignore").decode("utf-8")


def tokens_of_words(text: str) -> int:
    """Return an upper estimate of a message's tokens."""
    return len(text.encode("utf-8", "ignore")) // _BYTES_OF_WORDS + _WRAPPING


def tokens_of_json(text: str) -> int:
    """The same for a message of JSON."""
    return len(text.encode("utf-8", "ignore")) // _BYTES_OF_JSON + _WRAPPING


def tokens_of_tool(spec: ToolSpec) -> int:
    """Return the same estimate for the description of a tool."""
    described = json.dumps(dict(spec.parameters), ensure_ascii=False)
    return tokens_of_words(spec.description) + tokens_of_json(spec.name + described)


def newest(history: Sequence[Item], tokens: int) -> Sequence[Item]:
    """The newest turns that have at most so many tokens, whole.

    A turn is what the caller said, and what was said and done until the caller spoke again. The
    last one is always there: without it there would be nothing to answer."""
    end = begin = len(history)
    while begin:
        previous = _beginning_of_turn(history, begin)
        tokens -= sum(map(_tokens, history[previous:begin]))
        if tokens < 0 and begin < end:
            break
        begin = previous
    return history[begin:]


def messages(history: Sequence[Item], interrupted: str) -> Iterator[Message | ToolUsed]:
    """A history as a model is given it. `interrupted` ends what the caller cut off."""
    for who, items in groupby(history, key=_side):
        if who is None:
            for item in items:
                if isinstance(item, ToolUsed):
                    arguments, result = _object(item.arguments), encodable(item.result)
                    yield replace(item, arguments=encodable(arguments), result=result)
        else:
            lines = (
                item.text + (interrupted if item.interrupted else "")
                for item in items
                if isinstance(item, Said)
            )
            yield Message(who, encodable("\n".join(lines)))


def _object(arguments: str) -> str:
    """The arguments, where they are an object in JSON. vLLM, SGLang and llama.cpp refuse a
    conversation with others, and what came of them tells the model enough."""
    try:
        return arguments if isinstance(json.loads(arguments), dict) else "{}"
    except ValueError:
        return "{}"


def _side(item: Item) -> Speaker | None:
    return item.who if isinstance(item, Said) else None


def _beginning_of_turn(history: Sequence[Item], end: int) -> int:
    """Return the index at which the turn before `end` begins."""
    begin = end - 1
    while begin and not (
        _side(history[begin]) == "caller" and _side(history[begin - 1]) != "caller"
    ):
        begin -= 1
    return begin


def _tokens(item: Item) -> int:
    if isinstance(item, Said):
        return tokens_of_words(item.text)
    return tokens_of_json(item.name + item.arguments) + tokens_of_json(item.result)
