"""Where the world around a call stands: what each port may still say, and what it was told."""

from __future__ import annotations

from typing import NamedTuple

from callchart.engine.events import Event


class Situation(NamedTuple):
    """The ports of one call. Numbers are those of the call's utterances and replies."""

    # hear: the state whose activity it is, "" where nobody hears
    hearing: str = ""
    utterance: int = 0
    speaking: bool = False
    #: Utterances whose final is still to come.
    owed: tuple[int, ...] = ()
    recogniser_failed: bool = False

    # reply: the state whose activity it is; the reply that is written there, 0: none
    replying: str = ""
    reply: int = 0
    by_model: bool = False
    written: bool = False
    failed: bool = False
    #: It is not certain to be heard; and how many such were begun since the last answer.
    draft: bool = False
    drafts: int = 0

    # play and fill: the state whose activity it is
    playing: str = ""
    filling: str = ""

    # the line
    answered: bool = False
    remote_hung_up: bool = False
    closed: bool = False
    hung_up: bool = False
    transferring: bool = False

    #: A tool is at work that finishes whatever comes.
    at_work: bool = False

    #: How often the caller may still begin to speak.
    turns: int = 0

    #: What effects have found out: taken before anything else.
    raised: tuple[Event, ...] = ()
