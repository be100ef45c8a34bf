"""Asking a service of Yandex: with credentials, with an id for support, and once more where a
token had ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import uuid4

from grpclib.const import Status

from adapters.grpc.errors import RpcError
from adapters.yandex.credentials import Credentials
from adapters.yandex.refusals import Service

#: Asks, with these headers. Raises `RpcError`.
Job = Callable[[Mapping[str, str]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Access:
    """`folder` is needed with a user's token alone: a service account has its own."""

    service: Service
    credentials: Credentials
    folder: str = ""

    async def ask(self, job: Job, *, repeatable: Callable[[], bool] = lambda: True) -> None:
        """Do `job`, with the metadata of a request. Raises `ProviderError`, for its `RpcError` too.

        It is done once more, with a new token, where it was refused for its token and is still
        `repeatable`: nothing came of it yet. A token that ends later disturbs nothing."""
        authorization = await self.credentials.authorization()
        request_id = str(uuid4())
        try:
            await job(self._metadata(authorization, request_id))
            return
        except RpcError as error:
            failure = error
        refused = failure.status is Status.UNAUTHENTICATED and repeatable()
        if refused and await self.credentials.renew(authorization):
            authorization, request_id = await self.credentials.authorization(), str(uuid4())
            try:
                await job(self._metadata(authorization, request_id))
                return
            except RpcError as error:
                failure = error
        raise self.service.refusal(failure, request_id)

    def _metadata(self, authorization: str, request_id: str) -> dict[str, str]:
        metadata = {"authorization": authorization, "x-client-request-id": request_id}
        return metadata | ({"x-folder-id": self.folder} if self.folder else {})
