"""Requests to a Yandex service, with credentials and an id for support.

A request whose token has expired is retried once with a new token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from grpclib.const import Status

from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.yandex.credentials import Credentials
from callchart.adapters.yandex.refusals import Service

AUTHORIZATION: Final = "authorization"
FOLDER: Final = "x-folder-id"
REQUEST_ID: Final = "x-client-request-id"

#: Makes a request with this metadata. Raises `RpcError`.
Job = Callable[[Mapping[str, str]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Access:
    """Access to one service. `folder` is needed only with a user's token."""

    service: Service
    credentials: Credentials
    folder: str = ""

    async def ask(self, job: Job, *, repeatable: Callable[[], bool] = lambda: True) -> None:
        """Run `job` with a request's metadata. Raises `ProviderError`, also for its `RpcError`.

        If the token is refused and the job is `repeatable` (it has given no result yet), run it
        once more with a new token. A token that expires later has no effect."""
        metadata = await self._metadata()
        failure = await _failure(job, metadata)
        if (
            failure is not None
            and failure.status is Status.UNAUTHENTICATED
            and repeatable()
            and await self.credentials.renew(metadata[AUTHORIZATION])
        ):
            metadata = await self._metadata()
            failure = await _failure(job, metadata)
        if failure is not None:
            raise self.service.refusal(failure, metadata[REQUEST_ID])

    async def _metadata(self) -> dict[str, str]:
        authorization = await self.credentials.authorization()
        metadata = {AUTHORIZATION: authorization, REQUEST_ID: str(uuid4())}
        return metadata | ({FOLDER: self.folder} if self.folder else {})


async def _failure(job: Job, metadata: Mapping[str, str]) -> RpcError | None:
    try:
        await job(metadata)
    except RpcError as error:
        return error
    return None
