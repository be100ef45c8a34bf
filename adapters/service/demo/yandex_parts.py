"""The demo's parts with the adapters of a service: Yandex SpeechKit and OpenAI's API.

Servers of the demo answer over real sockets, each in a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from callchart.adapters.grpc.dial import Address
from callchart.adapters.llm.openai import OpenAIModel
from callchart.adapters.llm.prompts import Language
from callchart.adapters.service.demo.model_server import MODEL
from callchart.adapters.service.demo.parts import OpenParts, Parts, answers, caller
from callchart.adapters.service.demo.server_process import ServerProcess
from callchart.adapters.service.providers.scripts import SCRIPTS
from callchart.adapters.stt.yandex.recognizer import Listening, YandexRecognizer
from callchart.adapters.tts.yandex.grpc import Voice, YandexSynthesizer
from callchart.adapters.yandex.credentials import ApiKey
from callchart.engine.ports import OutsideWork

#: These servers accept any key.
_KEY: Final = "offline"

#: Seconds to wait for a final: the recogniser behind the server may be slow on a small machine.
_FINAL_WAIT: Final = 6.0

#: SpeechKit's language and voice, by the language of the demo.
_SPOKEN: Final[Mapping[Language, tuple[str, Voice]]] = {
    "en": ("en-US", Voice("john")),
    "ru": ("ru-RU", Voice("alena")),
}


def yandex(language: Language, whisper: Path) -> Parts:
    """Return parts with servers on this machine.

    `whisper` is the folder of a Whisper model, for languages other than English."""
    return Parts(
        language,
        caller(language),
        answers(language),
        SCRIPTS[language],
        "Yandex SpeechKit hears and speaks, OpenAI's API answers: servers on this machine",
        partial(_open, language, whisper),
    )


@asynccontextmanager
async def _open(language: Language, whisper: Path, work: OutsideWork) -> AsyncIterator[OpenParts]:
    """Open the parts, for `Parts.open`. The servers run in real time: `work` cannot hold them."""
    spoken, voice = _SPOKEN[language]
    listening = Listening(spoken, final_wait_s=_FINAL_WAIT)
    async with (
        ServerProcess.started(
            "SpeechKit's server", f"{__package__}.speechkit_server", language, str(whisper)
        ) as speechkit,
        ServerProcess.started(
            "the model's server", f"{__package__}.model_process", str(answers(language))
        ) as model,
    ):
        address, key = Address("127.0.0.1", speechkit.port), ApiKey(_KEY)
        async with (
            YandexSynthesizer.open(key, voice, address=address) as synthesizer,
            YandexRecognizer.open(key, listening, address=address) as recognizer,
            OpenAIModel.open(
                model=MODEL,
                api_key=_KEY,
                base_url=f"http://127.0.0.1:{model.port}/v1",
                language=language,
            ) as writer,
        ):
            yield OpenParts(recognizer, synthesizer, writer, speechkit.asked)
