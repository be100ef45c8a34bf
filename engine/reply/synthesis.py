"""The synthesis of one reply: a few chunks at a time, in the order of the text."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence

import trio

from callchart.engine.phrases import Phrases
from callchart.engine.ports import ProviderError, Speech, Synthesizer, frame_bytes
from callchart.engine.reply.composition import Chunk, ChunkPhase, Composition, TextPhase
from callchart.engine.reply.progress import ReplyProgress


class ChunkVoice:
    """A synthesizer behind the cache of prepared phrases, with a limit on the first sound."""

    def __init__(self, synthesizer: Synthesizer, phrases: Phrases, wait_s: float) -> None:
        self._synthesizer, self._phrases, self._wait_s = synthesizer, phrases, wait_s

    async def speak(self, text: str, out: Callable[[Speech], None]) -> None:
        """Pass the sound of `text` to `out`, at the rate of the phrases.

        Raises `ProviderError`, also if the first sound takes longer than `wait_s` seconds."""
        if sound := self._phrases.get(text):
            out(Speech(sound.pcm, sound.words))
            return

        def out_in_time(speech: Speech) -> None:
            first_sound.deadline = math.inf
            out(speech)

        with trio.move_on_after(self._wait_s) as first_sound:
            await self._synthesizer.synthesize(text, self._phrases.rate_hz, out_in_time)
        if first_sound.cancelled_caught:
            raise ProviderError(
                "synthesizer",
                f"no sound within {self._wait_s:g} s",
                "configure a second voice; if it goes on, see the provider's status page",
            )


class SynthesisWindow:
    """Takes a reply's texts and fills their chunks with sound, at most `slots` at a time.

    A task starts if a slot is free. It takes chunks from the queue, and frees the slot when the
    queue is empty."""

    def __init__(
        self,
        voice: ChunkVoice,
        composition: Composition,
        progress: ReplyProgress,
        nursery: trio.Nursery,
        slots: int,
    ) -> None:
        self._voice, self._composition, self._progress = voice, composition, progress
        self._nursery, self._free_slots = nursery, slots
        self._queue: deque[Chunk] = deque()

    def add(self, texts: Sequence[str]) -> None:
        """Append a chunk for each text, and synthesise it when a slot is free.

        After a failure, drop the texts: a reply must not continue after a gap."""
        composition = self._composition
        if not texts or composition.phase is TextPhase.FAILED:
            return
        for text in texts:
            chunk = Chunk(text)
            composition.chunks.append(chunk)
            self._queue.append(chunk)
            if self._free_slots:
                self._free_slots -= 1
                self._nursery.start_soon(self._work_through_queue)
        composition.silent_since_s = None
        composition.notify()

    async def _work_through_queue(self) -> None:
        while self._queue:
            await self._fill(self._queue.popleft())
        self._free_slots += 1

    async def _fill(self, chunk: Chunk) -> None:
        composition = self._composition
        is_first = composition.chunks[:1] == [chunk]
        if not is_first and not composition.confirmed.is_set():
            await composition.confirmed.wait()
        if chunk not in composition.chunks:
            return  # an earlier chunk failed meanwhile

        def append(speech: Speech) -> None:
            chunk.pcm += speech.pcm
            chunk.words = list(speech.words)  # these include the earlier timings
            self._progress.update()

        try:
            await self._voice.speak(chunk.text, append)
        except ProviderError as error:
            self._progress.provider_failed("synthesis", error, at=chunk)
            return
        # The line takes whole frames only.
        chunk.pcm += bytes(-len(chunk.pcm) % frame_bytes(composition.rate_hz))
        chunk.phase = ChunkPhase.COMPLETE
        self._progress.update()
