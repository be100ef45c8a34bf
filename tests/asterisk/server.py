"""A running Asterisk with a folder, ports of 127.0.0.1 and a password of its own.

The binary and the modules come from the cache (see `install`); configuration, sounds, recordings
and logs are in a temporary folder, which is deleted with the instance. Instances may run in
parallel.
"""

from __future__ import annotations

import os
import random
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx2
import trio

from tests.asterisk.install import CONF, Installation, installed

#: Ports below the system's ephemeral ones, so that no other process gets one during a restart.
PORTS = range(10000, 20000)

START_SECONDS = 10.0
STOP_SECONDS = 5.0
POLL_SECONDS = 0.01

READY = "Asterisk Ready."

#: Files that stay empty. Asterisk logs a warning if they are missing.
EMPTY_FILES = (
    "acl.conf", "ccss.conf", "cdr.conf", "cel.conf", "features.conf", "manager.conf",
    "pjproject.conf", "udptl.conf",
)  # fmt: skip

#: Templates for an instance that dials the bot.
CONTROL_FILES = {"ari_outbound.conf", "websocket_client_control.conf"}

LOG_TAIL_LINES = 20


class AsteriskFailed(Exception):
    """Asterisk did not start, or answered wrongly. The message has the last lines of its log."""


@dataclass(frozen=True, slots=True)
class DialsBot:
    """Settings of an Asterisk that opens the control WebSocket to the bot's `url`."""

    url: str
    user: str = "asterisk"
    password: str = "secret"
    #: "persistent" is one socket for the application; "per_call_config" is one socket for each
    #: call.
    connection: Literal["persistent", "per_call_config"] = "persistent"


