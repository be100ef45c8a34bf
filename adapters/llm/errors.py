"""The failures of a model's server, as cause and cure.

Our errors contain no text of the client or the server: such text may quote keys and callers."""

from __future__ import annotations

import re
import socket
import ssl

import httpx2
import openai

from callchart.adapters.fallback.failures import Late
from callchart.adapters.openai.failure import PROVIDER, RETRY_AFTER_S, Failure, server_retry_after_s
from callchart.engine.exception_groups import causes
from callchart.engine.ports import ProviderError

#: Seconds. A lost SYN is sent again after 1 s, so 2 s to connect leave time for the second one.
#: `Attempt` limits the time between events, so reading has no limit here.
TIMEOUT = httpx2.Timeout(10.0, connect=2.0, read=None)

#: A connection stays open over the pause between two turns, so only the first request waits for
#: TLS. 100 calls may have answers at the same time.
LIMITS = httpx2.Limits(max_connections=200, max_keepalive_connections=100, keepalive_expiry=60.0)


class Failures:
    """The failures of one model on one server, in words."""

    def __init__(self, host: str, model: str) -> None:
        self._host, self._model = host, model

    def refusal(self, error: openai.APIStatusError) -> Failure:
        """Return the failure of a request that the server answered with an error status."""
        status, code = error.status_code, _code(error.body)
        retry_after_s = (
            server_retry_after_s(error.response) if status == 429 or status >= 500 else None
        )
        if _is_too_long(error.body):
            cure = _TOO_LONG
        elif "insufficient_quota" in code:
            cure, retry_after_s = "the account's credit is used up: check its billing", None
        elif status >= 500:
            cure = "server error: see the provider's status page if it goes on"
        else:
            cure = _CURES.get(status, "see the provider's documentation of this status")
        if status == 404:
            code = f"{code} for model {self._model!r}"
        return self._failure(f"answered {status}{code}", cure, retry_after_s)

    def disconnection(self, error: Exception) -> Failure:
        """Return the failure of a connection, before the response or in the middle of it."""
        chain = tuple(causes(error))

        def caused_by(*kinds: type[BaseException]) -> bool:
            return any(isinstance(cause, kinds) for cause in chain)

        retry_after_s: float | None = None
        if caused_by(httpx2.SSEError):
            return self.malformed("it has no server-sent events, or too long ones")
        if caused_by(ConnectionRefusedError):
            what, cure = "refused the connection", "start that server, or correct the base URL"
            retry_after_s = RETRY_AFTER_S
        elif caused_by(socket.gaierror):
            what, cure = "was not found", "check the base URL and the name server"
        elif caused_by(ssl.SSLError):
            what, cure = "failed the TLS handshake", "check its certificate, and https in base URL"
        elif caused_by(httpx2.ConnectTimeout):
            what = f"did not accept a connection within {TIMEOUT.connect:g} s"
            cure = "check the network and the base URL"
        elif caused_by(httpx2.PoolTimeout):
            what = f"has all {LIMITS.max_connections} connections in use"
            cure = "spread the calls over more processes"
        elif caused_by(httpx2.TimeoutException, openai.APITimeoutError):
            what = f"did not take the request within {TIMEOUT.write:g} s"
            cure = "check the network"
        elif caused_by(httpx2.ConnectError):
            what, cure = "cannot be reached", "check the network and the base URL"
            retry_after_s = RETRY_AFTER_S
        else:
            what = "broke off the connection"
            cure = "see the provider's status page if it goes on"
            retry_after_s = RETRY_AFTER_S
        return self._failure(what, cure, retry_after_s)

    def late(self, timeout_s: float) -> Failure:
        """Return the failure of an answer whose first token did not come in time."""
        what = f"{self._host} sent no token within {timeout_s:g} s"
        cure = "use a faster model, or one that does not reason first, or raise first_token"
        return Failure(Late(PROVIDER, what, cure))

    def stopped(self, timeout_s: float) -> Failure:
        """Return the failure of an answer that stopped: after a token, no other came in time."""
        return self._failure(
            f"sent no token for {timeout_s:g} s in the middle of an answer",
            "see the provider's status page if it goes on, or raise between_tokens",
        )

    def gave_up(self, error: object) -> Failure:
        """Return the failure of an answer that the server ended with an error in the stream."""
        what = f"sent an error in the stream{_code(error)}"
        if _is_too_long(error):
            return self._failure(what, _TOO_LONG)
        return self._failure(
            what,
            "see the provider's status page if it goes on",
            RETRY_AFTER_S,
        )

    def cut_off(self) -> Failure:
        """Return the failure of a stream that ended without an error, but before its answer."""
        return self.malformed("it ended before the end of the answer", retry_after_s=RETRY_AFTER_S)

    def malformed(self, what: str, retry_after_s: float | None = None) -> Failure:
        """Return the failure of a malformed stream; `what` is the reason."""
        error = ProviderError(
            PROVIDER,
            f"the stream from {self._host} is malformed: {what}",
            "check that the base URL is an OpenAI-compatible API, and check any proxy",
        )
        return Failure(error, retry_after_s)

    def empty(self, end: str) -> ProviderError:
        """Return the error of an answer without text and tools; `end` is the server's reason."""
        why = _code({"code": end}) if end != "stop" else ""
        return ProviderError(
            PROVIDER, f"the answer was empty{why}", "check the prompt and the model"
        )

    def endless(self, rounds: int) -> ProviderError:
        """Return the error of an answer that used tools in each of its `rounds` requests."""
        return ProviderError(
            PROVIDER,
            f"the model used tools in {rounds} requests of one answer and did not end it",
            "say in the prompt when to use a tool, and make the tools' results plain",
        )

    def _failure(self, what: str, cure: str, retry_after_s: float | None = None) -> Failure:
        return Failure(ProviderError(PROVIDER, f"{self._host} {what}", cure), retry_after_s)


_TOO_LONG = (
    "prompt and history are too long for this model: shorten the prompt's file, or lower "
    "context_tokens"
)

_CURES = {
    400: "this server may not know streaming or tools: try another model",
    401: "the key was refused: check it and the account it belongs to",
    403: "this key has no access to this model, or may not be used in this country",
    404: "check the model's name and the base URL, which usually ends in /v1",
    413: _TOO_LONG,
    429: "too many requests: ask the provider for a higher limit",
}


def _is_too_long(error: object) -> bool:
    """Return whether the error says that the conversation is too long for the model.

    OpenAI has a code for this. vLLM, llama.cpp and others have only texts, which differ."""
    said = r"context_length|maximum context|context (length|window|size)|number of input tokens"
    return re.search(said, str(error), re.IGNORECASE) is not None


def _code(error: object) -> str:
    """Return the provider's code for an error, as " (code)", or "".

    Take only short identifiers, never text that may quote a caller."""
    if isinstance(error, dict):
        for key in ("code", "type"):
            if re.fullmatch(r"[a-z][a-z0-9_]{0,39}", str(error.get(key) or "")):
                return f" ({error[key]})"
    return ""
