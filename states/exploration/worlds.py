"""The environments in which the default chart is explored: `WORLD`, and `WITH_DRAFTS`.

Their canonical values replace data that no later step of a call depends on, so that an exploration
treats more calls as one. Two tests check them indirectly. One draws explored paths at random: at
least three in four must be paths of a real call with all its data, and each step must lead where
the exploration says (tests/states/exploration/test_on_the_engine.py). The other puts mistakes into
the chart: the exploration must still find them (`make mutants`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from callchart.engine.exploration.environment import (
    NOTHING,
    CanonicalValues,
    EnvironmentState,
    Phone,
    spoken,
)
from callchart.states.chart import CHART
from callchart.states.data import PhoneData
from callchart.states.exploration.properties import PROPERTIES

#: Only `hangup` reads the running tools, and a tool may still begin there.
_TOOLS: Mapping[str, Any] = {"running_tools": ()}
_NO_TOOL: Mapping[str, Any] = {"tool_running": False}
_NO_FILLER: Mapping[str, Any] = {"filler": None, "last_filler": None}

#: While the last words play, neither words of the caller nor failures change anything.
LAST_WORDS = CanonicalValues(
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
        "left_s": math.inf,
        "queued_chunks": 0,
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
    environment={
        "utterance": 1,
        "speaking": False,
        "pending_finals": (1,),
        "recogniser_failed": False,
        "failed": False,
        "by_model": False,
        "draft": False,
        "drafts": 0,
        "turns": 1,
        "tool_running": False,
    },
)
#: The call is at its end: the caller's words no longer count.
THE_END = CanonicalValues(
    data={k: v for k, v in LAST_WORDS.data.items() if k != "running_tools"},
    reply={**LAST_WORDS.reply, "interruptible": False, "ends_call": True},
    environment={"turns": 0},
)
#: In the caller's turn there is no reply: the last one no longer counts.
THE_CALLERS_TURN = CanonicalValues(
    data={**_TOOLS, **_NO_FILLER, "interrupted": "", "left_s": math.inf, "queued_chunks": 0},
    reply={
        "purpose": "",
        "script": None,
        "transfer_to": "",
        "ready": False,
        "heard": False,
        "chunks": None,
        "failure": None,
    },
    environment=_NO_TOOL,
)
#: The reply plays. After a false alarm it goes on, even if it was not ready.
PLAYED = CanonicalValues(
    data={**_TOOLS, **_NO_FILLER, "interrupted": ""},
    reply={"script": None, "ready": True},
    environment=_NO_TOOL,
)
#: The reply is a script: its text is complete, and only its failure counts.
SCRIPT = CanonicalValues(PLAYED.data, {**PLAYED.reply, "chunks": 1}, _NO_TOOL)
#: The reply is an apology or a reprompt, which does not count as an answer.
NO_ANSWER = CanonicalValues(SCRIPT.data, {**SCRIPT.reply, "purpose": "apology"}, _NO_TOOL)
#: No function reads the state that was interrupted before. The value is wrong on purpose: a chart
#: that reads it breaks a property.
UNINTERRUPTED = CanonicalValues({**_TOOLS, "interrupted": "speaking"}, environment=_NO_TOOL)
INTERRUPTED = CanonicalValues(_TOOLS, environment=_NO_TOOL)


def forget(leaf: str, data: PhoneData, environment: EnvironmentState) -> CanonicalValues:
    """Return the canonical values of the fields that no later step depends on."""
    return cap_drafts(_canonical(leaf, data, environment), data, environment)


def forget_but_drafts(leaf: str, data: PhoneData, environment: EnvironmentState) -> CanonicalValues:
    """Return the canonical values like `forget`, but keep a draft that outlives its turn.

    After the draft of a turn, it only counts whether a partial has words."""
    if data.draft and not leaf.startswith("call.turn"):
        return cap_drafts(NOTHING, data, environment)
    canonical = forget(leaf, data, environment)
    if not data.drafted or data.draft or "partial" in canonical.data:
        return canonical
    words = {
        "partial": spoken(data.partial),
        "unfinished": tuple((number, spoken(text)) for number, text in data.unfinished),
    }
    return replace(canonical, data={**canonical.data, **words})


def cap_drafts(
    canonical: CanonicalValues, data: PhoneData, environment: EnvironmentState
) -> CanonicalValues:
    """Limit the count of drafts to one more than the setting allows, which breaks a property."""
    limit = data.settings.drafts + 1
    if environment.drafts <= limit:
        return canonical
    return replace(canonical, environment={"drafts": limit, **canonical.environment})


def _canonical(leaf: str, data: PhoneData, environment: EnvironmentState) -> CanonicalValues:
    if not leaf.startswith("call"):
        return THE_END
    if data.reply.ends_call and not data.reply.interruptible:
        return LAST_WORDS
    if not leaf.startswith("call.turn"):
        return THE_CALLERS_TURN
    if "barged_in" in leaf:
        return INTERRUPTED
    if not environment.playing:
        return UNINTERRUPTED
    if environment.by_model:
        return PLAYED
    return NO_ANSWER if data.reply.purpose in ("apology", "reprompt") else SCRIPT


#: Calls without drafts, each with at most one apology and one reprompt in a row.
WORLD = Phone(
    CHART,
    words=("", "words", "uh-huh"),
    forget=forget,
    more_properties=PROPERTIES,
    settings={"apologies": 1, "reprompts": 1},
)
#: Calls with drafts. A draft answers certain words, so an exploration tells words apart.
WITH_DRAFTS = replace(
    WORLD,
    name="with drafts",
    word_for=str.strip,
    forget=forget_but_drafts,
    settings={**WORLD.settings, "drafts": 1},
    turns=1,
)
WORLDS = (WORLD, WITH_DRAFTS)