class Asterisk:
    """An instance of Asterisk; `started()` starts and removes it.

    `without` names modules that it does not load, such as "chan_websocket.so". With `control`,
    Asterisk opens the control socket to the bot. With `media_url`, `external_host=media` opens
    media sockets to that URL. `dialplan` is added to extensions.conf, and may extend its
    contexts."""

    #: The Stasis application that the dialplan hands calls to.
    app = "callchart"
    user = "callchart"

    def __init__(
        self,
        *,
        without: Collection[str] = (),
        control: DialsBot | None = None,
        media_url: str | None = None,
        dialplan: str = "",
    ) -> None:
        self._installation: Installation = installed()
        # The path is short, because the path of the control socket in it has at most 107
        # characters.
        self.folder = Path(tempfile.mkdtemp(prefix="asterisk-"))
        self.password = secrets.token_hex(8)
        self.http_port = _free_port(socket.SOCK_STREAM)
        self.sip_port = _free_port(socket.SOCK_DGRAM)
        self._process: subprocess.Popen[bytes] | None = None
        self._configure(frozenset(without), control, media_url, dialplan)

    @classmethod
    @asynccontextmanager
    async def started(
        cls,
        *,
        without: Collection[str] = (),
        control: DialsBot | None = None,
        media_url: str | None = None,
        dialplan: str = "",
    ) -> AsyncIterator[Asterisk]:
        """Provide a running instance, and remove it at the end of the block."""
        asterisk = cls(without=without, control=control, media_url=media_url, dialplan=dialplan)
        try:
            await asterisk.start()
            yield asterisk
        finally:
            # A kill is 0.8 s faster than a stop, and no test reads the last output.
            with trio.CancelScope(shield=True):
                await asterisk.kill()
            asterisk.remove()

    @property
    def version(self) -> str:
        return self._installation.version

    @property
    def url(self) -> str:
        """The URL of its HTTP server, without a path: `/ari` and `/media` are below it."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def ari_url(self) -> str:
        return f"{self.url}/ari"

    @property
    def sounds(self) -> Path:
        """The folder of sound files. ARI plays one as `sound:` and its absolute path without the
        extension."""
        return self.folder / "data/sounds"

    @property
    def recordings(self) -> Path:
        """The folder of ARI's recordings."""
        return self.folder / "spool/recording"

    @property
    def pid(self) -> int:
        """The id of the running process, or of the last one."""
        if self._process is None:
            raise AsteriskFailed("Asterisk was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start, and wait until ARI answers. Raises `AsteriskFailed`."""
        seen = len(self.logs())
        with (self.folder / "log/console").open("ab") as console:
            self._process = subprocess.Popen(  # noqa: ASYNC220 (lives on in the next trio.run)
                [
                    # The kernel kills it when this process ends.
                    *("setpriv", "--pdeathsig", "KILL", *self._installation.command),
                    *("-f", "-C", str(self.folder / "etc/asterisk.conf")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
            )
        with trio.move_on_after(START_SECONDS):
            while self.running and READY not in self.logs()[seen:]:  # noqa: ASYNC110 (a file)
                await trio.sleep(POLL_SECONDS)
        if not self.running:
            raise AsteriskFailed(self._last_words("Asterisk ended while it started"))
        if not await self._answers():
            await self.kill()
            raise AsteriskFailed(self._last_words("Asterisk started, and ARI does not answer"))

    async def kill(self) -> None:
        """Kill the process: it sends no BYE, and closes no socket properly."""
        if self._process is not None:
            self._process.kill()
            await _ended(self._process)

    async def restart(self) -> None:
        """Kill the process and start it again, with the same ports, password and configuration."""
        await self.kill()
        await self.start()

    async def stop(self) -> None:
        """Stop Asterisk as an operator does; kill it if it does not stop."""
        if self._process is None:
            return
        self._process.terminate()
        with trio.move_on_after(STOP_SECONDS):
            await _ended(self._process)
            return
        await self.kill()

    def remove(self) -> None:
        """Delete the folder of the instance."""
        shutil.rmtree(self.folder, ignore_errors=True)

    async def ari(self, method: str, path: str, **parameters: str) -> Any:
        """Return the JSON of ARI's answer to a request for `path` below `/ari`.

        Raises `httpx2.HTTPStatusError`."""
        async with self._client() as client:
            answer = await client.request(method, f"{self.ari_url}/{path}", params=parameters)
            answer.raise_for_status()
            return answer.json() if answer.content else None

    async def channels(self) -> list[dict[str, Any]]:
        """Return the channels that are up, including media channels."""
        return await self._list("channels")

    async def bridges(self) -> list[dict[str, Any]]:
        return await self._list("bridges")

    async def applications(self) -> list[dict[str, Any]]:
        """Return the connected Stasis applications, with their subscriptions."""
        return await self._list("applications")

    def logs(self) -> str:
        """Return the whole log of this instance, including the time before restarts."""
        messages = self.folder / "log/messages"
        return messages.read_text(errors="replace") if messages.exists() else ""

    async def command(self, line: str) -> str:
        """Return the output of Asterisk's command line for `line`, such as `core show channels`."""
        done = await trio.run_process(
            [
                *self._installation.command,
                *("-C", str(self.folder / "etc/asterisk.conf"), "-rx", line),
            ],
            capture_stdout=True,
            capture_stderr=True,
        )
        return done.stdout.decode()

    def _configure(
        self,
        without: frozenset[str],
        control: DialsBot | None,
        media_url: str | None,
        dialplan: str,
    ) -> None:
        for folder in ("etc", "data", "log", "run", "spool/recording", "var"):
            (self.folder / folder).mkdir(parents=True)
        for shared in ("documentation", "rest-api"):
            (self.folder / "data" / shared).symlink_to(self._installation.data / shared)
        self.sounds.mkdir()
        values = {
            "APP": self.app,
            "FOLDER": str(self.folder),
            "HTTP_PORT": str(self.http_port),
            "MODULES": str(self._installation.modules),
            "PASSWORD": self.password,
            "SIP_PORT": str(self.sip_port),
            "USER": self.user,
        }
        optional = {"websocket_client_media.conf", *CONTROL_FILES}
        if control is not None:
            optional -= CONTROL_FILES
            values |= {
                "BOT_PASSWORD": control.password,
                "BOT_USER": control.user,
                "CONNECTION_TYPE": control.connection,
                "URL": control.url,
            }
        if media_url is not None:
            optional -= {"websocket_client_media.conf"}
            values["MEDIA_URL"] = media_url
        for template in CONF.glob("*.conf"):
            if template.name not in optional:
                content = re.sub(r"@([A-Z_]+)@", lambda m: values[m[1]], template.read_text())
                self._write(template.name, content)
        for name in EMPTY_FILES:
            self._write(name, "")
        self._write("extensions_more.conf", dialplan)
        modules = (CONF / "modules.conf").read_text().splitlines(keepends=True)
        left_out = {f"load={module}\n" for module in without}
        unknown = left_out - set(modules)
        if unknown:
            raise ValueError(f"not in modules.conf: {', '.join(sorted(unknown))}")
        self._write("modules.conf", "".join(line for line in modules if line not in left_out))

    def _write(self, name: str, content: str) -> None:
        (self.folder / "etc" / name).write_text(content)

    def _client(self) -> httpx2.AsyncClient:
        # Plain HTTP on this machine needs no proxy and no certificates, which take long to load.
        return httpx2.AsyncClient(
            auth=(self.user, self.password), trust_env=False, verify=False, timeout=5.0
        )

    async def _answers(self) -> bool:
        try:
            await self.ari("GET", "asterisk/ping")
        except httpx2.HTTPError:
            return False
        return True

    async def _list(self, path: str) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = await self.ari("GET", path)
        return listed

    def _last_words(self, problem: str) -> str:
        console = (self.folder / "log/console").read_text(errors="replace")
        tail = (self.logs() or console).splitlines()[-LOG_TAIL_LINES:]
        return "\n".join([f"{problem} ({self.version}); it said last:", *tail])


async def _ended(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        descriptor = os.pidfd_open(process.pid)
        try:
            await trio.lowlevel.wait_readable(descriptor)
        finally:
            os.close(descriptor)
        process.wait()


def _free_port(kind: socket.SocketKind) -> int:
    """Return a free port of 127.0.0.1."""
    for port in random.sample(PORTS, 100):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AsteriskFailed(f"no free port between {PORTS.start} and {PORTS.stop}")
