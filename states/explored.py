"""What an exploration of the default chart need not tell apart.

Each value says of which data nothing depends any more where the call stands. That it is true is
checked: calls that differ in such data alone go the same ways (`callchart explore --compare`)."""

from __future__ import annotations

from dataclasses import replace

from engine.data import CallData
from engine.world import NOTHING, Forgotten, Phone, Situation
from states.chart import CHART

#: Nothing that the caller says or that fails changes the last words.
LAST_WORDS = Forgotten(
    data={
        "question": (),
        "partial": "",
        "ended": 0,
        "recognised": 0,
        "answered": 0,
        "interrupted": "",
        "reprompts": 0,
        "apologies": 0,
        "filler": None,
    },
    reply={
        "purpose": "farewell",
        "script": "script",
        "transfer_to": "",
        "ready": True,
        "chunks": None,
        "failure": None,
    },
    world={
        "utterance": 1,
        "speaking": False,
        "owed": (1,),
        "recogniser_failed": False,
        "failed": False,
        "by_model": False,
        "turns": 1,
    },
)
#: The call ends, whatever was said.
THE_END = Forgotten(
    data=LAST_WORDS.data,
    reply={**LAST_WORDS.reply, "interruptible": False, "ends_call": True},
    world={"turns": 0},
)
#: No reply is alive: the next one is a new one.
THE_CALLERS_TURN = Forgotten(
    data={"interrupted": "", "filler": None},
    reply={"purpose": "", "script": None, "ready": False, "chunks": None, "failure": None},
)
#: A false alarm comes back to where it is played, whatever there is of it.
PLAYED = Forgotten(
    data={"interrupted": "", "filler": None},
    reply={"script": None, "ready": True, "chunks": 1},
)
#: Of a script, all is written, and only a failure of it counts.
SCRIPT = replace(PLAYED, world={"written": True})
#: Nor does it count as an answer.
NO_ANSWER = replace(SCRIPT, reply={**PLAYED.reply, "purpose": "apology"})
#: Nobody has spoken into it.
UNINTERRUPTED = Forgotten(data={"interrupted": ""})


def forget(leaf: str, data: CallData, world: Situation) -> Forgotten:
    """What is over and done."""
    if not leaf.startswith("call"):
        return THE_END
    if data.reply.ends_call and not data.reply.interruptible:
        return LAST_WORDS
    if not leaf.startswith("call.turn"):
        return THE_CALLERS_TURN
    if "barged_in" in leaf:
        return NOTHING
    if not world.playing:
        return UNINTERRUPTED
    if world.by_model:
        return PLAYED
    return NO_ANSWER if data.reply.purpose in ("apology", "reprompt") else SCRIPT


#: The world in which the default chart is explored.
WORLD = Phone(CHART, forget=forget)
