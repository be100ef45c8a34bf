"""A folder of sounds, a file for each, bounded in bytes: those that were not used for longest go.

A file holds sound, and where its words begin and end, but no text; its name is a hash. Everything
here blocks, and is meant for threads. Nothing here fails for what is wrong with the disk: a sound
that cannot be read is not there, one that cannot be written is not kept, and the log says so once.

    magic, SHA-256 of the name and all that follows, number of words, (start, end) of each, s16le
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import struct
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

log = logging.getLogger("callchart")

#: Part of every name: sounds of another format have other names, and go when room is needed.
FORMAT: Final = "1"

_MAGIC = b"callchart sound\n"
_HASH_BYTES = hashlib.sha256().digest_size
_NAME = re.compile(r"[0-9a-f]{64}\.sound")
_UNFINISHED = re.compile(r"callchart-.+\.part")
#: Seconds after which a file that was not finished is nobody's any more.
_ABANDONED = 60.0


@dataclass(frozen=True, slots=True)
class KeptSound:
    """A text's whole sound (s16le), and where its words begin and end in it, in seconds."""

    pcm: bytes
    places: tuple[tuple[float, float], ...]


class SoundFolder:
    """Sounds by their names (64 hexadecimal digits). Several processes may share one folder.

    `limit`: in bytes, of all files together. The folder is made when the first sound is kept, for
    its owner only; other files in it are left alone."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._said: set[str] = set()
        self._saying = threading.Lock()

    def read(self, name: str) -> KeptSound | None:
        """The sound of that name, which counts as used now; None where there is none."""
        path = self._path(name)
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size <= self._limit:
                    sound = _decoded(name, file.read())
                else:
                    sound = None
                if sound:
                    with suppress(OSError):  # of a disk that is read only
                        os.utime(file.fileno())
                    return sound
        except FileNotFoundError:
            return None
        except OSError as error:
            self.say_once(f"a sound cannot be read: {error.strerror}")
            return None
        self.say_once("a file is not a whole sound: it is removed, and its text synthesised anew")
        with suppress(OSError):
            path.unlink()
        return None

    def write(self, name: str, sound: KeptSound) -> None:
        """Keep a sound: all of it under its name at one instant, or nothing of it."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(self._path(name), _encoded(name, sound))
            self._make_room(self._path(name).stat().st_mtime)
        except OSError as error:
            self.say_once(f"a sound cannot be kept: {error.strerror}; see to that folder's disk")

    def say_once(self, what: str) -> None:
        """Log a complaint, unless it was logged before."""
        with self._saying:
            if what in self._said:
                return
            self._said.add(what)
        log.warning("the cache of sounds in %s: %s; calls go on", self._folder, what)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.sound"

    def _write(self, path: Path, content: bytes) -> None:
        # It makes files that only their owner can read.
        descriptor, unfinished = tempfile.mkstemp(".part", "callchart-", self._folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
            os.replace(unfinished, path)
        except OSError:
            with suppress(OSError):
                os.unlink(unfinished)
            raise

    def _make_room(self, now: float) -> None:
        """Remove what was not used for longest, and what a process left that died in a write.

        `now`: of the file system's own clock."""
        kept: list[tuple[float, int, str]] = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # another process removed it
                    status = entry.stat(follow_symlinks=False)
                    if _NAME.fullmatch(entry.name):
                        kept.append((status.st_mtime, status.st_size, entry.path))
                    elif _UNFINISHED.fullmatch(entry.name) and status.st_mtime < now - _ABANDONED:
                        os.unlink(entry.path)
        size = sum(each for _, each, _ in kept)
        for _, each, path in sorted(kept):
            if size <= self._limit:
                return
            Path(path).unlink(missing_ok=True)
            size -= each


def _encoded(name: str, sound: KeptSound) -> bytes:
    flat = [second for place in sound.places for second in place]
    body = struct.pack(f"<I{len(flat)}d", len(sound.places), *flat) + sound.pcm
    return _MAGIC + _hash(name, body) + body


def _decoded(name: str, content: bytes) -> KeptSound | None:
    """The sound in a file; None where the file was not written by `_encoded` for this name."""
    begin = len(_MAGIC) + _HASH_BYTES
    body = content[begin:]
    if content[:begin] != _MAGIC + _hash(name, body):
        return None
    (words,) = struct.unpack_from("<I", body)
    flat = struct.unpack_from(f"<{2 * words}d", body, 4)
    return KeptSound(body[4 + 16 * words :], tuple(zip(flat[::2], flat[1::2], strict=True)))


def _hash(name: str, body: bytes) -> bytes:
    return hashlib.sha256(name.encode() + body).digest()
