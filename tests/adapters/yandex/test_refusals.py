"""Every status has a cure, and none of them shows what the server said."""

from __future__ import annotations

import pytest
from grpclib.const import Status

from callchart.adapters.grpc.errors import ConnectionLost, RpcError
from callchart.adapters.yandex.refusals import Service, of_http

SPEECH = Service("ai.speechkit-stt.user", "the model")


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
def test_every_status_has_a_cure_and_the_servers_words_stay_out(status: Status) -> None:
    error = RpcError(status, f"there answered {status.name}", message="the caller said: 1234")
    refusal = SPEECH.refusal(error, "an-id")
    assert refusal.reason == f"there answered {status.name} (request an-id)"
    assert refusal.cure
    assert "1234" not in str(refusal)


def test_a_pause_that_the_server_asks_for_is_told() -> None:
    error = RpcError(Status.RESOURCE_EXHAUSTED, "there is too much", retry_after_s=1.5)
    assert "too much, to try again in 1.5 s (request id)" in str(SPEECH.refusal(error, "id"))


def test_a_lost_connection_has_a_cure_of_its_own_and_no_request() -> None:
    refusal = SPEECH.refusal(ConnectionLost("nobody is there", "start it"), "an-id")
    assert str(refusal) == "yandex: nobody is there (start it)"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (400, Status.INVALID_ARGUMENT),
        (401, Status.UNAUTHENTICATED),
        (403, Status.PERMISSION_DENIED),
        (418, Status.UNKNOWN),
        (429, Status.RESOURCE_EXHAUSTED),
        (502, Status.UNAVAILABLE),
    ],
)
def test_statuses_of_http_are_told_by_those_of_grpc(code: int, status: Status) -> None:
    assert of_http(code, "there").status is status


@pytest.mark.parametrize(("text", "seconds"), [(None, None), ("3", 3), ("tomorrow", None)])
def test_a_pause_is_a_number_of_seconds(text: str | None, seconds: float | None) -> None:
    assert of_http(429, "there", text).retry_after_s == seconds
