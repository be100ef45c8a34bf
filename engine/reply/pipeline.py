"""A reply in the making: text -> chunks -> sound, in order. The activity of `turn`.

Every chunk is synthesised as soon as it is written, a few side by side. While the model is slow, or
waits for a tool, the caller is asked for a moment whenever nothing was heard for a while."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Sequence

import trio

from callchart.engine.data import CallData, Reply, Said, ToolUsed
from callchart.engine.events import Event, ReplyFailed, ReplyReady, ReplyWritten
from callchart.engine.phrases import Phrases
from callchart.engine.ports import (
    LanguageModel,
    ProviderError,
    Speech,
    Synthesizer,
    ToolSpec,
    frame_bytes,
)
from callchart.engine.reply.chunker import Chunker
from callchart.engine.reply.composition import Chunk, Composition
from callchart.engine.tools.toolbox import Toolbox, Workbench

log = logging.getLogger("callchart")


class ReplyPipeline:
    """One call's replies, one at a time. `start` is a command; `run` is the activity."""

    def __init__(
        self,
        model: LanguageModel,
        synthesizer: Synthesizer,
        phrases: Phrases,
        workbench: Workbench,
        *,
        transfers: Sequence[str],
        rate_hz: int,
        call_id: str,
    ) -> None:
        self.model, self.synthesizer, self.phrases = model, synthesizer, phrases
        self.workbench, self.transfers = workbench, transfers
        self.rate_hz, self.call_id = rate_hz, call_id
        self._started = trio.Event()
        self._writing = trio.CancelScope()
        self.current: Composition | None = None
        self._history: Sequence[Said | ToolUsed] = ()
        #: How many stays there had been in states when it was started.
        self._activations = 0

    def start(self, reply: Reply, history: Sequence[Said | ToolUsed], activations: int) -> None:
        """Begin `reply`, or confirm its draft; the one before it is over.

        `activations` is the number of the last stay in a state, when the reply is started."""
        if self.current is None or self.current.reply.number != reply.number:
            self.draft(reply, history, activations)
        assert self.current is not None
        self.current.confirmed.set()

    def draft(self, reply: Reply, history: Sequence[Said | ToolUsed], activations: int) -> None:
        """Begin `reply`, up to its first sound or its first tool; the one before it is over."""
        self.current = Composition(reply, self.rate_hz)
        self._history = history
        self._activations = activations
        self._writing.cancel()
        self._started.set()

    async def run(self, data: CallData, activation: int, post: Callable[[Event], None]) -> None:
        """Compose whatever is started, for as long as the turn lasts.

        `activation` is the number of this stay in the turn's state; `post` takes its events."""
        if self._activations < activation:
            self._forget()  # it was started in a turn that was left before this activity began
        try:
            while True:
                if not self._started.is_set():
                    await self._started.wait()
                self._started = trio.Event()
                assert self.current is not None
                with trio.CancelScope() as self._writing:
                    await _Writing(self, data, post, self.current, self._history).run()
        finally:
            # Also a reply that was started in this turn and not begun: it is over with it.
            self._forget()

    def _forget(self) -> None:
        self.current = None
        self._started = trio.Event()


