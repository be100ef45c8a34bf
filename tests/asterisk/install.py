"""A real Asterisk for the tests: Debian's packages, unpacked into the user's cache without root.

This machine's own apt says where a Debian mirror is and which packages Asterisk needs; those are
unpacked and never installed. Asterisk then runs with the loader and the libraries that came with
it, so that it does not matter which release of Debian this machine runs. It takes 14 MB to download
and about 5 s, once for each content of this file.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

#: The release of Debian that has Asterisk 22. It moves: packages there are renamed and updated.
RELEASE = "sid"

#: What the binary and the modules of `conf/modules.conf` are linked with, without the versions
#: that Debian puts into the packages' names. All that Asterisk depends on would be 80 MB.
LIBRARIES = (
    "libbsd", "libc", "libcap", "libcrypt", "libedit", "libgcc-s", "libgsm", "libjansson", "libmd",
    "libsqlite3", "libssl", "libstdc++", "libsystemd", "libtinfo", "liburiparser", "libuuid",
    "libxml2", "libxslt", "libzstd", "zlib",
)  # fmt: skip

#: What is kept of the packages' content.
KEPT = ("usr/sbin", "usr/lib", "usr/lib64", "usr/share/asterisk")

DOWNLOAD_SECONDS = 300

CONF = Path(__file__).with_name("conf")


class AsteriskUnavailable(Exception):
    """A real Asterisk cannot be had on this machine; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class Installation:
    """An unpacked Asterisk, shared by all instances that run; nothing is ever written there."""

    folder: Path

    @property
    def command(self) -> list[str]:
        """What starts the binary; arguments of Asterisk's own may follow."""
        return [
            *(str(self._libraries / self._loader), "--library-path", str(self._libraries)),
            str(self.folder / "usr/sbin/asterisk"),
        ]

    @property
    def modules(self) -> Path:
        return self._libraries / "asterisk/modules"

    @property
    def data(self) -> Path:
        """ARI's description and the documentation that Asterisk cannot start without."""
        return self.folder / "usr/share/asterisk"

    @property
    def version(self) -> str:
        return (self.folder / "version").read_text().strip()

    @property
    def _libraries(self) -> Path:
        return next((self.folder / "usr/lib").glob("*-linux-gnu*"))

    @property
    def _loader(self) -> str:
        return next(self._libraries.glob("ld-linux*.so.*")).name

    def missing_libraries(self) -> list[str]:
        """What the binary or a module that the tests use is linked with, and is not there.

        A library of this machine's own does not count: the next machine may not have it."""
        linked = [self.folder / "usr/sbin/asterisk", *map(self.modules.joinpath, used_modules())]
        loader = ["env", "LD_TRACE_LOADED_OBJECTS=1", *self.command[:-1]]
        listed = "".join(_run([*loader, str(file)]) for file in linked)
        found = re.findall(r"(\S+) => (\S+)", listed)
        return sorted({name for name, path in found if not path.startswith(str(self.folder))})


def used_modules() -> list[str]:
    """The modules that `conf/modules.conf` loads."""
    return re.findall(r"^load=(\S+)", (CONF / "modules.conf").read_text(), re.MULTILINE)


def installed() -> Installation:
    """The Asterisk in the cache, unpacked now if it is not there. Raises `AsteriskUnavailable`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "callchart-tests"
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    installation = Installation(cache / f"asterisk-{recipe}")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / "asterisk.lock"):
            if not installation.folder.exists():
                with TemporaryDirectory(dir=cache, prefix="unpacking-") as temporary:
                    _unpack(Path(temporary)).folder.rename(installation.folder)
    except OSError as error:
        raise AsteriskUnavailable(f"Asterisk cannot be unpacked into {cache}: {error}") from error
    return installation


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Others who want the same wait until this one has it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unpack(work: Path) -> Installation:
    """Download and unpack, all of it below `work`, and see that the result can start."""
    packages = work / "packages"
    content = work / "content"
    installation = Installation(work / "asterisk")
    packages.mkdir()
    _download(work, packages)
    for package in packages.glob("*.deb"):
        _run(["dpkg-deb", "--extract", str(package), str(content)])
    for kept in KEPT:
        if (content / kept).exists():
            shutil.copytree(content / kept, installation.folder / kept, symlinks=True)
    missing = installation.missing_libraries()
    if missing:
        raise AsteriskUnavailable(
            f"Debian's Asterisk now needs {', '.join(missing)}; "
            f"add the packages that hold them to LIBRARIES in {__file__}"
        )
    version = _run([*installation.command, "-V"])
    (installation.folder / "version").write_text(version)
    return installation


def _download(work: Path, packages: Path) -> None:
    """Fetch the packages with an apt that has a state of its own and nothing installed."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()
    sources = work / "sources.list"
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    sources.write_text(f"deb [signed-by={keys}] {_mirror()} {RELEASE} main\n")
    settings = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": work / "lists",
        "Dir::State::Status": work / "status",
        "Dir::Cache": work / "cache",
        "Acquire::Languages": "none",
        "Acquire::Retries": 1,
        "Acquire::http::Timeout": 20,
        "APT::Sandbox::User": "",  # apt's own user may not enter the cache
        "APT::Install-Recommends": "no",
        "Debug::NoLocking": 1,
    }
    apt = ["apt-get", "-qq", *(part for item in settings.items() for part in _setting(*item))]
    _run([*apt, "--error-on=any", "update"])
    needed = re.findall(r"^Inst (\S+)", _run([*apt, "--simulate", "install", "asterisk"]), re.M)
    # What may stand between a library's name and the end of its package's: libssl3t64, zlib1g.
    library = re.compile(rf"(?:{'|'.join(map(re.escape, LIBRARIES))})[-.\d]*(?:t64|g)?")
    wanted = [name for name in needed if library.fullmatch(name)]
    _run([*apt, "download", "asterisk", "asterisk-modules", *wanted], folder=packages)


def _setting(name: str, value: object) -> tuple[str, str]:
    return "-o", f"{name}={value}"


def _mirror() -> str:
    """Where this machine gets Debian's packages from: a Debian mirror's path ends in debian."""
    sources = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"])
    for source in sources.splitlines():
        if source.rstrip("/").endswith("/debian"):
            return source
    raise AsteriskUnavailable("this machine's apt names no Debian mirror to get Asterisk from")


def _run(command: list[str], folder: Path | None = None) -> str:
    """What the command printed."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_SECONDS,
        )
    except FileNotFoundError as error:
        raise AsteriskUnavailable(f"Asterisk cannot be had without {command[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise AsteriskUnavailable(
            f"{command[0]} did not get Asterisk within {DOWNLOAD_SECONDS} s"
        ) from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        raise AsteriskUnavailable(f"Asterisk cannot be had: {command[0]} said: {said}")
    return done.stdout
