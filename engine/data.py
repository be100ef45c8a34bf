"""The data of a call: all that guards, updates and delays read besides the event and the moment.

Data is frozen: only the named updates of a reaction replace it. It begins with the call's settings,
its seed and the facts that are known then. A journal's head holds these three, for a replay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from callchart.engine.memory import (
    CONSTANT,
    FIELD_BY_FIELD,
    Seen,
    capped,
    forget,
    is_set,
    memory,
    truthy,
    utterance_number,
)
from callchart.engine.settings import Settings

Speaker = Literal["caller", "agent"]


@dataclass(frozen=True, slots=True)
class Said:
    """Words that one side said and the other heard.

    `reply` is the number of the reply that contains the agent's words. `interrupted`: the caller
    interrupted the agent after these words."""

    who: Speaker
    text: str
    reply: int | None = None
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class ToolUsed:
    """A tool that the model used, and its result, as the model reads it.

    `arguments` is JSON, as the model wrote it. `use` counts the call's uses, from 1."""

    name: str
    arguments: str
    result: str
    use: int = 0


@dataclass(frozen=True, slots=True)
class FillerClip:
    """A filler that was synthesised ahead of time.

    `duration` and `word_ends` are seconds from the beginning of its sound; journals hold them by
    these names."""

    text: str
    duration: float
    word_ends: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Scripts:
    """The words that a bot says without a model, and the backchannels of its callers.

    They are in one place, so that a bot can speak another language."""

    greeting: str = "Hello, this is the shop. How can I help you?"
    reprompt: str = "Are you still there?"
    apology: str = "I am sorry, something went wrong. Please say that again."
    regret: str = "I am sorry, I cannot go on with this call. Goodbye."
    farewell: str = "Thank you for calling. Goodbye."
    waiting: str = "One moment, please."
    fillers: tuple[str, ...] = ("Well,", "So,", "Let me see,", "Right,")
    #: The words of a caller who only listens; case and punctuation do not count.
    backchannels: tuple[str, ...] = (
        *("uh-huh", "mhm", "mm-hmm", "hmm", "mm", "aha", "ah", "oh"),
        *("yes", "yeah", "yep", "right", "all right", "alright", "ok", "okay", "sure"),
        *("I see", "got it", "go on"),
    )


@dataclass(frozen=True, slots=True)
class Parties:
    """The two sides of a call. A field is "" if the carrier does not know it.

    `caller` and `dialled` are numbers or names of extensions. `variables` are the carrier's own
    (channel variables of a dialplan), as (name, value), in the configured order. `outgoing`: we
    placed the call, and `dialled` is the other side."""

    caller: str = ""
    dialled: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    outgoing: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts that are known when a call begins."""

    call_id: str = ""
    rate_hz: int = 16000
    parties: Parties = Parties()
    scripts: Scripts = Scripts()
    fillers: tuple[FillerClip, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of the agent.

    `purpose` says why the agent says it: "answer", or the name of a script."""

    number: int = memory(abstraction=forget(1))
    purpose: str = memory()
    #: The text; None if the model writes it.
    script: str | None = memory(None, abstraction=is_set("script"))
    interruptible: bool = memory(True)
    ends_call: bool = memory(False)
    #: The number that the call is transferred to after the reply, or "".
    transfer_to: str = memory("", abstraction=truthy("1000", ""))
    #: True when its first sound is synthesised.
    ready: bool = memory(False)
    #: True when the caller has heard some of it.
    heard: bool = memory(False)
    #: The number of its chunks; None until its text is complete.
    chunks: int | None = memory(None, abstraction=capped(2))
    #: The reason why it cannot be completed, or None.
    failure: str | None = memory(None, abstraction=is_set("failed"))


def _all_is_answered(seen: Seen) -> bool:
    fields = seen.fields
    return bool(max(fields["ended"], fields["recognised"]) <= fields["answered"])


def _ended(seen: Seen) -> int:
    """Return `ended`, or `answered` if all is answered: its exact value does not count then."""
    return int(seen.fields["answered" if _all_is_answered(seen) else "ended"])


def _recognised(seen: Seen) -> int:
    """Return `recognised`. If all is answered, it only counts whether every final has come."""
    ended, recognised = seen.fields["ended"], seen.fields["recognised"]
    if _all_is_answered(seen):
        return int(seen.fields["answered"] - (recognised < ended))
    return int(recognised)


@dataclass(frozen=True)
class CallData:
    """The data of one call that the engine reads. A chart's subclass adds fields.

    Each field declares how an exploration abstracts it (callchart.engine.memory)."""

    settings: Settings = memory(default_factory=Settings, abstraction=CONSTANT)
    seed: int = memory(0, abstraction=CONSTANT)
    facts: Facts = memory(default_factory=Facts, abstraction=CONSTANT)
    #: The words and the tools of the call, oldest first, for the model's prompt and the report.
    #: The representative has words of the agent, because updates mark and continue such an entry.
    history: tuple[Said | ToolUsed, ...] = memory(
        (), abstraction=forget((Said("agent", "words", 1),))
    )
    #: Three numbers of utterances: the last that the caller has ended, the last with a final, and
    #: the last that is answered. A final of an answered utterance is late.
    ended: int = memory(0, abstraction=utterance_number(_ended))
    recognised: int = memory(0, abstraction=utterance_number(_recognised))
    answered: int = memory(0, abstraction=utterance_number())
    #: The current reply, or the last one.
    reply: Reply = memory(Reply(0, "none"), abstraction=FIELD_BY_FIELD)
    #: The index into `facts.fillers` of this turn's filler.
    filler: int | None = memory(None, abstraction=is_set(0))

    @property
    def said(self) -> tuple[Said, ...]:
        """The words of the history, without its tools."""
        return tuple(item for item in self.history if isinstance(item, Said))

    @classmethod
    def begin(cls, settings: Settings, seed: int, facts: Facts) -> Self:
        """Return the data at the beginning of a call: the current reply is the greeting.

        Raises `TypeError` if the settings have another class than those of the data."""
        expected = type(cls().settings)
        if not isinstance(settings, expected):
            raise TypeError(
                f"settings of {cls.__name__} must be {expected.__name__}, "
                f"got {type(settings).__name__}"
            )
        greeting = Reply(1, "greeting", facts.scripts.greeting)
        return cls(settings=settings, seed=seed, facts=facts, reply=greeting)
