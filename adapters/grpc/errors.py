"""How a call fails: what happened in plain words, what to do, and gRPC's status for programs."""

from __future__ import annotations

from typing import Final, Self

from grpclib.const import Status

#: What to do about a connection that a server or the network has ended: it is made anew by itself.
_IF_IT_GOES_ON: Final = "if it goes on, check the network, and see the provider's status page"


class RpcError(Exception):
    """A call that did not end well.

    `reason` and `cure` are our own words, fit for a log, and all that `str` shows. `message` is the
    server's, which may quote what was said in the call. `retry_after` is in seconds, where the
    server named a pause."""

    def __init__(
        self,
        status: Status,
        reason: str,
        cure: str = "",
        *,
        message: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.status, self.reason, self.cure = status, reason, cure
        self.message, self.retry_after = message, retry_after

    def __str__(self) -> str:
        return f"{self.reason} ({self.cure})" if self.cure else self.reason

    def again(self) -> Self:
        """The same error for another task: one object that is raised in two gathers the tracebacks
        of both."""
        twin = type(self).__new__(type(self), *self.args)
        vars(twin).update(vars(self))
        return twin


class ConnectionLost(RpcError):
    """There is no connection, or there is none any more; the status is UNAVAILABLE.

    `unprocessed`: the server certainly did nothing for the call, which may be made again."""

    def __init__(
        self, reason: str, cure: str = _IF_IT_GOES_ON, *, unprocessed: bool = False
    ) -> None:
        super().__init__(Status.UNAVAILABLE, reason, cure)
        self.unprocessed = unprocessed
