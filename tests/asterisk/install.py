"""A real Asterisk for the tests: Debian's packages, unpacked into the user's cache without root.

The machine's own apt names a Debian mirror and the packages that Asterisk needs. They are unpacked
and never installed. Asterisk then runs with its own loader and libraries, so the machine may run
any release of Debian. The download is 14 MB and takes about 5 s, once for each `_recipe`.
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

#: The release of Debian with Asterisk 22. It is not stable: its packages are renamed and updated.
RELEASE = "sid"

#: The libraries of the binary and of the modules in `conf/modules.conf`, without the versions in
#: the names of Debian's packages. All dependencies of Asterisk would be 80 MB.
LIBRARIES = (
    "libbsd", "libc", "libcap", "libcrypt", "libedit", "libgcc-s", "libgsm", "libjansson", "libmd",
    "libsqlite3", "libssl", "libstdc++", "libsystemd", "libtinfo", "liburiparser", "libuuid",
    "libxml2", "libxslt", "libzstd", "zlib",
)  # fmt: skip

#: The folders of the packages that the installation keeps.
KEPT = ("usr/sbin", "usr/lib", "usr/lib64", "usr/share/asterisk")

#: The version of the installation's layout, a part of its cache key.
LAYOUT = 1

DOWNLOAD_SECONDS = 300

CONF = Path(__file__).with_name("conf")


class AsteriskUnavailable(Exception):
    """No real Asterisk can be installed here. The message is one line with the reason."""


@dataclass(frozen=True, slots=True)
class Installation:
    """An unpacked Asterisk, which all running instances share and none writes to."""

    folder: Path

    @property
    def command(self) -> list[str]:
        """The command that starts the binary, without arguments of Asterisk."""
        return [
            *(str(self._libraries / self._loader), "--library-path", str(self._libraries)),
            str(self.folder / "usr/sbin/asterisk"),
        ]

    @property
    def modules(self) -> Path:
        return self._libraries / "asterisk/modules"

    @property
    def data(self) -> Path:
        """The folder with ARI's description and with the documentation that Asterisk needs to
        start."""
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
        """Return the libraries that the binary or a used module needs and that are missing here.

        A library of the machine does not count: another machine may not have it."""
        linked = [self.folder / "usr/sbin/asterisk", *map(self.modules.joinpath, used_modules())]
        loader = ["env", "LD_TRACE_LOADED_OBJECTS=1", *self.command[:-1]]
        listed = "".join(_run([*loader, str(file)]) for file in linked)
        found = re.findall(r"(\S+) => (\S+)", listed)
        return sorted({name for name, path in found if not path.startswith(str(self.folder))})


def used_modules() -> list[str]:
    """Return the modules that `conf/modules.conf` loads."""
    return re.findall(r"^load=(\S+)", (CONF / "modules.conf").read_text(), re.MULTILINE)


def installed() -> Installation:
    """Return the cached Asterisk; install it first if needed. Raises `AsteriskUnavailable`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "callchart-tests"
    installation = Installation(cache / f"asterisk-{_recipe()}")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / "asterisk.lock"):
            if not installation.folder.exists():
                with TemporaryDirectory(dir=cache, prefix="unpacking-") as temporary:
                    _unpack(Path(temporary)).folder.rename(installation.folder)
    except OSError as error:
        raise AsteriskUnavailable(f"Asterisk cannot be unpacked into {cache}: {error}") from error
    return installation


def _recipe() -> str:
    """Return a hash of everything that decides the content of the installation, as a cache key.

    A change of `_download` or `_unpack` that changes the content needs a new `LAYOUT`."""
    parts = (LAYOUT, RELEASE, LIBRARIES, KEPT, sorted(used_modules()))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock file for the length of the block: other processes wait for it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unpack(work: Path) -> Installation:
    """Download and unpack everything below `work`, and check that the result can start."""
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
    """Download the packages with apt, whose state here is a folder in which nothing is
    installed."""
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
    # The name of a package may continue after the library's: libssl3t64, zlib1g.
    library = re.compile(rf"(?:{'|'.join(map(re.escape, LIBRARIES))})[-.\d]*(?:t64|g)?")
    wanted = [name for name in needed if library.fullmatch(name)]
    _run([*apt, "download", "asterisk", "asterisk-modules", *wanted], folder=packages)


def _setting(name: str, value: object) -> tuple[str, str]:
    return "-o", f"{name}={value}"


def _mirror() -> str:
    """Return the Debian mirror of this machine's apt: its path ends in debian."""
    sources = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"])
    for source in sources.splitlines():
        if source.rstrip("/").endswith("/debian"):
            return source
    raise AsteriskUnavailable(
        "Asterisk needs a Debian mirror among the sources of this machine's apt"
    )


def _run(command: list[str], folder: Path | None = None) -> str:
    """Run the command, and return its output. Raises `AsteriskUnavailable`."""
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
        raise AsteriskUnavailable(f"Asterisk needs {command[0]}, which is missing") from error
    except subprocess.TimeoutExpired as error:
        raise AsteriskUnavailable(
            f"Asterisk cannot be installed: {command[0]} took longer than {DOWNLOAD_SECONDS} s"
        ) from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise AsteriskUnavailable(f"Asterisk cannot be installed: {command[0]} failed: {said}")
    return done.stdout
