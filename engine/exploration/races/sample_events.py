"""Sample events: examples of each event that a chart can receive.

A sample fits the call's data: it names the current reply, and the last utterance or the next one.
Its text has some words or none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from itertools import product
from typing import Any, get_type_hints

from callchart.engine.data import CallData, Facts, FillerClip
from callchart.engine.events import Event, ReplyWritten

#: Facts with a filler, so that a state can play it.
FACTS = Facts(fillers=(FillerClip("Well,", 0.5, (0.2, 0.5)),))

#: No words, a backchannel, and other words.
TEXTS = ("", "yes", "tell me more")

#: (chunks, marked, ends_call, transfer_to): an answer, one before a transfer, one before a hangup,
#: and a hangup without a word.
WRITTEN = ((2, 1, False, ""), (1, 0, False, "1000"), (1, 0, True, ""), (0, 0, True, ""))

_BY_TYPE: Mapping[Any, Sequence[Any]] = {bool: [False], int: [1], float: [1.0], str: ["1"]}


def samples(kind: type[Event], data: CallData) -> Sequence[Event]:
    """Return events of this class that may come while the call has this data.

    For an event of your own with a field of a type that JSON does not have, return none."""
    hashable: Any = kind
    return _samples(hashable, data.reply.number, data.ended, data.ended > data.answered)


@lru_cache(maxsize=10_000)
def _samples(kind: type[Event], reply: int, ended: int, is_unanswered: bool) -> Sequence[Event]:
    if kind is ReplyWritten:
        return [ReplyWritten(reply, *written) for written in WRITTEN]
    of_this_call: dict[str, Sequence[Any]] = {
        "utterance": [ended + 1, ended] if is_unanswered else [ended + 1],
        "reply": [reply],
        "text": TEXTS,
    }
    types = get_type_hints(kind)
    given = []
    for field in fields(kind):
        values = of_this_call.get(field.name) or _BY_TYPE.get(types[field.name])
        if values is None:
            return []
        given.append(values)
    return [kind(*values) for values in product(*given)]
