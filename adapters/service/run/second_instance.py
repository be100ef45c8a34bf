"""How a process of ours talks to an Asterisk beside the service: without getting into its way.

It has an application and an instance of its own, so that nothing of it is taken for the service's
and cleared, and it opens the control connection itself, also where Asterisk opens the service's."""

from __future__ import annotations

import secrets
from dataclasses import replace

from callchart.adapters.carrier.asterisk.settings import AsteriskSettings


def under_other_names(settings: AsteriskSettings, what: str) -> AsteriskSettings:
    """The same Asterisk and way of media; `what` (three letters) is part of the names."""
    mark = secrets.token_hex(3)
    return replace(
        settings,
        app=f"{settings.app}-{what}-{mark}",
        instance=f"{what}{mark}",
        control="connect",
        listen=settings.listen if settings.media == "websocket_client" else None,
    )


def without_the_services_ports(settings: AsteriskSettings) -> AsteriskSettings:
    """The same sound over ports that the service does not listen on."""
    if settings.media == "websocket_client":
        return replace(settings, media="websocket", listen=None)
    if server := settings.audiosocket:
        host = server.advertise.partition(":")[0]
        return replace(settings, audiosocket=replace(server, port=0, advertise=host))
    return settings
