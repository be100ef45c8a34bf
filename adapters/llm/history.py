"""The part of a call's history that a model gets: the newest whole turns, within a token limit.

Tokens are estimated from bytes, and the estimate is high. We use no tokenizer, because each model
has its own, and most would have to be downloaded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from callchart.engine.data import Said, Speaker, ToolUsed
from callchart.engine.ports import ToolSpec

Item = Said | ToolUsed

#: A lower bound of the bytes of UTF-8 in a token of words. Measured on prompts and talk with
#: OpenAI's vocabularies: English has 4.3 bytes in a token; Russian has 3.8 in the older vocabulary
#: (cl100k) and 6.2 in a newer one (o200k), which is made for more languages.
_BYTES_PER_TOKEN_OF_WORDS = 3
#: The same for JSON, which is full of punctuation: measured 2.1 bytes in English, 2.7 in Russian.
_BYTES_PER_TOKEN_OF_JSON = 2
#: The extra tokens of a message: its role and its delimiters. OpenAI's chat format has 4 of them.
_TOKENS_AROUND_MESSAGE = 8


@dataclass(frozen=True, slots=True)
class Message:
    """All that one side said in a row, with a line for each item."""

    who: Speaker
    text: str


def encodable(text: str) -> str:
    """Return the text without lone surrogates, which JSON can hold (as "\\ud83d") and UTF-8 cannot.

    A model that cuts an emoji into two tokens may write them, and a tool may return them."""
    return text.encode("utf-8", "ignore").decode("utf-8")


def tokens_of_words(text: str) -> int:
    """Return an upper estimate of a message's tokens."""
    return len(text.encode("utf-8", "ignore")) // _BYTES_PER_TOKEN_OF_WORDS + _TOKENS_AROUND_MESSAGE


def tokens_of_json(text: str) -> int:
    """Return an upper estimate of the tokens of a message of JSON."""
    return len(text.encode("utf-8", "ignore")) // _BYTES_PER_TOKEN_OF_JSON + _TOKENS_AROUND_MESSAGE


def tokens_of_tool(spec: ToolSpec) -> int:
    """Return an upper estimate of the tokens of a tool's description."""
    described = json.dumps(dict(spec.parameters), ensure_ascii=False)
    return tokens_of_words(spec.description) + tokens_of_json(spec.name + described)


def newest(history: Sequence[Item], tokens: int) -> Sequence[Item]:
    """Return the newest whole turns that have at most `tokens` together.

    A turn begins with the caller's words and ends before their next words. The last turn is always
    included, even if it has more tokens: it contains the question to answer."""
    end = begin = len(history)
    while begin:
        previous = _beginning_of_turn(history, begin)
        tokens -= sum(map(_tokens, history[previous:begin]))
        if tokens < 0 and begin < end:
            break
        begin = previous
    return history[begin:]


def messages(history: Sequence[Item], interrupted: str) -> Iterator[Message | ToolUsed]:
    """Yield the history in the model's form. `interrupted` marks the end of an interrupted text."""
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
    """Return the arguments if they are a JSON object, otherwise "{}".

    vLLM, SGLang and llama.cpp refuse a conversation with other arguments. The tool's result still
    tells the model that its arguments were wrong."""
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
