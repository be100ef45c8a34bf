"""Who hears: recognisers and voice detectors by the names that a configuration uses.

One more is one function more, which reads its options and says how to open it, and its name in a
table. Nothing of a provider is imported before it is asked for by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from callchart.adapters.service.providers.options import Options
from callchart.adapters.service.providers.provider import Opening, Provider
from callchart.engine.ports import Recognizer, VoiceDetectors

if TYPE_CHECKING:
    from callchart.adapters.vad.silero import SileroDetectors

_LANGUAGE = {"form": "[a-z]{2,3}", "right": "a code such as en, ru or de"}


def _pocketsphinx(options: Options) -> Provider[Recognizer]:
    from callchart.adapters.stt.pocketsphinx.recognizer import PocketsphinxRecognizer

    with options.section("pocketsphinx"):
        return Provider("pocketsphinx", lambda opening: PocketsphinxRecognizer.open())


def _whisper(options: Options) -> Provider[Recognizer]:
    from callchart.adapters.stt.whisper.recognizer import WhisperRecognizer

    with options.section("whisper") as section:
        folder = section.path("model")
        language = section.text("language", options.language, **_LANGUAGE)
        threads = section.whole("threads", 1, least=1, most=64)
    return Provider(
        "whisper", lambda opening: WhisperRecognizer.open(folder, language, threads=threads)
    )


def _openai(options: Options) -> Provider[Recognizer]:
    from callchart.adapters.stt.openai.recognizer import MODEL, OPENAI_URL, OpenAIRecognizer

    with options.section("openai") as section:
        key = section.api_key("key")
        model = section.text("model", MODEL)
        url = section.url("base_url", OPENAI_URL)
        language = section.text("language", options.language, **_LANGUAGE)
    return Provider(
        "openai",
        lambda opening: OpenAIRecognizer.open(
            api_key=key.reveal(), language=language, model=model, base_url=url
        ),
    )


def _yandex(options: Options) -> Provider[Recognizer]:
    yandex = options.yandex
    return Provider("yandex", yandex.recognizer, reach=yandex.reach_recognizer)


def _silero(options: Options) -> Provider[VoiceDetectors]:
    from callchart.adapters.vad.silero import SileroDetectors

    @asynccontextmanager
    async def opened(opening: Opening) -> AsyncIterator[SileroDetectors]:
        detectors = SileroDetectors()
        await detectors.build_ahead(opening.rate_hz)
        yield detectors

    with options.section("silero"):
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
