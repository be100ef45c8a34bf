"""One phone call at the phone: its signalling, and the audio of both sides.

Moments are of Trio's clock. A wait raises `CallEnded` if the call ends first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import trio

from tests.asterisk import sdp, sip
from tests.asterisk.codec import FRAME_SECONDS
from tests.asterisk.dialog import Dialog
from tests.asterisk.media import Media
from tests.asterisk.track import Track, Traffic
from tests.asterisk.transactions import Transactions

T = TypeVar("T")

#: Requests within a call that are answered with 200 and change nothing.
POLITE = {"OPTIONS", "INFO", "UPDATE", "NOTIFY", "MESSAGE"}

DECLINED, CANCELLED = 603, 487


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a call, by us (the phone) or by them (the other end)."""

    by: Literal["us", "them"]
    #: The SIP status of a call that was not answered, such as 486; None if we gave up before it
    #: came.
    status: int | None = None
    #: The Q.850 cause, if the other side gave one.
    cause: int | None = None
    #: The new target of a call that was redirected (302).
    contact: str = ""


class CallEnded(Exception):
    """The call has ended; `ending` says how."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(f"the call has ended: {ending}")
        self.ending = ending


class Call:
    """A call that `Phone.dial()` began or `Phone.incoming()` received."""

    def __init__(
        self,
        dialog: Dialog,
        transactions: Transactions,
        media: Media,
        nursery: trio.Nursery,
        invite: sip.Request | None = None,
    ) -> None:
        """Take the INVITE of an incoming call, or send one for a call of ours."""
        self.answered_at: float | None = None
        self.ringing_at: float | None = None
        self.ended_at: float | None = None
        #: Set when the call has ended and the phone may close.
        self.settled = trio.Event()
        self._dialog = dialog
        self._transactions = transactions
        self._media = media
        self._nursery = nursery
        self._changed = media.changed
        self._connected = False
        self._cancelled = False
        self._refer_to: str | None = None
        self._ending: Ending | None = None
        self._is_ours = invite is None
        self._key_type = sdp.KEY_TYPE
        self._audio_type = media.codec.payload_type
        if invite is None:
            offer = self._description()
            self._invite = dialog.request("INVITE", content_type="application/sdp", body=offer)
            transactions.request(self._invite)
        else:
            self._invite = invite
            self._connect(invite.body)
            self._answer(invite, 100)

    # -- signalling

    @property
    def id(self) -> str:
        """SIP's Call-ID."""
        return self._dialog.call_id

    async def ringing(self) -> float:
        """Wait until the other side rings, or sends sound before it answers; return that moment."""
        return await self._until(lambda: self.ringing_at)

    async def answered(self) -> float:
        """Wait until the call is answered; return that moment."""
        return await self._until(lambda: self.answered_at)

    async def ended(self) -> Ending:
        while self._ending is None:
            await self._changed.park()
        return self._ending

    async def referred(self) -> str:
        """Wait for a transfer by the other side (REFER), and return its target's URI. The phone
        accepts it, reports success, and stays in the call."""
        return await self._until(lambda: self._refer_to)

    def ring(self) -> None:
        """Report to the caller that the phone rings."""
        self._answer(self._invite, 180)

    def answer(self) -> None:
        """Answer the call of a caller."""
        self._answer(self._invite, 200, self._description())
        self.answered_at = trio.current_time()
        self._speak()
        self._changed.unpark_all()

    def refuse(self, status: int) -> None:
        """Refuse the call of a caller with a status, such as 486."""
        self._answer(self._invite, status)
        self._over(Ending("us", status))
        self.settled.set()

    def hang_up(self) -> None:
        """End the call, in any state: by BYE, CANCEL, or a refusal. Do nothing the second time."""
        if self._ending is not None:
            return
        if self.answered_at is not None:
            self._over(Ending("us"))
            self._say_bye()
        elif self._is_ours:
            self._over(Ending("us"))
            # RFC 3261, 9.1: send CANCEL only after a provisional response.
            if self._connected:
                self._cancel()
        else:
            self.refuse(DECLINED)

    # -- sound

    @property
    def rate_hz(self) -> int:
        return self._media.codec.rate_hz

    @property
    def ear(self) -> Track:
        """All packets that arrived."""
        return self._media.ear

    @property
    def mouth(self) -> Track:
        """All packets that left."""
        return self._media.mouth

    @property
    def traffic(self) -> Traffic:
        return self.ear.traffic()

    def say(self, pcm: bytes) -> None:
        """Queue mono s16le at `rate_hz`; it is sent once the call is answered. Silence fills the
        last 20 ms."""
        self._media.say(pcm)

    def press(self, keys: str) -> None:
        """Queue presses of the keys 0-9*#A-D, 0.1 s each, in order with the sound."""
        self._media.press(keys)

    async def said(self) -> float:
        """Wait until all audio and keys so far are sent, and return that moment."""
        await self._until(lambda: True if self._media.silent else None)
        return self.mouth.ends() or trio.current_time()

    def heard(self) -> bytes:
        """Return all sound from `began` to now as mono s16le at `rate_hz`, with silence where no
        packet came."""
        if self._media.began is None:
            return b""
        return self.ear.pcm(self._media.began, self.ended_at or trio.current_time())

    @property
    def began(self) -> float | None:
        """The moment of the first sample of `heard()`."""
        return self._media.began

    @property
    def keys(self) -> str:
        """The keys that the other side has pressed."""
        return self._media.keys

    async def until_keys(self, count: int) -> str:
        """Wait until the other side has pressed at least `count` keys; return all of them."""
        return await self._until(lambda: self.keys if len(self.keys) >= count else None)

    async def until_heard(self) -> float:
        """Wait for the first packet, loud or silent; return its moment. From then on the
        application in Asterisk hears us; earlier, it may miss the first 20 ms."""
        return await self._until(lambda: self.ear.packets[0].at if self.ear.packets else None)

    def first_loud(self, after: float = 0.0) -> float | None:
        """Return when the first loud packet at or after that moment arrived, or None."""
        return self.ear.first_loud(after)

    def last_loud(self) -> float | None:
        return self.ear.last_loud()

    async def until_loud(self, after: float = 0.0) -> float:
        """Wait for the first loud packet at or after that moment; return its moment."""
        return await self._until(lambda: self.ear.first_loud(after))

    async def until_silent(self, for_seconds: float, after: float = 0.0) -> float:
        """Wait for sound and then for `for_seconds` of silence; return when the silence began."""
        fell = await self.until_loud(after)
        while True:
            fell = self.ear.last_loud() or fell
            if trio.current_time() >= fell + for_seconds:
                return fell + FRAME_SECONDS
            await trio.sleep_until(fell + for_seconds)

    # -- what comes

    def receive(self, message: sip.Request | sip.Response) -> None:
        """Handle a message of this call, which the phone's task received."""
        if isinstance(message, sip.Response):
            self._transactions.answered(message)
            _, method = message.cseq
            if method == "INVITE":
                self._invite_answered(message)
            elif method == "BYE":
                self.settled.set()
        elif message.method == "ACK":
            self._transactions.acknowledged(message)
        elif not self._transactions.repeated(message):
            self._asked(message)

    def _invite_answered(self, response: sip.Response) -> None:
        if response.status < 200:
            self._connected = True
            if self._ending is not None:
                self._cancel()
                return
            if response.status > 100 and self.ringing_at is None:
                self.ringing_at = trio.current_time()
            if response.body:
                self._connect(response.body)
                self._speak()
        elif response.status < 300:
            self._accepted(response)
        else:
            self._transactions.once(self._dialog.acknowledgement(self._invite, response))
            self._over(Ending("them", response.status, response.cause, response.contact))
            self.settled.set()
        self._changed.unpark_all()

    def _accepted(self, response: sip.Response) -> None:
        self._dialog.remote = response.get("To")
        self._dialog.target = response.contact
        self._transactions.once(self._dialog.acknowledgement(self._invite, response))
        if self.answered_at is not None:
            return
        self.answered_at = trio.current_time()
        if self._ending is not None:  # our CANCEL crossed the answer
            self._say_bye()
        else:
            self._connect(response.body)
            self._speak()

    def _asked(self, request: sip.Request) -> None:
        match request.method:
            case "INVITE":
                self._connect(request.body)
                self._answer(request, 200, self._description())
            case "BYE":
                self._answer(request, 200)
                self._over(Ending("them", cause=request.cause))
                self.settled.set()
            case "CANCEL":
                self._answer(request, 200)
                self._answer(self._invite, CANCELLED)
                self._over(Ending("them", CANCELLED, request.cause))
                self.settled.set()
            case "REFER":
                self._answer(request, 202)
                self._refer_to = sip.uri(request.get("Refer-To"))
                self._transactions.request(self._referral())
            case method:
                self._answer(request, 200 if method in POLITE else 405)
        self._changed.unpark_all()

    # -- what goes

    def _answer(self, request: sip.Request, status: int, body: str = "") -> None:
        response = sip.answer(
            request, status, self._dialog.tag, contact=self._dialog.contact, body=body
        )
        self._transactions.answer(request, response)

    def _say_bye(self) -> None:
        self._transactions.request(self._dialog.request("BYE"))

    def _cancel(self) -> None:
        if not self._cancelled:
            self._cancelled = True
            self._transactions.request(self._dialog.cancel(self._invite))

    def _referral(self) -> sip.Request:
        """Return the NOTIFY that RFC 3515 requires after a REFER."""
        more = (("Event", "refer"), ("Subscription-State", "terminated;reason=noresource"))
        said = "SIP/2.0 200 OK\r\n"
        return self._dialog.request(
            "NOTIFY", more=more, content_type="message/sipfrag;version=2.0", body=said
        )

    # -- media

    def _description(self) -> str:
        return sdp.describe(self._media.port, self._media.codec, self._audio_type, self._key_type)

    def _connect(self, body: str) -> None:
        """Use the other side's session description, if there is one."""
        if not body:
            return
        codec = self._media.codec
        session = sdp.parse(body)
        audio_type = session.payload_type(codec)
        if audio_type is None:
            raise ValueError(f"the other side does not take {codec.rtpmap}")
        # Without a key type of theirs, our keys are lost, as on a real line.
        self._audio_type, self._key_type = audio_type, session.key_type(codec) or sdp.KEY_TYPE
        self._media.connect(session.address, self._audio_type, self._key_type)

    def _speak(self) -> None:
        self._media.start(self._nursery)

    def _over(self, ending: Ending) -> None:
        if self._ending is None:
            self._ending = ending
            self.ended_at = trio.current_time()
            self._media.stop()

    async def _until(self, came: Callable[[], T | None]) -> T:
        await trio.lowlevel.checkpoint()
        while (value := came()) is None:
            if self._ending is not None:
                raise CallEnded(self._ending)
            await self._changed.park()
        return value
