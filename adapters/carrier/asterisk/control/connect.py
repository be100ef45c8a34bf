"""Control that we dial: requests over HTTP, events over a WebSocket.

If the first attempt fails, entering raises `ControlError`. After a later failure, control is lost
and we retry until it is back."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Final
from urllib.parse import quote

import trio

from callchart.adapters.backoff import Backoff
from callchart.adapters.carrier.asterisk.control.ari import Ari, AriError, ControlLost
from callchart.adapters.carrier.asterisk.control.control import Control, ControlError
from callchart.adapters.carrier.asterisk.control.http import HttpTransport
from callchart.adapters.carrier.asterisk.control.socket import ControlSocket
from callchart.adapters.carrier.asterisk.control.startup_check import check_asterisk
from callchart.adapters.carrier.asterisk.rate_limited_log import RateLimitedLog
from callchart.adapters.carrier.asterisk.service_nursery import open_service_nursery
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.adapters.carrier.asterisk.websocket.client import DialFailed, dial
from callchart.adapters.carrier.asterisk.websocket.server import MESSAGE_BYTES

CONNECT_SECONDS: Final = 5.0

#: With jitter, so that the clients of one Asterisk do not all reconnect at the same moment.
RECONNECT: Final = Backoff(first_s=0.1, longest_s=5.0, jitter=(1.0, 1.5))


@asynccontextmanager
async def connected(settings: AsteriskSettings, random: Random) -> AsyncIterator[Control]:
    """Open control that we dial; see `open.open_control`."""
    async with HttpTransport.open(settings.url, settings.user, settings.password) as http:
        await check_asterisk(Ari(http), settings)
        async with open_service_nursery() as nursery:
            control = Control(settings.app, f"{settings.instance}-", nursery)
            connection = _Connection(settings, http, control, random)
            await nursery.start(connection.run)
            yield control


class _Connection:
    """The link, and its sockets, one after the other."""

    def __init__(
        self, settings: AsteriskSettings, http: HttpTransport, control: Control, random: Random
    ) -> None:
        self._settings, self._http, self._control = settings, http, control
        self._random = random
        self._link = control.link(settings.app)
        self._limited_log = RateLimitedLog()

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        """Stay connected until another client takes over the application.

        Raises `ControlError` if the first attempt fails."""
        is_first, retries = True, 0
        while not self._control.has_failed:
            try:
                async with self._open() as socket:
                    up_at_s = trio.current_time()
                    if is_first:
                        task_status.started()
                    is_first = False
                    self._link.mark_down(self._http, await socket.ended())
                # Start with short delays again only if the connection lasted.
                if trio.current_time() - up_at_s > RECONNECT.longest_s:
                    retries = 0
                delay_s = RECONNECT.delay_s(retries, self._random)
            except (DialFailed, AriError, ControlLost) as failure:
                if is_first:
                    raise ControlError(
                        "no control of Asterisk: the WebSocket for its events cannot be opened:"
                        f" {failure}",
                        "check that Asterisk has loaded res_http_websocket.so",
                    ) from None
                self._link.mark_down(self._http, str(failure))
                delay_s = RECONNECT.delay_s(retries, self._random)
                if delay_s >= RECONNECT.longest_s:
                    self._limited_log.warning(f"control reconnect failed: {failure}")
            retries += 1
            await trio.sleep(delay_s)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[ControlSocket]:
        """Open a socket for the link, and mark the link up."""
        url = self._settings.url.replace("http", "ws", 1)
        user = f"{self._settings.user}:{self._settings.password}".encode()
        async with (
            dial(
                f"{url}/ari/events?app={quote(self._settings.app, safe='')}",
                subprotocol="ari",
                seconds=CONNECT_SECONDS,
                message_bytes=MESSAGE_BYTES,
                headers=[(b"Authorization", b"Basic " + b64encode(user))],
            ) as ws,
            open_service_nursery() as nursery,
        ):
            socket = ControlSocket(
                ws, lambda event: self._control.deliver_event(event, self._link), self._limited_log
            )
            nursery.start_soon(socket.run)
            # Mark the link up before reading the first message: it may be a call that arrives.
            self._link.mark_up(self._http)
            await self._link.catch_up(Ari(self._http))
            yield socket
