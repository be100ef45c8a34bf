"""A reply's chunks: growing at the end while it is written, read from the front while it is heard.

Playing reads through one cursor, so that what is heard is strictly in order, and a playback that
begins again goes on at the first word that was not heard."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from callchart.engine.data import Reply
from callchart.engine.ports import WordTiming, frame_bytes
from callchart.engine.reply.word_timing import ends_of_words


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
        #: Since when nothing of it is heard because there is no more yet, by Trio's clock. None
        #: where there is more, or nobody listens.
        self.silent_since: float | None = None
        #: It will be heard: what costs more than a first sound, or has consequences, may begin.
        self.confirmed = trio.Event()
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

    async def more(self, silent_since: float) -> None:
        """Wait for the next chunk, or the end: all there is will have been heard by then."""
        self.silent_since = silent_since
        try:
            await self.change()
        finally:
            self.silent_since = None

    def heard(self, since: Cursor, size: int) -> str:
        """The words that end within `size` bytes from `since`; the cursor moves behind them."""
        words: list[str] = []
        cursor = since
        for number in range(since.chunk, len(self.chunks)):
            chunk = self.chunks[number]
            start = since if number == since.chunk else Cursor(number)
            end = start.byte + size
            if chunk.complete and not chunk.broken and end >= len(chunk.pcm):
                # A voice may have made nothing of it.
                words += chunk.text.split()[start.word :] if chunk.pcm else []
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
