"""A real SIP phone for tests: it dials, answers, speaks, listens and presses keys.

It speaks SIP and RTP over UDP on ports of 127.0.0.1, without a password, in G.711 or linear 16-bit
at 16 kHz. At the end of its block the phone hangs up all calls.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio

from tests.asterisk import sdp, sip
from tests.asterisk.call import Call
from tests.asterisk.codec import PCMU, Codec
from tests.asterisk.dialog import Dialog, new_tag
from tests.asterisk.media import Media
from tests.asterisk.transactions import Transactions

#: Time limit for the other side to confirm the end of a call, when the phone closes.
CLOSING_SECONDS = 1.0

Address = tuple[str, int]


class Phone:
    """A phone; `Phone.open()` makes it."""

    def __init__(
        self, nursery: trio.Nursery, wire: socket.socket, codecs: tuple[Codec, ...]
    ) -> None:
        self._nursery = nursery
        self._socket = wire
        self._codecs = codecs
        self._calls: dict[str, Call] = {}
        self._ringing, self._rung = trio.open_memory_channel[Call](100)
        self.port: int = wire.getsockname()[1]

    @classmethod
    @asynccontextmanager
    async def open(cls, *codecs: Codec) -> AsyncIterator[Phone]:
        """Provide a phone with these codecs, best first; by default with G.711 u-law."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.bind(("127.0.0.1", 0))
            wire.setblocking(False)
            async with trio.open_nursery() as nursery:
                phone = cls(nursery, wire, codecs or (PCMU,))
                nursery.start_soon(phone._receive)
                try:
                    yield phone
                finally:
                    with trio.move_on_after(CLOSING_SECONDS, shield=True):
                        await phone._hang_up()
                    nursery.cancel_scope.cancel()

    @property
    def uri(self) -> str:
        return f"sip:phone@127.0.0.1:{self.port}"

    def dial(self, extension: str, port: int, *, number: str = "caller") -> Call:
        """Call an extension of the SIP server at `port`, in the phone's best codec, from
        `number`."""
        tag = new_tag()
        server = f"sip:{extension}@127.0.0.1:{port}"
        dialog = Dialog(
            call_id=secrets.token_hex(8),
            local=f"<sip:{number}@127.0.0.1:{self.port}>;tag={tag}",
            remote=f"<{server}>",
            target=server,
            via=f"127.0.0.1:{self.port}",
            contact=self.uri,
        )
        address = ("127.0.0.1", port)
        call = Call(dialog, self._transactions(address), Media(self._codecs[0]), self._nursery)
        self._calls[call.id] = call
        return call

    async def incoming(self) -> Call:
        """Wait for the next incoming call; return it unanswered."""
        return await self._rung.receive()

    async def _receive(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            with suppress(BlockingIOError):
                datagram, sender = self._socket.recvfrom(65535)
                with suppress(sip.NotSip):
                    self._handle(sip.parse(datagram), sender)

    def _handle(self, message: sip.Request | sip.Response, sender: Address) -> None:
        call = self._calls.get(message.call_id)
        if call is not None:
            call.receive(message)
        elif isinstance(message, sip.Response) or message.method == "ACK":
            return
        elif message.method == "INVITE":
            self._invited(message, sender)
        else:
            status = 200 if message.method == "OPTIONS" else 481
            self._send(sip.answer(message, status, new_tag(), contact=self.uri), sender)

    def _invited(self, invite: sip.Request, sender: Address) -> None:
        session = sdp.parse(invite.body)
        codec = next((c for c in self._codecs if session.payload_type(c) is not None), None)
        if codec is None:
            self._send(sip.answer(invite, 488, new_tag()), sender)
            return
        dialog = Dialog(
            call_id=invite.call_id,
            local=sip.tagged(invite.get("To"), new_tag()),
            remote=invite.get("From"),
            target=invite.contact,
            via=f"127.0.0.1:{self.port}",
            contact=self.uri,
        )
        call = Call(dialog, self._transactions(sender), Media(codec), self._nursery, invite)
        self._calls[call.id] = call
        self._ringing.send_nowait(call)

    def _transactions(self, address: Address) -> Transactions:
        return Transactions(self._nursery, lambda message: self._send(message, address))

    def _send(self, message: sip.Request | sip.Response, address: Address) -> None:
        self._socket.sendto(message.to_bytes(), address)

    async def _hang_up(self) -> None:
        for call in self._calls.values():
            call.hang_up()
        for call in self._calls.values():
            await call.settled.wait()
