"""The failures of a model's server, as cause and cure.

No text of the client or the server gets into our errors: it may quote keys and callers."""

from __future__ import annotations

import re
import socket
import ssl

import httpx2
import openai

from callchart.adapters.fallback.failures import Late
from callchart.adapters.openai.failure import AGAIN, PROVIDER, Failure, when_to_ask_again
from callchart.engine.exception_groups import causes
from callchart.engine.ports import ProviderError

#: Seconds to connect: a lost SYN is sent again after 1 s, and has time to be answered. Silence
#: after that is watched where the stream is read.
TIMEOUT = httpx2.Timeout(10.0, connect=2.0, read=None)

#: A connection outlives the pause between two turns, so that only the first pays for TLS. 100 calls
#: may write at once.
LIMITS = httpx2.Limits(max_connections=200, max_keepalive_connections=100, keepalive_expiry=60.0)


class Failures:
    """The wording of the failures of one model on one server."""

    def __init__(self, host: str, model: str) -> None:
        self._host, self._model = host, model

    def refusal(self, error: openai.APIStatusError) -> Failure:
        """The server answered with an error instead of a stream."""
        status, code = error.status_code, _code(error.body)
        again_after = when_to_ask_again(error.response) if status == 429 or status >= 500 else None
        if _is_too_long(error.body):
            cure = _TOO_LONG
        elif "insufficient_quota" in code:
            cure, again_after = "the account's credit is used up: see to its billing", None
        elif status >= 500:
            cure = "the server's own trouble: see the provider's status page if it goes on"
        else:
            cure = _CURES.get(status, "see the provider's documentation of this status")
        if status == 404:
            code = f"{code} for model {self._model!r}"
        return self._failure(f"answered {status}{code}", cure, again_after)

    def disconnection(self, error: Exception) -> Failure:
        """The connection failed, before the response or in the middle of it."""
        chain = tuple(causes(error))

        def caused_by(*kinds: type[BaseException]) -> bool:
            return any(isinstance(cause, kinds) for cause in chain)

        again_after: float | None = None
        if caused_by(httpx2.SSEError):
            return self.malformed("it has no server-sent events, or too long ones")
        if caused_by(ConnectionRefusedError):
            what, cure = "refused the connection", "start that server, or correct the base URL"
            again_after = AGAIN
        elif caused_by(socket.gaierror):
            what, cure = "was not found", "check the base URL and the name server"
        elif caused_by(ssl.SSLError):
            what, cure = "failed the TLS handshake", "check its certificate, and https in base URL"
        elif caused_by(httpx2.ConnectTimeout):
            what = f"did not accept a connection within {TIMEOUT.connect:g} s"
            cure = "check the network and the base URL"
        elif caused_by(httpx2.PoolTimeout):
            what = f"is asked by more than {LIMITS.max_connections} calls at once"
            cure = "spread the calls over more processes"
        elif caused_by(httpx2.TimeoutException, openai.APITimeoutError):
            what = f"did not take the request within {TIMEOUT.write:g} s"
            cure = "check the network"
        elif caused_by(httpx2.ConnectError):
            what, cure = "cannot be reached", "check the network and the base URL"
            again_after = AGAIN
        else:
            what = "broke off the connection"
            cure = "see the provider's status page if it goes on"
            again_after = AGAIN
        return self._failure(what, cure, again_after)

    def late(self, seconds: float) -> Failure:
        """Nothing of the answer came within that time."""
        what = f"{self._host} wrote nothing within {seconds:g} s"
        cure = "try a faster model, or one that does not think first, or raise first_token"
        return Failure(Late(PROVIDER, what, cure))

    def stopped(self, seconds: float) -> Failure:
        """The answer began, and then nothing came for that time."""
        return self._failure(
            f"fell silent for {seconds:g} s in the middle of an answer",
            "see the provider's status page if it goes on, or raise between_tokens",
        )

    def gave_up(self, error: object) -> Failure:
        """The server said, in the stream, that it will not go on."""
        if _is_too_long(error):
            return self._failure(f"gave up while it was writing{_code(error)}", _TOO_LONG)
        return self._failure(
            f"gave up while it was writing{_code(error)}",
            "see the provider's status page if it goes on",
            AGAIN,
        )

    def cut_off(self) -> Failure:
        """The stream ended, as if it were well, before the answer did."""
        return self.malformed("it ended before the answer did", again_after=AGAIN)

    def malformed(self, what: str, again_after: float | None = None) -> Failure:
        """The stream makes no sense: `what` says why."""
        error = ProviderError(
            PROVIDER,
            f"the stream from {self._host} is malformed: {what}",
            "check that the base URL is one of an OpenAI-compatible API, and what is in between",
        )
        return Failure(error, again_after)

    def empty(self, end: str) -> ProviderError:
        """The answer ended, for that reason in the server's word, with neither text nor tools."""
        why = _code({"code": end}) if end != "stop" else ""
        return ProviderError(
            PROVIDER, f"the answer was empty{why}", "check the prompt and the model"
        )

    def endless(self, rounds: int) -> ProviderError:
        """The model went on to use tools."""
        return ProviderError(
            PROVIDER,
            f"the model used tools {rounds} times in one answer and did not end it",
            "say in the prompt when a tool is of use, and make its results plain",
        )

    def _failure(self, what: str, cure: str, again_after: float | None = None) -> Failure:
        return Failure(ProviderError(PROVIDER, f"{self._host} {what}", cure), again_after)


_TOO_LONG = (
    "prompt and history are too long for this model: shorten the prompt's file, or lower "
    "context_tokens"
)

_CURES = {
    400: "this server may not know streaming or tools: try another model",
    401: "the key was refused: check it and the account it belongs to",
    403: "this key may not use this model, or not from this country",
    404: "check the model's name and the base URL, which usually ends in /v1",
    413: _TOO_LONG,
    429: "too many requests at once: ask the provider for a higher limit",
}


def _is_too_long(error: object) -> bool:
    """OpenAI has a code for it; vLLM, llama.cpp and others only say it, each in its own words."""
    said = r"context_length|maximum context|context (length|window|size)|number of input tokens"
    return re.search(said, str(error), re.IGNORECASE) is not None


def _code(error: object) -> str:
    """The provider's code for an error, as " (code)"; nothing that could be somebody's words."""
    if isinstance(error, dict):
        for key in ("code", "type"):
            if re.fullmatch(r"[a-z][a-z0-9_]{0,39}", str(error.get(key) or "")):
                return f" ({error[key]})"
    return ""
