"""A scripted Asterisk, for answers that a real one does not give on request.

It serves HTTP and WebSockets on one port of 127.0.0.1."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import trio
from trio_websocket import WebSocketConnection, wrap_server_stream

from callchart.adapters.carrier.asterisk.websocket.stream_proxy import StreamProxy

#: The answer to one request, on its connection.
ScriptedAnswer = Callable[[trio.SocketStream], Awaitable[None]]

USER, PASSWORD = "bot", "a-password"


def says(status: int, content: object = None) -> ScriptedAnswer:
    """Return an answer with a status and content: a str unchanged, everything else as JSON."""
    body = content if isinstance(content, str) else json.dumps(content)

    async def answer(stream: trio.SocketStream) -> None:
        head = f"HTTP/1.1 {status} As Scripted\r\nContent-Length: {len(body)}\r\n"
        await stream.send_all(f"{head}Connection: close\r\n\r\n{body}".encode())

    return answer


async def says_nothing(stream: trio.SocketStream) -> None:
    """Send nothing until the client has closed the connection."""
    while await stream.receive_some():
        pass


async def hangs_up(stream: trio.SocketStream) -> None:
    """Close the connection in the middle of the answer."""
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


async def leaves(stream: trio.SocketStream) -> None:
    """Close the connection without an answer."""
    await stream.aclose()


class ScriptedAsterisk:
    """A server with one of `answers` for each "METHOD path". All other requests get 404."""

    def __init__(self) -> None:
        self.port = 0
        #: The requests, such as "GET asterisk/info", without queries.
        self.asked: list[str] = []
        self.answers: dict[str, ScriptedAnswer] = {
            "GET asterisk/info": says(200, {"system": {"version": "22.10.1"}}),
            "GET channels": says(200, []),
            "GET events": self._events,
        }
        self._opened, self._sockets = trio.open_memory_channel[WebSocketConnection](10)
        #: The head of the last request.
        self.last_request = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def socket(self) -> WebSocketConnection:
        """Return the next socket for events that was opened. It may be closed already."""
        with trio.fail_after(60):
            return await self._sockets.receive()

    async def serve(self, stream: trio.SocketStream) -> None:
        head = b""
        try:
            while b"\r\n\r\n" not in head:
                more = await stream.receive_some()
                if not more:
                    return
                head += more
                if not head[:1].isalpha():
                    return  # the client speaks TLS
            method, target, _ = head.decode().split(" ", 2)
            asked = f"{method} {target.partition('?')[0].removeprefix('/ari/')}"
            self.asked.append(asked)
            self.last_request = head
            await self.answers.get(asked, says(404, {"message": "Not here"}))(stream)
        except trio.BrokenResourceError:
            pass  # the client has left
        finally:
            await trio.aclose_forcefully(stream)

    async def _events(self, stream: trio.SocketStream) -> None:
        async with trio.open_nursery() as nursery:
            request = await wrap_server_stream(nursery, _Replayed(self.last_request, stream))
            self._opened.send_nowait(await request.accept(subprotocol="ari"))


class _Replayed(StreamProxy):
    """A stream that first returns `head` again, which was already read from it."""

    def __init__(self, head: bytes, stream: trio.SocketStream) -> None:
        super().__init__(stream)
        self._head = head

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if self._head:
            head, self._head = self._head, b""
            return head
        return await super().receive_some(max_bytes)


@asynccontextmanager
async def scripted_asterisk() -> AsyncIterator[ScriptedAsterisk]:
    asterisk = ScriptedAsterisk()
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, asterisk.serve, 0, host="127.0.0.1")
        (listener,) = await nursery.start(serve)
        asterisk.port = listener.socket.getsockname()[1]
        yield asterisk
        nursery.cancel_scope.cancel()
