"""A reply in the making: text -> chunks -> sound, in order. The activity of `turn`.

Every chunk is synthesised as soon as it is written, a few side by side; what is played is strictly
in order, because playing reads the chunks through one cursor. What was synthesised and not heard
stays here: a playback that begins again goes on at the first word that was not heard."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from engine.chunker import Chunker
from engine.data import Reply, Said, ToolUsed
from engine.events import ReplyFailed, ReplyReady, ReplyWritten
from engine.ports import ProviderError, Speech, WordTiming, frame_bytes
from engine.toolbox import Toolbox
from engine.words import ends_of_words

if TYPE_CHECKING:
    from engine.call import Call, Scene


@dataclass(eq=False)
class Chunk:
    """A piece of text, and as much of its sound (s16le) as there is."""

    text: str
    pcm: bytearray = field(default_factory=bytearray)
    words: list[WordTiming] = field(default_factory=list)
    complete: bool = False
    #: Its synthesis stopped in the middle: the sound is not the whole text's.
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a reply's sound: chunk, word within the chunk, byte within its sound."""

    chunk: int = 0
    word: int = 0
    byte: int = 0


class Composition:
    """One reply's chunks, growing at the end and read from the front.

    `failure` is set where it will not be complete; the chunks before it can still be heard."""

    def __init__(self, reply: Reply, rate_hz: int) -> None:
        self.reply, self.rate_hz = reply, rate_hz
        self.chunks: list[Chunk] = []
        self.written = False
        self.failure: str | None = None
        self.cursor = Cursor()
        self._changes = trio.lowlevel.ParkingLot()

    @property
    def has_sound(self) -> bool:
        """The first sound in order is there."""
        for chunk in self.chunks:
            if len(chunk.pcm) >= frame_bytes(self.rate_hz):
                return True
            if not chunk.complete:
                return False
        return False

    @property
    def ended(self) -> bool:
        """No further chunk will come."""
        return self.written or self.failure is not None

    def changed(self) -> None:
        self._changes.unpark_all()

    async def change(self) -> None:
        """Wait for more text, more sound, or the end."""
        await self._changes.park()

    def heard(self, since: Cursor, size: int) -> str:
        """The words that end within `size` bytes from `since`; the cursor moves behind them."""
        words: list[str] = []
        cursor = since
        for number in range(since.chunk, len(self.chunks)):
            chunk = self.chunks[number]
            start = since if number == since.chunk else Cursor(number)
            end = start.byte + size
            if chunk.complete and not chunk.broken and end >= len(chunk.pcm):
                words += chunk.text.split()[start.word :]
                size = end - len(chunk.pcm)
                cursor = Cursor(number + 1)
                continue
            ends = ends_of_words(chunk.text, chunk.words, len(chunk.pcm) / (self.rate_hz * 2))
            texts = chunk.text.split()
            word = start.word
            while word < len(texts) and round(ends[word] * self.rate_hz) * 2 <= end:
                words.append(texts[word])
                word += 1
            byte = round(ends[word - 1] * self.rate_hz) * 2 if word > start.word else start.byte
            # Whole frames: the line takes no others.
            byte -= byte % frame_bytes(self.rate_hz)
            cursor = Cursor(number, word, byte)
            break
        self.cursor = cursor
        return " ".join(words)


