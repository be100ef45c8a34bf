"""The offline recogniser: pocketsphinx, which knows English, with a process for each call.

Pocketsphinx holds the interpreter's lock for 200 ms at a time, so it needs another process. Two
decoders share no memory (100 MB each), so two calls in one process would save nothing. A process
takes half a second to load, so one is always ready for the next call.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from callchart.adapters.stt.pocketsphinx.messages import Begin, End, Frames, Taken
from callchart.adapters.worker.process import Worker
from callchart.engine.ports import FRAME_SECONDS, Heard, OutsideWork, ProviderError, frame_bytes

PROVIDER = "pocketsphinx"

# The voice detector finds an onset about 80 ms late, and a soft one about 180 ms late. The rest is
# the silence that the decoder's model expects before a word.
PRE_ROLL_S = 0.36

# The most messages that wait for an answer: a minute of frames. With more, the machine is too slow.
MOST_UNANSWERED = 3000


class PocketsphinxRecognition:
    """The recogniser of one call. Only the sound of utterances goes to its process."""

    def __init__(self, worker: Worker, rate_hz: int, work: OutsideWork | None) -> None:
        self._worker = worker
        self._rate_hz = rate_hz
        self._work = work
        self._pre_roll = bytearray()
        self._pre_roll_bytes = round(PRE_ROLL_S / FRAME_SECONDS) * frame_bytes(rate_hz)
        self._in_utterance = False
        self._unanswered = 0  # messages without a `Taken` yet
        self._failure: ProviderError | None = None
        self._scope = trio.CancelScope()
        self._result_sender, self._result_receiver = trio.open_memory_channel[Heard](math.inf)

    def feed_frames(self, pcm: bytes) -> None:
        """Add whole frames. Between utterances, keep the last 360 ms."""
        if self._in_utterance:
            self._post(Frames(pcm))
        else:
            self._pre_roll += pcm
            del self._pre_roll[: -self._pre_roll_bytes]

    def utterance_started(self, utterance: int) -> None:
        """Begin an utterance with the sound that was kept from before its onset."""
        self._in_utterance = True
        self._post(Begin(utterance, self._rate_hz))
        self._post(Frames(bytes(self._pre_roll)))
        self._pre_roll.clear()

    def utterance_ended(self, utterance: int) -> None:
        """End the utterance. Its final, which may be empty, follows."""
        self._in_utterance = False
        self._post(End())

    async def result(self) -> Heard:
        """Wait for the next partial or final. Raises `ProviderError` once the process has died."""
        try:
            return await self._result_receiver.receive()
        except trio.EndOfChannel:
            assert self._failure is not None
            raise self._failure from None

    async def run(self) -> None:
        """Run the process until it dies or `close` is called."""
        try:
            with self._scope:
                self._fail(await self._worker.run(self._received))
        finally:
            self.close()

    def close(self) -> None:
        """Kill the process without waiting for it."""
        self._fail(ProviderError(PROVIDER, "the call's recogniser is closed"))
        self._scope.cancel()

    def _post(self, message: Begin | Frames | End) -> None:
        if self._failure:
            return
        if self._unanswered == MOST_UNANSWERED:
            self._fail(
                ProviderError(PROVIDER, "is a minute behind the caller", "take fewer calls at once")
            )
            self._scope.cancel()
            return
        if self._unanswered == 0 and self._work:
            self._work.begin()
        self._unanswered += 1
        self._worker.post(message)

    def _received(self, message: object) -> None:
        if self._failure:
            return
        match message:
            case Heard() as heard:
                self._result_sender.send_nowait(heard)
            case Taken():
                self._unanswered -= 1
                if self._unanswered == 0 and self._work:
                    self._work.end()

    def _fail(self, failure: ProviderError) -> None:
        """Keep the first failure: earlier results are delivered, then `result` raises it."""
        if self._failure:
            return
        self._failure = failure
        self._result_sender.close()
        if self._unanswered and self._work:
            self._work.end()


class PocketsphinxRecognizer:
    """A `ports.Recognizer` with one process for each call. Made by `open`."""

    def __init__(self, nursery: trio.Nursery, work: OutsideWork | None) -> None:
        self._nursery = nursery
        self._work = work
        # No buffer: the next process starts only when this one is taken.
        self._offer, self._offered = trio.open_memory_channel[Worker | ProviderError](0)

    @classmethod
    @asynccontextmanager
    async def open(cls, work: OutsideWork | None = None) -> AsyncIterator[PocketsphinxRecognizer]:
        """Open a recogniser with one process ready; kill all processes at the end of the block.

        Raises `ProviderError` when pocketsphinx cannot be started, or is not installed."""
        first = await _start()
        async with trio.open_nursery() as nursery:
            recognizer = cls(nursery, work)
            nursery.start_soon(recognizer._keep_one_ready, first)
            yield recognizer
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def recognition(self, rate_hz: int) -> AsyncIterator[PocketsphinxRecognition]:
        """Open a recogniser for one call at 8000 or 16000 Hz. Raises `ProviderError` on entering.

        Leaving kills the call's process, even while it works."""
        recognition = PocketsphinxRecognition(await self._take(), rate_hz, self._work)
        self._nursery.start_soon(recognition.run)
        try:
            yield recognition
        finally:
            recognition.close()

    async def _take(self) -> Worker:
        """Return the ready process, or the next one if it has died."""
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
