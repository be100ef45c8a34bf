"""[speech]: the recogniser, the synthesizers, the voice detector and the cache of sounds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from callchart.adapters.fallback.breaker import Breaker
from callchart.adapters.fallback.counters import FallbackCounters
from callchart.adapters.llm.prompts import Language
from callchart.adapters.service.providers.options import (
    EspeakSection,
    OpenAISection,
    Options,
    PocketsphinxSection,
    SileroSection,
    WhisperSection,
)
from callchart.adapters.service.providers.provider import Provider, SharedResources
from callchart.adapters.service.providers.recognizers import RECOGNIZERS, VOICE_DETECTORS
from callchart.adapters.service.providers.synthesizers import SYNTHESIZERS
from callchart.adapters.service.providers.yandex import YandexSection
from callchart.adapters.service.sections.fields import FilePath
from callchart.adapters.service.sections.table import SECONDS, Mistake, Source, Table, shown
from callchart.adapters.tts.cache import LIMIT_BYTES, CachedSynthesizer
from callchart.adapters.tts.fallback import FIRST_SOUND_S, FallbackSynthesizer
from callchart.engine.ports import Recognizer, Synthesizer, VoiceDetectors

SynthesizerName = Literal["espeak", "yandex", "yandex_http"]

#: The sections below [speech].
_SECTIONS = ("espeak", "openai", "pocketsphinx", "silero", "whisper", "yandex")

#: Seconds to wait for a sound before the first call: no caller is waiting yet.
BEFORE_CALLS_SECONDS = 5.0

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class SoundCache:
    """The cache of sounds that calls repeat."""

    folder: Path
    limit_bytes: int = LIMIT_BYTES


@dataclass(frozen=True, slots=True)
class SpeechConfig:
    """The chosen providers. `fallback` takes over when the synthesizer fails, or has no sound after
    `first_sound_s`."""

    recognizer: Provider[Recognizer]
    synthesizer: Provider[Synthesizer]
    voice_detector: Provider[VoiceDetectors]
    fallback: Provider[Synthesizer] | None = None
    first_sound_s: float = FIRST_SOUND_S
    cache: SoundCache | None = None


@dataclass(frozen=True, slots=True)
class Voices:
    """The synthesizer `of_calls`, and the same with longer time limits for the time `before_calls`.

    `counters` tell how often calls used the second synthesizer. They are None without one."""

    of_calls: Synthesizer
    before_calls: Synthesizer
    counters: FallbackCounters | None = None


class SpeechSection(Table):
    """[speech]: the providers of speech, and their options."""

    recognizer: Literal["openai", "pocketsphinx", "whisper", "yandex"] = "pocketsphinx"
    """The speech recogniser: "pocketsphinx" (English, offline), "whisper" (a hundred languages,
    offline), "openai" or "yandex" (SpeechKit over gRPC)."""
    synthesizer: SynthesizerName = "espeak"
    """The speech synthesizer: "espeak" (offline), "yandex" (SpeechKit over gRPC) or "yandex_http"
    (SpeechKit over HTTP)."""
    voice_detector: Literal["silero"] = "silero"
    """The voice activity detector."""
    synthesizer_fallback: Literal["", SynthesizerName] = ""
    """The synthesizer that speaks if the first fails or is late; "" for none."""
    first_sound: Annotated[float, Field(ge=0.1, le=10), SECONDS] = FIRST_SOUND_S
    """Seconds to wait for the first sound, before the second synthesizer is used."""
    cache: FilePath | None = None
    """The folder for the sound of scripts, and of short texts that several calls speak. Without
    this key, no sound is kept."""
    cache_megabytes: Annotated[int, Field(ge=1, le=1_000_000)] = LIMIT_BYTES // _MEGABYTE
    """The largest size of the cache."""
    espeak: EspeakSection | None = None
    openai: OpenAISection | None = None
    pocketsphinx: PocketsphinxSection | None = None
    silero: SileroSection | None = None
    whisper: WhisperSection | None = None
    yandex: YandexSection | None = None

    @classmethod
    def prepared(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return the table with only the sections of the chosen providers: the others are not
        validated."""
        chosen = {
            given.get(key, cls.model_fields[key].default)
            for key in ("recognizer", "synthesizer", "voice_detector", "synthesizer_fallback")
            if isinstance(given.get(key, ""), str)
        }
        sections = {name.removesuffix("_http") for name in chosen if name}
        others = {name for name in _SECTIONS if name not in sections}
        wanted = {name: given.get(name, {}) for name in _SECTIONS if name in sections}
        kept = {
            key: value
            for key, value in given.items()
            if key not in others or not isinstance(value, dict)
        }
        return {**kept, **wanted}

    @classmethod
    def missing(cls, given: Mapping[str, Any], source: Source) -> Iterator[Mistake]:
        second, first = given.get("synthesizer_fallback"), given.get("synthesizer", "espeak")
        if second and second == first:
            text = f" must differ from synthesizer, got {shown(second)}"
            yield ("synthesizer_fallback",), text

    def config(self, language: Language) -> SpeechConfig:
        """Return the chosen providers; `language` is the bot's."""
        sections = [getattr(self, name) for name in _SECTIONS]
        options = Options(language, [each for each in sections if each is not None])
        second = self.synthesizer_fallback
        return SpeechConfig(
            recognizer=RECOGNIZERS[self.recognizer](options),
            synthesizer=SYNTHESIZERS[self.synthesizer](options),
            voice_detector=VOICE_DETECTORS[self.voice_detector](options),
            fallback=SYNTHESIZERS[second](options) if second else None,
            first_sound_s=self.first_sound,
            cache=SoundCache(self.cache, self.cache_megabytes * _MEGABYTE) if self.cache else None,
        )


@asynccontextmanager
async def open_voices(
    speech: SpeechConfig, resources: SharedResources, declared: Collection[str]
) -> AsyncIterator[Voices]:
    """Open the synthesizers and the cache. The cache keeps `declared` texts from their first use.

    Raise `ProviderError`."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(speech.synthesizer.open(resources))
        voices = Voices(first, first)
        if speech.fallback:
            second = await stack.enter_async_context(speech.fallback.open(resources))
            of_calls = FallbackSynthesizer(
                first, second, Breaker("the first voice"), first_sound_s=speech.first_sound_s
            )
            before_calls = FallbackSynthesizer(
                first,
                second,
                Breaker("the first voice"),
                first_sound_s=BEFORE_CALLS_SECONDS,
                silence_s=BEFORE_CALLS_SECONDS,
            )
            voices = Voices(of_calls, before_calls, of_calls.counters)
        if cache := speech.cache:

            async def kept(synthesizer: Synthesizer) -> Synthesizer:
                key = speech.synthesizer.key
                return await stack.enter_async_context(
                    CachedSynthesizer.open(
                        synthesizer,
                        cache.folder,
                        key,
                        declared=declared,
                        limit_bytes=cache.limit_bytes,
                    )
                )

            voices = Voices(
                await kept(voices.of_calls), await kept(voices.before_calls), voices.counters
            )
        yield voices
