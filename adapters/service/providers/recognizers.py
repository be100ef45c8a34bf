"""Recognisers and voice detectors, by the names that a configuration uses.

To add one, write a function that returns a `Provider` from its options, and add its name to the
table. The function imports what only this provider needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from callchart.adapters.service.providers.options import (
    OpenAISection,
    Options,
    WhisperSection,
)
from callchart.adapters.service.providers.provider import Provider, SharedResources
from callchart.engine.ports import Recognizer, VoiceDetectors

if TYPE_CHECKING:
    from callchart.adapters.vad.silero import SileroDetectors


def _pocketsphinx(options: Options) -> Provider[Recognizer]:
    from callchart.adapters.stt.pocketsphinx.recognizer import PocketsphinxRecognizer

    return Provider("pocketsphinx", lambda resources: PocketsphinxRecognizer.open())


def _whisper(options: Options) -> Provider[Recognizer]:
    from callchart.adapters.stt.whisper.recognizer import WhisperRecognizer

    section = options.section(WhisperSection)
    language = section.language or options.language
    return Provider(
        "whisper",
        lambda resources: WhisperRecognizer.open(section.model, language, threads=section.threads),
    )


def _openai(options: Options) -> Provider[Recognizer]:
    from callchart.adapters.stt.openai.recognizer import OpenAIRecognizer

    section = options.section(OpenAISection)
    return Provider(
        "openai",
        lambda resources: OpenAIRecognizer.open(
            api_key=section.key.reveal(),
            language=section.language or options.language,
            model=section.model,
            base_url=section.base_url,
        ),
    )


def _yandex(options: Options) -> Provider[Recognizer]:
    yandex = options.yandex
    return Provider("yandex", yandex.recognizer, reach=yandex.reach_recognizer)


def _silero(options: Options) -> Provider[VoiceDetectors]:
    from callchart.adapters.vad.silero import SileroDetectors

    @asynccontextmanager
    async def opened(resources: SharedResources) -> AsyncIterator[SileroDetectors]:
        detectors = SileroDetectors()
        await detectors.build_ahead(resources.rate_hz)
        yield detectors

    return Provider("silero", opened)


RECOGNIZERS: Mapping[str, Callable[[Options], Provider[Recognizer]]] = {
    "openai": _openai,
    "pocketsphinx": _pocketsphinx,
    "whisper": _whisper,
    "yandex": _yandex,
}
VOICE_DETECTORS: Mapping[str, Callable[[Options], Provider[VoiceDetectors]]] = {
    "silero": _silero,
}
