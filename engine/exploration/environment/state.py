"""The state of a call's environment: the state of each of its ports."""

from __future__ import annotations

from typing import NamedTuple

from callchart.engine.events import Event


class EnvironmentState(NamedTuple):
    """The state of all ports of one call."""

    #: The active state with the activity `hear`, or "".
    hearing: str = ""
    #: The number of the last utterance.
    utterance: int = 0
    speaking: bool = False
    #: The numbers of the utterances that have no final yet.
    pending_finals: tuple[int, ...] = ()
    recogniser_failed: bool = False

    #: The active state with the activity `reply`, or "".
    replying: str = ""
    #: The number of the reply that it writes, or 0.
    reply: int = 0
    #: The model writes the text of the reply.
    by_model: bool = False
    written: bool = False
    failed: bool = False
    #: The reply is a draft.
    draft: bool = False
    #: The number of drafts since the last answer.
    drafts: int = 0

    #: The active states with the activities `play` and `fill`, or "".
    playing: str = ""
    filling: str = ""

    # The line.
    answered: bool = False
    remote_hung_up: bool = False
    closed: bool = False
    hung_up: bool = False
    transferring: bool = False

    #: A tool runs that may outlive its reply.
    tool_running: bool = False

    #: The number of times that the caller may still begin to speak.
    turns: int = 0

    #: Events that effects raised: they come before all others.
    raised: tuple[Event, ...] = ()
