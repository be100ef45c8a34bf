"""A synthesizer with a cache on disk: a repeated text is synthesised once, and survives restarts.

A cached text comes immediately, in one piece. The sound of another text is passed on as it is
synthesised, collected meanwhile, and written by a thread in the background.

The cache must not keep private data of a caller, which a model's answers may contain. Therefore it
keeps only two kinds of text: declared texts (scripts, which are the same for every caller), and
short texts that are requested again after an hour or more. By then the first call has ended, so two
calls share the text. A text that a model says twice in one call may be about its caller.

Two requests for one text at the same time are both synthesised. Sharing one synthesis would help
little: scripts are requested once, ahead of time. And a request that waits for the sound of another
would have to start again if that one is cancelled.
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

#: Half an hour of speech at 16 kHz.
LIMIT_BYTES: Final = 64_000_000
#: One or two sentences. A longer text is hardly ever repeated.
LONGEST_CHARACTERS: Final = 250
#: No call is so long, so a text that is repeated after this time belongs to another call.
ANOTHER_CALL_S: Final = 3600.0
#: The most texts whose first request is remembered, as hashes.
MOST_REMEMBERED: Final = 4096
#: A read takes less than 1 ms. After this time the disk counts as hanging, and the text is
#: synthesised instead.
READ_TIMEOUT_S: Final = 0.05
#: The most sounds that wait to be written. While so many wait for a slow disk, no other is kept.
MOST_WAITING: Final = 16
#: The time for the last writes at the end.
LAST_WRITES_S: Final = 1.0


class CachedSynthesizer:
    """A `ports.Synthesizer` over another one, with a cache on disk. Made by `open`."""

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
        #: The moment of each text's first request, by the name of its sound; the oldest is first.
        self._requested_at: dict[str, float] = {}
        self._waiting = 0
        # Separate limiters: a hanging disk must not use up the threads of Trio's default limiter.
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
        limit_bytes: int = LIMIT_BYTES,
        work: OutsideWork | None = None,
    ) -> AsyncIterator[Self]:
        """Open a cache in `folder`, of at most `limit_bytes`. Finish the last writes at the end.

        `key` holds all that changes the sound of a text, except the rate: the provider, voice,
        role, speed, ... `declared` are the texts that may always be kept. Sound in a second voice
        (`Substitute`) is not kept. Put the cache around a `FallbackSynthesizer`: then a cached text
        is spoken even if both voices fail."""
        async with trio.open_nursery() as nursery:
            cached = cls(
                nursery, synthesizer, SoundFolder(folder, limit_bytes), key, declared, work
            )
            try:
                yield cached
            finally:
                cached._nursery = None
            nursery.cancel_scope.deadline = trio.current_time() + LAST_WRITES_S

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        """See `ports.Synthesizer`. A cached text comes in one piece."""
        declared = text in self._declared
        if not declared and len(text) > LONGEST_CHARACTERS:
            await self._synthesizer.synthesize(text, rate_hz, out)
            return
        name = self._name(text, rate_hz)
        if kept := await self._read(name):
            out(Speech(kept.pcm, _words(text, kept)))
            return
        if not (declared or self._requested_in_another_call(name)):
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

    def _requested_in_another_call(self, name: str) -> bool:
        now = trio.current_time()
        first = self._requested_at.setdefault(name, now)
        if len(self._requested_at) > MOST_REMEMBERED:
            del self._requested_at[next(iter(self._requested_at))]
        return now >= first + ANOTHER_CALL_S

    async def _read(self, name: str) -> KeptSound | None:
        with self._outside(), trio.move_on_after(READ_TIMEOUT_S):
            return await trio.to_thread.run_sync(
                self._folder.read, name, abandon_on_cancel=True, limiter=self._reading
            )
        self._folder.warn_once(f"read timeout after {READ_TIMEOUT_S:g} s; check the folder's disk")
        return None

    def _keep(self, name: str, sound: KeptSound) -> None:
        if self._nursery and self._waiting < MOST_WAITING:
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
        """Count the block as outside work: a fake clock does not jump meanwhile."""
        if self._work:
            self._work.begin()
        try:
            yield
        finally:
            if self._work:
                self._work.end()


def _kept(text: str, pieces: Sequence[Speech]) -> KeptSound:
    """Return the sound in one piece, with the word timings if they fit the text's words."""
    words, timings = text.split(), pieces[-1].words
    named = [word.word for word in timings] == words[: len(timings)]
    places = tuple((word.start_s, word.end_s) for word in timings)
    pcm = b"".join(piece.pcm for piece in pieces)
    # Keep no words: the next request has the text.
    return KeptSound(pcm, places if named or len(timings) == len(words) else ())


def _words(text: str, kept: KeptSound) -> tuple[WordTiming, ...]:
    return tuple(
        WordTiming(word, *place) for word, place in zip(text.split(), kept.places, strict=False)
    )
