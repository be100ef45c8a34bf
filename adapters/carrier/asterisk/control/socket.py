"""ARI over its WebSocket: events, and requests with their answers.

One task reads, one writes requests, and one pings Asterisk. All three end together. A request that
still waits for its answer then raises `ControlLost`."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import Any, Final

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from callchart.adapters.carrier.asterisk.control.ari import AriRequest, ControlLost, parse_answer
from callchart.adapters.carrier.asterisk.control.events import (
    ApplicationReplaced,
    AriEvent,
    MalformedEvent,
    decode,
    read_event,
)
from callchart.adapters.carrier.asterisk.rate_limited_log import RateLimitedLog
from callchart.adapters.carrier.asterisk.websocket.server import MESSAGE_BYTES

log = logging.getLogger("callchart")

#: Time limit to write a request and to get its answer. Most requests take less than a millisecond.
ANSWER_SECONDS: Final = 5.0

#: The time between two pings, and the time limit for a pong.
PING_SECONDS: Final = 10.0
PONG_SECONDS: Final = 5.0

#: Time limit for the close handshake.
CLOSE_SECONDS: Final = 0.05


@dataclass(slots=True)
class _PendingAnswer:
    """The answer that a request waits for. `fields` stay None if the socket breaks first."""

    arrived: trio.Event = field(default_factory=trio.Event)
    fields: Mapping[str, Any] | None = None


class ControlSocket:
    """One open socket: an `ari.AriTransport` that calls `on_event` for each event."""

    def __init__(
        self,
        ws: WebSocketConnection,
        on_event: Callable[[AriEvent], None],
        limited_log: RateLimitedLog,
    ) -> None:
        self._ws, self._on_event, self._limited_log = ws, on_event, limited_log
        self._numbers = count(1)
        self._answers: dict[str, _PendingAnswer] = {}
        self._asked, self._to_write = trio.open_memory_channel[tuple[str, str]](inf)
        self._why: str | None = None
        self._ended = trio.Event()
        #: True if Asterisk closed the socket normally (code 1000).
        self.was_closed = False

    async def run(self) -> None:
        """Serve the socket until it is closed or breaks."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read)
                nursery.start_soon(self._write)
                nursery.start_soon(self._watch)
                await self._ended.wait()
                nursery.cancel_scope.cancel()
        finally:
            self.end("callchart closed the socket")
            with trio.move_on_after(CLOSE_SECONDS, shield=True):
                await self._ws.aclose()

    async def ended(self) -> str:
        """Wait until the socket has ended, and return the reason."""
        await self._ended.wait()
        assert self._why is not None
        return self._why

    async def send_request(self, request: AriRequest) -> Any:
        """See `ari.AriTransport`."""
        if self._why is not None:
            raise ControlLost(f"control of Asterisk is lost: {self._why}")
        number = str(next(self._numbers))
        answer = self._answers[number] = _PendingAnswer()
        self._asked.send_nowait((number, _message(number, request)))
        try:
            with trio.move_on_after(ANSWER_SECONDS) as waiting:
                await answer.arrived.wait()
        finally:
            # `_read_message` drops an answer that arrives after this.
            del self._answers[number]
        if answer.fields is not None:
            return _content(request, answer.fields)
        if waiting.cancelled_caught:
            raise ControlLost(f"Asterisk did not answer {request} within {ANSWER_SECONDS:g} s")
        raise ControlLost(f"control of Asterisk was lost before it answered {request}: {self._why}")

    async def _read(self) -> None:
        while True:
            try:
                message = await self._ws.get_message()
            except ConnectionClosed as closed:
                self.was_closed = closed.reason is not None and closed.reason.code == 1000
                self.end(_why(closed))
                return
            try:
                self._read_message(message)
            except MalformedEvent as malformed:
                self._limited_log.warning(f"malformed ARI event dropped: {malformed}")

    def _read_message(self, message: str | bytes) -> None:
        fields = decode(message)
        if fields.get("type") != "RESTResponse":
            event = read_event(fields)
            self._on_event(event)
            if isinstance(event, ApplicationReplaced):
                self.end("another client took over the application")
            return
        answer = self._answers.get(str(fields.get("request_id")))
        if answer is None:
            log.debug("late ARI answer dropped")
            return
        answer.fields = fields
        answer.arrived.set()

    async def _write(self) -> None:
        async for number, message in self._to_write:
            if number not in self._answers:
                continue  # the request was cancelled
            with trio.move_on_after(ANSWER_SECONDS) as writing:
                try:
                    await self._ws.send_message(message)
                except ConnectionClosed:
                    return  # `_read` gets ConnectionClosed too, and ends the socket
            if writing.cancelled_caught:
                self.end(f"timeout: Asterisk read nothing for {ANSWER_SECONDS:g} s")
                return

    async def _watch(self) -> None:
        """Ping Asterisk, and end the socket if it does not answer."""
        while True:
            await trio.sleep(PING_SECONDS)
            with trio.move_on_after(PONG_SECONDS) as waiting:
                try:
                    await self._ws.ping()
                except ConnectionClosed:
                    return  # `_read` gets ConnectionClosed too, and ends the socket
            if waiting.cancelled_caught:
                self.end(f"timeout: no pong from Asterisk within {PONG_SECONDS:g} s")
                return

    def end(self, why: str) -> None:
        """End the socket for the reason `why`: `run` returns, requests raise `ControlLost`."""
        if self._why is None:
            self._why = why
            self._ended.set()
            for answer in self._answers.values():
                answer.arrived.set()


def _message(number: str, request: AriRequest) -> str:
    message = {
        "type": "RESTRequest",
        "transaction_id": number,
        "request_id": number,
        "method": request.method,
        "uri": request.path,
        "query_strings": [{"name": k, "value": v} for k, v in request.query.items()],
    }
    return json.dumps(message)


def _content(request: AriRequest, fields: Mapping[str, Any]) -> Any:
    status, body = fields.get("status_code"), fields.get("message_body") or ""
    if not isinstance(status, int) or not isinstance(body, str):
        raise ControlLost(
            f"the answer to {request} must have an int as status_code and a str as message_body, "
            f"got {type(status).__name__} and {type(body).__name__}"
        )
    return parse_answer(request, status, str(fields.get("reason_phrase") or ""), body)


def _why(closed: ConnectionClosed) -> str:
    reason = closed.reason
    if reason is None:
        return "the connection broke"
    if reason.code == 1006:  # RFC 6455's code for a connection that ended without a close frame
        return "the connection broke"
    if reason.code == 1009:
        return f"a message of Asterisk must be at most {MESSAGE_BYTES} bytes, got a longer one"
    return f"Asterisk closed the socket: {reason.code} {reason.reason or reason.name}"
