"""A small OpenAI-compatible server on loopback: scripted answers at a scripted pace.

It speaks HTTP/1.1 through h11 over Trio's sockets, in the same run as the call, so that its pace
follows the call's clock. A web framework does not fit, for two reasons: its timers (keep-alive,
shutdown) run on Trio's clock too, so a clock that jumps would fire them between two requests; and
only the code that writes to the socket can count its bytes (see `loopback`).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import Any

import h11
import trio

from callchart.adapters.service.demo.answers import Answers, DemoAnswer
from callchart.adapters.service.demo.loopback import EXCHANGE_HEADER, Loopback

#: The name of the only model; a request may name any.
MODEL = "scripted"

#: Bytes. The longest history of a call is far shorter.
_LARGEST_BODY = 1_000_000


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A running server. `url` is the `base_url` for a client."""

    url: str


async def serve(
    answers: Answers,
    loopback: Loopback,
    *,
    task_status: trio.TaskStatus[ModelServer] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve on a free port of 127.0.0.1 until cancelled.

    For `nursery.start`, which returns the `ModelServer`."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    task_status.started(ModelServer(f"http://127.0.0.1:{port}/v1"))
    await trio.serve_listeners(partial(converse, answers, loopback), listeners)


async def converse(answers: Answers, loopback: Loopback, stream: trio.abc.Stream) -> None:
    """Answer the requests of one connection in turn, until either side closes it."""
    async with stream:
        connection = _Connection(stream, loopback)
        numbers = count(1)
        # The client may leave at any time; the answer is then useless.
        with suppress(trio.BrokenResourceError):
            while request := await connection.request():
                completion = f"chatcmpl-{next(numbers)}"
                respond = partial(_respond, connection, answers, request, completion)
                await connection.while_open(respond)
                if not connection.ready_for_another():
                    break


# --- HTTP --------------------------------------------------------------------------------------


class _Refused(Exception):
    """A request cannot be answered. `str()` is the reason."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    body: bytes


class _Connection:
    """HTTP/1.1 on one stream: whole requests in, responses out. Both are counted."""

    def __init__(self, stream: trio.abc.Stream, loopback: Loopback) -> None:
        self._stream = stream
        self._loopback = loopback
        self._exchange = loopback.exchange("")
        self._http = h11.Connection(h11.SERVER)

    async def request(self) -> _Request | None:
        """Return the next request, or None if the client has closed the connection or was
        refused."""
        try:
            request = await self._request()
        except (h11.RemoteProtocolError, _Refused) as error:
            status = error.status if isinstance(error, _Refused) else HTTPStatus.BAD_REQUEST
            self._exchange.received(1)
            await self.send_json(status, _error(status, str(error)))
            return None
        self._exchange.received(1)
        return request

    async def _request(self) -> _Request | None:
        method, path, body = "", "", b""
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(bytes(await self._stream.receive_some()))
            elif isinstance(event, h11.Request):
                method = event.method.decode("ascii")
                path = event.target.decode("ascii").partition("?")[0]
                headers = dict(iter(event.headers))
                name = headers.get(EXCHANGE_HEADER.encode("ascii"), b"").decode("latin-1")
                self._exchange = self._loopback.exchange(name)
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > _LARGEST_BODY:
                    too_large = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
                    raise _Refused(too_large, f"the body exceeds {_LARGEST_BODY} bytes")
            elif isinstance(event, h11.EndOfMessage):
                return _Request(method, path, body)
            else:
                return None

    def ready_for_another(self) -> bool:
        """Prepare for the next request; return False if the connection must close instead."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        self._exchange = self._loopback.exchange("")
        return True

    async def while_open(self, respond: Callable[[], Awaitable[None]]) -> None:
        """Run `respond` until the client leaves: a barge-in closes the connection."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._until_closed, nursery.cancel_scope)
            with suppress(trio.BrokenResourceError):  # the client left, noticed by sending
                await respond()
            nursery.cancel_scope.cancel()

    async def _until_closed(self, responding: trio.CancelScope) -> None:
        with suppress(trio.BrokenResourceError):
            while data := await self._stream.receive_some():
                # These bytes belong to the next request, which waits.
                self._http.receive_data(bytes(data))
        responding.cancel()

    async def send_json(self, status: HTTPStatus, content: object) -> None:
        """Send a whole response."""
        body = json.dumps(content).encode()
        headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
        head = h11.Response(status_code=status, reason=status.phrase, headers=headers)
        await self._send([head, h11.Data(body), h11.EndOfMessage()], len(body))

    async def begin_events(self, event: str) -> None:
        """Send the head of a response of server-sent events, and the first event."""
        headers = [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")]
        head = h11.Response(status_code=HTTPStatus.OK, reason="OK", headers=headers)
        body = _server_sent(event)
        await self._send([head, h11.Data(body)], len(body))

    async def send_event(self, event: str) -> None:
        """Send another event."""
        body = _server_sent(event)
        await self._send([h11.Data(body)], len(body))

    async def end_events(self) -> None:
        """End the response."""
        # The end counts as 1: the client waits for it, and then closes the exchange.
        await self._send([h11.EndOfMessage()], 1)

    async def _send(self, events: list[h11.Event], amount: int) -> None:
        data = b"".join(self._http.send(event) or b"" for event in events)
        self._exchange.sent(amount)
        await self._stream.send_all(data)


def _server_sent(event: str) -> bytes:
    return f"data: {event}\n\n".encode()


# --- the OpenAI API ----------------------------------------------------------------------------


async def _respond(
    connection: _Connection, answers: Answers, request: _Request, completion: str
) -> None:
    try:
        match request.method, request.path:
            case "GET", "/v1/models":
                model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "callchart"}
                await connection.send_json(HTTPStatus.OK, {"object": "list", "data": [model]})
            case "POST", "/v1/chat/completions":
                await _complete(connection, answers, _Question.of(request.body), completion)
            case _, "/v1/models" | "/v1/chat/completions":
                raise _Refused(
                    HTTPStatus.METHOD_NOT_ALLOWED, f"{request.method} {request.path} is not served"
                )
            case _:
                raise _Refused(HTTPStatus.NOT_FOUND, f"{request.path} is not served")
    except _Refused as error:
        await connection.send_json(error.status, _error(error.status, str(error)))


@dataclass(frozen=True, slots=True)
class _Question:
    """The parts of a chat completion request that the server reads."""

    words: str
    stream: bool
    tools: frozenset[str]

    @classmethod
    def of(cls, body: bytes) -> _Question:
        """Read a request body. Raises `_Refused` if it is not a chat completion request."""
        try:
            asked = json.loads(body)
        except ValueError:
            raise _Refused(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None
        messages = asked.get("messages") if isinstance(asked, dict) else None
        if not isinstance(messages, list) or not messages:
            raise _Refused(HTTPStatus.BAD_REQUEST, "messages must be a non-empty list")
        words = ""
        for number, message in enumerate(messages):
            match message:
                case {"role": "user", "content": str(content)}:
                    words = content
                case {"role": str(), "content": str()}:
                    pass
                case _:
                    raise _Refused(
                        HTTPStatus.BAD_REQUEST, f"messages[{number}] must have a role and a text"
                    )
        # A message may hold several utterances, one a line: the last is the question.
        return cls(words.rpartition("\n")[2], asked.get("stream") is True, _tools_of(asked))


def _tools_of(asked: dict[str, Any]) -> frozenset[str]:
    try:
        return frozenset(tool["function"]["name"] for tool in asked.get("tools") or ())
    except (TypeError, KeyError):
        raise _Refused(HTTPStatus.BAD_REQUEST, "tools must be a list of functions") from None


async def _complete(
    connection: _Connection, answers: Answers, question: _Question, completion: str
) -> None:
    asked_at = trio.current_time()
    answer = answers.answer_to(question.words)
    hang_up = answer.hang_up and "hang_up" in question.tools
    if answer.fail is not None:
        raise _Refused(HTTPStatus(answer.fail), "this failure is scripted")
    if not question.stream:
        await trio.sleep_until(asked_at + _duration(answer))
        if answer.hang:
            await trio.sleep_forever()
        await connection.send_json(HTTPStatus.OK, _whole(completion, answer, hang_up))
        return
    await connection.begin_events(_chunk(completion, {"role": "assistant", "content": ""}))
    for number, token in enumerate(answer.tokens):
        await trio.sleep_until(asked_at + answer.first_token_s + number * answer.per_token_s)
        await connection.send_event(_chunk(completion, {"content": token}))
    if answer.hang:
        await trio.sleep_forever()
    if hang_up:
        await connection.send_event(_chunk(completion, {"tool_calls": [{"index": 0} | _HANG_UP]}))
    await connection.send_event(_chunk(completion, {}, "tool_calls" if hang_up else "stop"))
    await connection.send_event("[DONE]")
    await connection.end_events()


def _duration(answer: DemoAnswer) -> float:
    return answer.first_token_s + max(0, len(answer.tokens) - 1) * answer.per_token_s


_HANG_UP = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "hang_up", "arguments": "{}"},
}


def _chunk(completion: str, delta: dict[str, Any], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps(
        {
            "id": completion,
            "object": "chat.completion.chunk",
            "created": 0,
            "model": MODEL,
            "choices": [choice],
        }
    )


def _whole(completion: str, answer: DemoAnswer, hang_up: bool) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if hang_up:
        message["tool_calls"] = [_HANG_UP]
    finish = "tool_calls" if hang_up else "stop"
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {
        "id": completion,
        "object": "chat.completion",
        "created": 0,
        "model": MODEL,
        "choices": [choice],
    }


def _error(status: HTTPStatus, reason: str) -> dict[str, Any]:
    """Return an error in the form of OpenAI's API."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": reason, "type": kind, "param": None, "code": None}}
