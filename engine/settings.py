"""The settings of a call that the engine reads, and the means to declare a chart's own.

A chart refers to a setting by name (`settings.no_input`), so diagrams show the name and journals
the value. Durations are seconds. The names are the keys of `[call]` in callchart.toml.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from inspect import get_annotations
from typing import Any, Self

from callchart.engine.did_you_mean import did_you_mean

#: The largest value of any setting: in seconds, thirty years.
LARGEST = 1e9


class SettingError(ValueError):
    """An unknown setting, or a wrong value. The message names both, and the cure."""


def setting(default: Any, unit: str, why: str, *, least: float = 0.0, example: Any = None) -> Any:
    """Return a field of `Settings`.

    `why` is the source of the default, and `least` is the smallest value. `example` replaces a
    default with which the chart's races would leave out a part of the chart."""
    metadata = {"unit": unit, "why": why, "least": least, "example": example}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The settings that the engine reads. A chart's subclass adds its own.

    `callchart settings` lists them."""

    reply_wait: float = setting(
        8.0,
        "s",
        "a reply that is still silent after this has failed; the predecessor's slowest took 4 s",
    )
    voice_wait: float = setting(
        2.0,
        "s",
        "a chunk that is still silent this long after the request has failed; a second voice takes "
        "over long before",
    )
    longest_silence: float = setting(
        1.8,
        "s",
        "after this much silence before or within an answer, the bot asks the caller for a moment; "
        "together with `end_of_turn_most`, less than 3 s after the caller's last word",
        least=0.1,
    )
    chunk_characters: int = setting(
        250, "characters", "the longest text of one synthesis; SpeechKit's limit", least=20
    )
    chunk_wait: float = setting(
        1.0,
        "s",
        "a text that comes slowly is cut at a word after this, not at the end of a sentence",
        least=0.05,
    )
    parallel_synthesis: int = setting(
        3, "chunks", "synthesised at a time for one call; enough to stay ahead of playback", least=1
    )
    backlog: float = setting(
        0.4,
        "s",
        "the most sound that the carrier holds; a flush discards it",
        least=0.04,
    )
    longest_call: float = setting(900.0, "s", "after this, the bot says goodbye", least=1.0)
    mailbox: int = setting(
        256,
        "events",
        "the most that wait unread; more mean a broken adapter, and end the call",
        least=8,
    )

    def __post_init__(self) -> None:
        for f in fields(self):
            if not isinstance(f.default, str):
                _check_number(f, getattr(self, f.name))

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Return the settings of a mapping. Raises `SettingError`."""
        known = [f.name for f in fields(cls)]
        for name in values:
            if name not in known:
                raise SettingError(f"unknown setting {name!r}{did_you_mean(name, known)}")
        return cls(**values)

    @classmethod
    def declared(cls) -> list[Field[Any]]:
        """Return the fields, those of a subclass before those of its base."""
        own: dict[str, Field[Any]] = {}
        by_name = {f.name: f for f in fields(cls)}
        for each in cls.__mro__:
            for name in get_annotations(each):
                if name in by_name:
                    own.setdefault(name, by_name[name])
        return list(own.values())

    @classmethod
    def examples(cls) -> Self:
        """Return the settings for the races of a chart: `example`, or else the default."""
        given = {f.name: f.metadata.get("example") for f in fields(cls)}
        return cls(**{name: value for name, value in given.items() if value is not None})


def _check_number(declared: Field[Any], value: Any) -> None:
    what, unit = f"setting {declared.name}", declared.metadata.get("unit", "")
    least = declared.metadata.get("least", 0.0)
    is_whole = isinstance(declared.default, int) and not isinstance(declared.default, bool)
    if isinstance(value, bool) or not isinstance(value, int if is_whole else (int, float)):
        kind = "a whole number" if is_whole else "a number"
        raise SettingError(f"{what} must be {kind}, got {value!r}")
    if value < least:
        raise SettingError(f"{what} must be at least {f'{least:g} {unit}'.rstrip()}, got {value!r}")
    if not value <= LARGEST:  # also refuses NaN
        raise SettingError(
            f"{what} must be at most {f'{LARGEST:g} {unit}'.rstrip()}, got {value!r}"
        )


@dataclass(frozen=True, slots=True)
class SettingRef:
    """A setting by name; a timer reads its value from the call's data."""

    name: str


class SettingRefs:
    """References to the settings of one class: `refs.no_input` is the setting of that name.

    An unknown name raises `AttributeError`."""

    def __init__(self, settings: type[Settings]) -> None:
        self._settings = settings

    def __getattr__(self, name: str) -> SettingRef:
        known = [f.name for f in fields(self._settings)]
        if name not in known:
            hint = did_you_mean(name, known, repr)
            raise AttributeError(f"{self._settings.__name__} has no setting {name!r}{hint}")
        return SettingRef(name)
