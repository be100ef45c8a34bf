"""Control that says yes to everything, for tests whose far end of the media is a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import trio

from callchart.adapters.carrier.asterisk.control.ari import Request
from callchart.adapters.carrier.asterisk.control.control import Link, Listeners
from callchart.adapters.carrier.asterisk.control.events import (
    Channel,
    ChannelDestroyed,
    Event,
    StasisStart,
)


class ScriptedControl:
    """`on_media` is told of the request for the media channel of the call "c", whose first news
    are `news`."""

    def __init__(self, on_media: Callable[[Mapping[str, str]], None] = lambda query: None) -> None:
        self.requests: list[str] = []
        self.marks: list[int] = []
        self.news: Event = StasisStart("callchart", Channel("c.media", "", "Up", "", ""), ())
        self._on_media = on_media
        self._listeners = Listeners()
        self.link = Link("callchart", self._listeners)
        self.link.up(self)

    async def ask(self, request: Request) -> Any:
        await trio.lowlevel.checkpoint()
        self.requests.append(str(request))
        if request.path == "channels/externalMedia":
            self._on_media(request.query)
            self._listeners.tell("c.media", self.news)
            return {"channelvars": {"MEDIA_WEBSOCKET_CONNECTION_ID": "an-id"}}
        if request.method == "DELETE":
            self._listeners.tell("c.media", ChannelDestroyed("c.media", 16, "Normal Clearing"))
        return None
