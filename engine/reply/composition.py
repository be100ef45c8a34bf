"""One reply as data: its chunks. The writer appends them, and the player reads them in order.

The player reads at one cursor, so it plays the sound strictly in order. After an interruption the
next playback begins at the first word that was not heard."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

import trio

from callchart.engine.data import Reply
from callchart.engine.ports import WordTiming, frame_bytes
from callchart.engine.reply.word_timing import word_ends_s


class ChunkPhase(Enum):
    """The progress of one chunk's synthesis."""

    GROWING = auto()
    #: The sound of the text is complete.
    COMPLETE = auto()
    #: The synthesis failed after a part of the sound, which can still be played.
    BROKEN = auto()


class TextPhase(Enum):
    """The progress of a reply's text. Only an OPEN reply takes further chunks."""

    OPEN = auto()
    #: The text is complete; its synthesis may still run, and may still fail.
    WRITTEN = auto()
    #: A provider failed. The remaining chunks can still be played; no chunk follows them.
    FAILED = auto()


@dataclass(eq=False)
class Chunk:
    """A piece of text, and its sound so far (s16le, mono)."""

    text: str
    pcm: bytearray = field(default_factory=bytearray)
    words: list[WordTiming] = field(default_factory=list)
    phase: ChunkPhase = ChunkPhase.GROWING

    @property
    def ended(self) -> bool:
        """True when no further sound of this chunk follows."""
        return self.phase is not ChunkPhase.GROWING


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in a reply's sound: chunk, word in the chunk, byte in the chunk's sound."""

    chunk: int = 0
    word: int = 0
    byte: int = 0


class Composition:
    """The chunks of one reply, the phase of its text, and the position of the player."""

    def __init__(self, reply: Reply, rate_hz: int) -> None:
        self.reply, self.rate_hz = reply, rate_hz
        self.chunks: list[Chunk] = []
        self.phase = TextPhase.OPEN
        self.cursor = Cursor()
        #: The time of Trio's clock at which playback runs dry, if the player waits for a chunk;
        #: otherwise None.
        self.silent_since_s: float | None = None
        #: Set when the caller will hear the reply. A draft waits for it before its second chunk is
        #: synthesised, and before it uses a tool.
        self.confirmed = trio.Event()
        self._changes = trio.lowlevel.ParkingLot()

    @property
    def has_sound(self) -> bool:
        """True when the first frame of the reply can be played."""
        for chunk in self.chunks:
            if len(chunk.pcm) >= frame_bytes(self.rate_hz):
                return True
            if not chunk.ended:
                return False
        return False

    @property
    def ended(self) -> bool:
        """True when no further chunk follows."""
        return self.phase is not TextPhase.OPEN

    def close(self) -> None:
        """Mark the text as complete. A failed reply stays failed."""
        if self.phase is TextPhase.OPEN:
            self.phase = TextPhase.WRITTEN
        self.notify()

    def fail(self, at: Chunk | None = None) -> bool:
        """End the reply at the chunk `at`, or after all its chunks.

        The chunks before `at` stay, and `at` stays with the sound that it has. Return False if the
        reply failed before."""
        if at in self.chunks:
            at.phase = ChunkPhase.BROKEN
            del self.chunks[self.chunks.index(at) + bool(at.pcm) :]
        is_first = self.phase is not TextPhase.FAILED
        self.phase = TextPhase.FAILED
        return is_first

    def notify(self) -> None:
        """Wake the tasks that wait for a change."""
        self._changes.unpark_all()

    async def wait_for_change(self) -> None:
        """Wait for more text, more sound, or the end of the text."""
        await self._changes.park()

    async def wait_for_chunk(self, silent_since_s: float) -> None:
        """Wait for the next chunk or the end of the text.

        `silent_since_s` is the time of Trio's clock at which the queued sound ends."""
        self.silent_since_s = silent_since_s
        try:
            await self.wait_for_change()
        finally:
            self.silent_since_s = None

    def take_heard(self, since: Cursor, size_bytes: int) -> str:
        """Return the words that end within `size_bytes` after `since`.

        Moves the cursor to the first word that was not heard."""
        heard: list[str] = []
        cursor = since
        for number in range(since.chunk, len(self.chunks)):
            chunk = self.chunks[number]
            start = since if number == since.chunk else Cursor(number)
            end = start.byte + size_bytes
            if chunk.phase is ChunkPhase.COMPLETE and end >= len(chunk.pcm):
                # A synthesizer may give no sound for a text: its words were not heard.
                heard += chunk.text.split()[start.word :] if chunk.pcm else []
                size_bytes = end - len(chunk.pcm)
                cursor = Cursor(number + 1)
                continue
            ends_s = word_ends_s(chunk.text, chunk.words, len(chunk.pcm) / (self.rate_hz * 2))
            words = chunk.text.split()
            word = start.word
            while word < len(words) and round(ends_s[word] * self.rate_hz) * 2 <= end:
                heard.append(words[word])
                word += 1
            byte = round(ends_s[word - 1] * self.rate_hz) * 2 if word > start.word else start.byte
            # The line takes whole frames only.
            byte -= byte % frame_bytes(self.rate_hz)
            cursor = Cursor(number, word, byte)
            break
        self.cursor = cursor
        return " ".join(heard)
