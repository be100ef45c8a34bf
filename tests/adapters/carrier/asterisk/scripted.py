"""Control that accepts every request, for tests with a scripted far end of the media."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import trio

from callchart.adapters.carrier.asterisk.control.ari import AriRequest
from callchart.adapters.carrier.asterisk.control.control import ControlLink, Listeners
from callchart.adapters.carrier.asterisk.control.events import (
    AriChannel,
    AriEvent,
    ChannelDestroyed,
    StasisStart,
)


class ScriptedControl:
    """Control of the call "c". It calls `on_media` with the request for the media channel.

    The media channel's first event is `news`."""

    def __init__(self, on_media: Callable[[Mapping[str, str]], None] = lambda query: None) -> None:
        self.requests: list[str] = []
        self.marks: list[int] = []
        self.news: AriEvent = StasisStart("callchart", AriChannel("c.media", "", "Up", "", ""), ())
        self._on_media = on_media
        self._listeners = Listeners()
        self.link = ControlLink("callchart", self._listeners)
        self.link.mark_up(self)

    async def send_request(self, request: AriRequest) -> Any:
        await trio.lowlevel.checkpoint()
        self.requests.append(str(request))
        if request.path == "channels/externalMedia":
            self._on_media(request.query)
            self._listeners.deliver_event("c.media", self.news)
            return {"channelvars": {"MEDIA_WEBSOCKET_CONNECTION_ID": "an-id"}}
        if request.method == "DELETE":
            self._listeners.deliver_event(
                "c.media", ChannelDestroyed("c.media", 16, "Normal Clearing")
            )
        return None
