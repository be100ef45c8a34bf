"""The refusals of Yandex: gRPC's statuses, and a cure for each.

HTTP's statuses are mapped to the gRPC statuses of the same meaning, so one table is enough."""

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
    """A service: the role that it requires, such as "ai.speechkit-tts.user", and the settings of
    a request, in words."""

    role: str
    settings: str

    def refusal(self, error: RpcError, request_id: str) -> ProviderError:
        """Return the error for the engine. Yandex's support asks for the `request_id`."""
        if isinstance(error, ConnectionLost):
            # Without a connection there was no request that Yandex could trace.
            return ProviderError(PROVIDER, error.reason, error.cure)
        pause = (
            "" if error.retry_after_s is None else f", to try again in {error.retry_after_s:g} s"
        )
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
    """Return the error for an HTTP refusal. `retry_after` is the text of its header."""
    status = _STATUSES.get(code, Status.UNAVAILABLE if code >= 500 else Status.UNKNOWN)
    seconds = int(retry_after) if retry_after and retry_after.isdecimal() else None
    return RpcError(status, f"{host} answered {code}", retry_after_s=seconds)


_STATUSES: Final[Mapping[int, Status]] = {
    400: Status.INVALID_ARGUMENT,
    401: Status.UNAUTHENTICATED,
    403: Status.PERMISSION_DENIED,
    404: Status.UNIMPLEMENTED,
    413: Status.INVALID_ARGUMENT,
    429: Status.RESOURCE_EXHAUSTED,
}
