"""Accounting of the bytes on their way between the OpenAI client and the model server.

Trio cannot see bytes that one end has sent and the other has not received yet: the kernel holds
them. A clock that jumps would not wait for them. So they count as outside work: each end reports
the bytes that it sends and receives, and the clock stands still from one report to the other.

Each exchange (one request and its response) is counted separately. The client's end closes it when
the client has finished or failed. A closed exchange no longer holds the clock, and ignores later
reports of the server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import httpx2

from callchart.engine.ports import OutsideWork

#: The header that names the exchange of a request to the server.
EXCHANGE_HEADER = "x-loopback-exchange"


class Exchange:
    """One request and its response, and how much of them is on its way."""

    def __init__(self, work: OutsideWork) -> None:
        self._work = work
        self._on_its_way = 0
        self._closed = False

    def sent(self, amount: int) -> None:
        """Note that one end is about to send. A request counts as 1, a body by its bytes."""
        if self._closed or not amount:
            return
        if not self._on_its_way:
            self._work.begin()
        self._on_its_way += amount

    def received(self, amount: int) -> None:
        """Note that the other end has received."""
        if self._closed or not amount:
            return
        if amount > self._on_its_way:
            raise RuntimeError(f"{amount} received, but only {self._on_its_way} was sent")
        self._on_its_way -= amount
        if not self._on_its_way:
            self._work.end()

    def close(self) -> None:
        """Close the exchange: the client has finished. A second call has no effect."""
        if not self._closed:
            self._closed = True
            if self._on_its_way:
                self._work.end()


class Loopback:
    """The open exchanges between this process's client and server.

    The clock `work` stands still while bytes are on their way."""

    def __init__(self, work: OutsideWork) -> None:
        self._work = work
        self._numbers = count(1)
        self._exchanges: dict[str, Exchange] = {}

    def transport(self) -> httpx2.AsyncBaseTransport:
        """Return the client's transport: HTTP over sockets, which counts every exchange."""
        return _CountingTransport(self)

    def begin(self) -> tuple[str, Exchange]:
        """Begin an exchange at the client's end; return it with the name for its header."""
        name = str(next(self._numbers))
        exchange = self._exchanges[name] = Exchange(self._work)
        return name, exchange

    def end(self, name: str) -> None:
        """End this exchange: the client has finished. A second call has no effect."""
        if exchange := self._exchanges.pop(name, None):
            exchange.close()

    def exchange(self, name: str) -> Exchange:
        """Return the exchange of that name, for the server's end.

        For an unknown name (a request of another program, or the client has left), return an
        exchange that does not hold the clock."""
        if name in self._exchanges:
            return self._exchanges[name]
        uncounted = Exchange(self._work)
        uncounted.close()
        return uncounted


class _CountingTransport(httpx2.AsyncBaseTransport):
    def __init__(self, loopback: Loopback) -> None:
        self._loopback = loopback
        self._http = httpx2.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        name, exchange = self._loopback.begin()
        request.headers[EXCHANGE_HEADER] = name
        # Before connecting: Trio cannot see the handshake either.
        exchange.sent(1)
        try:
            response = await self._http.handle_async_request(request)
        except BaseException:
            self._loopback.end(name)
            raise
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _CountedBody(response.stream, self._loopback, name)
        return response

    async def aclose(self) -> None:
        await self._http.aclose()


class _CountedBody(httpx2.AsyncByteStream):
    def __init__(self, body: httpx2.AsyncByteStream, loopback: Loopback, name: str) -> None:
        self._body, self._loopback, self._name = body, loopback, name
        self._exchange = loopback.exchange(name)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._body:
            self._exchange.received(len(part))
            yield part

    async def aclose(self) -> None:
        try:
            await self._body.aclose()
        finally:
            self._loopback.end(self._name)
