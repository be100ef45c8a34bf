"""The offline recogniser for a hundred languages: Whisper, in a process that all calls share.

The process transcribes one utterance at a time: finals in the order in which the utterances ended,
and partials of running utterances in between. A partial begins only while no job waits, and only if
the last job was quick. So a final waits for at most one partial.

The load: on one core of an EPYC without VNNI, the base model takes 0.4 s for a final of 3 s of
speech, and little less for a partial. A caller who speaks a third of the time loads the core by 5 %
with finals, and by 20 % with all partials. With ten calls, finals load the core by half, so they
seldom wait for each other. From the third call on, partials become rarer. For more than ten calls,
run the recogniser on another machine.
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

#: Seconds of sound between two partials of an utterance.
PARTIAL_INTERVAL_S = 0.7

#: After a job that took longer, no partial begins, so that the next final does not wait.
SLOW_JOB_S = 0.7

#: The most waiting jobs. With more, the last result would come too late.
MOST_WAITING = 16


class WhisperRecognition:
    """The recogniser of one call: it collects an utterance's sound and delivers the results."""

    def __init__(self, queue: _Queue, rate_hz: int) -> None:
        self._queue = queue
        self._rate_hz = rate_hz
        self._partial_interval_bytes = round(PARTIAL_INTERVAL_S / FRAME_SECONDS) * frame_bytes(
            rate_hz
        )
        self._said = Utterance(rate_hz)
        self._bytes_at_partial = 0  # bytes of sound at the last partial
        self._partial = (0, "")  # utterance and text of the last partial
        self._failure: ProviderError | None = None
        self._result_sender, self._result_receiver = trio.open_memory_channel[Heard](math.inf)

    def feed_frames(self, pcm: bytes) -> None:
        """Add whole frames. Ask for a partial of the utterance if the process has time."""
        self._said.add_frames(pcm)
        utterance, new_bytes = self._said.number, len(self._said) - self._bytes_at_partial
        if (
            utterance is not None
            and new_bytes >= self._partial_interval_bytes
            and self._queue.has_time
        ):
            self._bytes_at_partial = len(self._said)
            self._ask(utterance, self._said.sound, final=False)

    def utterance_started(self, utterance: int) -> None:
        """Begin an utterance with the sound that was kept from before its onset."""
        self._said.begin(utterance)
        self._bytes_at_partial = len(self._said)

    def utterance_ended(self, utterance: int) -> None:
        """End the utterance. Its final, which may be empty, follows."""
        self._ask(utterance, self._said.end(), final=True)

    async def result(self) -> Heard:
        """Wait for the next partial or final. Raises `ProviderError` once a result is lost."""
        try:
            return await self._result_receiver.receive()
        except trio.EndOfChannel:
            assert self._failure is not None
            raise self._failure from None

    def deliver(self, utterance: int, text: str, final: bool) -> None:
        """Deliver a result. A partial is dropped if its text is empty or unchanged."""
        if self._failure:
            return
        if final:
            self._result_sender.send_nowait(Heard(utterance, text, final=True))
        elif text and (utterance, text) != self._partial:
            self._partial = (utterance, text)
            self._result_sender.send_nowait(Heard(utterance, text, final=False))

    def fail(self, failure: ProviderError) -> None:
        """Keep the first failure: earlier results are delivered, then `result` raises it."""
        if self._failure is None:
            self._failure = failure
            self._result_sender.close()

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
    """A request, and the recogniser that gets the result."""

    recognition: WhisperRecognition
    utterance: int
    request: Transcribe


class _Queue:
    """The running job and the waiting ones. Each job counts as outside work until it ends or its
    call has ended."""

    def __init__(self, work: OutsideWork | None) -> None:
        self._work = work
        self._worker: Worker | None = None
        self._waiting: deque[_Job] = deque()
        self._under_way: _Job | None = None
        self._unwanted = False  # the call of the running job has ended
        self._begun_at = 0.0
        self._took_s = 0.0  # the time of the last job
        self._arrival = trio.Event()

    @property
    def has_time(self) -> bool:
        """True if the process runs, is idle, and its last job was quick."""
        is_idle = self._under_way is None and not self._waiting
        return self._worker is not None and is_idle and self._took_s <= SLOW_JOB_S

    def put(self, job: _Job) -> None:
        """Add a job. Raises `ProviderError` if too many wait."""
        if len(self._waiting) == MOST_WAITING:
            raise ProviderError(
                PROVIDER,
                f"queue full: {MOST_WAITING} utterances wait",
                "take fewer calls, or use a smaller model or more threads",
            )
        if self._work:
            self._work.begin()
        self._waiting.append(job)
        self._arrival.set()
        self._next()

    def drop(self, recognition: WhisperRecognition) -> None:
        """Drop the jobs of an ended call. A running job goes on; its result is dropped."""
        kept = [job for job in self._waiting if job.recognition is not recognition]
        for _ in range(len(self._waiting) - len(kept)):
            self._end()
        self._waiting = deque(kept)
        if self._under_way and self._under_way.recognition is recognition and not self._unwanted:
            self._unwanted = True
            self._end()

    async def wait_for_job(self) -> None:
        """Wait until there is a job."""
        while not self._waiting:
            self._arrival = trio.Event()
            await self._arrival.wait()

    def use(self, worker: Worker) -> None:
        """Give the waiting jobs to a process that is ready."""
        self._worker = worker
        self._next()

    def done(self, text: str) -> None:
        """Deliver the text of the running job and begin the next one."""
        job, self._under_way = self._under_way, None
        assert job is not None, "a result needs a running job"
        self._took_s = trio.current_time() - self._begun_at
        if not self._unwanted:
            job.recognition.deliver(job.utterance, text, job.request.final)
            self._end()
        self._unwanted = False
        self._next()

    def fail(self, failure: ProviderError) -> None:
        """Fail all jobs because the process is gone. Calls without a job go on."""
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
    """A `ports.Recognizer` for any number of calls. Made by `open`."""

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
        """Start the process, and kill it after the block.

        `model` is a folder with a Whisper model in CTranslate2's format, `language` a code such as
        "ru". Raises `ProviderError` if the folder has no model, the model does not know the
        language, or the package is not installed."""
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
        """Open a recogniser for one call at 8000 or 16000 Hz. Raises `ProviderError` on entering.

        Leaving drops the call's jobs without waiting for them."""
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
        """Run the process. When it dies, fail all jobs and start another."""
        while True:
            failure = await worker.run(self._received)
            self._queue.fail(failure)
            worker = await self._start_another()
            self._queue.use(worker)

    async def _start_another(self) -> Worker:
        """Start another process. If that fails, wait for the next job, and try again."""
        while True:
            try:
                return await _start(self._settings)
            except ProviderError as failure:
                self._queue.fail(failure)
                await self._queue.wait_for_job()

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
