"""The failures of a transcription server, as cause and cure.

Our errors contain no text of the client or the server: such text may quote keys and callers."""

from __future__ import annotations

import re
import socket
import ssl

import httpx2

from callchart.adapters.openai.failure import PROVIDER, RETRY_AFTER_S, Failure, server_retry_after_s
from callchart.engine.exception_groups import causes
from callchart.engine.ports import ProviderError

_URL = "check the network and the base URL"
_STATUS_PAGE = "see the provider's status page if it goes on"

_CURES = {
    400: "check the model's name, and that it takes WAV and knows the language",
    401: "the key was refused: check it and the account it belongs to",
    403: "this key has no access to this model, or may not be used in this country",
    404: "check the model's name and the base URL, which usually ends in /v1",
    429: "too many requests at once: ask the provider for a higher limit",
}


class Failures:
    """The failures of one model on one server, in words."""

    def __init__(self, host: str, model: str) -> None:
        self._host, self._model = host, model

    def refusal(self, response: httpx2.Response) -> Failure:
        """Return the failure of a request that the server answered with an error."""
        status, code = response.status_code, _code(response)
        retry_after_s = server_retry_after_s(response) if status == 429 or status >= 500 else None
        if code == "insufficient_quota":
            cure, retry_after_s = "the account's credit is used up: check its billing", None
        elif status >= 500:
            cure = f"server error: {_STATUS_PAGE}"
        else:
            cure = _CURES.get(status, "see the provider's documentation of this status")
        what = f"answered {status}{f' ({code})' if code else ''}"
        if status == 404:
            what += f" for model {self._model!r}"
        return self._failure(what, cure, retry_after_s)

    def disconnection(self, error: httpx2.RequestError) -> Failure:
        """Return the failure of a connection, before the answer or in the middle of it."""
        chain = tuple(causes(error))

        def caused_by(*kinds: type[BaseException]) -> bool:
            return any(isinstance(cause, kinds) for cause in chain)

        if caused_by(ConnectionRefusedError):
            cure = "start that server, or correct the base URL"
            return self._failure("refused the connection", cure, RETRY_AFTER_S)
        if caused_by(socket.gaierror):
            return self._failure("was not found", "check the base URL and the name server")
        if caused_by(ssl.SSLError):
            cure = "check its certificate, and https in base URL"
            return self._failure("failed the TLS handshake", cure)
        if caused_by(httpx2.ConnectTimeout):
            return self._failure("did not accept a connection in time", _URL)
        if caused_by(httpx2.ConnectError):
            return self._failure("cannot be reached", _URL, RETRY_AFTER_S)
        return self._failure("broke off the connection", _STATUS_PAGE, RETRY_AFTER_S)

    def malformed(self) -> Failure:
        """Return the failure for an answer that is not a transcription."""
        cure = "check that the base URL is an OpenAI-compatible API"
        return self._failure("sent an answer that is not a transcription", cure)

    def late(self, timeout_s: float) -> ProviderError:
        """Return the error for an answer that did not come within `timeout_s`."""
        cure = "try a faster model, or see the provider's status page"
        return self._failure(f"sent no transcription within {timeout_s:g} s", cure).error

    def _failure(self, what: str, cure: str, retry_after_s: float | None = None) -> Failure:
        return Failure(ProviderError(PROVIDER, f"{self._host} {what}", cure), retry_after_s)


def _code(response: httpx2.Response) -> str:
    """Return the provider's code for an error, or ""; never text that may quote a caller."""
    try:
        body = response.json()
    except ValueError:
        return ""
    match body:
        case {"error": {"code": str(code)}} if re.fullmatch("[a-z][a-z0-9_]{0,39}", code):
            return code
    return ""
