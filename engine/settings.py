"""Every number of a call, with its unit, its default, and where the default comes from.

A chart refers to a setting by name (`settings.no_input`), so that diagrams can show the name and a
journal the value. Durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Self

#: No setting means more than that: in seconds, thirty years.
MOST = 1e9


class SettingError(ValueError):
    """A setting is unknown, or its value makes no sense. The message says which, and what would."""


def setting(default: Any, unit: str, why: str, *, least: float = 0.0) -> Any:
    """A field of `Settings`: `why` is the source of the default, `least` its smallest value."""
    return field(default=default, metadata={"unit": unit, "why": why, "least": least})


@dataclass(frozen=True)
class Settings:
    """What can be set for a call. Subclass it to add your own; `callchart settings` lists them."""

    # whose turn it is
    end_of_turn: float = setting(
        0.7,
        "s",
        "silence that ends the caller's turn; the predecessor waited 1.2 s for it, and a "
        "caller who goes on takes the turn back",
    )
    end_of_turn_least: float = setting(
        0.4,
        "s",
        "silence after what sounds like the end: a question, or an end that the recogniser itself "
        "hears; pauses within a sentence are mostly shorter",
    )
    end_of_turn_most: float = setting(
        1.0,
        "s",
        'silence after what sounds unfinished: a comma, an "and", an "um"; nobody should hear '
        "silence for more than 3 s, and an answer may need `longest_silence`",
    )
    words_wait: float = setting(
        2.0,
        "s",
        "how long a final may lag behind `end_of_turn`; slower recognisers are answered from "
        "their last partial",
    )
    drafts: int = setting(
        0,
        "a turn",
        "answers begun before the turn is certain to be over, and dropped where the words differ: "
        "sooner heard, and each costs a request to the model; 0: none",
    )
    longest_utterance: float = setting(
        30.0, "s", "speech without a pause is answered after this; the predecessor cut at 15 s"
    )
    no_input: float = setting(
        6.0, "s", "silence before the caller is asked again; VoiceXML platforms use 5 to 7 s"
    )
    reprompts: int = setting(2, "times", "then we say goodbye; VoiceXML's usual three tries in all")

    # interruptions
    barge_in_guard: float = setting(
        0.4,
        "s",
        "from the first sound of a reply; the predecessor's figure, against its own echo "
        "and the tail of the caller's last word",
    )
    barge_in_speech: float = setting(
        0.1,
        "s",
        "speech into a reply that stops it; a shorter noise does not. silero knows 96 ms after the "
        "shortest noise it finds that it was one, and a reply has to be silent within 250 ms",
    )
    interruption: float = setting(
        0.9,
        "s",
        "speech this long is an interruption even before its words are known, or after a "
        "backchannel",
    )
    early_answer: float = setting(
        1.0,
        "s",
        "of a reply still to be said; a backchannel so near its end is an answer to it: whoever is "
        "asked guesses the last words",
    )
    false_alarm: float = setting(
        1.0, "s", "silence after which an interruption without words was none: the reply goes on"
    )

    # the reply
    filler_after: float = setting(0.0, "s", "silence before a filler; 0: at once")
    filler_ending: float = setting(
        0.15, "s", "how long a ready answer may wait for the filler's word to end"
    )
    reply_wait: float = setting(
        8.0, "s", "no first sound by then is a failure; the predecessor's slowest turns took 4 s"
    )
    voice_wait: float = setting(
        2.0,
        "s",
        "no sound of a chunk that long after it was asked for is a failure; a second voice has "
        "taken over long before",
    )
    longest_silence: float = setting(
        1.8,
        "s",
        "silence before or within an answer that is being written; then the caller is asked for a "
        "moment: after `end_of_turn_most`, and yet within 3 s of the caller's last word",
        least=0.1,
    )
    playback_margin: float = setting(
        3.0,
        "s",
        "beyond a chunk's own length without a sign of playback: it is stuck; no caller "
        "should hear silence for longer",
    )
    apologies: int = setting(2, "times", "in a row; then the call is ended with a goodbye")
    chunk_characters: int = setting(
        250, "characters", "the longest text of one synthesis; SpeechKit's limit", least=20
    )
    chunk_wait: float = setting(
        1.0,
        "s",
        "a text that dribbles without an end of a sentence is cut at a word after this",
        least=0.05,
    )
    parallel_synthesis: int = setting(
        3, "chunks", "synthesised at once for one call; enough to stay ahead of speech", least=1
    )
    backlog: float = setting(
        0.4,
        "s",
        "how much sound the carrier may hold; what a flush must at most throw away",
        least=0.04,
    )

    # bounds
    longest_call: float = setting(900.0, "s", "then we say goodbye", least=1.0)
    transfer_wait: float = setting(
        5.0, "s", "for the carrier to hand the caller on, or to refuse to; it says so at once"
    )
    hangup_wait: float = setting(2.0, "s", "for the line to close; then it is let go")
    mailbox: int = setting(
        256, "events", "more than that unread means a broken adapter; the call ends", least=8
    )

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            least = f.metadata.get("least", 0.0)
            whole = isinstance(f.default, int) and not isinstance(f.default, bool)
            if isinstance(f.default, str):
                continue
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
                kind = "a whole number" if whole else "a number"
                raise SettingError(f"setting {f.name}: {value!r} is not {kind}")
            unit = f.metadata.get("unit", "")
            if value < least:
                raise SettingError(
                    f"setting {f.name}: {value!r} is below the least, {least:g} {unit}".rstrip()
                )
            if not value <= MOST:  # NaN is not, either
                raise SettingError(
                    f"setting {f.name}: {value!r} is no number up to {MOST:g} {unit}".rstrip()
                )

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Settings from a mapping; raises `SettingError` for a name there is not."""
        known = [f.name for f in fields(cls)]
        for name in values:
            if name not in known:
                from difflib import get_close_matches

                near = get_close_matches(name, known, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise SettingError(f"there is no setting {name!r}{hint}")
        return cls(**values)


@dataclass(frozen=True, slots=True)
class SettingRef:
    """A setting by name, to be read from a call's data."""

    name: str


class SettingRefs:
    """`refs.no_input` is the setting of that name; a name there is not fails at once."""

    def __init__(self, settings: type[Settings]) -> None:
        self._settings = settings

    def __getattr__(self, name: str) -> SettingRef:
        if name not in {f.name for f in fields(self._settings)}:
            raise AttributeError(f"{self._settings.__name__} has no setting {name!r}")
        return SettingRef(name)


settings = SettingRefs(Settings)
