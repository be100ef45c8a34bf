"""Settings for a second process on the same Asterisk, which must not disturb the service.

The process has its own application and instance, so that the service does not clear its channels.
It opens the control connection itself, even if Asterisk opens the service's."""

from __future__ import annotations

import secrets
from dataclasses import replace

from callchart.adapters.carrier.asterisk.settings import AsteriskSettings


def under_other_names(settings: AsteriskSettings, tag: str) -> AsteriskSettings:
    """Return settings with other names; `tag` (three letters) is part of them."""
    mark = secrets.token_hex(3)
    return replace(
        settings,
        app=f"{settings.app}-{tag}-{mark}",
        instance=f"{tag}{mark}",
        control="connect",
        listen=settings.listen if settings.media == "websocket_client" else None,
    )


def without_the_services_ports(settings: AsteriskSettings) -> AsteriskSettings:
    """Return settings that use no port of the service, with an equivalent transport of audio."""
    if settings.media == "websocket_client":
        return replace(settings, media="websocket", listen=None)
    if server := settings.audiosocket:
        host = server.advertise.partition(":")[0]
        return replace(settings, audiosocket=replace(server, port=0, advertise=host))
    return settings
