"""The sections below [speech]: each is of one provider, or of all those that have one account."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from callchart.adapters.llm.prompts import Language
from callchart.adapters.service.section import Section

if TYPE_CHECKING:
    from callchart.adapters.service.providers.yandex import Yandex

SECTIONS = ("espeak", "openai", "pocketsphinx", "silero", "whisper", "yandex")


class Options:
    """What providers are told in their sections; `language` is the one that the bot speaks.

    The section of a provider that nobody chose is not read."""

    def __init__(self, speech: Section, language: Language) -> None:
        self.language: Language = language
        self._sections = {name: speech.section(name) for name in SECTIONS}

    def section(self, name: str) -> Section:
        """For a provider that has one to itself."""
        return self._sections[name]

    @cached_property
    def yandex(self) -> Yandex:
        """Read once, whoever asks: recognition and both ways of synthesis have one account."""
        from callchart.adapters.service.providers.yandex import read_yandex

        return read_yandex(self._sections["yandex"])
