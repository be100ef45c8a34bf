"""The offline recogniser for a hundred languages: Whisper, in a process that all calls share.

It hears whole utterances, one at a time: their finals in the order in which they ended, and in
between, whenever nobody waits for a final, what there is of an utterance that goes on. A partial
is never taken up while anything waits, nor on a machine that is too slow for it, so it delays a
final by at most the rest of itself.

What a core serves: 3 s of speech cost the base model 0.4 s of an EPYC's core without VNNI, and each
look at a part of them little less. Callers who speak a third of the time load a core by 5 % each
with their finals, and by 20 % with all their partials. So a core is half busy, and finals wait for
each other seldom, at ten calls; partials get rarer from the third on. More callers than that want
a recogniser on a machine of its own.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from callchart.adapters.stt.utterance import Utterance
from callchart.adapters.stt.whisper.messages import Transcribe, Transcribed
from callchart.adapters.worker.process import Worker
from callchart.engine.ports import FRAME_SECONDS, Heard, OutsideWork, ProviderError, frame_bytes

PROVIDER = "whisper"
WORKER = "callchart.adapters.stt.whisper.worker"

#: Sound between two looks at an utterance that goes on.
PARTIAL_SECONDS = 0.7

#: A look that took longer is followed by no partial: the next final should find nobody before it.
SLOW_SECONDS = 0.7

#: Finals that wait. The last of so many would come far too late to be answered.
MOST_WAITING = 16


class WhisperRecognition:
    """One call's recogniser: it gathers an utterance's sound, and hands out what was heard."""

    def __init__(self, queue: _Queue, rate_hz: int) -> None:
        self._queue = queue
        self._rate_hz = rate_hz
        self._partial_bytes = round(PARTIAL_SECONDS / FRAME_SECONDS) * frame_bytes(rate_hz)
        self._said = Utterance(rate_hz)
        self._looked_at = 0  # how much of the sound the last partial was of
        self._partial = (0, "")  # the last one, and of which utterance
        self._failure: ProviderError | None = None
        self._hear, self._heard = trio.open_memory_channel[Heard](math.inf)

    def feed(self, pcm: bytes) -> None:
        """Whole frames. What there is of an utterance is heard as often as there is time for it."""
        self._said.add_frames(pcm)
        utterance, news = self._said.number, len(self._said) - self._looked_at
        if utterance is not None and news >= self._partial_bytes and self._queue.has_time:
            self._looked_at = len(self._said)
            self._ask(utterance, self._said.sound, final=False)

    def utterance_started(self, utterance: int) -> None:
        """The utterance begins with what was kept from before the onset was found."""
        self._said.begin(utterance)
        self._looked_at = len(self._said)

    def utterance_ended(self, utterance: int) -> None:
        """Its final is owed from now on; it may be empty."""
        self._ask(utterance, self._said.end(), final=True)

    async def result(self) -> Heard:
        """The next partial or final. Raises `ProviderError` once one was lost."""
        try:
            return await self._heard.receive()
        except trio.EndOfChannel:
            assert self._failure is not None
            raise self._failure from None

    def transcribed(self, utterance: int, text: str, final: bool) -> None:
        """What the process heard. A partial is news only if it says something new."""
        if self._failure:
            return
        if final:
            self._hear.send_nowait(Heard(utterance, text, final=True))
        elif text and (utterance, text) != self._partial:
            self._partial = (utterance, text)
            self._hear.send_nowait(Heard(utterance, text, final=False))

    def fail(self, failure: ProviderError) -> None:
        """The first failure stays. What was heard before it is delivered, then `result` raises."""
        if self._failure is None:
            self._failure = failure
            self._hear.close()

    def _ask(self, utterance: int, pcm: bytes, *, final: bool) -> None:
        if self._failure:
            return
        request = Transcribe(pcm, self._rate_hz, final)
        try:
            self._queue.put(_Job(self, utterance, request))
        except ProviderError as failure:
            self.fail(failure)


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """A request, and who wants to know."""

    recognition: WhisperRecognition
    utterance: int
    request: Transcribe


class _Queue:
    """What the process is doing, and what waits for it. Each job is work outside until it is over,
    or nobody wants it any more."""

    def __init__(self, work: OutsideWork | None) -> None:
        self._work = work
        self._worker: Worker | None = None
        self._waiting: deque[_Job] = deque()
        self._under_way: _Job | None = None
        self._unwanted = False  # the job under way, that is
        self._begun_at = 0.0
        self._took = 0.0  # the last job, in seconds
        self._arrival = trio.Event()

    @property
    def has_time(self) -> bool:
        """Nothing is done, nothing waits, and there is a process, which is quick."""
        is_idle = self._under_way is None and not self._waiting
        return self._worker is not None and is_idle and self._took <= SLOW_SECONDS

    def put(self, job: _Job) -> None:
        """A job more. Raises `ProviderError` where too many wait."""
        if len(self._waiting) == MOST_WAITING:
            raise ProviderError(
                PROVIDER,
                f"{MOST_WAITING} utterances wait for it",
                "take fewer calls at once, or use a smaller model or more threads",
            )
        if self._work:
            self._work.begin()
        self._waiting.append(job)
        self._arrival.set()
        self._next()

    def drop(self, recognition: WhisperRecognition) -> None:
        """Its call is over. What the process is doing for it goes on, and nobody listens."""
        kept = [job for job in self._waiting if job.recognition is not recognition]
        for _ in range(len(self._waiting) - len(kept)):
            self._end()
        self._waiting = deque(kept)
        if self._under_way and self._under_way.recognition is recognition and not self._unwanted:
            self._unwanted = True
            self._end()

    async def wanted(self) -> None:
        """Until a job waits."""
        while not self._waiting:
            self._arrival = trio.Event()
            await self._arrival.wait()

    def use(self, worker: Worker) -> None:
        """A process that is ready; what waits is for it."""
        self._worker = worker
        self._next()

    def done(self, text: str) -> None:
        """What came of the job under way."""
        job, self._under_way = self._under_way, None
        assert job is not None, "the process answers what it was asked"
        self._took = trio.current_time() - self._begun_at
        if not self._unwanted:
            job.recognition.transcribed(job.utterance, text, job.request.final)
            self._end()
        self._unwanted = False
        self._next()

    def fail(self, failure: ProviderError) -> None:
        """There is no process. Who waits for a word is told; the others may be luckier."""
        self._worker = None
        jobs = [*self._waiting]
        if self._under_way and not self._unwanted:
            jobs.append(self._under_way)
        self._under_way, self._unwanted = None, False
        self._waiting.clear()
        for job in jobs:
            job.recognition.fail(failure)
            self._end()

    def _next(self) -> None:
        if self._worker and self._under_way is None and self._waiting:
            self._under_way = self._waiting.popleft()
            self._begun_at = trio.current_time()
            self._worker.post(self._under_way.request)

    def _end(self) -> None:
        if self._work:
            self._work.end()


class WhisperRecognizer:
    """Hears any number of calls. Made by `open`."""

    def __init__(self, queue: _Queue, settings: tuple[str, str, str]) -> None:
        self._queue = queue
        self._settings = settings
        self._recognitions: set[WhisperRecognition] = set()
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        model: Path,
        language: str,
        *,
        threads: int = 1,
        work: OutsideWork | None = None,
    ) -> AsyncIterator[WhisperRecognizer]:
        """A recogniser whose process is up; after the block there is none left.

        `model` is a folder with a Whisper model as CTranslate2 has them, `language` a code such as
        "ru". Raises `ProviderError` when either is not there, or Whisper is not installed."""
        settings = (str(model), language, str(threads))
        worker = await _start(settings)
        recognizer = cls(_Queue(work), settings)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(recognizer._run, worker)
            recognizer._queue.use(worker)
            try:
                yield recognizer
            finally:
                recognizer._close()
                nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def recognition(self, rate_hz: int) -> AsyncIterator[WhisperRecognition]:
        """A recogniser for one call at 8000 or 16000 Hz. Raises `ProviderError` on entering.

        Leaving forgets what it was to hear, at once."""
        if self._closed:
            raise _closed()
        recognition = WhisperRecognition(self._queue, rate_hz)
        self._recognitions.add(recognition)
        try:
            yield recognition
        finally:
            self._recognitions.discard(recognition)
            recognition.fail(_closed())
            self._queue.drop(recognition)

    async def _run(self, worker: Worker) -> None:
        """One process after the other: one that died is started again."""
        while True:
            failure = await worker.run(self._received)
            self._queue.fail(failure)
            worker = await self._another()
            self._queue.use(worker)

    async def _another(self) -> Worker:
        """Started at once; one that cannot be is tried again when somebody needs it."""
        while True:
            try:
                return await _start(self._settings)
            except ProviderError as failure:
                self._queue.fail(failure)
                await self._queue.wanted()

    def _received(self, message: object) -> None:
        match message:
            case Transcribed(text):
                self._queue.done(text)

    def _close(self) -> None:
        self._closed = True
        self._queue.fail(_closed())
        for recognition in self._recognitions:
            recognition.fail(_closed())


def _closed() -> ProviderError:
    return ProviderError(PROVIDER, "the recogniser is closed")


async def _start(settings: tuple[str, str, str]) -> Worker:
    return await Worker.start(PROVIDER, WORKER, *settings)
