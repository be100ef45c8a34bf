"""What an exploration of the default chart need not tell apart, and what its callers say.

Each value says of which data nothing depends any more where the call stands. That is claimed here,
and checked indirectly alone: of the ways explored that tests draw by lot, three in four at least
are gone by a real call with all its data, each step of which leads where the exploration says
(tests/states/exploration/test_on_the_engine.py); and mistakes put into the chart are found in spite
of what is forgotten (`make mutants`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from callchart.engine.data import CallData
from callchart.engine.exploration.environment import NOTHING, Forgotten, Phone, Situation, spoken
from callchart.states.chart import CHART
from callchart.states.exploration.properties import PROPERTIES

#: Tools at work are asked for at the end alone, and one may begin as late as that.
_TOOLS: Mapping[str, Any] = {"at_work": ()}
_NO_FILLER: Mapping[str, Any] = {"filler": None, "last_filler": None}

#: Nothing that the caller says or that fails changes the last words.
LAST_WORDS = Forgotten(
    data={
        **_TOOLS,
        **_NO_FILLER,
        "question": (),
        "partial": "",
        "unfinished": (),
        "draft": "",
        "drafted": 0,
        "ended": 0,
        "recognised": 0,
        "answered": 0,
        "unanswered": False,
        "interrupted": "",
        "left": math.inf,
        "queued": 0,
        "reprompts": 0,
        "apologies": 0,
    },
    reply={
        "purpose": "farewell",
        "script": "script",
        "transfer_to": "",
        "ready": True,
        "heard": True,
        "chunks": 1,
        "failure": None,
    },
    world={
        "utterance": 1,
        "speaking": False,
        "owed": (1,),
        "recogniser_failed": False,
        "failed": False,
        "by_model": False,
        "draft": False,
        "drafts": 0,
        "turns": 1,
        "at_work": False,
    },
)
#: The call ends, whatever was said.
THE_END = Forgotten(
    data={k: v for k, v in LAST_WORDS.data.items() if k != "at_work"},
    reply={**LAST_WORDS.reply, "interruptible": False, "ends_call": True},
    world={"turns": 0},
)
#: No reply is alive: the next one is a new one.
THE_CALLERS_TURN = Forgotten(
    data={**_TOOLS, **_NO_FILLER, "interrupted": "", "left": math.inf, "queued": 0},
    reply={
        "purpose": "",
        "script": None,
        "transfer_to": "",
        "ready": False,
        "heard": False,
        "chunks": None,
        "failure": None,
    },
    world={"at_work": False},
)
#: A false alarm comes back to where it is played, whether it was ready or not.
PLAYED = Forgotten(
    data={**_TOOLS, **_NO_FILLER, "interrupted": ""},
    reply={"script": None, "ready": True},
    world={"at_work": False},
)
#: Of a script, all is written, and only a failure of it counts.
SCRIPT = Forgotten(
    data=PLAYED.data,
    reply={**PLAYED.reply, "chunks": 1},
    world={"at_work": False},
)
#: Nor does it count as an answer.
NO_ANSWER = Forgotten(SCRIPT.data, {**SCRIPT.reply, "purpose": "apology"}, SCRIPT.world)
#: What was interrupted before is forgotten as what it was not: whoever goes by it goes wrong.
UNINTERRUPTED = Forgotten({**_TOOLS, "interrupted": "speaking"}, world={"at_work": False})
INTERRUPTED = Forgotten(_TOOLS, world={"at_work": False})


def forget(leaf: str, data: CallData, world: Situation) -> Forgotten:
    """What is over and done."""
    if not leaf.startswith("call"):
        return THE_END
    if data.reply.ends_call and not data.reply.interruptible:
        return LAST_WORDS
    if not leaf.startswith("call.turn"):
        return THE_CALLERS_TURN
    if "barged_in" in leaf:
        return INTERRUPTED
    if not world.playing:
        return UNINTERRUPTED
    if world.by_model:
        return PLAYED
    return NO_ANSWER if data.reply.purpose in ("apology", "reprompt") else SCRIPT


def forget_but_drafts(leaf: str, data: CallData, world: Situation) -> Forgotten:
    """The same, but for a draft that outlives its turn; and which words a partial has, once the
    turn had its draft, and it is over."""
    if data.draft and not leaf.startswith("call.turn"):
        return NOTHING
    forgotten = forget(leaf, data, world)
    if not data.drafted or data.draft or "partial" in forgotten.data:
        return forgotten
    words = {
        "partial": spoken(data.partial),
        "unfinished": tuple((of, spoken(text)) for of, text in data.unfinished),
    }
    return replace(forgotten, data={**forgotten.data, **words})


#: The world in which the default chart is explored. What counts up to a limit, counts up to one.
WORLD = Phone(
    CHART,
    words=("", "words", "uh-huh"),
    forget=forget,
    more_properties=PROPERTIES,
    settings={"apologies": 1, "reprompts": 1},
)
#: The same where answers are begun early: which words were said matters, as a draft is for some.
WITH_DRAFTS = replace(
    WORLD,
    name="with drafts",
    word_for=str.strip,
    forget=forget_but_drafts,
    settings={**WORLD.settings, "drafts": 1},
    turns=1,
)
WORLDS = (WORLD, WITH_DRAFTS)
