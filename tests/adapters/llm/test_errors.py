"""Each failure has a cause and a cure, and quotes neither keys nor callers."""

from __future__ import annotations

import socket
import ssl
import traceback
from typing import Any

import httpx2
import pytest
from trio.testing import MockClock

from callchart.engine.data import Said
from callchart.engine.ports import ProviderError
from tests.adapters.llm.scripted import KEY, Server, Stock, asking, delta, whole
from tests.contracts.language_model import Listener, write

FINE = delta(content="Well,")


async def failure_of(answer: Any, **options: Any) -> ProviderError:
    async with asking(Server(answer), **options) as model:
        with pytest.raises(ProviderError) as failure:
            await write(model, [Said("caller", "Marmalade?")])
    logged = "".join(traceback.format_exception(failure.value, limit=0))
    assert KEY not in logged
    assert "marmalade" not in logged.lower()
    assert failure.value.provider == "openai"
    assert failure.value.cure
    return failure.value


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize(
    ("status", "error", "reason", "cure"),
    [
        (400, {"code": None, "type": "invalid_request_error"}, "400 (invalid_request_error)", "to"),
        (400, {"code": 400, "type": "BadRequestError"}, "400", "streaming or tools"),
        (401, {"code": "invalid_api_key"}, "401 (invalid_api_key)", "the key was refused"),
        (403, {"code": "unsupported_country"}, "403 (unsupported_country)", "has no access"),
        (404, {"code": "model_not_found"}, "404 (model_not_found) for model 'parrot'", "the model"),
        (413, {}, "413", "too long for this model"),
        (429, {"code": "rate_limit_exceeded"}, "429 (rate_limit_exceeded)", "too many requests"),
        (429, {"code": "insufficient_quota"}, "429 (insufficient_quota)", "credit is used up"),
        (418, {"code": "Marmalade is not tea"}, "418", "documentation of this status"),
        (500, {"type": "server_error"}, "500 (server_error)", "status page"),
        (503, None, "503", "status page"),
    ],
)
async def test_a_refusal_names_its_status_and_the_cure(
    autojump_clock: MockClock,
    api: str,
    status: int,
    error: dict[str, str] | None,
    reason: str,
    cure: str,
) -> None:
    said = {"message": f"{KEY} asked about Marmalade"}
    answer = (
        httpx2.Response(status, text="<html>Marmalade</html>")
        if error is None
        else httpx2.Response(status, json={"error": said | error})
    )
    failure = await failure_of(answer, api=api)
    assert failure.reason == f"model.test answered {reason}"
    assert cure in failure.cure


@pytest.mark.parametrize(
    "error",
    [
        {"code": "context_length_exceeded", "message": "Marmalade"},
        {
            "code": 400,
            "type": "BadRequestError",
            "message": "This model's maximum context length is 4096 tokens. However, you requested "
            "9000 tokens (9000 in the messages, 0 in the completion).",
        },
        {
            "code": 400,
            "type": "exceed_context_size_error",
            "message": "the request exceeds the available context size",
        },
        {"message": "number of input tokens must be no more than 32768, got 40000"},
    ],
)
async def test_a_too_long_conversation_is_recognised_in_the_words_of_each_server(
    autojump_clock: MockClock, error: dict[str, object]
) -> None:
    failure = await failure_of(httpx2.Response(400, json={"error": error}))
    assert "shorten the prompt's file, or lower context_tokens" in failure.cure


async def test_a_too_long_conversation_is_recognised_in_a_stream_error(
    autojump_clock: MockClock,
) -> None:
    failure = await failure_of(({"error": {"code": "context_length_exceeded"}},))
    assert failure.reason == "model.test sent an error in the stream (context_length_exceeded)"
    assert "lower context_tokens" in failure.cure


class _Caused(httpx2.ConnectError):
    """A connection error with the system's error as its cause."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("Marmalade")
        self.__cause__ = OSError("all attempts to connect failed")
        self.__cause__.__cause__ = ExceptionGroup("attempts", [cause])


@pytest.mark.parametrize(
    ("error", "reason", "cure"),
    [
        (_Caused(ConnectionRefusedError()), "refused the connection", "start that server"),
        (_Caused(socket.gaierror()), "was not found", "name server"),
        (_Caused(ssl.SSLError()), "failed the TLS handshake", "certificate"),
        (_Caused(OSError("no route")), "cannot be reached", "network"),
        (httpx2.ConnectTimeout("x"), "did not accept a connection within 2 s", "network"),
        (httpx2.WriteTimeout("x"), "did not take the request within 10 s", "network"),
        (httpx2.PoolTimeout("x"), "has all 200 connections in use", "more processes"),
        (httpx2.RemoteProtocolError("x"), "broke off the connection", "status page"),
    ],
)
async def test_a_failed_connection_names_the_cause_and_the_cure(
    autojump_clock: MockClock, error: Exception, reason: str, cure: str
) -> None:
    failure = await failure_of(error)
    assert failure.reason == f"model.test {reason}"
    assert cure in failure.cure


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((FINE, "{", delta("stop")), "malformed: an event is not JSON"),
        ((FINE, "[1]"), "malformed: an event does not belong to a chat completion"),
        ((FINE, delta(tool_calls=[{}])), "malformed: a tool call has no function"),
        ((FINE,), "malformed: it ended before the end of the answer"),
        (
            (FINE, {"error": {"message": "Marmalade"}}),
            "sent an error in the stream",
        ),
        (
            ({"error": {"code": "overloaded"}},),
            "sent an error in the stream (overloaded)",
        ),
        (whole(" "), "the answer was empty"),
        ((delta("content_filter"),), "the answer was empty (content_filter)"),
        ((delta("Marmalade on toast"),), "the answer was empty"),
        (httpx2.Response(200, json={}), "malformed: it has no server-sent events"),
        (httpx2.Response(200, text="Marmalade"), "malformed: it has no server-sent events"),
        (httpx2.Response(200), "malformed: it has no server-sent events"),
    ],
)
async def test_a_malformed_stream_raises_an_error(
    autojump_clock: MockClock, answer: object, reason: str
) -> None:
    assert (await failure_of(answer)).reason.endswith((reason, f"{reason}, or too long ones"))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (httpx2.ReadError("reset"), "broke off the connection"),
        ("{", "malformed"),
        ({"error": {"code": "overloaded"}}, "sent an error"),
    ],
)
async def test_text_after_a_fault_in_the_stream_is_dropped(
    autojump_clock: MockClock, fault: object, reason: str
) -> None:
    listener = Listener()
    async with asking(Server((FINE, fault, FINE, delta("stop"), "[DONE]"))) as model:
        with pytest.raises(ProviderError, match=reason):
            await model.write([Said("caller", "Marmalade?")], Stock(), listener)
    assert listener.text == "Well,"
