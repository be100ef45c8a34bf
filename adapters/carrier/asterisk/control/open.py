"""The three modes of control; `AsteriskSettings.control` chooses one."""

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

    Asterisk dials `server`; the mode "connect" does not need it. `random` is the jitter of the
    delays before reconnecting. In the mode "per_call" entering does not wait, and `Control.ari`
    raises `ControlLost` while Asterisk has no call for us."""
    if settings.control == "connect":
        return connected(settings, random)
    assert server is not None
    return (
        persistent(settings, server)
        if settings.control == "persistent"
        else per_call(settings, server)
    )
