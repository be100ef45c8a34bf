"""The phone repeats datagrams that UDP loses. The test itself plays the other side."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio

from tests.asterisk import sdp, sip
from tests.asterisk.call import Call
from tests.asterisk.codec import PCMU
from tests.asterisk.phone import Phone

pytestmark = pytest.mark.real

SECONDS = 5.0


class Peer:
    """The other side of one call, which a test plays datagram by datagram."""

    def __init__(self, wire: trio.socket.SocketType) -> None:
        self._socket = wire
        self.port: int = wire.getsockname()[1]
        self.uri = f"sip:peer@127.0.0.1:{self.port}"
        self._caller = ("", 0)

    async def receive(self) -> sip.Request | sip.Response:
        datagram, self._caller = await self._socket.recvfrom(65535)
        return sip.parse(datagram)

    async def request(self, method: str) -> sip.Request:
        """Return the next request, and check its method."""
        request = await self.receive()
        assert isinstance(request, sip.Request)
        assert request.method == method
        return request

    async def response(self) -> sip.Response:
        response = await self.receive()
        assert isinstance(response, sip.Response)
        return response

    async def send(self, message: sip.Request | sip.Response) -> None:
        await self._socket.sendto(message.to_bytes(), self._caller)

    def invite(self, phone: Phone) -> sip.Request:
        self._caller = ("127.0.0.1", phone.port)
        headers = (
            ("Via", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKinvite"),
            ("From", f"<{self.uri}>;tag=peer"),
            ("To", f"<{phone.uri}>"),
            ("Call-ID", "peers-call"),
            ("CSeq", "1 INVITE"),
            ("Contact", f"<{self.uri}>"),
        )
        body = sdp.describe(9, PCMU, 0, sdp.KEY_TYPE)
        return sip.Request(headers, body, "INVITE", phone.uri)

    def acknowledgement(self, invite: sip.Request) -> sip.Request:
        headers = tuple(h for h in invite.headers if h[0] != "CSeq")
        return sip.Request((*headers, ("CSeq", "1 ACK")), "", "ACK", invite.uri)

    def accept(self, invite: sip.Request) -> sip.Response:
        body = sdp.describe(9, PCMU, 0, sdp.KEY_TYPE)
        return sip.answer(invite, 200, "peer", contact=self.uri, body=body)

    def bye(self, invite: sip.Request) -> sip.Request:
        headers = (
            ("Via", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKbye"),
            ("From", f"{invite.get('To')};tag=peer"),
            ("To", invite.get("From")),
            ("Call-ID", invite.call_id),
            ("CSeq", "1 BYE"),
        )
        return sip.Request(headers, "", "BYE", invite.contact)


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    async with Phone.open() as phone:
        yield phone


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as wire:
        await wire.bind(("127.0.0.1", 0))
        yield Peer(wire)


async def answered(peer: Peer, phone: Phone) -> tuple[Call, sip.Request]:
    """Return an answered call and its INVITE."""
    call = phone.dial("peer", peer.port)
    invite = await peer.request("INVITE")
    await peer.send(peer.accept(invite))
    await call.answered()
    await peer.request("ACK")
    return call, invite


async def test_an_invite_without_an_answer_is_sent_again(phone: Phone, peer: Peer) -> None:
    with trio.fail_after(SECONDS):
        call = phone.dial("peer", peer.port)
        invite = await peer.request("INVITE")
        assert await peer.request("INVITE") == invite
        await peer.send(sip.answer(invite, 486, "peer"))
        assert (await call.ended()).status == 486
        ack = await peer.request("ACK")
        assert ack.branch == invite.branch


async def test_an_answer_that_comes_twice_is_acknowledged_twice(phone: Phone, peer: Peer) -> None:
    with trio.fail_after(SECONDS):
        call, invite = await answered(peer, phone)
        await peer.send(peer.accept(invite))
        assert (await peer.request("ACK")).cseq == (1, "ACK")
        call.hang_up()
        await peer.send(sip.answer(await peer.request("BYE"), 200, "peer"))
        await call.settled.wait()


async def test_a_bye_without_an_answer_is_sent_again(phone: Phone, peer: Peer) -> None:
    with trio.fail_after(SECONDS):
        call, _ = await answered(peer, phone)
        call.hang_up()
        bye = await peer.request("BYE")
        assert await peer.request("BYE") == bye
        assert not call.settled.is_set()
        await peer.send(sip.answer(bye, 200, "peer"))
        await call.settled.wait()


async def test_a_bye_that_comes_twice_is_answered_twice(phone: Phone, peer: Peer) -> None:
    with trio.fail_after(SECONDS):
        call, invite = await answered(peer, phone)
        for _ in range(2):
            await peer.send(peer.bye(invite))
            assert (await peer.response()).status == 200
        assert (await call.ended()).by == "them"


async def test_an_answer_that_crosses_a_cancel_is_followed_by_a_bye(
    phone: Phone, peer: Peer
) -> None:
    with trio.fail_after(SECONDS):
        call = phone.dial("peer", peer.port)
        invite = await peer.request("INVITE")
        await peer.send(sip.answer(invite, 180, "peer"))
        await call.ringing()
        call.hang_up()
        cancel = await peer.request("CANCEL")
        assert cancel.branch == invite.branch
        await peer.send(peer.accept(invite))
        await peer.request("ACK")
        await peer.send(sip.answer(await peer.request("BYE"), 200, "peer"))
        await call.settled.wait()


async def test_an_answer_of_ours_is_sent_until_it_is_acknowledged(phone: Phone, peer: Peer) -> None:
    with trio.fail_after(SECONDS):
        invite = peer.invite(phone)
        await peer.send(invite)
        assert (await peer.response()).status == 100
        call = await phone.incoming()
        call.answer()
        accepted = await peer.response()
        assert accepted.status == 200
        assert await peer.response() == accepted
        await peer.send(invite)
        assert await peer.response() == accepted
        await peer.send(peer.acknowledgement(invite))
        call.hang_up()
        await peer.send(sip.answer(await peer.request("BYE"), 200, "peer"))
        await call.settled.wait()
