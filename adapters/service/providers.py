"""Who hears, who speaks and who writes: providers by the names that a configuration uses.

One more provider is one function more, which reads its options and says how to open it, and its
name in one of the tables. Nothing of a provider is imported before it is asked for by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from adapters.llm.openai import OPENAI_URL, OpenAIModel
from adapters.llm.prompts import PROMPTS
from adapters.service.secret import Secret
from adapters.service.section import Section
from engine.call import Services
from engine.data import Scripts
from engine.phrases import Phrases, script_texts
from engine.ports import Recognizer, Synthesizer, VoiceDetectors

P = TypeVar("P", covariant=True)

#: Opens a provider for calls of that many samples a second; entering may raise `ProviderError`.
Opener = Callable[[int], AbstractAsyncContextManager[P]]


@dataclass(frozen=True, slots=True)
class Provider(Generic[P]):
    """A provider that was chosen by name, with its options in `open`."""

    name: str
    open: Opener[P]


@dataclass(frozen=True, slots=True)
class SpeechConfig:
    """[speech]: what the calls' sound goes through."""

    recognizer: Provider[Recognizer]
    synthesizer: Provider[Synthesizer]
    voice_detector: Provider[VoiceDetectors]


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """[model]: who writes the answers."""

    name: str
    key: Secret
    base_url: str = OPENAI_URL
    prompt: str = PROMPTS["en"]

    def open(self) -> AbstractAsyncContextManager[OpenAIModel]:
        """The model. Entering raises `ProviderError` for a key or an address that cannot work."""
        return OpenAIModel.open(
            model=self.name, api_key=self.key.reveal(), base_url=self.base_url, prompt=self.prompt
        )


# --- one function a provider -------------------------------------------------------------------


def _pocketsphinx(options: Section) -> Opener[Recognizer]:
    from adapters.stt.pocketsphinx import PocketsphinxRecognizer

    return lambda rate_hz: PocketsphinxRecognizer.open()


def _espeak(options: Section) -> Opener[Synthesizer]:
    from adapters.tts.espeak import FASTEST, SLOWEST, EspeakSynthesizer

    voice = options.text("voice", "en-us")
    pace = options.whole("words_per_minute", 175, least=SLOWEST, most=FASTEST)
    return lambda rate_hz: EspeakSynthesizer.open(voice, pace)


def _silero(options: Section) -> Opener[VoiceDetectors]:
    from adapters.vad.silero import SileroDetectors

    @asynccontextmanager
    async def opened(rate_hz: int) -> AsyncIterator[SileroDetectors]:
        detectors = SileroDetectors()
        await detectors.build_ahead(rate_hz)
        yield detectors

    return opened


RECOGNIZERS: Mapping[str, Callable[[Section], Opener[Recognizer]]] = {
    "pocketsphinx": _pocketsphinx,
}
SYNTHESIZERS: Mapping[str, Callable[[Section], Opener[Synthesizer]]] = {
    "espeak": _espeak,
}
VOICE_DETECTORS: Mapping[str, Callable[[Section], Opener[VoiceDetectors]]] = {
    "silero": _silero,
}


# --- all of them together ----------------------------------------------------------------------


@asynccontextmanager
async def open_services(
    speech: SpeechConfig, model: ModelConfig, scripts: Scripts, rate_hz: int
) -> AsyncIterator[Services]:
    """Everything that calls share, ready before the first of them. Raises `ProviderError`."""
    async with (
        speech.voice_detector.open(rate_hz) as detectors,
        speech.synthesizer.open(rate_hz) as synthesizer,
        speech.recognizer.open(rate_hz) as recognizer,
        model.open() as writer,
    ):
        phrases = Phrases(rate_hz)
        await phrases.prepare(synthesizer, script_texts(scripts))
        yield Services(detectors, recognizer, synthesizer, writer, phrases)
