"""Sounds that are said again and again, kept on disk: they cost nothing after the first time, over
restarts as well.

A text that is there is given whole, at once. One that is not goes through as it is synthesised, is
gathered meanwhile, and written by a thread that nobody waits for.

What is kept. The model's answers may hold what is the caller's own, and a sound says all that its
text says. So only these are kept: texts that were declared (scripts: the same for every caller),
and short ones that were asked for again in what must be another call, an hour later or more: what a
model says twice in one call may well be about its caller.

Where two ask for one text at the same time, both are synthesised. Scripts are asked for once, ahead
of time; and who waits for another's sound would have to begin anew when that one is cancelled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, Self

import trio

from callchart.adapters.tts.joined_sound import Substitute
from callchart.adapters.tts.sound_files import FORMAT, KeptSound, SoundFolder
from callchart.engine.ports import OutsideWork, Speech, Synthesizer, WordTiming

#: Bytes: half an hour of speech at 16 kHz.
LIMIT: Final = 64_000_000
#: Characters. A sentence or two: what is longer hardly ever comes again.
LONGEST: Final = 250
#: Seconds. Longer than a call.
ANOTHER_CALL: Final = 3600.0
#: Texts whose first request is remembered, as hashes.
REMEMBERED: Final = 4096
#: Seconds. A read takes less than one of these thousandths: a disk that hangs is not waited for.
READ_WITHIN: Final = 0.05
#: Sounds that wait to be written; with a disk that is slower than that, others are not kept.
WAITING: Final = 16
#: Seconds that the last of them have at the end.
LAST_WRITES: Final = 1.0


class CachedSynthesizer:
    """`ports.Synthesizer` over another, with a memory on disk. Made by `open`."""

    def __init__(
        self,
        nursery: trio.Nursery,
        synthesizer: Synthesizer,
        folder: SoundFolder,
        key: Sequence[str],
        declared: Collection[str],
        work: OutsideWork | None,
    ) -> None:
        self._nursery: trio.Nursery | None = nursery
        self._synthesizer, self._folder, self._work = synthesizer, folder, work
        self._key, self._declared = tuple(key), frozenset(declared)
        #: When each text was asked for first, by its name, oldest first.
        self._asked: dict[str, float] = {}
        self._waiting = 0
        # Threads of its own: a disk that hangs holds up nobody else's.
        self._reading, self._writing = trio.CapacityLimiter(4), trio.CapacityLimiter(1)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        synthesizer: Synthesizer,
        folder: Path,
        key: Sequence[str],
        *,
        declared: Collection[str] = (),
        limit: int = LIMIT,
        work: OutsideWork | None = None,
    ) -> AsyncIterator[Self]:
        """A cache in `folder`, whose files take up to `limit` bytes; the last are written at the
        end of the block.

        `key`: all that changes a text's sound, but its rate: the provider, voice, role, speed, ...
        `declared`: texts that may always be kept. Sound in a second voice (`Substitute`) is not
        kept: so this goes around a `FallbackSynthesizer`, and a text that is kept needs neither of
        its two."""
        async with trio.open_nursery() as nursery:
            cached = cls(nursery, synthesizer, SoundFolder(folder, limit), key, declared, work)
            try:
                yield cached
            finally:
                cached._nursery = None
            nursery.cancel_scope.deadline = trio.current_time() + LAST_WRITES

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        """See `ports.Synthesizer`. What is kept comes in one piece."""
        declared = text in self._declared
        if not declared and len(text) > LONGEST:
            await self._synthesizer.synthesize(text, rate_hz, out)
            return
        name = self._name(text, rate_hz)
        if kept := await self._read(name):
            out(Speech(kept.pcm, _words(text, kept)))
            return
        if not (declared or self._asked_in_another_call(name)):
            await self._synthesizer.synthesize(text, rate_hz, out)
            return
        pieces: list[Speech] = []

        def pass_on(speech: Speech) -> None:
            pieces.append(speech)
            out(speech)

        await self._synthesizer.synthesize(text, rate_hz, pass_on)
        if pieces and not any(isinstance(piece, Substitute) for piece in pieces):
            self._keep(name, _kept(text, pieces))

    def _name(self, text: str, rate_hz: int) -> str:
        whole = json.dumps([FORMAT, *self._key, rate_hz, text])
        return hashlib.sha256(whole.encode()).hexdigest()

    def _asked_in_another_call(self, name: str) -> bool:
        now = trio.current_time()
        asked = self._asked.setdefault(name, now)
        if len(self._asked) > REMEMBERED:
            del self._asked[next(iter(self._asked))]
        return now >= asked + ANOTHER_CALL

    async def _read(self, name: str) -> KeptSound | None:
        with self._outside(), trio.move_on_after(READ_WITHIN):
            return await trio.to_thread.run_sync(
                self._folder.read, name, abandon_on_cancel=True, limiter=self._reading
            )
        self._folder.say_once(f"its disk does not answer within {READ_WITHIN:g} s")
        return None

    def _keep(self, name: str, sound: KeptSound) -> None:
        if self._nursery and self._waiting < WAITING:
            self._waiting += 1
            self._nursery.start_soon(self._write, name, sound)

    async def _write(self, name: str, sound: KeptSound) -> None:
        with self._outside():
            await trio.to_thread.run_sync(
                self._folder.write, name, sound, abandon_on_cancel=True, limiter=self._writing
            )
        self._waiting -= 1

    @contextmanager
    def _outside(self) -> Iterator[None]:
        """A clock that jumps stands still for as long as the block."""
        if self._work:
            self._work.begin()
        try:
            yield
        finally:
            if self._work:
                self._work.end()


def _kept(text: str, pieces: Sequence[Speech]) -> KeptSound:
    """The sound in one, with the words' places where they are the text's own words."""
    words, told = text.split(), pieces[-1].words
    named = [word.word for word in told] == words[: len(told)]
    places = tuple((word.start, word.end) for word in told)
    pcm = b"".join(piece.pcm for piece in pieces)
    # The words themselves are not kept: they are read off the text that is asked for.
    return KeptSound(pcm, places if named or len(told) == len(words) else ())


def _words(text: str, kept: KeptSound) -> tuple[WordTiming, ...]:
    return tuple(
        WordTiming(word, *place) for word, place in zip(text.split(), kept.places, strict=False)
    )
