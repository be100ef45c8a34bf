"""Control over sockets that Asterisk dials: one for the application, or one for each call.

Asterisk's first message on a socket names its application. When a socket breaks, Asterisk dials
again, and the link continues with the new socket."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trio
from trio_websocket import WebSocketConnection

from callchart.adapters.carrier.asterisk.control.ari import Ari, AriError, ControlLost
from callchart.adapters.carrier.asterisk.control.control import Control, ControlError, ControlLink
from callchart.adapters.carrier.asterisk.control.events import ApplicationRegistered, AriEvent
from callchart.adapters.carrier.asterisk.control.socket import ControlSocket
from callchart.adapters.carrier.asterisk.rate_limited_log import RateLimitedLog
from callchart.adapters.carrier.asterisk.service_nursery import open_service_nursery
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.adapters.carrier.asterisk.websocket.server import WebSocketServer

log = logging.getLogger("callchart")

#: Time limit for a persistent socket at the start. Asterisk dials every 0.5 s by default.
DIAL_SECONDS: Final = 10.0

#: Time limit for Asterisk's first message, which names the application; it takes milliseconds.
REGISTER_SECONDS: Final = 5.0


@asynccontextmanager
async def persistent(settings: AsteriskSettings, server: WebSocketServer) -> AsyncIterator[Control]:
    """Open control over one socket for the application; see `open.open_control`."""
    async with open_service_nursery() as nursery:
        control = Control(settings.app, f"{settings.instance}-", nursery)
        sockets = _Sockets(control, nursery, per_call=False)
        # Keep a reference: `Control` holds links weakly, and this one outlives its sockets.
        link = control.link(settings.app)
        with server.serve_control(sockets.serve):
            with trio.move_on_after(DIAL_SECONDS):
                await link.wait_up()
            if not link.is_up:
                raise ControlError(
                    f"no control of Asterisk: it did not dial port {server.port} for the"
                    f" application {settings.app!r} within {DIAL_SECONDS:g} s",
                    "check type=outbound_websocket in its ari.conf and uri in its"
                    " websocket_client.conf, and read in this log which sockets were refused",
                )
            yield control


@asynccontextmanager
async def per_call(settings: AsteriskSettings, server: WebSocketServer) -> AsyncIterator[Control]:
    """Open control over one socket for each call; see `open.open_control`."""
    async with open_service_nursery() as nursery:
        control = Control(settings.app, f"{settings.instance}-", nursery)
        sockets = _Sockets(control, nursery, per_call=True)
        with server.serve_control(sockets.serve):
            yield control


class _Sockets:
    """The open sockets that Asterisk dialled, by application."""

    def __init__(self, control: Control, nursery: trio.Nursery, *, per_call: bool) -> None:
        self._control, self._nursery, self._per_call = control, nursery, per_call
        self._open: dict[str, ControlSocket] = {}
        self._limited_log = RateLimitedLog()

    async def serve(self, ws: WebSocketConnection) -> None:
        """Serve one socket until the socket or control ends."""
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
        link: ControlLink | None = None

        def receive_event(event: AriEvent) -> None:
            nonlocal link
            if link is not None:
                self._control.deliver_event(event, link)
            elif isinstance(event, ApplicationRegistered):
                # Mark the link up before the next message: it may be a call that arrives.
                link = self._register(event.app, socket)
                settled.set()

        async def end() -> None:
            await socket.ended()
            if not settled.is_set():
                self._limited_log.warning(
                    "control socket lost before Asterisk named its application"
                )
                settled.set()

        socket = ControlSocket(ws, receive_event, self._limited_log)
        async with open_service_nursery() as nursery:
            nursery.start_soon(socket.run)
            nursery.start_soon(end)
            with trio.move_on_after(REGISTER_SECONDS) as waited:
                await settled.wait()
            if waited.cancelled_caught:
                self._limited_log.warning(
                    "control socket closed: timeout, Asterisk named no application within"
                    f" {REGISTER_SECONDS:g} s"
                )
            if link is not None:
                await self._use(link, socket)

    def _register(self, app: str, socket: ControlSocket) -> ControlLink | None:
        ours = self._control.app
        if not (app.startswith(f"{ours}:") if self._per_call else app == ours):
            self._limited_log.warning(
                f"control socket refused: its application must be {ours!r}, and its connection type"
                " must match asterisk.control; correct apps in Asterisk's ari.conf, or"
                " connection_type in its websocket_client.conf"
            )
            return None
        older = self._open.get(app)
        self._open[app] = socket
        link = self._control.link(app)
        link.mark_up(socket)
        if older is not None:
            self._limited_log.warning(
                f"older control socket closed: Asterisk dialled again for {ours!r}; if this"
                " repeats, more than one Asterisk dials here"
            )
            older.end("Asterisk dialled a newer socket")
        return link

    async def _use(self, link: ControlLink, socket: ControlSocket) -> None:
        try:
            await link.catch_up(Ari(socket))
            why = await socket.ended()
        except (AriError, ControlLost) as failure:
            why = str(failure)
        finally:
            if self._open.get(link.app) is socket:
                del self._open[link.app]
        # Asterisk closes a call's socket when the call ends.
        expected = self._per_call and socket.was_closed
        link.mark_down(socket, why, logging.DEBUG if expected else logging.WARNING)
