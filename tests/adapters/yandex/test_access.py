"""The metadata of a request, and its retry with a new token."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from grpclib.const import Status

from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.yandex.access import Access
from callchart.adapters.yandex.credentials import ApiKey
from callchart.adapters.yandex.refusals import Service
from callchart.engine.ports import ProviderError

SPEECH = Service("ai.speechkit-tts.user", "the voice")
REFUSED = RpcError(Status.UNAUTHENTICATED, "there answered UNAUTHENTICATED")


class Tokens:
    """Credentials "1", "2", ..., as many as there are."""

    def __init__(self, there_are: int) -> None:
        self._there_are, self._now = there_are, 1

    async def authorization(self) -> str:
        return str(self._now)

    async def renew(self, refused: str) -> bool:
        if self._now == self._there_are:
            raise ProviderError("yandex", "there are no more tokens")
        self._now += 1
        return True


class Job:
    """A job that records its metadata, and raises these errors one after the other."""

    def __init__(self, *errors: RpcError) -> None:
        self._errors = list(errors)
        self.asked: list[Mapping[str, str]] = []

    async def __call__(self, metadata: Mapping[str, str]) -> None:
        self.asked.append(metadata)
        if self._errors:
            raise self._errors.pop(0)

    @property
    def authorizations(self) -> list[str]:
        return [metadata["authorization"] for metadata in self.asked]


async def test_a_key_and_an_id_go_along_and_no_folder_but_the_one_that_is_set() -> None:
    job = Job()
    await Access(SPEECH, ApiKey("secret")).ask(job)
    await Access(SPEECH, ApiKey("secret"), folder="b1g").ask(job)
    without, with_one = job.asked
    assert without.keys() == {"authorization", "x-client-request-id"}
    assert with_one.keys() == {*without, "x-folder-id"}
    assert without["authorization"] == "Api-Key secret"
    assert with_one["x-folder-id"] == "b1g"
    assert without["x-client-request-id"] != with_one["x-client-request-id"]


async def test_the_error_names_the_id_that_went_along() -> None:
    job = Job(RpcError(Status.INTERNAL, "there answered INTERNAL"))
    with pytest.raises(ProviderError) as error:
        await Access(SPEECH, ApiKey("secret")).ask(job)
    assert job.asked[0]["x-client-request-id"] in error.value.reason
    assert "secret" not in str(error.value)


async def test_a_refused_token_is_replaced_and_the_request_made_once_more() -> None:
    job = Job(REFUSED)
    await Access(SPEECH, Tokens(2)).ask(job)
    assert job.authorizations == ["1", "2"]
    first, second = (metadata["x-client-request-id"] for metadata in job.asked)
    assert first != second


async def test_a_new_token_that_is_refused_as_well_is_an_error_by_its_own_id() -> None:
    job = Job(REFUSED, REFUSED)
    with pytest.raises(ProviderError, match="check the key") as error:
        await Access(SPEECH, Tokens(3)).ask(job)
    assert job.authorizations == ["1", "2"]
    assert job.asked[1]["x-client-request-id"] in error.value.reason


async def test_where_there_is_no_new_token_that_is_the_error() -> None:
    with pytest.raises(ProviderError, match="there are no more tokens"):
        await Access(SPEECH, Tokens(1)).ask(Job(REFUSED))


async def test_what_came_of_a_request_is_not_asked_for_twice() -> None:
    job = Job(REFUSED)
    with pytest.raises(ProviderError, match="UNAUTHENTICATED"):
        await Access(SPEECH, Tokens(2)).ask(job, repeatable=lambda: False)
    assert job.authorizations == ["1"]


async def test_another_refusal_is_no_matter_of_tokens() -> None:
    job = Job(RpcError(Status.PERMISSION_DENIED, "there answered PERMISSION_DENIED"))
    with pytest.raises(ProviderError, match="PERMISSION_DENIED"):
        await Access(SPEECH, Tokens(2)).ask(job)
    assert job.authorizations == ["1"]
