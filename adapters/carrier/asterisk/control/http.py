"""ARI over HTTP: one pooled client for all requests to one Asterisk."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import httpx  # noqa: ASYNC127 - chosen on purpose: the requests are simple
import trio

from callchart.adapters.carrier.asterisk.control.ari import AriRequest, ControlLost, parse_answer
from callchart.engine.exception_groups import causes

# httpx logs the URL of each request with its query, which may hold a phone number.
logging.getLogger("httpx").setLevel(logging.WARNING)

#: Time limit from the connection to the last byte of the answer. Most requests take 5 ms.
ANSWER_SECONDS: Final = 5.0

#: Asterisk counts each connection as a session. http.conf allows 100 sessions by default, and
#: Asterisk closes one that was idle for 15 s.
_CONNECTIONS: Final = 20
_LIMITS: Final = httpx.Limits(
    max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS, keepalive_expiry=10.0
)


class HttpTransport:
    """An `ari.AriTransport` over HTTP."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._where = client.base_url.netloc.decode("ascii")

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, user: str, password: str) -> AsyncIterator[Self]:
        """Open a transport for the length of the block, without sending a request.

        `url` is that of Asterisk's HTTP server, without a path."""
        # Ignore the proxies of the environment: they are for the Internet. The control socket
        # ignores them too.
        async with httpx.AsyncClient(
            base_url=f"{url}/ari/",
            auth=(user, password),
            timeout=ANSWER_SECONDS,
            limits=_LIMITS,
            trust_env=False,
            verify=ssl.create_default_context() if url.startswith("https:") else False,
        ) as client:
            yield cls(client)

    async def send_request(self, request: AriRequest) -> Any:
        """See `ari.AriTransport`."""
        response = None
        reason, cure = _no_answer()
        with trio.move_on_after(ANSWER_SECONDS):
            try:
                response = await self._client.request(
                    request.method, request.path, params=request.query
                )
            except httpx.TransportError as error:
                reason, cure = _reason_and_cure(error)
        if response is None:
            # Raise outside of the handler: httpx's error quotes the request, which may hold a phone
            # number, and must not become the context of ours.
            raise ControlLost(f"Asterisk at {self._where} {reason}", cure)
        return parse_answer(request, response.status_code, response.reason_phrase, response.text)


def _no_answer() -> tuple[str, str]:
    return f"did not answer within {ANSWER_SECONDS:g} s", "check its load, and the network"


def _reason_and_cure(error: httpx.TransportError) -> tuple[str, str]:
    chain = tuple(causes(error))

    def caused_by(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in chain)

    if caused_by(ConnectionRefusedError):
        return (
            "refused the connection",
            "start it, set enabled=yes in its http.conf, or correct asterisk.url",
        )
    if caused_by(socket.gaierror):
        return "was not found", "check asterisk.url and the name server"
    if caused_by(ssl.SSLError):
        reason = next(str(cause) for cause in chain if isinstance(cause, ssl.SSLError))
        return (
            f"failed the TLS handshake: {reason}",
            "check its certificate, and https in asterisk.url",
        )
    if caused_by(httpx.PoolTimeout):
        return (
            f"kept all {_CONNECTIONS} connections busy for {ANSWER_SECONDS:g} s",
            "check its load",
        )
    if caused_by(httpx.TimeoutException):
        return _no_answer()
    if caused_by(httpx.ConnectError):
        return "cannot be reached", "check the network and asterisk.url"
    if caused_by(httpx.RemoteProtocolError):
        return (
            "does not speak HTTP, or broke off its answer",
            "check asterisk.url, and Asterisk's http.conf",
        )
    return "broke off the connection", "check that it still runs"
