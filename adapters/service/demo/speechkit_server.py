"""Yandex SpeechKit on this machine: espeak-ng speaks and pocketsphinx hears, through its gRPC API.

`server_process` runs it by `python -m`, with the arguments LANGUAGE FOLDER.
Whisper, with the model in FOLDER, recognises languages other than English. espeak-ng ignores the
requested voice and speed. Any key is accepted."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Final

import trio
from grpclib.const import Status

from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.grpc.method import A, Method, Q
from callchart.adapters.service.demo import grpc_server
from callchart.adapters.service.demo.grpc_server import Call, Service, by_path
from callchart.adapters.service.demo.server_process import run_server
from callchart.adapters.service.demo.speechkit_ear import recognize
from callchart.adapters.service.demo.speechkit_voice import speak
from callchart.adapters.stt.pocketsphinx.recognizer import PocketsphinxRecognizer
from callchart.adapters.stt.whisper.recognizer import WhisperRecognizer
from callchart.adapters.stt.yandex.session import RECOGNIZE
from callchart.adapters.tts.espeak.synthesizer import EspeakSynthesizer
from callchart.adapters.tts.yandex.grpc import UTTERANCE
from callchart.engine.ports import Recognizer

#: espeak-ng's voices whose names are not the languages' names.
_VOICES: Final[Mapping[str, str]] = {"en": "en-us"}


async def serve(
    language: str, whisper: Path, asked: Callable[[str], None], *, task_status: trio.TaskStatus[int]
) -> None:
    """Serve as `server_process.Serve`."""
    async with (
        EspeakSynthesizer.open(_VOICES.get(language, language)) as synthesizer,
        _recognizer(language, whisper) as recognizer,
        trio.open_nursery() as nursery,
    ):
        services = by_path(
            _with_key(UTTERANCE, partial(speak, synthesizer)),
            _with_key(RECOGNIZE, partial(recognize, recognizer)),
        )
        task_status.started(await nursery.start(grpc_server.serve, services, asked))


def _recognizer(language: str, whisper: Path) -> AbstractAsyncContextManager[Recognizer]:
    if language == "en":
        return PocketsphinxRecognizer.open()
    return WhisperRecognizer.open(whisper, language)


def _with_key(
    method: Method[Q, A], answer: Callable[[Call[Q, A]], Awaitable[None]]
) -> Service[Q, A]:
    async def answer_with_key(call: Call[Q, A]) -> None:
        kind, _, key = call.metadata.get("authorization", "").partition(" ")
        if kind not in ("Api-Key", "Bearer") or not key:
            raise RpcError(Status.UNAUTHENTICATED, "the request must carry a key")
        await answer(call)

    return Service(method, answer_with_key)


if __name__ == "__main__":
    run_server(partial(serve, sys.argv[1], Path(sys.argv[2])))
