"""The offline recogniser: pocketsphinx, which knows English, with a process for each call.

It holds the interpreter's lock for 200 ms at a time, so it cannot live in the loop's process; and
since a decoder's 100 MB are its own even beside another one, sharing a process would save nothing.
A process loads for half a second, so one always stands ready for the next call.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from callchart.adapters.stt.pocketsphinx.messages import Begin, End, Sound, Taken
from callchart.adapters.worker.process import Worker
from callchart.engine.ports import FRAME_SECONDS, Heard, OutsideWork, ProviderError, frame_bytes

PROVIDER = "pocketsphinx"

# The voice detector decides some 80 ms after an onset and finds a soft one 100 ms late; the rest
# is the quiet before a word, which the decoder's model expects.
PRE_ROLL_SECONDS = 0.36

# A minute of frames that wait is no backlog: this machine will never catch up.
MOST_WAITING = 3000


class PocketsphinxRecognition:
    """One call's recogniser. Only what belongs to an utterance goes to its process."""

    def __init__(self, worker: Worker, rate_hz: int, work: OutsideWork | None) -> None:
        self._worker = worker
        self._rate_hz = rate_hz
        self._work = work
        self._pre_roll = bytearray()
        self._pre_roll_bytes = round(PRE_ROLL_SECONDS / FRAME_SECONDS) * frame_bytes(rate_hz)
        self._in_utterance = False
        self._waiting = 0  # messages handed over and not answered by `Taken`
        self._failure: ProviderError | None = None
        self._scope = trio.CancelScope()
        self._hear, self._heard = trio.open_memory_channel[Heard](math.inf)

    def feed(self, pcm: bytes) -> None:
        """Whole frames. Between utterances the last 360 ms are kept."""
        if self._in_utterance:
            self._post(Sound(pcm))
        else:
            self._pre_roll += pcm
            del self._pre_roll[: -self._pre_roll_bytes]

    def utterance_started(self, utterance: int) -> None:
        """The utterance begins with what was kept from before the onset was found."""
        self._in_utterance = True
        self._post(Begin(utterance, self._rate_hz))
        self._post(Sound(bytes(self._pre_roll)))
        self._pre_roll.clear()

    def utterance_ended(self, utterance: int) -> None:
        """Its final is owed from now on; it may be empty."""
        self._in_utterance = False
        self._post(End())

    async def result(self) -> Heard:
        """The next partial or final. Raises `ProviderError` once the process is dead."""
        try:
            return await self._heard.receive()
        except trio.EndOfChannel:
            assert self._failure is not None
            raise self._failure from None

    async def run(self) -> None:
        """Works with the process until that dies or `close` is called; then it is gone."""
        try:
            with self._scope:
                self._fail(await self._worker.run(self._received))
        finally:
            self.close()

    def close(self) -> None:
        """Kills the process, whatever it is doing; nobody waits for that."""
        self._fail(ProviderError(PROVIDER, "the call's recogniser is closed"))
        self._scope.cancel()

    def _post(self, message: Begin | Sound | End) -> None:
        if self._failure:
            return
        if self._waiting == MOST_WAITING:
            self._fail(
                ProviderError(PROVIDER, "is a minute behind the caller", "take fewer calls at once")
            )
            self._scope.cancel()
            return
        if self._waiting == 0 and self._work:
            self._work.begin()
        self._waiting += 1
        self._worker.post(message)

    def _received(self, message: object) -> None:
        if self._failure:
            return
        match message:
            case Heard() as heard:
                self._hear.send_nowait(heard)
            case Taken():
                self._waiting -= 1
                if self._waiting == 0 and self._work:
                    self._work.end()

    def _fail(self, failure: ProviderError) -> None:
        """The first failure stays. What was heard before it is delivered, then `result` raises."""
        if self._failure:
            return
        self._failure = failure
        self._hear.close()
        if self._waiting and self._work:
            self._work.end()


class PocketsphinxRecognizer:
    """Gives each call a process. Made by `open`."""

    def __init__(self, nursery: trio.Nursery, work: OutsideWork | None) -> None:
        self._nursery = nursery
        self._work = work
        # Without a buffer: the next process is started when this one is taken.
        self._offer, self._offered = trio.open_memory_channel[Worker | ProviderError](0)

    @classmethod
    @asynccontextmanager
    async def open(cls, work: OutsideWork | None = None) -> AsyncIterator[PocketsphinxRecognizer]:
        """A recogniser with a process ready; after the block there is none left.

        Raises `ProviderError` when pocketsphinx cannot be started, or is not installed."""
        first = await _start()
        async with trio.open_nursery() as nursery:
            recognizer = cls(nursery, work)
            nursery.start_soon(recognizer._keep_one_ready, first)
            yield recognizer
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def recognition(self, rate_hz: int) -> AsyncIterator[PocketsphinxRecognition]:
        """A recogniser for one call at 8000 or 16000 Hz. Raises `ProviderError` on entering.

        Leaving kills the call's process at once, in mid-work too."""
        recognition = PocketsphinxRecognition(await self._take(), rate_hz, self._work)
        self._nursery.start_soon(recognition.run)
        try:
            yield recognition
        finally:
            recognition.close()

    async def _take(self) -> Worker:
        """The process that stands ready, or the next one, if that has died meanwhile."""
        if self._work:
            self._work.begin()
        try:
            while True:
                match await self._offered.receive():
                    case ProviderError() as failure:
                        raise failure
                    case Worker() as worker:
                        if worker.alive:
                            return worker
                        await worker.aclose()
        except trio.EndOfChannel:
            raise ProviderError(PROVIDER, "the recogniser is closed") from None
        finally:
            if self._work:
                self._work.end()

    async def _keep_one_ready(self, ready: Worker | ProviderError) -> None:
        with self._offer:
            while True:
                taken = False
                try:
                    await self._offer.send(ready)
                    taken = True
                finally:
                    if not taken and isinstance(ready, Worker):
                        await ready.aclose()
                try:
                    ready = await _start()
                except ProviderError as failure:
                    ready = failure


async def _start() -> Worker:
    return await Worker.start(PROVIDER, "callchart.adapters.stt.pocketsphinx.worker")
