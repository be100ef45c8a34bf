"""Who takes part in the demo: who calls, who hears, who speaks, what is answered; by language."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from adapters.llm.prompts import Language
from adapters.service.scripts import SCRIPTS
from adapters.stt.pocketsphinx import PocketsphinxRecognizer
from adapters.stt.whisper import WhisperRecognizer
from adapters.tts.espeak import EspeakSynthesizer
from engine.data import Scripts
from engine.ports import OutsideWork, Recognizer, Synthesizer

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Cast:
    """A demo's parts: the default caller's script, a file of answers, what is said without them.

    `recognizer` and `synthesizer` open the speech of a call whose clock holds still for their work;
    entering may raise `ProviderError`."""

    language: Language
    caller: Path
    answers: Path
    scripts: Scripts
    recognizer: Callable[[OutsideWork], AbstractAsyncContextManager[Recognizer]]
    synthesizer: Callable[[OutsideWork], AbstractAsyncContextManager[Synthesizer]]


def offline(language: Language, whisper: Path) -> Cast:
    """With nothing but this machine. `whisper`: the folder of a model, for all but English."""
    if language == "en":
        return Cast(
            "en",
            _HERE / "caller.toml",
            _HERE / "answers.toml",
            SCRIPTS["en"],
            PocketsphinxRecognizer.open,
            lambda work: EspeakSynthesizer.open(work=work),
        )
    return Cast(
        language,
        _HERE / f"caller_{language}.toml",
        _HERE / f"answers_{language}.toml",
        SCRIPTS[language],
        lambda work: WhisperRecognizer.open(whisper, language, work=work),
        lambda work: EspeakSynthesizer.open(language, work=work),
    )
