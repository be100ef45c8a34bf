"""Synthesizers, by the names that a configuration uses.

To add one, write a function that returns a `Provider` from its options, and add its name to the
table. The function imports what only this provider needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from callchart.adapters.llm.prompts import Language
from callchart.adapters.service.providers.options import EspeakSection, Options
from callchart.adapters.service.providers.provider import Provider
from callchart.engine.ports import Synthesizer

#: espeak-ng's voices for the languages of the prompts.
_ESPEAK: Mapping[Language, str] = {"en": "en-us", "ru": "ru"}


def _espeak(options: Options) -> Provider[Synthesizer]:
    from callchart.adapters.tts.espeak.synthesizer import EspeakSynthesizer

    section = options.section(EspeakSection)
    voice, rate = section.voice or _ESPEAK[options.language], section.words_per_minute
    return Provider(
        "espeak",
        lambda resources: EspeakSynthesizer.open(voice, rate),
        ("espeak", voice, str(rate)),
    )


def _yandex(options: Options) -> Provider[Synthesizer]:
    yandex = options.yandex
    return Provider("yandex", yandex.synthesizer, ("yandex", *yandex.sound, yandex.method))


def _yandex_http(options: Options) -> Provider[Synthesizer]:
    yandex = options.yandex
    return Provider(
        "yandex_http",
        yandex.http_synthesizer,
        ("yandex_http", *yandex.sound, yandex.language),
    )


SYNTHESIZERS: Mapping[str, Callable[[Options], Provider[Synthesizer]]] = {
    "espeak": _espeak,
    "yandex": _yandex,
    "yandex_http": _yandex_http,
}
