"""The three modes of control. The settings name one."""

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
    """Open control of Asterisk for the length of the block. Entering raises `ControlError`.

    Asterisk dials `server`; the mode "connect" does not need it. `random` spreads the attempts to
    reconnect. The mode "per_call" waits for nothing at the start, and `Control.ari` raises
    `ControlLost` while no call is open."""
    if settings.control == "connect":
        return connected(settings, random)
    assert server is not None
    return (
        persistent(settings, server)
        if settings.control == "persistent"
        else per_call(settings, server)
    )
