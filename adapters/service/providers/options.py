"""The sections below [speech]: one for each provider or shared account."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, TypeVar

from pydantic import Field

from callchart.adapters.llm.prompts import Language
from callchart.adapters.service.providers.yandex import Yandex, YandexSection
from callchart.adapters.service.sections.fields import (
    ApiKeyText,
    FilePath,
    LanguageCode,
    String,
    Url,
)
from callchart.adapters.service.sections.table import Table
from callchart.adapters.stt.openai.recognizer import MODEL, OPENAI_URL
from callchart.adapters.tts.espeak.synthesizer import (
    FASTEST_WORDS_PER_MINUTE,
    SLOWEST_WORDS_PER_MINUTE,
)

S = TypeVar("S", bound=Table)


class EspeakSection(Table):
    """[speech.espeak]: the offline synthesizer."""

    voice: String | None = None
    """The name of an espeak-ng voice; by default a voice of `model.language`."""
    words_per_minute: Annotated[
        int, Field(ge=SLOWEST_WORDS_PER_MINUTE, le=FASTEST_WORDS_PER_MINUTE)
    ] = 175
    """The speaking rate."""


class OpenAISection(Table):
    """[speech.openai]: OpenAI's transcription, or any server that has its API."""

    key: ApiKeyText
    """The API key."""
    model: String = MODEL
    """The name of the model."""
    base_url: Url = OPENAI_URL
    """The URL of the API."""
    language: LanguageCode | None = None
    """The language of callers; by default `model.language`."""


class PocketsphinxSection(Table):
    """[speech.pocketsphinx]: the offline recogniser of English. It has no options."""


class SileroSection(Table):
    """[speech.silero]: the offline voice detector. It has no options."""


class WhisperSection(Table):
    """[speech.whisper]: the offline recogniser of a hundred languages."""

    model: FilePath
    """The folder of a model in CTranslate2's format."""
    language: LanguageCode | None = None
    """The language of callers; by default `model.language`."""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """Threads of the recogniser's process."""


class Options:
    """The sections of the chosen providers, and the language of the bot."""

    def __init__(self, language: Language, sections: Sequence[Table]) -> None:
        self.language: Language = language
        self._sections = sections

    def section(self, kind: type[S]) -> S:
        """Return the section of this type; validation made sure that it exists."""
        return next(each for each in self._sections if isinstance(each, kind))

    @cached_property
    def yandex(self) -> Yandex:
        """The one account that recognition and both ways of synthesis share."""
        return self.section(YandexSection).yandex()
