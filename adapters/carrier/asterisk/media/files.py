"""A call's sound by files, for an Asterisk that has no socket for it: any since 16.

Theory of operation. We share a folder with Asterisk, that of its recordings, on one machine. What
is played is written there piece by piece and played by name (file_playback.py); what the caller
says is recorded by a snoop channel into a named pipe (recording_pipe.py). Both need control: what
is under way when control is lost is given up, and nothing is played until it is back."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from callchart.adapters.carrier.asterisk.control.ari import AriError, ControlLost
from callchart.adapters.carrier.asterisk.control.events import (
    ChannelDestroyed,
    HangupRequest,
    PlaybackFinished,
    PlaybackStarted,
    StasisEnd,
)
from callchart.adapters.carrier.asterisk.media.caller_buffer import CallerAudio
from callchart.adapters.carrier.asterisk.media.channel import media_channel
from callchart.adapters.carrier.asterisk.media.file_playback import FilePlayback, Piece
from callchart.adapters.carrier.asterisk.media.media import MediaFailed
from callchart.adapters.carrier.asterisk.media.recording_pipe import FORMAT, RecordingPipe
from callchart.adapters.carrier.asterisk.service_nursery import background
from callchart.adapters.carrier.asterisk.settings import Files

if TYPE_CHECKING:
    from callchart.adapters.carrier.asterisk.control.control import Events, Link

log = logging.getLogger("callchart")

#: The extensions by which Asterisk knows s16le without a head.
EXTENSIONS: Final = {8000: "sln", 16000: "sln16"}

#: From the order to record to the pipe being open; it takes milliseconds.
RECORD_SECONDS: Final = 2.0

#: To stop what is played; it takes milliseconds, and must not hold the call's end.
STOP_SECONDS: Final = 2.0

#: A caller's hangup is told so long after the recording's end, at most.
HANGUP_SECONDS: Final = 0.5

#: A piece from which it can be told whether it was played.
LONG_ENOUGH: Final = 0.1

NOT_FOUND: Final = 404

#: The ends of names that we give.
LEFTOVER: Final = re.compile(rf"\.(p\d+\.sln(16)?|rec\.{FORMAT})$")

#: For the owner, and for the group to read: Asterisk may run as another user.
MODE: Final = 0o640


class FilesMedia:
    """One call's sound: `media.Media`."""

    def __init__(
        self,
        way: FilesWay,
        link: Link,
        call: str,
        channel: str,
        pipe: RecordingPipe,
        reached: Callable[[int], None],
    ) -> None:
        self._way, self._link, self._call, self._channel = way, link, call, channel
        self._pipe, self._reached = pipe, reached
        self._caller = CallerAudio(call, way.rate_hz)
        self._playback = FilePlayback(way.rate_hz, trio.current_time)
        #: Playbacks that Asterisk is still to be told to stop.
        self._to_stop: list[int] = []
        #: Where tasks wait for something to do.
        self._idle = trio.lowlevel.ParkingLot()
        self._has_control = True
        self._hung_up = trio.Event()
        self._over = trio.Event()

    @property
    def rate_hz(self) -> int:
        return self._way.rate_hz

    @property
    def channel(self) -> None:
        return None

    def play(self, pcm: bytes) -> None:
        if self._is_open:
            self._playback.play(pcm)
            self._idle.unpark_all()

    def mark(self, mark: int) -> None:
        if self._is_open:
            self._playback.mark(mark)
            self._idle.unpark_all()

    def flush(self) -> None:
        # The one behind first: it would begin where the other is stopped.
        for piece in reversed(self._playback.flush()):
            # Asterisk reads as it plays: now there is nothing to be read any more, should the
            # order to stop be late.
            with suppress(OSError):
                os.truncate(self._path(piece.number), 0)
            self._to_stop.append(piece.number)
        self._idle.unpark_all()

    async def hear(self) -> bytes:
        return await self._caller.hear()

    async def closed(self) -> None:
        await self._over.wait()

    async def run(self, events: Events) -> None:
        """Play and hear until the call is over or something fails; that is logged. `events` are
        those of the caller's channel."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._play)
                nursery.start_soon(self._stop)
                nursery.start_soon(self._tell_marks)
                nursery.start_soon(self._watch, events)
                nursery.start_soon(self._hear)
                nursery.start_soon(self._follow_control)
                await self._over.wait()
                nursery.cancel_scope.cancel()
        finally:
            self.flush()
            self._end()
            with trio.move_on_after(STOP_SECONDS, shield=True), suppress(ControlLost):
                await self._stop_all()
            # Also those of which Asterisk could not be told.
            for number in self._to_stop:
                self._path(number).unlink(missing_ok=True)

    # --- playing --------------------------------------------------------------------------------

    async def _play(self) -> None:
        while True:
            piece = self._playback.next()
            if piece is None:
                await self._idle.park()
                continue
            try:
                _write(self._path(piece.number), piece.pcm)
                await self._link.ari.play(
                    self._channel,
                    f"sound:{self._way.files.asterisk}/{self._name(piece.number)}",
                    self._name(piece.number),
                )
            except OSError as error:
                self._fail(f"{self._way.files.ours} cannot be written to: {error.strerror}")
            except ControlLost as lost:
                log.warning("call %s: what was to be played is lost: %s", self._call, lost)
                self.flush()
                await self._link.back()
            except AriError as error:
                if error.status == NOT_FOUND:
                    self._hung_up.set()
                self._fail(str(error))

    async def _stop(self) -> None:
        while True:
            if not self._to_stop:
                await self._idle.park()
                continue
            try:
                await self._stop_all()
            except ControlLost:
                await self._link.back()

    async def _stop_all(self) -> None:
        while self._to_stop:
            number = self._to_stop[0]
            try:
                await self._link.ari.stop_playback(self._name(number))
            except AriError as error:
                log.warning("call %s: a playback may go on: %s", self._call, error)
            self._path(number).unlink(missing_ok=True)
            self._to_stop.remove(number)

    async def _tell_marks(self) -> None:
        while True:
            for mark in self._playback.reached():
                self._reached(mark)
            with trio.move_on_at(self._playback.due):
                await self._idle.park()

    async def _watch(self, events: Events) -> None:
        while True:
            match await events.next():
                case PlaybackStarted(playback=name) if self._is_ours(name):
                    self._playback.started(self._number(name))
                case PlaybackFinished(playback=name, failed=failed) if self._is_ours(name):
                    for piece in self._playback.finished(self._number(name)):
                        self._path(piece.number).unlink(missing_ok=True)
                        self._judge(piece, failed)
                case HangupRequest() | StasisEnd() | ChannelDestroyed():
                    self._hung_up.set()
                case _:
                    pass
            self._idle.unpark_all()

    def _judge(self, piece: Piece, failed: bool) -> None:
        """Asterisk calls a playback finished that it could not begin, too."""
        if self._way.is_proven or self._hung_up.is_set() or piece.seconds < LONG_ENOUGH:
            return
        played = 0.0 if piece.began is None else trio.current_time() - piece.began
        if failed or played < piece.seconds / 2:
            self._fail(
                "Asterisk does not play our files (is the shared folder there"
                f" {self._way.files.asterisk}, and may it read files of ours? Its log says more)"
            )
        else:
            self._way.is_proven = True

    # --- hearing --------------------------------------------------------------------------------

    async def _hear(self) -> None:
        while pcm := await self._pipe.read():
            self._caller.feed(pcm)
        # It ends as the caller hangs up, which is told a moment later.
        with trio.move_on_after(HANGUP_SECONDS):
            await self._hung_up.wait()
        self._fail("Asterisk does not record the caller any more (its log says why)")

    # --------------------------------------------------------------------------------------------

    async def _follow_control(self) -> None:
        while True:
            await self._link.lost()
            self._has_control = False
            self.flush()
            await self._link.back()
            self._has_control = True

    @property
    def _is_open(self) -> bool:
        return self._has_control and not self._over.is_set()

    def _name(self, number: int) -> str:
        return f"{self._call}.p{number}"

    def _is_ours(self, playback: str) -> bool:
        return playback.startswith(f"{self._call}.p")

    def _number(self, playback: str) -> int:
        return int(playback.removeprefix(f"{self._call}.p"))

    def _path(self, number: int) -> Path:
        return self._way.files.ours / f"{self._name(number)}.{EXTENSIONS[self.rate_hz]}"

    def _fail(self, what: str) -> None:
        if not (self._over.is_set() or self._hung_up.is_set()):
            log.error("call %s: %s", self._call, what)
        self._end()

    def _end(self) -> None:
        self._over.set()
        self._caller.close()


class FilesWay:
    """A way of media. `files` is the folder of Asterisk's recordings, as we and as Asterisk see it.

    `is_proven`: a file of ours was played in full, so Asterisk must see the folder as we do."""

    def __init__(self, files: Files, rate_hz: int) -> None:
        self.files, self.rate_hz = files, rate_hz
        self.is_proven = False

    def clear(self, prefix: str) -> None:
        """Remove what a crash left of calls whose ids begin with `prefix`. Raises `MediaFailed`
        where the folder is of no use."""
        try:
            for path in self.files.ours.iterdir():
                if path.name.startswith(prefix) and LEFTOVER.search(path.name):
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from None

    @asynccontextmanager
    async def open(
        self, link: Link, call: str, channel: str, reached: Callable[[int], None]
    ) -> AsyncIterator[FilesMedia]:
        recording, is_here = f"{call}.rec", False
        try:
            pipe = RecordingPipe(self.files.ours / f"{recording}.{FORMAT}", self.rate_hz)
        except OSError as error:
            raise self._unusable(error) from None
        try:
            async with media_channel(link, f"{call}.snoop") as snoop:
                with trio.CancelScope(shield=True):
                    await link.ari.snoop(channel, link.app, snoop.id, spy="in")
                await snoop.in_stasis()
                await link.ari.record(snoop.id, recording, FORMAT)
                with trio.move_on_after(RECORD_SECONDS):
                    await pipe.opened()
                    is_here = True
                if not is_here:
                    raise MediaFailed(
                        f"Asterisk records somewhere else than in {self.files.ours}, or may not"
                        " write there (it must be its folder of recordings, on this machine)"
                    )
                media = FilesMedia(self, link, call, channel, pipe, reached)
                with link.listen(channel) as events:
                    async with background() as nursery:
                        nursery.start_soon(media.run, events)
                        yield media
        finally:
            pipe.close()
            if not is_here:
                with trio.move_on_after(STOP_SECONDS, shield=True):
                    await _delete_recording(link, recording)

    def _unusable(self, error: OSError) -> MediaFailed:
        return MediaFailed(
            f"the shared folder {self.files.ours} is of no use: {error.strerror}"
            " (it must be Asterisk's folder of recordings, and the service must be able to write"
            " there)"
        )


async def _delete_recording(link: Link, name: str) -> None:
    with suppress(AriError, ControlLost):
        await link.ari.delete_recording(name)


def _write(path: Path, pcm: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, MODE)  # whatever the umask
        file.write(pcm)
