"""The media transport that the settings choose, and the Asterisk modules that it needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from callchart.adapters.carrier.asterisk.media.audiosocket import AudioSocketTransport
from callchart.adapters.carrier.asterisk.media.files import FilesTransport
from callchart.adapters.carrier.asterisk.media.media import MediaTransport
from callchart.adapters.carrier.asterisk.media.websocket import (
    AcceptedMediaTransport,
    DialledMediaTransport,
)
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.adapters.carrier.asterisk.websocket.server import WebSocketServer

#: The Asterisk modules that each media transport needs.
MODULES = {
    "websocket": frozenset({"chan_websocket.so", "res_http_websocket.so"}),
    "websocket_client": frozenset({"chan_websocket.so", "res_websocket_client.so"}),
    "audiosocket": frozenset({"chan_audiosocket.so", "res_audiosocket.so"}),
    "files": frozenset(
        {
            "codec_resample.so",
            "format_sln.so",
            "res_stasis_playback.so",
            "res_stasis_recording.so",
            "res_stasis_snoop.so",
        }
    ),
}


def needed_modules(settings: AsteriskSettings) -> frozenset[str]:
    """Return the names of the modules that Asterisk must run."""
    return MODULES[settings.media]


@asynccontextmanager
async def open_media_transport(
    settings: AsteriskSettings, server: WebSocketServer | None
) -> AsyncIterator[MediaTransport]:
    """Open the media transport for the length of the block. Raises `MediaFailed`."""
    match settings.media:
        case "websocket":
            url = "ws" + settings.url.removeprefix("http")
            yield DialledMediaTransport(url, settings.rate_hz)
        case "websocket_client":
            assert server is not None, "the configuration checks this"
            yield AcceptedMediaTransport(settings.media_client, server, settings.rate_hz)
        case "audiosocket":
            assert settings.audiosocket is not None, "the configuration checks this"
            async with AudioSocketTransport.listening(
                settings.audiosocket, settings.rate_hz
            ) as transport:
                yield transport
        case "files":
            assert settings.files is not None, "the configuration checks this"
            files = FilesTransport(settings.files, settings.rate_hz)
            files.clear(f"{settings.instance}-")
            yield files
