"""A transcription server on 127.0.0.1: real HTTP, scripted answers."""

from __future__ import annotations

import email
import io
import json
import wave
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import h11
import trio


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its key, its fields, and its sound."""

    path: str
    key: str
    fields: Mapping[str, str]
    rate_hz: int
    duration_s: float

    @classmethod
    def of(cls, request: h11.Request, body: bytes) -> Asked:
        headers = {name.decode(): value.decode() for name, value in request.headers}
        head = f"content-type: {headers['content-type']}\r\n\r\n".encode()
        fields: dict[str, str] = {}
        sound = b""
        for part in email.message_from_bytes(head + body).walk():
            content = part.get_payload(decode=True)
            name = part.get_param("name", header="content-disposition")
            if name == "file" and isinstance(content, bytes):
                sound = content
            elif isinstance(name, str) and isinstance(content, bytes):
                fields[name] = content.decode()
        with wave.open(io.BytesIO(sound)) as file:
            rate_hz, count = file.getframerate(), file.getnframes()
        key = headers.get("authorization", "").removeprefix("Bearer ")
        return cls(request.target.decode(), key, fields, rate_hz, count / rate_hz)


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """An answer: a response after `wait`, or a closed connection without a response."""

    text: str = "words"
    status: int = 200
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: trio.Event | None = None
    hangs_up: bool = False


class Server:
    """A server that gives its answers in order, and then repeats the last one."""

    def __init__(self, answers: tuple[ScriptedAnswer, ...]) -> None:
        self._answers = answers
        self.asked: list[Asked] = []
        self.closed = 0  # connections that either side has closed
        self.url = ""
        self._changed = trio.Event()

    async def wait_for_requests(self, requests: int) -> None:
        """Wait until this number of requests has come."""
        while len(self.asked) < requests:
            await self._changed.wait()

    async def wait_for_close(self) -> None:
        """Wait until a connection is closed."""
        while not self.closed:
            await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def converse(self, stream: trio.SocketStream) -> None:
        http = h11.Connection(h11.SERVER)
        async with stream:
            try:
                while await self._exchange(http, stream):
                    http.start_next_cycle()
            except trio.BrokenResourceError:
                pass
        self.closed += 1
        self._notify()

    async def _exchange(self, http: h11.Connection, stream: trio.SocketStream) -> bool:
        body, request = b"", None
        while not isinstance(event := http.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                http.receive_data(await stream.receive_some())
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.ConnectionClosed):
                return False
        assert request is not None
        answer = self._answers[min(len(self.asked), len(self._answers) - 1)]
        self.asked.append(Asked.of(request, body))
        self._notify()
        if answer.wait is not None:
            await answer.wait.wait()
        if answer.hangs_up:
            return False
        content = answer.body
        if content is None:
            content = json.dumps({"text": answer.text}).encode()
        headers = [("content-length", str(len(content))), *answer.headers.items()]
        sent = [
            h11.Response(status_code=answer.status, headers=headers),
            h11.Data(content),
            h11.EndOfMessage(),
        ]
        await stream.send_all(b"".join(http.send(part) or b"" for part in sent))
        return True


@asynccontextmanager
async def serving(*answers: ScriptedAnswer) -> AsyncIterator[Server]:
    """Run a server during the block."""
    server = Server(answers or (ScriptedAnswer(),))
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, server.converse, 0, host="127.0.0.1")
        (listener,) = await nursery.start(serve)
        server.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/v1"
        yield server
        nursery.cancel_scope.cancel()


def refusal(status: int, code: str = "", **headers: str) -> ScriptedAnswer:
    """Return an error in OpenAI's form, with text that our errors must not quote."""
    error = {"message": "Incorrect key sk-secret: +44 20", "code": code or None}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ScriptedAnswer(status=status, body=json.dumps({"error": error}).encode(), headers=named)
