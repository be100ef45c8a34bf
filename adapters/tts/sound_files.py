"""A folder of sounds, one file each, bounded in bytes: the least recently used files are removed.

A file holds sound and the times of its words, but no text; its name is a hash. All methods block,
so run them in threads. A broken disk raises no error here: a sound that cannot be read is missing,
a sound that cannot be written is not kept, and the log says so once. The layout of a file:

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

#: A part of every name. Sounds of another format have other names, so they are never read; they are
#: removed when space is needed.
FORMAT: Final = "1"

_MAGIC = b"callchart sound\n"
_HASH_BYTES = hashlib.sha256().digest_size
_NAME = re.compile(r"[0-9a-f]{64}\.sound")
_UNFINISHED = re.compile(r"callchart-.+\.part")
#: An older unfinished file belongs to a process that died while it wrote.
_ABANDONED_S = 60.0


@dataclass(frozen=True, slots=True)
class KeptSound:
    """A text's whole sound (mono s16le), and the (start, end) of its words in seconds."""

    pcm: bytes
    places: tuple[tuple[float, float], ...]


class SoundFolder:
    """Sounds by their names (64 hexadecimal digits). Several processes may share one folder.

    All sounds together take at most `limit_bytes`. The first `write` makes the folder, which only
    its owner can read. Other files in the folder stay untouched."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder, self._limit_bytes = folder, limit_bytes
        self._warned: set[str] = set()
        self._warning = threading.Lock()

    def read(self, name: str) -> KeptSound | None:
        """Return the sound of this name and mark it as used now, or return None."""
        path = self._path(name)
        try:
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size <= self._limit_bytes:
                    sound = _decoded(name, file.read())
                else:
                    sound = None
                if sound:
                    with suppress(OSError):  # a read-only disk
                        os.utime(file.fileno())
                    return sound
        except FileNotFoundError:
            return None
        except OSError as error:
            self.warn_once(f"cannot read a sound: {error.strerror}")
            return None
        self.warn_once("removed a damaged file; its text is synthesised again")
        with suppress(OSError):
            path.unlink()
        return None

    def write(self, name: str, sound: KeptSound) -> None:
        """Keep a sound. A reader finds the whole file or no file, never a part."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(self._path(name), _encoded(name, sound))
            self._make_room(self._path(name).stat().st_mtime)
        except OSError as error:
            self.warn_once(f"cannot write a sound: {error.strerror}; check the folder's disk")

    def warn_once(self, warning: str) -> None:
        """Log a warning, unless it was logged before."""
        with self._warning:
            if warning in self._warned:
                return
            self._warned.add(warning)
        log.warning("sound cache in %s: %s; calls go on", self._folder, warning)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.sound"

    def _write(self, path: Path, content: bytes) -> None:
        # `mkstemp` makes files that only their owner can read.
        descriptor, unfinished = tempfile.mkstemp(".part", "callchart-", self._folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
            os.replace(unfinished, path)
        except OSError:
            with suppress(OSError):
                os.unlink(unfinished)
            raise

    def _make_room(self, now_s: float) -> None:
        """Remove the least recently used sounds, and the unfinished files of dead processes.

        `now_s` comes from the file system's clock, like the times of the files."""
        kept: list[tuple[float, int, str]] = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # another process removed it
                    status = entry.stat(follow_symlinks=False)
                    if _NAME.fullmatch(entry.name):
                        kept.append((status.st_mtime, status.st_size, entry.path))
                    elif (
                        _UNFINISHED.fullmatch(entry.name) and status.st_mtime < now_s - _ABANDONED_S
                    ):
                        os.unlink(entry.path)
        total_bytes = sum(size_bytes for _, size_bytes, _ in kept)
        for _, size_bytes, path in sorted(kept):
            if total_bytes <= self._limit_bytes:
                return
            Path(path).unlink(missing_ok=True)
            total_bytes -= size_bytes


def _encoded(name: str, sound: KeptSound) -> bytes:
    flat = [second for place in sound.places for second in place]
    body = struct.pack(f"<I{len(flat)}d", len(sound.places), *flat) + sound.pcm
    return _MAGIC + _hash(name, body) + body


def _decoded(name: str, content: bytes) -> KeptSound | None:
    """Return the sound in a file, or None if `_encoded` did not make the file for this name."""
    begin = len(_MAGIC) + _HASH_BYTES
    body = content[begin:]
    if content[:begin] != _MAGIC + _hash(name, body):
        return None
    (words,) = struct.unpack_from("<I", body)
    flat = struct.unpack_from(f"<{2 * words}d", body, 4)
    return KeptSound(body[4 + 16 * words :], tuple(zip(flat[::2], flat[1::2], strict=True)))


def _hash(name: str, body: bytes) -> bytes:
    return hashlib.sha256(name.encode() + body).digest()
