"""The offline voice: espeak-ng, in a process that all calls share.

It needs 5 to 10 ms for a second of sound, so requests wait for each other in one queue. A process
that died is started again by the next request.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

import trio

from callchart.adapters.tts.espeak.messages import Cancel, Done, Sound, Speak
from callchart.adapters.worker.process import Worker
from callchart.engine.ports import OutsideWork, ProviderError, Speech, WordTiming

PROVIDER = "espeak-ng"

# espeak-ng's own bounds: it takes others for these without a word.
SLOWEST, FASTEST = 80, 450


class EspeakSynthesizer:
    """Speaks with one voice, for any number of calls. Made by `open`."""

    def __init__(
        self, nursery: trio.Nursery, settings: tuple[str, str], work: OutsideWork | None
    ) -> None:
        self._nursery = nursery
        self._settings = settings
        self._work = work
        self._worker: Worker | None = None
        self._starting = trio.Lock()
        self._numbers = count(1)
        self._requests: dict[int, trio.MemorySendChannel[Sound | Done | ProviderError]] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        voice: str = "en-us",
        words_per_minute: int = 175,
        *,
        work: OutsideWork | None = None,
    ) -> AsyncIterator[EspeakSynthesizer]:
        """A synthesizer whose process is up; it is killed at the end of the block.

        Raises `ProviderError` when espeak-ng is not installed or has no such voice or speed."""
        if not SLOWEST <= words_per_minute <= FASTEST:
            raise ProviderError(
                PROVIDER,
                f"cannot speak {words_per_minute} words a minute",
                f"choose {SLOWEST} to {FASTEST}",
            )
        settings = (voice, str(words_per_minute))
        worker = await _start(settings)
        async with trio.open_nursery() as nursery:
            synthesizer = cls(nursery, settings, work)
            synthesizer._use(worker)
            yield synthesizer
            nursery.cancel_scope.cancel()

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        """The sound comes in pieces of about 60 ms, each with the words that have ended so far.

        Words are the text's own, split at white space, so that the last piece has them all; a
        word's end is the beginning of the next. Raises `ProviderError`."""
        if self._work:
            self._work.begin()
        try:
            worker = await self._running()
            request = next(self._numbers)
            send, answers = trio.open_memory_channel[Sound | Done | ProviderError](math.inf)
            self._requests[request] = send
            worker.post(Speak(request, text, rate_hz))
            try:
                await self._pass_on(answers, out)
            finally:
                # To a request that is done this says nothing new.
                worker.post(Cancel(request))
                del self._requests[request]
        finally:
            if self._work:
                self._work.end()

    async def _pass_on(
        self,
        answers: trio.MemoryReceiveChannel[Sound | Done | ProviderError],
        out: Callable[[Speech], None],
    ) -> None:
        words: tuple[WordTiming, ...] = ()
        async for answer in answers:
            match answer:
                case Sound():
                    words += answer.words
                    out(Speech(answer.pcm, words))
                case Done():
                    return
                case ProviderError():
                    raise answer

    async def _running(self) -> Worker:
        """The process; one that died is started again, once for all who wait."""
        async with self._starting:
            if self._worker is None:
                self._use(await _start(self._settings))
            assert self._worker is not None
            return self._worker

    def _use(self, worker: Worker) -> None:
        self._worker = worker
        self._nursery.start_soon(self._run, worker)

    async def _run(self, worker: Worker) -> None:
        failure = ProviderError(PROVIDER, "the synthesizer is closed")
        try:
            failure = await worker.run(self._received)
        finally:
            self._worker = None
            for request in self._requests.values():
                request.send_nowait(failure)

    def _received(self, message: object) -> None:
        match message:
            case Sound(request=number) | Done(request=number) as answer:
                # Nobody waits for the answer to a request that was cancelled.
                if request := self._requests.get(number):
                    request.send_nowait(answer)


async def _start(settings: tuple[str, str]) -> Worker:
    return await Worker.start(PROVIDER, "callchart.adapters.tts.espeak.worker", *settings)
