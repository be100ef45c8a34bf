"""Who speaks: synthesizers by the names that a configuration uses.

One more is one function more, which reads its options and says how to open it, and its name in the
table. Nothing of a provider is imported before it is asked for by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from callchart.adapters.llm.prompts import Language
from callchart.adapters.service.providers.options import Options
from callchart.adapters.service.providers.provider import Provider
from callchart.engine.ports import Synthesizer

#: What espeak-ng calls the voices of the languages that we have prompts in.
_ESPEAK: Mapping[Language, str] = {"en": "en-us", "ru": "ru"}


def _espeak(options: Options) -> Provider[Synthesizer]:
    from callchart.adapters.tts.espeak.synthesizer import FASTEST, SLOWEST, EspeakSynthesizer

    with options.section("espeak") as section:
        voice = section.text("voice", _ESPEAK[options.language])
        pace = section.whole("words_per_minute", 175, least=SLOWEST, most=FASTEST)
    return Provider(
        "espeak", lambda opening: EspeakSynthesizer.open(voice, pace), ("espeak", voice, str(pace))
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
