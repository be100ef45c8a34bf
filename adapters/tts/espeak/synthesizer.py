"""The offline voice: espeak-ng, in a process that all calls share.

The synthesis of a second of sound takes 5 to 10 ms, so all requests go through one queue. If the
process has died, the next request starts another.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

import trio

from callchart.adapters.tts.espeak.messages import Cancel, Done, SoundPiece, Speak
from callchart.adapters.worker.process import Worker
from callchart.engine.ports import OutsideWork, ProviderError, Speech, WordTiming

PROVIDER = "espeak-ng"

# espeak-ng's own limits. It replaces a value outside them without an error.
SLOWEST_WORDS_PER_MINUTE, FASTEST_WORDS_PER_MINUTE = 80, 450


class EspeakSynthesizer:
    """A `ports.Synthesizer` in one voice, for any number of calls. Made by `open`."""

    def __init__(
        self, nursery: trio.Nursery, settings: tuple[str, str], work: OutsideWork | None
    ) -> None:
        self._nursery = nursery
        self._settings = settings
        self._work = work
        self._worker: Worker | None = None
        self._starting = trio.Lock()
        self._numbers = count(1)
        self._requests: dict[int, trio.MemorySendChannel[SoundPiece | Done | ProviderError]] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        voice: str = "en-us",
        words_per_minute: int = 175,
        *,
        work: OutsideWork | None = None,
    ) -> AsyncIterator[EspeakSynthesizer]:
        """Start the process, and kill it after the block.

        Raises `ProviderError` if espeak-ng is not installed, or has no such voice or speed."""
        if not SLOWEST_WORDS_PER_MINUTE <= words_per_minute <= FASTEST_WORDS_PER_MINUTE:
            raise ProviderError(
                PROVIDER,
                f"words_per_minute must be {SLOWEST_WORDS_PER_MINUTE} to "
                f"{FASTEST_WORDS_PER_MINUTE}, got {words_per_minute}",
                "175 is espeak-ng's own speed",
            )
        settings = (voice, str(words_per_minute))
        worker = await _start(settings)
        async with trio.open_nursery() as nursery:
            synthesizer = cls(nursery, settings, work)
            synthesizer._use(worker)
            yield synthesizer
            nursery.cancel_scope.cancel()

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        """Pass on the sound in pieces of about 60 ms, each with the words that have ended so far.

        The words are the text's own, split at white space, and the last piece has them all. A word
        ends where the next begins. Raises `ProviderError`."""
        if self._work:
            self._work.begin()
        try:
            worker = await self._running()
            request = next(self._numbers)
            send, answers = trio.open_memory_channel[SoundPiece | Done | ProviderError](math.inf)
            self._requests[request] = send
            worker.post(Speak(request, text, rate_hz))
            try:
                await self._pass_on(answers, out)
            finally:
                # The worker ignores this for a finished request.
                worker.post(Cancel(request))
                del self._requests[request]
        finally:
            if self._work:
                self._work.end()

    async def _pass_on(
        self,
        answers: trio.MemoryReceiveChannel[SoundPiece | Done | ProviderError],
        out: Callable[[Speech], None],
    ) -> None:
        words: tuple[WordTiming, ...] = ()
        async for answer in answers:
            match answer:
                case SoundPiece():
                    words += answer.words
                    out(Speech(answer.pcm, words))
                case Done():
                    return
                case ProviderError():
                    raise answer

    async def _running(self) -> Worker:
        """Return the process. If it has died, start another, once for all waiting requests."""
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
            case SoundPiece(request=number) | Done(request=number) as answer:
                # A cancelled request is no longer in the table.
                if request := self._requests.get(number):
                    request.send_nowait(answer)


async def _start(settings: tuple[str, str]) -> Worker:
    return await Worker.start(PROVIDER, "callchart.adapters.tts.espeak.worker", *settings)
