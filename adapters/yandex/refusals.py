"""What went wrong at Yandex, in the operator's terms: gRPC's statuses, and what to do about each.

HTTP's statuses are told by those of gRPC that mean the same, so that there is one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from grpclib.const import Status

from callchart.adapters.grpc.errors import ConnectionLost, RpcError
from callchart.engine.ports import ProviderError

PROVIDER: Final = "yandex"

_LATER: Final = "the service's own trouble: see Yandex Cloud's status page if it goes on"


@dataclass(frozen=True, slots=True)
class Service:
    """What differs from one service to the next: the role that it asks for, such as
    "ai.speechkit-tts.user", and the settings that a request is made of, in words."""

    role: str
    settings: str

    def refusal(self, error: RpcError, request_id: str) -> ProviderError:
        """The error as the engine knows it. `request_id` is what Yandex's support asks for."""
        if isinstance(error, ConnectionLost):
            # It never came to a request that they could trace.
            return ProviderError(PROVIDER, error.reason, error.cure)
        pause = "" if error.retry_after is None else f", to try again in {error.retry_after:g} s"
        reason = f"{error.reason}{pause} (request {request_id})"
        return ProviderError(PROVIDER, reason, error.cure or self._cure(error.status))

    def _cure(self, status: Status) -> str:
        match status:
            case Status.UNAUTHENTICATED:
                return f"check the key, and that its account has the role {self.role}"
            case Status.PERMISSION_DENIED:
                return f"give the account the role {self.role} in the folder that pays"
            case Status.INVALID_ARGUMENT | Status.NOT_FOUND:
                return f"check {self.settings}"
            case _:
                return _CURES.get(status, "see the documentation of SpeechKit's errors")


_CURES: Final[Mapping[Status, str]] = {
    Status.RESOURCE_EXHAUSTED: "the quota is used up: ask for a higher one in the console",
    Status.FAILED_PRECONDITION: "see that the cloud's billing account is active",
    Status.UNIMPLEMENTED: "check the address: this server does not offer the service",
    Status.UNAVAILABLE: _LATER,
    Status.INTERNAL: _LATER,
    Status.UNKNOWN: _LATER,
    Status.ABORTED: _LATER,
    Status.CANCELLED: _LATER,
    Status.DEADLINE_EXCEEDED: _LATER,
}


def of_http(code: int, host: str, retry_after: str | None = None) -> RpcError:
    """An HTTP answer that is a refusal. `retry_after` is its header's text."""
    status = _STATUSES.get(code, Status.UNAVAILABLE if code >= 500 else Status.UNKNOWN)
    seconds = int(retry_after) if retry_after and retry_after.isdecimal() else None
    return RpcError(status, f"{host} answered {code}", retry_after=seconds)


_STATUSES: Final[Mapping[int, Status]] = {
    400: Status.INVALID_ARGUMENT,
    401: Status.UNAUTHENTICATED,
    403: Status.PERMISSION_DENIED,
    404: Status.UNIMPLEMENTED,
    413: Status.INVALID_ARGUMENT,
    429: Status.RESOURCE_EXHAUSTED,
}
