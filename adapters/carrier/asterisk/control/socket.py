"""ARI over its events' WebSocket: news as it comes, and requests with their answers in between.

One task reads, one writes what is asked, one sees to it that the other end still lives. All three
end together, and whoever waits for an answer then learns that control is lost."""

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

from callchart.adapters.carrier.asterisk.control.ari import ControlLost, Request, answered
from callchart.adapters.carrier.asterisk.control.events import (
    ApplicationReplaced,
    Event,
    MalformedEvent,
    decode,
    event_of,
)
from callchart.adapters.carrier.asterisk.rate_limited_log import Complaints
from callchart.adapters.carrier.asterisk.websocket.server import MESSAGE_BYTES

log = logging.getLogger("callchart")

#: From a request to its answer, its writing included. Most take less than a millisecond.
ANSWER_SECONDS: Final = 5.0

#: From one sign of life to the next, and for how long one may take.
PING_SECONDS: Final = 10.0
PONG_SECONDS: Final = 5.0

#: A goodbye that is not answered within this time is not waited for.
CLOSE_SECONDS: Final = 0.05


@dataclass(slots=True)
class _Answer:
    """What came of a request: `fields` are None where the socket broke first."""

    came: trio.Event = field(default_factory=trio.Event)
    fields: Mapping[str, Any] | None = None


class ControlSocket:
    """One open socket: an `ari.Transport`, and the source of events, for which `tell` is called."""

    def __init__(
        self, ws: WebSocketConnection, tell: Callable[[Event], None], complaints: Complaints
    ) -> None:
        self._ws, self._tell, self._complaints = ws, tell, complaints
        self._numbers = count(1)
        self._answers: dict[str, _Answer] = {}
        self._asked, self._to_write = trio.open_memory_channel[tuple[str, str]](inf)
        self._why: str | None = None
        self._over = trio.Event()
        #: Whether the other end closed it, as one does whose work is done.
        self.was_closed = False

    async def run(self) -> None:
        """Serve the socket until it is closed or breaks."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read)
                nursery.start_soon(self._write)
                nursery.start_soon(self._watch)
                await self._over.wait()
                nursery.cancel_scope.cancel()
        finally:
            self.end("the socket was closed")
            with trio.move_on_after(CLOSE_SECONDS, shield=True):
                await self._ws.aclose()

    async def ended(self) -> str:
        """Wait until the socket is of no use any more; why."""
        await self._over.wait()
        assert self._why is not None
        return self._why

    async def ask(self, request: Request) -> Any:
        """See `ari.Transport`."""
        if self._why is not None:
            raise ControlLost(f"control of Asterisk is lost: {self._why}")
        number = str(next(self._numbers))
        answer = self._answers[number] = _Answer()
        self._asked.send_nowait((number, _message(number, request)))
        try:
            with trio.move_on_after(ANSWER_SECONDS) as waiting:
                await answer.came.wait()
        finally:
            # An answer that comes later finds nobody.
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
                self._complaints.about(f"Asterisk sent what is no event of ARI: {malformed}")

    def _read_message(self, message: str | bytes) -> None:
        fields = decode(message)
        if fields.get("type") != "RESTResponse":
            event = event_of(fields)
            self._tell(event)
            if isinstance(event, ApplicationReplaced):
                self.end("another client took the application over")
            return
        answer = self._answers.get(str(fields.get("request_id")))
        if answer is None:
            log.debug("an answer of Asterisk's came too late")
            return
        answer.fields = fields
        answer.came.set()

    async def _write(self) -> None:
        async for number, message in self._to_write:
            if number not in self._answers:
                continue  # whoever asked has gone
            with trio.move_on_after(ANSWER_SECONDS) as writing:
                try:
                    await self._ws.send_message(message)
                except ConnectionClosed:
                    return  # the reader learns it too
            if writing.cancelled_caught:
                self.end(f"Asterisk read nothing for {ANSWER_SECONDS:g} s")
                return

    async def _watch(self) -> None:
        """A peer that went without a word is found out."""
        while True:
            await trio.sleep(PING_SECONDS)
            with trio.move_on_after(PONG_SECONDS) as waiting:
                try:
                    await self._ws.ping()
                except ConnectionClosed:
                    return  # the reader learns it too
            if waiting.cancelled_caught:
                self.end(f"Asterisk gave no sign of life for {PONG_SECONDS:g} s")
                return

    def end(self, why: str) -> None:
        """Be of no use any more: `run` returns."""
        if self._why is None:
            self._why = why
            self._over.set()
            for answer in self._answers.values():
                answer.came.set()


def _message(number: str, request: Request) -> str:
    message = {
        "type": "RESTRequest",
        "transaction_id": number,
        "request_id": number,
        "method": request.method,
        "uri": request.path,
        "query_strings": [{"name": k, "value": v} for k, v in request.query.items()],
    }
    return json.dumps(message)


def _content(request: Request, fields: Mapping[str, Any]) -> Any:
    status, body = fields.get("status_code"), fields.get("message_body") or ""
    if not isinstance(status, int) or not isinstance(body, str):
        raise ControlLost(f"Asterisk's answer to {request} cannot be read")
    return answered(request, status, str(fields.get("reason_phrase") or ""), body)


def _why(closed: ConnectionClosed) -> str:
    reason = closed.reason
    if reason is None:
        return "the connection broke"
    if reason.code == 1006:  # no close frame came: RFC 6455's number for what nobody sent
        return "the connection broke"
    if reason.code == 1009:
        return f"a message of Asterisk's was longer than {MESSAGE_BYTES} bytes"
    return f"Asterisk closed the socket: {reason.code} {reason.reason or reason.name}"
