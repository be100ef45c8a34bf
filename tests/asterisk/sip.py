"""SIP messages (RFC 3261) as values, and their datagrams."""

from __future__ import annotations

import re
from dataclasses import dataclass

VERSION = "SIP/2.0"

REASONS = {
    100: "Trying", 180: "Ringing", 200: "OK", 202: "Accepted", 405: "Method Not Allowed",
    481: "Call/Transaction Does Not Exist", 486: "Busy Here", 487: "Request Terminated",
    488: "Not Acceptable Here", 603: "Decline",
}  # fmt: skip

Headers = tuple[tuple[str, str], ...]


class NotSip(ValueError):
    """A datagram is not a SIP message."""


@dataclass(frozen=True, slots=True)
class Message:
    headers: Headers
    body: str

    def get(self, name: str) -> str:
        """Return the header's first value, or "" without one."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def call_id(self) -> str:
        return self.get("Call-ID")

    @property
    def cseq(self) -> tuple[int, str]:
        """The number and the method of this request, or of the request that this response
        answers."""
        number, _, method = self.get("CSeq").partition(" ")
        return int(number), method.strip()

    @property
    def branch(self) -> str:
        """The branch of the Via header, which a repeated request keeps."""
        found = re.search(r";\s*branch=([^;,\s]+)", self.get("Via"))
        return found[1] if found else ""

    @property
    def contact(self) -> str:
        """The URI at which the sender can be reached."""
        return uri(self.get("Contact"))

    @property
    def cause(self) -> int | None:
        """The Q.850 cause of the call's end: 16 is normal, 17 is busy."""
        found = re.search(r"Q\.850\s*;\s*cause=(\d+)", self.get("Reason"))
        return int(found[1]) if found else None

    def _tail(self) -> str:
        lines = [f"{name}: {value}\r\n" for name, value in self.headers]
        return "".join(lines) + f"Content-Length: {len(self.body.encode())}\r\n\r\n{self.body}"


@dataclass(frozen=True, slots=True)
class Request(Message):
    method: str
    uri: str

    def to_bytes(self) -> bytes:
        return f"{self.method} {self.uri} {VERSION}\r\n{self._tail()}".encode()


@dataclass(frozen=True, slots=True)
class Response(Message):
    status: int

    def to_bytes(self) -> bytes:
        return f"{VERSION} {self.status} {REASONS.get(self.status, '')}\r\n{self._tail()}".encode()


def parse(datagram: bytes) -> Request | Response:
    """Return the message in a datagram. Raises `NotSip`."""
    try:
        head, _, body = datagram.decode().partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        first, second, _ = start.split(" ", 2)
        pairs = (line.split(":", 1) for line in lines)
        headers = tuple((name.strip(), value.strip()) for name, value in pairs)
        if first == VERSION:
            return Response(headers, body, int(second))
        return Request(headers, body, first, second)
    except ValueError as error:
        raise NotSip("the datagram must be a SIP message") from error


def answer(
    request: Request, status: int, tag: str, *, contact: str = "", body: str = ""
) -> Response:
    """Return the response to a request, from the side with this tag."""
    copied = [
        (name, value)
        for name, value in request.headers
        if name.lower() in ("via", "from", "to", "call-id", "cseq", "record-route")
    ]
    if status > 100:
        copied = [(name, tagged(value, tag) if name == "To" else value) for name, value in copied]
    if contact:
        copied.append(("Contact", f"<{contact}>"))
    if body:
        copied.append(("Content-Type", "application/sdp"))
    return Response(tuple(copied), body, status)


def tagged(party: str, tag: str) -> str:
    """Return From or To with this tag, or unchanged if it has a tag."""
    return party if ";tag=" in party else f"{party};tag={tag}"


def uri(party: str) -> str:
    """Return the URI in a From, To, Contact or Refer-To header."""
    found = re.search(r"<([^>]+)>", party)
    return found[1] if found else party.partition(";")[0].strip()
