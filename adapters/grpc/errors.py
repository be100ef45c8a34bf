"""The failures of calls: the reason and the cure for people, gRPC's status for programs."""

from __future__ import annotations

from typing import Final, Self

from grpclib.const import Status

#: The cure for a connection that the server or the network has ended. We reconnect in any case.
_IF_IT_GOES_ON: Final = "if it goes on, check the network, and see the provider's status page"


class RpcError(Exception):
    """A failed call.

    `reason` and `cure` are our own words, safe for a log; `str` shows only them. `message` is the
    server's text, which may quote the caller. `retry_after_s`: the wait that the server asked for,
    or None."""

    def __init__(
        self,
        status: Status,
        reason: str,
        cure: str = "",
        *,
        message: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.status, self.reason, self.cure = status, reason, cure
        self.message, self.retry_after_s = message, retry_after_s

    def __str__(self) -> str:
        return f"{self.reason} ({self.cure})" if self.cure else self.reason

    def copy(self) -> Self:
        """Return a copy for another task: an error raised in two tasks collects both tracebacks."""
        twin = type(self).__new__(type(self), *self.args)
        vars(twin).update(vars(self))
        return twin


class ConnectionLost(RpcError):
    """The connection could not be opened, or was lost. The status is UNAVAILABLE.

    `unprocessed`: the server has not processed the call, so a retry is safe."""

    def __init__(
        self, reason: str, cure: str = _IF_IT_GOES_ON, *, unprocessed: bool = False
    ) -> None:
        super().__init__(Status.UNAVAILABLE, reason, cure)
        self.unprocessed = unprocessed
