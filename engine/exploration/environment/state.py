"""The state of a call's environment: what each port knows and may still report."""

from __future__ import annotations

from typing import NamedTuple

from callchart.engine.events import Event


class EnvironmentState(NamedTuple):
    """The state of the ports of one call. Numbers are those of its utterances and replies."""

    # hear: the state that has the activity, "" while no state hears
    hearing: str = ""
    utterance: int = 0
    speaking: bool = False
    #: The utterances whose final is still to come.
    pending_finals: tuple[int, ...] = ()
    recogniser_failed: bool = False

    # reply: the state that has the activity; the number of the reply that it writes, 0: none
    replying: str = ""
    reply: int = 0
    by_model: bool = False
    written: bool = False
    failed: bool = False
    #: The reply is a draft. `drafts` counts those since the last answer.
    draft: bool = False
    drafts: int = 0

    # play and fill: the state that has the activity
    playing: str = ""
    filling: str = ""

    # the line
    answered: bool = False
    remote_hung_up: bool = False
    closed: bool = False
    hung_up: bool = False
    transferring: bool = False

    #: A tool runs that outlives its reply.
    tool_running: bool = False

    #: How often the caller may still begin to speak.
    turns: int = 0

    #: Events that effects raise: they come before any other.
    raised: tuple[Event, ...] = ()
