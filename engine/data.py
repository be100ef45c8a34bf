"""A call's extended state: everything that guards, updates and delays may read besides the event.

It is frozen, and changes only by the named updates of a transition. It holds the call's settings,
its seed and the facts it began with, so that a journal's head is enough to begin it again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, Self

from callchart.engine.settings import Settings

Speaker = Literal["caller", "agent"]


@dataclass(frozen=True, slots=True)
class Said:
    """One side's words, as they were heard. `reply` is the agent's reply they belong to.

    `interrupted`: the caller cut the agent off after these words."""

    who: Speaker
    text: str
    reply: int | None = None
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class ToolUsed:
    """A tool that the model used, and what came of it, as the model is to read it.

    `arguments` is JSON, as the model wrote it. `use` counts the call's uses, from 1."""

    name: str
    arguments: str
    result: str
    use: int = 0


@dataclass(frozen=True, slots=True)
class AtWork:
    """A use of a tool that finishes whatever becomes of its reply, at the latest `until` (us)."""

    use: int
    until: int


@dataclass(frozen=True, slots=True)
class FillerClip:
    """A filler that was synthesised ahead of time: its text, length, and where its words end.

    Seconds from the beginning of its sound."""

    text: str
    duration: float
    word_ends: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Scripts:
    """What is said without a model, and what callers say to it that is no question.

    One place, so that a bot can be given another language."""

    greeting: str = "Hello, this is the shop. How can I help you?"
    reprompt: str = "Are you still there?"
    apology: str = "I am sorry, something went wrong. Please say that again."
    regret: str = "I am sorry, I cannot go on with this call. Goodbye."
    farewell: str = "Thank you for calling. Goodbye."
    waiting: str = "One moment, please."
    fillers: tuple[str, ...] = ("Well,", "So,", "Let me see,", "Right,")
    #: What a caller says who listens, and does not want the turn: in any case and punctuation.
    backchannels: tuple[str, ...] = (
        *("uh-huh", "mhm", "mm-hmm", "hmm", "mm", "aha", "ah", "oh"),
        *("yes", "yeah", "yep", "right", "all right", "alright", "ok", "okay", "sure"),
        *("I see", "got it", "go on"),
    )


@dataclass(frozen=True, slots=True)
class Parties:
    """Who phones whom, as the carrier knows it; "" where it does not.

    `caller` and `dialled` are numbers or names of extensions. `variables` are the carrier's own
    (a dialplan's channel variables), as (name, value), in the order asked for. `outgoing`: we
    placed the call, and `dialled` is the other side."""

    caller: str = ""
    dialled: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    outgoing: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when the call begins."""

    call_id: str = ""
    rate_hz: int = 16000
    parties: Parties = Parties()
    scripts: Scripts = Scripts()
    fillers: tuple[FillerClip, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of the agent. `script` is its text, or None when the model writes it.

    `purpose` says why it is said: "answer", or the name of a script. `ready`: its first sound is
    there. `heard`: the caller has heard something of it. `chunks`: of how many pieces it is, once
    its text is complete. `failure`: why it will not be complete. `transfer_to`: whom the caller is
    handed on to once it is said, or ""."""

    number: int
    purpose: str
    script: str | None = None
    interruptible: bool = True
    ends_call: bool = False
    transfer_to: str = ""
    ready: bool = False
    heard: bool = False
    chunks: int | None = None
    failure: str | None = None


@dataclass(frozen=True)
class CallData:
    """The data of one call. A chart of your own may subclass it to remember more."""

    settings: Settings = field(default_factory=Settings)
    seed: int = 0
    facts: Facts = field(default_factory=Facts)
    #: What was said, heard and done, oldest first: the model's prompt, and the report.
    history: tuple[Said | ToolUsed, ...] = ()
    #: Finals of utterances not answered yet, in order.
    question: tuple[str, ...] = ()
    #: The last partial of an utterance without a final, or "", and which utterance it is of.
    partial: str = ""
    partial_of: int = 0
    #: Those of earlier utterances that have no final either, in order: (which, partial).
    unfinished: tuple[tuple[int, str], ...] = ()
    #: The last utterance that the caller ended, that has a final, and that was answered: a final
    #: of an utterance already answered is late.
    ended: int = 0
    recognised: int = 0
    answered: int = 0
    #: A question is in the history, and nothing of a reply was heard after it.
    unanswered: bool = False
    #: The last utterance that the recogniser itself took to be over.
    heard_out: int = 0
    #: Since when the caller is silent, where they are (us).
    silent_since: int = 0
    #: The words that the reply under way answers unheard, as a draft, or "", and how many drafts
    #: this turn had.
    draft: str = ""
    drafted: int = 0
    #: The reply under way, or the last one.
    reply: Reply = Reply(0, "none")
    #: What the last barge-in spoke into: a false alarm goes back there.
    interrupted: Literal["", "greeting", "thinking", "speaking"] = ""
    #: How much of a reply was still to be said when it was spoken into (s).
    left: float = math.inf
    #: Index into `facts.fillers` of this turn's filler, of the one before, and its start (us).
    filler: int | None = None
    last_filler: int | None = None
    filler_at: int = 0
    #: Until when the sound lasts that is on its way to the line, as far as is known (us).
    sound_until: int = 0
    #: How many of the reply's chunks have all of their sound on its way to the line, or had.
    queued: int = 0
    #: In a row: reprompts without an answer of the caller's, apologies without one of ours.
    reprompts: int = 0
    apologies: int = 0
    line_closed: bool = False
    #: Tools that go on, whatever becomes of the reply that wanted them.
    at_work: tuple[AtWork, ...] = ()

    @property
    def partials(self) -> tuple[tuple[int, str], ...]:
        """All words without a final, in order: (which utterance, partial)."""
        last = ((self.partial_of, self.partial),) if self.partial else ()
        return (*self.unfinished, *last)

    @property
    def said(self) -> tuple[Said, ...]:
        """Of the history, what was said and heard."""
        return tuple(item for item in self.history if isinstance(item, Said))

    @classmethod
    def begin(cls, settings: Settings, seed: int, facts: Facts) -> Self:
        """The data a call begins with: its greeting is the reply under way."""
        greeting = Reply(1, "greeting", facts.scripts.greeting)
        return cls(settings=settings, seed=seed, facts=facts, reply=greeting)