class ReplyPipeline:
    """One call's replies, one at a time. `start` is a command; `run` is the activity."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._started = trio.Event()
        self._writing = trio.CancelScope()
        self.current: Composition | None = None
        self._history: Sequence[Said | ToolUsed] = ()

    def start(self, reply: Reply, history: Sequence[Said | ToolUsed]) -> None:
        """Begin `reply`; the one before it is over."""
        self.current = Composition(reply, self._call.line.rate_hz)
        self._history = history
        self._writing.cancel()
        self._started.set()

    async def run(self, scene: Scene) -> None:
        """Compose whatever is started, for as long as the turn lasts."""
        try:
            while True:
                if not self._started.is_set():
                    await self._started.wait()
                self._started = trio.Event()
                assert self.current is not None
                with trio.CancelScope() as self._writing:
                    await _Writing(scene, self.current, self._history).run()
        finally:
            # Also a reply that was started in this turn and not begun: it is over with it.
            self.current = None
            self._started = trio.Event()


class _Writing:
    """One reply being written and synthesised."""

    def __init__(
        self, scene: Scene, composition: Composition, history: Sequence[Said | ToolUsed]
    ) -> None:
        self._scene, self._composition, self._history = scene, composition, history
        settings = scene.data.settings
        self._chunker = Chunker(settings.chunk_characters)
        self._chunk_wait = settings.chunk_wait
        #: Chunks that nobody synthesises yet, and how many more may be at once.
        self._waiting: deque[Chunk] = deque()
        self._places = settings.parallel_synthesis
        #: Open while the text is written; its deadline is when what is pending is overdue.
        self._dribbling = trio.CancelScope()
        self._text_ended = False
        self._ready = False
        self._nursery: trio.Nursery

    async def run(self) -> None:
        composition, reply = self._composition, self._composition.reply
        async with trio.open_nursery() as self._nursery:
            ends_call = reply.ends_call
            if reply.script is not None:
                self._add([reply.script])
            else:
                try:
                    ends_call = await self._write()
                except ProviderError as error:
                    self._fail("text", error.reason)
                    return
            composition.written = True
            composition.changed()
            chunks = len(composition.chunks)
            if chunks == 0 and not ends_call:
                self._fail("text", "an empty answer")
                return
            self._scene.post(ReplyWritten(reply.number, chunks, self._chunker.marked, ends_call))
        if chunks and not composition.has_sound:
            self._fail("synthesis", "no sound for the text")

    async def _write(self) -> bool:
        self._nursery.start_soon(self._cut_what_dribbles)
        tools = Toolbox()
        try:
            await self._scene.call.services.model.write(self._history, tools, self._feed)
        finally:
            self._text_ended = True
            self._dribbling.cancel()
        self._add(self._chunker.rest())
        return tools.ends_call

    def _feed(self, text: str) -> None:
        texts = self._chunker.feed(text)
        self._add(texts)
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
                self._add(self._chunker.overdue())

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
            self._composition.changed()

    async def _synthesize_waiting(self) -> None:
        while self._waiting:
            await self._synthesize(self._waiting.popleft())
        self._places += 1

    async def _synthesize(self, chunk: Chunk) -> None:
        if sound := self._scene.call.services.phrases.get(chunk.text):
            self._sound(chunk, Speech(sound.pcm, sound.words))
        else:
            services, rate_hz = self._scene.call.services, self._composition.rate_hz
            try:
                await services.synthesizer.synthesize(
                    chunk.text, rate_hz, lambda speech: self._sound(chunk, speech)
                )
            except ProviderError as error:
                self._fail("synthesis", error.reason, at=chunk)
                return
        # Whole frames: the line takes no others.
        chunk.pcm += bytes(-len(chunk.pcm) % frame_bytes(self._composition.rate_hz))
        chunk.complete = True
        self._tell()

    def _sound(self, chunk: Chunk, speech: Speech) -> None:
        chunk.pcm += speech.pcm
        chunk.words = list(speech.words)  # all that are known so far
        self._tell()

    def _tell(self) -> None:
        if not self._ready and self._composition.has_sound:
            self._ready = True
            self._scene.post(ReplyReady(self._composition.reply.number))
        self._composition.changed()

    def _fail(self, stage: str, reason: str, at: Chunk | None = None) -> None:
        """The reply ends here; what comes of the chunks before `at` can still be heard."""
        chunks = self._composition.chunks
        if at in chunks:
            at.broken = at.complete = True
            del chunks[chunks.index(at) + bool(at.pcm) :]
        if self._composition.failure is not None:
            return
        self._composition.failure = reason
        self._scene.post(ReplyFailed(self._composition.reply.number, stage, reason))
        self._composition.changed()