class _Writing:
    """One reply being written and synthesised; to the model, it is the tools of this answer."""

    def __init__(
        self,
        pipeline: ReplyPipeline,
        data: CallData,
        post: Callable[[Event], None],
        composition: Composition,
        history: Sequence[Said | ToolUsed],
    ) -> None:
        self._pipeline, self._data, self._post = pipeline, data, post
        self._composition, self._history = composition, history
        settings = data.settings
        self._chunker = Chunker(settings.chunk_characters)
        self._chunk_wait = settings.chunk_wait
        #: Chunks that nobody synthesises yet, and how many more may be at once.
        self._waiting: deque[Chunk] = deque()
        self._places = settings.parallel_synthesis
        #: Open while the text is written; its deadline is when what is pending is overdue.
        self._dribbling = trio.CancelScope()
        #: Open while the model begins or waits for a tool, and for a while after it.
        self._bridging = trio.CancelScope()
        #: How many of the chunks only ask the caller for a moment.
        self._bridges = 0
        #: When the model was asked, and how long its first chunk took.
        self._asked_at = trio.current_time()
        self._first_chunk: float | None = None
        self._text_ended = False
        self._ready = False
        #: A failure that is told once what was written before it can be heard, or cannot.
        self._untold: ReplyFailed | None = None
        self._toolbox = Toolbox(pipeline.workbench, pipeline.transfers)
        self._nursery: trio.Nursery

    async def run(self) -> None:
        composition, reply = self._composition, self._composition.reply
        async with trio.open_nursery() as self._nursery:
            if reply.script is not None:
                self._add([reply.script])
            else:
                try:
                    await self._write()
                except ProviderError as error:
                    self._log(error)
                    self._fail("text", error.reason)
                    return
            composition.written = True
            composition.changed()
            chunks, marked = len(composition.chunks), self._chunker.marked
            ends_call = reply.ends_call or self._toolbox.ends_call
            transfer_to = self._toolbox.transfer_to
            if chunks == self._bridges and not ends_call and not transfer_to:
                self._fail("text", "an empty answer")
                return
            self._post(
                ReplyWritten(
                    reply.number,
                    chunks,
                    marked,
                    ends_call,
                    transfer_to,
                    self._first_chunk,
                    self._bridges,
                )
            )
        if chunks and not composition.has_sound:
            self._fail("synthesis", "no sound for the text")

    async def _write(self) -> None:
        self._nursery.start_soon(self._cut_what_dribbles)
        self._bridge(self._data.settings.reply_wait)
        try:
            await self._pipeline.model.write(self._history, self, self._feed)
        finally:
            self._text_ended = True
            self._dribbling.cancel()
            self._bridging.cancel()
        self._cut(self._chunker.rest())
        if self._toolbox.transfer_to and not self._composition.chunks:
            # Nobody is handed on without a word.
            self._add([self._data.facts.scripts.waiting])
        elif self._toolbox.ends_call and 0 < self._bridges == len(self._composition.chunks):
            # Nor is anybody who was asked for a moment left without a goodbye.
            self._add([self._data.facts.scripts.farewell])

    @property
    def specs(self) -> Sequence[ToolSpec]:
        """See `ports.Tools`."""
        return self._toolbox.specs

    async def use(self, name: str, arguments: str) -> str | None:
        """See `ports.Tools`."""
        # What was written before the tool is said before it.
        self._cut(self._chunker.rest())
        self._dribbling.deadline = math.inf
        self._bridge(math.inf)
        if not self._composition.confirmed.is_set():
            await self._composition.confirmed.wait()
        try:
            return await self._toolbox.use(name, arguments)
        finally:
            # The model has to begin anew now, as it had when it was asked.
            self._bridging.deadline = trio.current_time() + self._data.settings.reply_wait

    def _bridge(self, seconds: float) -> None:
        """From now on, and for so long, no silence is longer than the caller can bear."""
        if not self._composition.chunks and self._composition.silent_since is None:
            self._composition.silent_since = trio.current_time()
        self._bridging.cancel()
        self._bridging = trio.CancelScope(deadline=trio.current_time() + seconds)
        self._nursery.start_soon(self._bridge_silence, self._bridging)

    async def _bridge_silence(self, bridging: trio.CancelScope) -> None:
        silence = self._data.settings.longest_silence
        with bridging:
            if not self._composition.confirmed.is_set():
                # Who is still being heard waits for nothing.
                await self._composition.confirmed.wait()
                if not self._composition.chunks:
                    self._composition.silent_since = trio.current_time()
            while self._composition.failure is None:
                since = self._composition.silent_since
                await trio.sleep_until((trio.current_time() if since is None else since) + silence)
                if since is not None and self._composition.silent_since == since:
                    self._bridges += 1
                    self._add([self._data.facts.scripts.waiting])

    def _feed(self, text: str) -> None:
        if self._text_ended:
            return  # words that were on their way when the model was told to stop
        texts = self._chunker.feed(text)
        self._cut(texts)
        # A deadline that is moved, rather than a task that each token wakes.
        if texts or self._dribbling.deadline == math.inf:
            overdue = trio.current_time() + self._chunk_wait
            self._dribbling.deadline = overdue if self._chunker.pending else math.inf

    async def _cut_what_dribbles(self) -> None:
        while not self._text_ended:
            with self._dribbling:
                await trio.sleep_forever()
            if not self._text_ended:
                self._dribbling = trio.CancelScope()
                self._cut(self._chunker.overdue())

    def _cut(self, texts: Sequence[str]) -> None:
        """Chunks of what the model has written."""
        if texts and self._first_chunk is None:
            # To the microsecond, as all moments are.
            self._first_chunk = round(trio.current_time() - self._asked_at, 6)
        self._add(texts)

    def _add(self, texts: Sequence[str]) -> None:
        if self._composition.failure is not None:
            return  # behind a hole, nothing more is said
        for text in texts:
            chunk = Chunk(text)
            self._composition.chunks.append(chunk)
            self._waiting.append(chunk)
            if self._places:
                self._places -= 1
                self._nursery.start_soon(self._synthesize_waiting)
        if texts:
            self._composition.silent_since = None
            self._composition.changed()

    async def _synthesize_waiting(self) -> None:
        while self._waiting:
            await self._synthesize(self._waiting.popleft())
        self._places += 1

    async def _synthesize(self, chunk: Chunk) -> None:
        composition = self._composition
        if composition.chunks[:1] != [chunk] and not composition.confirmed.is_set():
            await composition.confirmed.wait()
        if chunk not in composition.chunks:
            return  # behind a hole, nothing more is said
        if sound := self._pipeline.phrases.get(chunk.text):
            self._sound(chunk, Speech(sound.pcm, sound.words))
        else:
            try:
                await self._speak(chunk)
            except ProviderError as error:
                self._log(error)
                self._fail("synthesis", error.reason, at=chunk)
                return
        # Whole frames: the line takes no others.
        chunk.pcm += bytes(-len(chunk.pcm) % frame_bytes(self._composition.rate_hz))
        chunk.complete = True
        self._tell()

    async def _speak(self, chunk: Chunk) -> None:
        synthesizer, rate_hz = self._pipeline.synthesizer, self._composition.rate_hz
        bound = self._data.settings.voice_wait

        def sound(speech: Speech) -> None:
            waiting.deadline = math.inf
            self._sound(chunk, speech)

        with trio.move_on_after(bound) as waiting:
            await synthesizer.synthesize(chunk.text, rate_hz, sound)
        if waiting.cancelled_caught:
            raise ProviderError(
                "synthesizer",
                f"no sound within {bound:g} s",
                "set a second voice, or see the provider's status page if it goes on",
            )

    def _sound(self, chunk: Chunk, speech: Speech) -> None:
        chunk.pcm += speech.pcm
        chunk.words = list(speech.words)  # all that are known so far
        self._tell()

    def _tell(self) -> None:
        if not self._ready and self._composition.has_sound:
            self._ready = True
            self._post(ReplyReady(self._composition.reply.number))
        if self._untold and (self._ready or all(c.complete for c in self._composition.chunks)):
            self._post(self._untold)
            self._untold = None
        self._composition.changed()

    def _log(self, error: ProviderError) -> None:
        """For the operator: the journal has no cure, and is not looked into while calls go on."""
        log.warning("call %s: %s", self._pipeline.call_id, error)

    def _fail(self, stage: str, reason: str, at: Chunk | None = None) -> None:
        """The reply ends here; what comes of the chunks before `at` can still be heard."""
        chunks = self._composition.chunks
        if at in chunks:
            at.broken = at.complete = True
            del chunks[chunks.index(at) + bool(at.pcm) :]
        if self._composition.failure is None:
            self._composition.failure = reason
            self._untold = ReplyFailed(self._composition.reply.number, stage, reason)
        self._tell()
