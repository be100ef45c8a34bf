"""The parts of the demo, by language: caller, recogniser, synthesizer and scripted answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import trio

from callchart.adapters.llm.openai import OpenAIModel
from callchart.adapters.llm.prompts import Language
from callchart.adapters.service.demo.answers import Answers
from callchart.adapters.service.demo.loopback import Loopback
from callchart.adapters.service.demo.model_server import MODEL, ModelServer, serve
from callchart.adapters.service.providers.scripts import SCRIPTS
from callchart.adapters.stt.pocketsphinx.recognizer import PocketsphinxRecognizer
from callchart.adapters.stt.whisper.recognizer import WhisperRecognizer
from callchart.adapters.tts.espeak.synthesizer import EspeakSynthesizer
from callchart.engine.data import Scripts
from callchart.engine.ports import LanguageModel, OutsideWork, Recognizer, Synthesizer

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class OpenParts:
    """The open providers of a call. `asked` counts the requests to their servers by method, if the
    servers report them."""

    recognizer: Recognizer
    synthesizer: Synthesizer
    model: LanguageModel
    asked: Counter[str] = field(default_factory=Counter[str])


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a demo: the default caller's script, the model's answers, the agent's scripts.

    `description` names the recogniser, the synthesizer and the model for people. `open` opens
    them for a call; the call's clock stands still while they work. Entering it may raise
    `ProviderError`, also within a group."""

    language: Language
    caller: Path
    answers: Path
    scripts: Scripts
    description: str
    open: Callable[[OutsideWork], AbstractAsyncContextManager[OpenParts]]


def caller(language: Language) -> Path:
    """Return the path of the default caller's script."""
    return _HERE / ("caller.toml" if language == "en" else f"caller_{language}.toml")


def answers(language: Language) -> Path:
    """Return the path of the model's answers."""
    return _HERE / ("answers.toml" if language == "en" else f"answers_{language}.toml")


def offline(language: Language, whisper: Path) -> Parts:
    """Return parts that need this machine only.

    `whisper` is the folder of a Whisper model, for languages other than English."""
    hears = "pocketsphinx" if language == "en" else "Whisper"
    return Parts(
        language,
        caller(language),
        answers(language),
        SCRIPTS[language],
        f"{hears} hears, espeak-ng speaks, scripted answers come through OpenAI's API",
        partial(_open, language, whisper),
    )


@asynccontextmanager
async def _open(language: Language, whisper: Path, work: OutsideWork) -> AsyncIterator[OpenParts]:
    loopback, script = Loopback(work), Answers.read(answers(language))
    async with (
        EspeakSynthesizer.open("en-us" if language == "en" else language, work=work) as synthesizer,
        _recognizer(language, whisper, work) as recognizer,
        trio.open_nursery() as nursery,
    ):
        server: ModelServer = await nursery.start(serve, script, loopback)
        async with OpenAIModel.open(
            model=MODEL,
            api_key="offline",
            base_url=server.url,
            language=language,
            transport=loopback.transport(),
        ) as model:
            yield OpenParts(recognizer, synthesizer, model)
        nursery.cancel_scope.cancel()


def _recognizer(
    language: Language, whisper: Path, work: OutsideWork
) -> AbstractAsyncContextManager[Recognizer]:
    if language == "en":
        return PocketsphinxRecognizer.open(work)
    return WhisperRecognizer.open(whisper, language, work=work)
