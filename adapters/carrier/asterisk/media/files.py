"""A call's audio by files, for an Asterisk without media sockets: any version since 16.

Theory of operation. Asterisk's folder of recordings is on our machine. We write playback there
piece by piece, and ask Asterisk to play each file by its name (file_playback.py). A snoop channel
records the caller into a named pipe (recording_pipe.py). Playback needs control: when control is
lost, we drop the playback under way, and play nothing until control is back."""

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
from callchart.adapters.carrier.asterisk.failure import SEE_LOG
from callchart.adapters.carrier.asterisk.media.caller_buffer import CallerBuffer
from callchart.adapters.carrier.asterisk.media.channel import media_channel
from callchart.adapters.carrier.asterisk.media.file_playback import FilePlayback, PlaybackPiece
from callchart.adapters.carrier.asterisk.media.media import MediaFailed
from callchart.adapters.carrier.asterisk.media.recording_pipe import FORMAT, RecordingPipe
from callchart.adapters.carrier.asterisk.service_nursery import open_service_nursery
from callchart.adapters.carrier.asterisk.settings import FilesSettings

if TYPE_CHECKING:
    from callchart.adapters.carrier.asterisk.control.control import ChannelEvents, ControlLink

log = logging.getLogger("callchart")

#: Asterisk's file extensions for s16le without a header.
EXTENSIONS: Final = {8000: "sln", 16000: "sln16"}

#: Time limit for Asterisk to open the pipe after our request to record; it takes milliseconds.
RECORD_SECONDS: Final = 2.0

#: Time limit to stop the playback. It takes milliseconds, and must not delay the call's end.
STOP_SECONDS: Final = 2.0

#: The longest time from the end of the recording to the event of the caller's hangup.
HANGUP_SECONDS: Final = 0.5

#: The shortest piece whose duration can show that Asterisk did not play it.
VERIFIABLE_SECONDS: Final = 0.1

NOT_FOUND: Final = 404

#: The suffixes of our files' names.
OUR_FILE: Final = re.compile(rf"\.(p\d+\.sln(16)?|rec\.{FORMAT})$")

#: Group-readable: Asterisk may run as another user.
MODE: Final = 0o640


