"""Retransmission over UDP: requests until their answer, answers until their ACK."""

from __future__ import annotations

from collections.abc import Callable

import trio

from tests.asterisk import sip

#: RFC 3261's T1, T2, and 64 times T1, the time limit for an answer.
FIRST_SECONDS = 0.5
LONGEST_SECONDS = 4.0
GIVE_UP_SECONDS = 32.0

Transmit = Callable[[sip.Request | sip.Response], None]


class Transactions:
    """The retransmissions of one call."""

    def __init__(self, nursery: trio.Nursery, transmit: Transmit) -> None:
        self._nursery = nursery
        self._transmit = transmit
        # The events that stop a retransmission, by the CSeq of the answer.
        self._unanswered: dict[tuple[int, str], trio.Event] = {}
        self._answers: dict[tuple[str, str], sip.Response] = {}

    def once(self, message: sip.Request) -> None:
        """Send an ACK once: it has no answer."""
        self._transmit(message)

    def request(self, request: sip.Request) -> None:
        """Send a request, and repeat it until `answered()`."""
        self._until(request.cseq, request)

    def answered(self, response: sip.Response) -> None:
        """Stop repeating the request of this response. It may be provisional: on one machine the
        final response is not lost."""
        self._stop(response.cseq)

    def answer(self, request: sip.Request, response: sip.Response) -> None:
        """Send a response, and again each time its request is repeated. Repeat a final response to
        an INVITE until `acknowledged()`."""
        self._answers[request.branch, request.method] = response
        if request.method == "INVITE" and response.status >= 200:
            number, _ = request.cseq
            self._until((number, "ACK"), response)
        else:
            self._transmit(response)

    def acknowledged(self, ack: sip.Request) -> None:
        self._stop(ack.cseq)

    def repeated(self, request: sip.Request) -> bool:
        """Return whether this request came before; if so, send its response again."""
        before = self._answers.get((request.branch, request.method))
        if before is None:
            return False
        self._transmit(before)
        return True

    def _until(self, cseq: tuple[int, str], message: sip.Request | sip.Response) -> None:
        self._unanswered[cseq] = trio.Event()
        self._nursery.start_soon(self._again, message, self._unanswered[cseq])

    def _stop(self, cseq: tuple[int, str]) -> None:
        event = self._unanswered.pop(cseq, None)
        if event is not None:
            event.set()

    async def _again(self, message: sip.Request | sip.Response, answered: trio.Event) -> None:
        pause = FIRST_SECONDS
        with trio.move_on_after(GIVE_UP_SECONDS):
            while not answered.is_set():
                self._transmit(message)
                with trio.move_on_after(pause):
                    await answered.wait()
                pause = min(2 * pause, LONGEST_SECONDS)
