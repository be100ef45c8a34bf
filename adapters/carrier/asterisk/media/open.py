"""The way of media that the settings choose, and what it needs of Asterisk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from callchart.adapters.carrier.asterisk.media.audiosocket import AudioSocketWay
from callchart.adapters.carrier.asterisk.media.files import FilesWay
from callchart.adapters.carrier.asterisk.media.media import MediaWay
from callchart.adapters.carrier.asterisk.media.websocket import AcceptedMedia, DialledMedia
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.adapters.carrier.asterisk.websocket.server import WebSocketServer

#: Asterisk's modules that each way of media rests on.
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
    """The names of the modules that must run in Asterisk."""
    return MODULES[settings.media]


@asynccontextmanager
async def open_way(
    settings: AsteriskSettings, server: WebSocketServer | None
) -> AsyncIterator[MediaWay]:
    """The way of media, for as long as the block. Raises `MediaFailed`."""
    match settings.media:
        case "websocket":
            url = "ws" + settings.url.removeprefix("http")
            yield DialledMedia(url, settings.rate_hz)
        case "websocket_client":
            assert server is not None, "the configuration sees to it"
            yield AcceptedMedia(settings.media_client, server, settings.rate_hz)
        case "audiosocket":
            assert settings.audiosocket is not None, "the configuration sees to it"
            async with AudioSocketWay.listening(settings.audiosocket, settings.rate_hz) as way:
                yield way
        case "files":
            assert settings.files is not None, "the configuration sees to it"
            files = FilesWay(settings.files, settings.rate_hz)
            files.clear(f"{settings.instance}-")
            yield files
