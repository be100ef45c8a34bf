"""The server's process: `python -m tests.servers.model '{"ports": {"http": PORT}}'`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import Any

from tests.servers import http
from tests.servers.answering import answering, refusal
from tests.servers.exchanges import Asked, Exchanges, Rules, fingerprint
from tests.servers.http import Conversation
from tests.servers.keys import Keys
from tests.servers.model.scripts import Writing
from tests.servers.model.streams import NAME, Stream, completion, failure, response, said_last
from tests.servers.process import serve_until_parent_ends
from tests.servers.scripts import Broken, paced

NONSENSE = b'data: {"choices": [{"delta": \n\ndata: what?\n\n'


class Model:
    """The routes of the server, and their common state."""

    def __init__(self) -> None:
        self.exchanges, self.keys = Exchanges(), Keys()
        self.writing = Rules(Writing)
        self._numbers = count(1001)

    def reset(self) -> None:
        self.exchanges.clear()
        self.keys.reset()
        self.writing.clear()
        self._numbers = count(1001)

    def commands(self) -> dict[str, Any]:
        """Return the commands for tests; see `server.ModelServer`."""

        def script(script: dict[str, Any], containing: str, times: int | None) -> None:
            self.writing.add(Writing.of(script), containing, times)

        return {
            "reset": self.reset,
            "asked": self.exchanges.as_json,
            "wait": lambda open, asked, seconds: self.exchanges.wait(open, asked, seconds),
            "script": script,
            "accept": self.keys.accept,
        }

    def models(self, conversation: Conversation) -> None:
        models = [{"id": NAME, "object": "model", "created": 0, "owned_by": "tests"}]
        conversation.send(HTTPStatus.OK, {"object": "list", "data": models})

    def answer(self, method: str, stream: Stream, conversation: Conversation) -> None:
        request = json.loads(conversation.body)
        text, key = said_last(request), fingerprint(conversation.key)
        exchange = self.exchanges.begin(Asked(method, text, key, conversation.peer, request))
        if self.keys.refuse(conversation.headers.get("authorization") or ""):
            exchange.end("401")
            conversation.send(HTTPStatus.UNAUTHORIZED, refusal(401))
            return
        if not request.get("stream"):
            exchange.end("400")
            conversation.send(HTTPStatus.BAD_REQUEST, refusal(400))
            return
        script = self.writing.take(text)
        script = replace(script, text=script.text.replace("{n}", str(next(self._numbers))))
        tokens = paced(script, script.tokens, conversation.wait_until)
        with answering(exchange, conversation, script):
            try:
                for event in stream(script, tokens):
                    exchange.record_piece()
                    _send(conversation, event)
            except Broken as broken:
                match broken.then:
                    case "garbage":
                        _send(conversation, NONSENSE)
                    case "end":
                        _send(conversation, b"")
                    case status if status.isdigit() and conversation.begun:
                        exchange.end(status)
                        _send(conversation, failure(refusal(int(status))["error"]))
                    case _:
                        raise
            conversation.end()


def _send(conversation: Conversation, events: bytes) -> None:
    if not conversation.begun:
        conversation.begin("text/event-stream")
    if events:
        conversation.part(events)


def main(task: Mapping[str, Any]) -> None:
    model = Model()
    routes: dict[tuple[str, str], http.Route] = {
        ("POST", "/control"): http.control(model.commands()),
        ("GET", "/v1/models"): model.models,
        ("POST", "/v1/chat/completions"): partial(model.answer, "chat/completions", completion),
        ("POST", "/v1/responses"): partial(model.answer, "responses", response),
    }
    http.serve(task["ports"]["http"], routes)
    serve_until_parent_ends()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
