"""Control that Asterisk dials (outbound WebSockets): once for the application, or for each call.

Asterisk says first which application a socket is for. It dials again by itself when a socket
breaks; then its link goes on with the new one."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio
from trio_websocket import WebSocketConnection

from callchart.adapters.carrier.asterisk.control.ari import Ari, AriError, ControlLost
from callchart.adapters.carrier.asterisk.control.control import Control, ControlError, Link
from callchart.adapters.carrier.asterisk.control.events import ApplicationRegistered, Event
from callchart.adapters.carrier.asterisk.control.socket import ControlSocket
from callchart.adapters.carrier.asterisk.rate_limited_log import Complaints
from callchart.adapters.carrier.asterisk.service_nursery import background
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.adapters.carrier.asterisk.websocket.server import WebSocketServer

log = logging.getLogger("callchart")

#: For a persistent socket at the start: Asterisk dials every 0.5 s by default.
DIAL_SECONDS: Final = 10.0

#: Asterisk names the application with its first message, within milliseconds.
REGISTER_SECONDS: Final = 5.0


@asynccontextmanager
async def persistent(settings: AsteriskSettings, server: WebSocketServer) -> AsyncIterator[Control]:
    """See `control_ways.open_control`."""
    async with background() as nursery:
        control = Control(settings.app, f"{settings.instance}-", nursery)
        sockets = _Sockets(control, nursery, per_call=False)
        # Held here: a link that nobody holds is forgotten, and this one outlives its sockets.
        link = control.link(settings.app)
        with server.serve_control(sockets.serve):
            with trio.move_on_after(DIAL_SECONDS):
                await link.back()
            if not link.is_up:
                raise ControlError(
                    f"no control of Asterisk: it did not dial port {server.port} for the"
                    f" application {settings.app!r} within {DIAL_SECONDS:g} s (see"
                    " type=outbound_websocket in its ari.conf and uri in its websocket_client.conf;"
                    " what was refused is logged here)"
                )
            yield control


@asynccontextmanager
async def per_call(settings: AsteriskSettings, server: WebSocketServer) -> AsyncIterator[Control]:
    """See `control_ways.open_control`."""
    async with background() as nursery:
        control = Control(settings.app, f"{settings.instance}-", nursery)
        sockets = _Sockets(control, nursery, per_call=True)
        with server.serve_control(sockets.serve):
            yield control


class _Sockets:
    """Those that Asterisk opened and that are open, by their application."""

    def __init__(self, control: Control, nursery: trio.Nursery, *, per_call: bool) -> None:
        self._control, self._nursery, self._per_call = control, nursery, per_call
        self._open: dict[str, ControlSocket] = {}
        self._complaints = Complaints()

    async def serve(self, ws: WebSocketConnection) -> None:
        """Serve one until it ends, or control does."""
        done = trio.Event()
        self._nursery.start_soon(self._serve, ws, done)
        await done.wait()

    async def _serve(self, ws: WebSocketConnection, done: trio.Event) -> None:
        try:
            await self._serve_registered(ws)
        finally:
            done.set()

    async def _serve_registered(self, ws: WebSocketConnection) -> None:
        settled = trio.Event()
        link: Link | None = None

        def tell(event: Event) -> None:
            nonlocal link
            if link is not None:
                self._control.tell(event, link)
            elif isinstance(event, ApplicationRegistered):
                # Up at once: a call may arrive right behind this message.
                link = self._registered(event.app, socket)
                settled.set()

        async def end() -> None:
            await socket.ended()
            if not settled.is_set():
                self._complaints.about(
                    "a control socket of Asterisk's ended before it named its application"
                )
                settled.set()

        socket = ControlSocket(ws, tell, self._complaints)
        async with background() as nursery:
            nursery.start_soon(socket.run)
            nursery.start_soon(end)
            with trio.move_on_after(REGISTER_SECONDS) as waited:
                await settled.wait()
            if waited.cancelled_caught:
                self._complaints.about(
                    "a control socket of Asterisk's named no application within"
                    f" {REGISTER_SECONDS:g} s"
                )
            if link is not None:
                await self._hold(link, socket)

    def _registered(self, app: str, socket: ControlSocket) -> Link | None:
        ours = self._control.app
        if not (app.startswith(f"{ours}:") if self._per_call else app == ours):
            self._complaints.about(
                f"Asterisk dialled for another application than {ours!r}, or in the other way:"
                " such sockets are closed (see apps in its ari.conf, and connection_type in its"
                " websocket_client.conf)"
            )
            return None
        older = self._open.get(app)
        self._open[app] = socket
        link = self._control.link(app)
        link.up(socket)
        if older is not None:
            self._complaints.about(
                f"Asterisk dialled again for {ours!r}: the older socket is closed (if this goes on,"
                " more than one Asterisk dials here)"
            )
            older.end("a newer one took its place")
        return link

    async def _hold(self, link: Link, socket: ControlSocket) -> None:
        try:
            await link.catch_up(Ari(socket))
            why = await socket.ended()
        except (AriError, ControlLost) as failure:
            why = str(failure)
        finally:
            if self._open.get(link.app) is socket:
                del self._open[link.app]
        # Asterisk closes the socket of a call that is over.
        expected = self._per_call and socket.was_closed
        link.down(socket, why, logging.DEBUG if expected else logging.WARNING)
