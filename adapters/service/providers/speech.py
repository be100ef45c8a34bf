"""[speech]: what the calls' sound goes through, and how its parts are put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from callchart.adapters.fallback.breaker import Breaker
from callchart.adapters.fallback.counters import FallbackCounters
from callchart.adapters.llm.prompts import Language
from callchart.adapters.service.providers.options import Options
from callchart.adapters.service.providers.provider import Opening, Provider
from callchart.adapters.service.providers.recognizers import RECOGNIZERS, VOICE_DETECTORS
from callchart.adapters.service.providers.synthesizers import SYNTHESIZERS
from callchart.adapters.service.section import Section
from callchart.adapters.tts.cache import LIMIT, CachedSynthesizer
from callchart.adapters.tts.fallback import FIRST_SOUND, FallbackSynthesizer
from callchart.engine.ports import Recognizer, Synthesizer, VoiceDetectors

P = TypeVar("P")

#: Seconds for the first voice's sound while nobody waits for it: before the first call.
UNHURRIED = 5.0

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class SoundCache:
    """Where sounds are kept that are said again and again; `limit` in bytes."""

    folder: Path
    limit: int = LIMIT


@dataclass(frozen=True, slots=True)
class SpeechConfig:
    """`fallback` is the voice for when the synthesizer fails, or has no sound after `first_sound`
    seconds."""

    recognizer: Provider[Recognizer]
    synthesizer: Provider[Synthesizer]
    voice_detector: Provider[VoiceDetectors]
    fallback: Provider[Synthesizer] | None = None
    first_sound: float = FIRST_SOUND
    cache: SoundCache | None = None


@dataclass(frozen=True, slots=True)
class Voices:
    """The voice of calls, and the same without hurry, for what is said before anybody waits.

    `counters`: how often the second voice was asked in calls, where there is one."""

    of_calls: Synthesizer
    unhurried: Synthesizer
    counters: FallbackCounters | None = None


def read_speech(section: Section, language: Language) -> SpeechConfig:
    """The section, with its mistakes noted. `language`: what the bot speaks, unless it says so."""
    with section:
        options = Options(section, language)

        def chosen(
            key: str, default: str, known: Mapping[str, Callable[[Options], Provider[P]]]
        ) -> Provider[P]:
            return known[section.choice(key, tuple(known), default)](options)

        synthesizer = chosen("synthesizer", "espeak", SYNTHESIZERS)
        return SpeechConfig(
            recognizer=chosen("recognizer", "pocketsphinx", RECOGNIZERS),
            synthesizer=synthesizer,
            voice_detector=chosen("voice_detector", "silero", VOICE_DETECTORS),
            fallback=_fallback(section, options, synthesizer.name),
            first_sound=section.seconds("first_sound", FIRST_SOUND, least=0.1, most=10),
            cache=_cache(section),
        )


def _fallback(section: Section, options: Options, first: str) -> Provider[Synthesizer] | None:
    others = {"": None, **{name: each for name, each in SYNTHESIZERS.items() if name != first}}
    read = others[section.choice("synthesizer_fallback", tuple(others), "")]
    return read(options) if read else None


def _cache(section: Section) -> SoundCache | None:
    folder = section.optional_path("cache")
    megabytes = section.whole("cache_megabytes", LIMIT // _MEGABYTE, least=1, most=1_000_000)
    return SoundCache(folder, megabytes * _MEGABYTE) if folder else None


@asynccontextmanager
async def open_voices(
    speech: SpeechConfig, opening: Opening, declared: Collection[str]
) -> AsyncIterator[Voices]:
    """Whoever speaks, the second voice and the cache included. `declared`: texts that may be kept
    from their first time on. Raises `ProviderError`."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(speech.synthesizer.open(opening))
        voices = Voices(first, first)
        if speech.fallback:
            second = await stack.enter_async_context(speech.fallback.open(opening))
            of_calls = FallbackSynthesizer(
                first, second, Breaker("the first voice"), first_sound=speech.first_sound
            )
            unhurried = FallbackSynthesizer(
                first,
                second,
                Breaker("the first voice"),
                first_sound=UNHURRIED,
                silence=UNHURRIED,
            )
            voices = Voices(of_calls, unhurried, of_calls.counters)
        if cache := speech.cache:

            async def kept(synthesizer: Synthesizer) -> Synthesizer:
                key = speech.synthesizer.key
                return await stack.enter_async_context(
                    CachedSynthesizer.open(
                        synthesizer, cache.folder, key, declared=declared, limit=cache.limit
                    )
                )

            voices = Voices(
                await kept(voices.of_calls), await kept(voices.unhurried), voices.counters
            )
        yield voices
