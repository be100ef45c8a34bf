"""Knows what is on its way between the OpenAI client and the model server of one process.

Bytes that one end has sent and the other has not received are nowhere that Trio can see: the kernel
hands them over when it likes, and a clock that jumps would run ahead of them. So they count as work
outside: each end says what it sends and what it has received, and time stands still in between.

Each exchange (one request and its response) keeps an account of its own, owned by the client's end:
when the client is done, in whatever way, the account is closed and holds nothing any more, and what
the server still says about it changes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count

import httpx2

from callchart.engine.ports import OutsideWork

#: The request's header that tells the server which exchange it belongs to.
EXCHANGE_HEADER = "x-loopback-exchange"


class Exchange:
    """One request and its response: how much of them is between the two ends."""

    def __init__(self, work: OutsideWork) -> None:
        self._work = work
        self._on_its_way = 0
        self._closed = False

    def sent(self, amount: int) -> None:
        """One end is about to send so much. A request counts as 1, a body by its bytes."""
        if self._closed or not amount:
            return
        if not self._on_its_way:
            self._work.begin()
        self._on_its_way += amount

    def received(self, amount: int) -> None:
        """The other end has it."""
        if self._closed or not amount:
            return
        if amount > self._on_its_way:
            raise RuntimeError(f"{amount} received, but only {self._on_its_way} was sent")
        self._on_its_way -= amount
        if not self._on_its_way:
            self._work.end()

    def close(self) -> None:
        """The client is done with it. Closing twice is closing once."""
        if not self._closed:
            self._closed = True
            if self._on_its_way:
                self._work.end()


class Loopback:
    """The exchanges under way between this process's client and server.

    `work` is the clock that stands still for them."""

    def __init__(self, work: OutsideWork) -> None:
        self._work = work
        self._numbers = count(1)
        self._exchanges: dict[str, Exchange] = {}

    def transport(self) -> httpx2.AsyncBaseTransport:
        """What the client's requests go through: HTTP over sockets, with every exchange counted."""
        return _CountingTransport(self)

    def begin(self) -> tuple[str, Exchange]:
        """A new exchange, for the client's end, and the name that its header carries."""
        name = str(next(self._numbers))
        exchange = self._exchanges[name] = Exchange(self._work)
        return name, exchange

    def end(self, name: str) -> None:
        """The client is done with this exchange. Ending twice is ending once."""
        if exchange := self._exchanges.pop(name, None):
            exchange.close()

    def exchange(self, name: str) -> Exchange:
        """The exchange of that name, for the server's end.

        A name that is unknown (another program asks, or the client is gone already) gets an
        exchange that holds nothing."""
        if name in self._exchanges:
            return self._exchanges[name]
        nobodys = Exchange(self._work)
        nobodys.close()
        return nobodys


class _CountingTransport(httpx2.AsyncBaseTransport):
    def __init__(self, loopback: Loopback) -> None:
        self._loopback = loopback
        self._http = httpx2.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        name, exchange = self._loopback.begin()
        request.headers[EXCHANGE_HEADER] = name
        # Before connecting: the handshake is outside of Trio's sight too.
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
