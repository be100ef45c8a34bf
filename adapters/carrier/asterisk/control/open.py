"""The three ways to control Asterisk, of which the settings name one."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from random import Random

from callchart.adapters.carrier.asterisk.control.accept import per_call, persistent
from callchart.adapters.carrier.asterisk.control.connect import connected
from callchart.adapters.carrier.asterisk.control.control import Control
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.adapters.carrier.asterisk.websocket.server import WebSocketServer


def open_control(
    settings: AsteriskSettings, server: WebSocketServer | None, random: Random
) -> AbstractAsyncContextManager[Control]:
    """Control of Asterisk for as long as the block. Entering raises `ControlError`.

    `server` is where Asterisk dials; only "connect" does without. `random` spreads the attempts to
    reconnect. In the way "per_call" there is nothing to wait for at the start, and requests that
    are no call's business raise `ControlLost` while there is no call."""
    if settings.control == "connect":
        return connected(settings, random)
    assert server is not None
    return (
        persistent(settings, server)
        if settings.control == "persistent"
        else per_call(settings, server)
    )
