"""The faults of a script over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from time import perf_counter

from tests.servers.exchanges import Exchange
from tests.servers.http import Conversation, Gone
from tests.servers.scripts import Broken, Script

FOREVER = 1e9


@contextmanager
def answering(exchange: Exchange, conversation: Conversation, script: Script) -> Iterator[None]:
    """Wrap an answer: carry out a fault that it raises as `Broken`, and end the exchange.

    An answer carries out "garbage" and "end" itself. If they are raised here, nothing was sent
    before, so an empty answer is sent."""
    try:
        try:
            yield
        except Broken as broken:
            _break_off(broken.then, exchange, conversation, script.retry_after)
    except (Gone, ConnectionError):
        exchange.end("cancelled")
        raise
    exchange.end()


def _break_off(
    then: str, exchange: Exchange, conversation: Conversation, retry_after: float | None
) -> None:
    match then:
        case "hang":
            conversation.wait_until(perf_counter() + FOREVER)
        case "cut":
            exchange.end("cut")
            conversation.cut()
        case "end" | "garbage":
            conversation.send(HTTPStatus.OK, {})
        case status:
            exchange.end(status)
            if conversation.begun:
                conversation.cut()  # too late for a status
                return
            headers = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
            conversation.send(int(status), refusal(int(status)), headers)


def refusal(status: int) -> dict[str, object]:
    """Return the body of an error, for both APIs: OpenAI's and SpeechKit's."""
    name = HTTPStatus(status).name
    kind = "server_error" if status >= 500 else "invalid_request_error"
    code = {401: "invalid_api_key", 429: "rate_limit_exceeded"}.get(status)
    return {
        "error": {"message": "this failure is scripted", "type": kind, "param": None, "code": code},
        "error_code": name,
        "error_message": "this failure is scripted",
    }