class FilesMedia:
    """A `media.Media` over files."""

    def __init__(
        self,
        transport: FilesTransport,
        link: ControlLink,
        call: str,
        channel: str,
        pipe: RecordingPipe,
        reached: Callable[[int], None],
    ) -> None:
        self._transport, self._link, self._call, self._channel = transport, link, call, channel
        self._pipe, self._reached = pipe, reached
        self._caller = CallerBuffer(call, transport.rate_hz)
        self._playback = FilePlayback(transport.rate_hz, trio.current_time)
        #: The numbers of the pieces that Asterisk must stop playing.
        self._to_stop: list[int] = []
        #: Parking lot of the tasks, unparked by each command and event.
        self._idle = trio.lowlevel.ParkingLot()
        self._has_control = True
        self._hung_up = trio.Event()
        self._ended = trio.Event()

    @property
    def rate_hz(self) -> int:
        return self._transport.rate_hz

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
        # Stop the last piece first: it would start when the piece before it stops.
        for piece in reversed(self._playback.flush()):
            # Empty the file: Asterisk reads it while it plays. So the piece falls silent even if
            # the stop is late.
            with suppress(OSError):
                os.truncate(self._path(piece.number), 0)
            self._to_stop.append(piece.number)
        self._idle.unpark_all()

    async def receive_audio(self) -> bytes:
        return await self._caller.receive_audio()

    async def closed(self) -> None:
        await self._ended.wait()

    async def run(self, events: ChannelEvents) -> None:
        """Play and record until the call ends or fails. Log a failure.

        `events` are those of the caller's channel."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._play)
                nursery.start_soon(self._stop)
                nursery.start_soon(self._report_marks)
                nursery.start_soon(self._watch, events)
                nursery.start_soon(self._receive_audio)
                nursery.start_soon(self._follow_control)
                await self._ended.wait()
                nursery.cancel_scope.cancel()
        finally:
            self.flush()
            self._end()
            with trio.move_on_after(STOP_SECONDS, shield=True), suppress(ControlLost):
                await self._stop_all()
            # Also delete the files whose playback could not be stopped.
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
                    f"sound:{self._transport.files.asterisk}/{self._name(piece.number)}",
                    self._name(piece.number),
                )
            except OSError as error:
                self._fail(f"cannot write to {self._transport.files.ours}: {error.strerror}")
            except ControlLost as lost:
                log.warning("call %s: playback dropped: %s", self._call, lost)
                self.flush()
                await self._link.wait_up()
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
                await self._link.wait_up()

    async def _stop_all(self) -> None:
        while self._to_stop:
            number = self._to_stop[0]
            try:
                await self._link.ari.stop_playback(self._name(number))
            except AriError as error:
                log.warning("call %s: playback not stopped: %s", self._call, error)
            self._path(number).unlink(missing_ok=True)
            self._to_stop.remove(number)

    async def _report_marks(self) -> None:
        while True:
            for mark in self._playback.reached():
                self._reached(mark)
            with trio.move_on_at(self._playback.due_s):
                await self._idle.park()

    async def _watch(self, events: ChannelEvents) -> None:
        while True:
            match await events.next():
                case PlaybackStarted(playback=name) if self._is_ours(name):
                    self._playback.started(self._number(name))
                case PlaybackFinished(playback=name, failed=failed) if self._is_ours(name):
                    for piece in self._playback.finished(self._number(name)):
                        self._path(piece.number).unlink(missing_ok=True)
                        self._verify_played(piece, failed)
                case HangupRequest() | StasisEnd() | ChannelDestroyed():
                    self._hung_up.set()
                case _:
                    pass
            self._idle.unpark_all()

    def _verify_played(self, piece: PlaybackPiece, failed: bool) -> None:
        """Check that Asterisk played a file: it reports one that it cannot play as finished too."""
        if (
            self._transport.is_proven
            or self._hung_up.is_set()
            or piece.seconds < VERIFIABLE_SECONDS
        ):
            return
        played = 0.0 if piece.began_s is None else trio.current_time() - piece.began_s
        if failed or played < piece.seconds / 2:
            self._fail(
                "Asterisk does not play our files; check that its folder of recordings is"
                f" {self._transport.files.asterisk}, and that it may read our files; {SEE_LOG}"
            )
        else:
            self._transport.is_proven = True

    # --- recording ------------------------------------------------------------------------------

    async def _receive_audio(self) -> None:
        while pcm := await self._pipe.read():
            self._caller.append_audio(pcm)
        # The recording ends at the caller's hangup; the event of the hangup comes a moment later.
        with trio.move_on_after(HANGUP_SECONDS):
            await self._hung_up.wait()
        self._fail(f"Asterisk stopped recording the caller; {SEE_LOG}")

    # --------------------------------------------------------------------------------------------

    async def _follow_control(self) -> None:
        while True:
            await self._link.wait_lost()
            self._has_control = False
            self.flush()
            await self._link.wait_up()
            self._has_control = True

    @property
    def _is_open(self) -> bool:
        return self._has_control and not self._ended.is_set()

    def _name(self, number: int) -> str:
        return f"{self._call}.p{number}"

    def _is_ours(self, playback: str) -> bool:
        return playback.startswith(f"{self._call}.p")

    def _number(self, playback: str) -> int:
        return int(playback.removeprefix(f"{self._call}.p"))

    def _path(self, number: int) -> Path:
        return self._transport.files.ours / f"{self._name(number)}.{EXTENSIONS[self.rate_hz]}"

    def _fail(self, what: str) -> None:
        if not (self._ended.is_set() or self._hung_up.is_set()):
            log.error("call %s: %s", self._call, what)
        self._end()

    def _end(self) -> None:
        self._ended.set()
        self._caller.close()


class FilesTransport:
    """A `media.MediaTransport` over the folder of Asterisk's recordings.

    `is_proven`: Asterisk has played one of our files, so it uses the same folder."""

    def __init__(self, files: FilesSettings, rate_hz: int) -> None:
        self.files, self.rate_hz = files, rate_hz
        self.is_proven = False

    def clear(self, prefix: str) -> None:
        """Delete the files of calls that crashed. `prefix` begins the id of each of our calls.

        Raises `MediaFailed` if the folder cannot be read or written."""
        try:
            for path in self.files.ours.iterdir():
                if path.name.startswith(prefix) and OUR_FILE.search(path.name):
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from None

    @asynccontextmanager
    async def open(
        self, link: ControlLink, call: str, channel: str, reached: Callable[[int], None]
    ) -> AsyncIterator[FilesMedia]:
        recording, is_recorded = f"{call}.rec", False
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
                    is_recorded = True
                if not is_recorded:
                    raise MediaFailed(
                        f"Asterisk did not record into {self.files.ours} within"
                        f" {RECORD_SECONDS:g} s",
                        "check that this is Asterisk's folder of recordings, on this machine, and"
                        " that Asterisk may write there",
                    )
                media = FilesMedia(self, link, call, channel, pipe, reached)
                with link.listen(channel) as events:
                    async with open_service_nursery() as nursery:
                        nursery.start_soon(media.run, events)
                        yield media
        finally:
            pipe.close()
            if not is_recorded:
                with trio.move_on_after(STOP_SECONDS, shield=True):
                    await _delete_recording(link, recording)

    def _unusable(self, error: OSError) -> MediaFailed:
        return MediaFailed(
            f"the shared folder {self.files.ours} cannot be used: {error.strerror}",
            "set asterisk.files.ours to Asterisk's folder of recordings, and let the service write"
            " there",
        )


async def _delete_recording(link: ControlLink, name: str) -> None:
    with suppress(AriError, ControlLost):
        await link.ari.delete_recording(name)


def _write(path: Path, pcm: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, MODE)  # independent of the umask
        file.write(pcm)
