"""The services that calls share, opened as the configuration says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from callchart.adapters.service.config import Config
from callchart.adapters.service.providers.models import Writers, open_writers
from callchart.adapters.service.providers.provider import SharedResources
from callchart.adapters.service.providers.speech import Voices, open_voices
from callchart.engine.phrases import Phrases, script_texts
from callchart.engine.scene import Services


@dataclass(frozen=True, slots=True)
class Opened:
    """The services of calls, with the synthesizers and models that they contain."""

    services: Services
    voices: Voices
    writers: Writers


@asynccontextmanager
async def open_services(config: Config) -> AsyncIterator[Opened]:
    """Open all services before the first call. Raise `ProviderError`, maybe in a group."""
    speech, rate_hz, scripts = config.speech, config.asterisk.rate_hz, script_texts(config.scripts)
    async with (
        SharedResources.open(rate_hz) as resources,
        speech.voice_detector.open(resources) as detectors,
        open_voices(speech, resources, scripts) as voices,
        speech.recognizer.open(resources) as recognizer,
        open_writers(config.model) as writers,
    ):
        phrases = Phrases(rate_hz)
        await phrases.prepare(voices.before_calls, scripts)
        services = Services(
            detectors,
            recognizer,
            voices.of_calls,
            writers.of_calls,
            phrases,
            tools=config.model.tools,
            transfers=config.asterisk.allowed.patterns,
        )
        yield Opened(services, voices, writers)
