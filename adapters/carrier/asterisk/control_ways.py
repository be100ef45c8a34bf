"""The three ways to control Asterisk, of which the settings name one."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from random import Random

from adapters.carrier.asterisk.control import Control
from adapters.carrier.asterisk.control_accept import per_call, persistent
from adapters.carrier.asterisk.control_connect import connected
from adapters.carrier.asterisk.server import WebSocketServer
from adapters.carrier.asterisk.settings import AsteriskSettings


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
