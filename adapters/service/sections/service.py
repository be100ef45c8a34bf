"""The sections [journal], [service], [log] and [scripts]."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from callchart.adapters.llm.prompts import Language
from callchart.adapters.service.sections.fields import FilePath, String, Strings
from callchart.adapters.service.sections.table import SECONDS, Table
from callchart.engine.data import Scripts

Level = Literal["debug", "info", "warning", "error"]

#: "console": for people, with colours on a terminal. "json": one JSON object a line.
LogFormat = Literal["console", "json"]


@dataclass(frozen=True, slots=True)
class JournalConfig:
    """The folder of the journals, whether they leave out words, and the days until they expire."""

    folder: Path
    redacted: bool = True
    keep_days: int = 30


class JournalSection(Table):
    """[journal]: a record of each call, from which the call can be replayed."""

    folder: FilePath
    """The folder of the journals."""
    redacted: bool = True
    """Whether journals leave out the words of callers and bot."""
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days until a journal is deleted."""

    def config(self) -> JournalConfig:
        """Return the section as the service uses it."""
        return JournalConfig(self.folder, self.redacted, self.keep_days)


class ServiceSection(Table):
    """[service]: the process itself."""

    drain_seconds: Annotated[float, Field(ge=0, le=86_400), SECONDS] = 30.0
    """Seconds that calls may continue after the service is asked to stop."""


class LogSection(Table):
    """[log]: the lines on stderr."""

    level: Level = "info"
    """The least severe lines to write; "debug" adds each call's states."""
    format: LogFormat = "console"
    """The form of a line: "console" (text for people, in colour on a terminal) or "json" (one
    object)."""


class ScriptsSection(Table):
    """[scripts]: the texts that the bot says without a model."""

    language: Language | None = None
    """The language of the texts that are not set here; by default `model.language`."""
    greeting: String | None = None
    reprompt: String | None = None
    apology: String | None = None
    regret: String | None = None
    farewell: String | None = None
    waiting: String | None = None
    fillers: Strings | None = None
    backchannels: Strings | None = None
    """Words with which a caller only shows that they listen. They do not interrupt the bot."""

    def scripts(self, defaults: Scripts) -> Scripts:
        """Return the scripts, with `defaults` for each text that is not set."""
        return replace(defaults, **self.model_dump(exclude={"language"}, exclude_unset=True))
