"""One call as SIP identifies it: its parties, tags and sequence numbers (RFC 3261, 12)."""

from __future__ import annotations

import secrets

from tests.asterisk import sip


class Dialog:
    def __init__(
        self, *, call_id: str, local: str, remote: str, target: str, via: str, contact: str
    ) -> None:
        self.call_id = call_id
        #: The From of our messages, with our tag, and the To of theirs.
        self.local = local
        #: The To of our messages, with their tag after they have answered.
        self.remote = remote
        #: The URI that our requests are addressed to.
        self.target = target
        self.contact = contact
        self._via = via
        self._number = 0

    @property
    def tag(self) -> str:
        return self.local.partition(";tag=")[2]

    def request(
        self, method: str, *, more: sip.Headers = (), content_type: str = "", body: str = ""
    ) -> sip.Request:
        """Return our next request."""
        self._number += 1
        headers = [*more, ("Contact", f"<{self.contact}>")]
        if body:
            headers.append(("Content-Type", content_type))
        return self._request(method, self._number, new_branch(), tuple(headers), body)

    def acknowledgement(self, invite: sip.Request, response: sip.Response) -> sip.Request:
        """Return the ACK of an INVITE: with the INVITE's branch if it failed, else with a new
        branch."""
        branch = new_branch() if response.status < 300 else invite.branch
        number, _ = invite.cseq
        ack = self._request("ACK", number, branch)
        headers = tuple(
            (name, response.get("To") if name == "To" else value) for name, value in ack.headers
        )
        target = self.target if response.status < 300 else invite.uri
        return sip.Request(headers, "", "ACK", target)

    def cancel(self, invite: sip.Request) -> sip.Request:
        number, _ = invite.cseq
        return self._request("CANCEL", number, invite.branch)

    def _request(
        self, method: str, number: int, branch: str, headers: sip.Headers = (), body: str = ""
    ) -> sip.Request:
        return sip.Request(
            (
                ("Via", f"SIP/2.0/UDP {self._via};rport;branch={branch}"),
                ("Max-Forwards", "70"),
                ("From", self.local),
                ("To", self.remote),
                ("Call-ID", self.call_id),
                ("CSeq", f"{number} {method}"),
                *headers,
            ),
            body,
            method,
            self.target,
        )


def new_branch() -> str:
    return f"z9hG4bK{secrets.token_hex(8)}"


def new_tag() -> str:
    return secrets.token_hex(4)
