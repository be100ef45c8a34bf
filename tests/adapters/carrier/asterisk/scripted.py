"""Control that says yes to everything, for tests whose far end of the media is a script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import trio

from adapters.carrier.asterisk.ari import Ari, Request
from adapters.carrier.asterisk.events import Channel, Event, StasisStart
from tests.adapters.carrier.asterisk.media_call import Events


class ScriptedControl:
    """`control.Link`. `on_media` is told of the request for the media channel, whose first news
    are `news`."""

    def __init__(self, on_media: Callable[[Mapping[str, str]], None] = lambda query: None) -> None:
        self.ari = Ari(self)
        self.app = "callchart"
        self.requests: list[str] = []
        self.marks: list[int] = []
        self.news: Event = StasisStart("callchart", Channel("c.media", "", "Up", "", ""), ())
        self._on_media = on_media
        self._events = Events()

    @contextmanager
    def listen(self, *channels: str) -> Iterator[Events]:
        yield self._events

    async def lost(self) -> None:
        await trio.sleep_forever()

    async def back(self) -> None:
        await trio.sleep_forever()

    async def ask(self, request: Request) -> Any:
        await trio.lowlevel.checkpoint()
        self.requests.append(str(request))
        if request.path == "channels/externalMedia":
            self._on_media(request.query)
            self._events.put.send_nowait(self.news)
            return {"channelvars": {"MEDIA_WEBSOCKET_CONNECTION_ID": "an-id"}}
        return None
