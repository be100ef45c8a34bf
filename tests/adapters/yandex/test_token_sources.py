"""The sources of tokens over HTTP, with scripted answers."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx  # noqa: ASYNC127 - the adapter uses it
import pytest

from callchart.adapters.yandex.iam import Source
from callchart.adapters.yandex.token_sources import tokens_for_oauth, tokens_of_machine
from callchart.engine.ports import ProviderError

OAUTH = "y0_oauth"


def of_machine(answer: Callable[[httpx.Request], httpx.Response]) -> Source:
    return tokens_of_machine(transport=httpx.MockTransport(answer))


def for_oauth(answer: Callable[[httpx.Request], httpx.Response]) -> Source:
    return tokens_for_oauth(OAUTH, transport=httpx.MockTransport(answer))


async def test_a_machine_asks_its_metadata() -> None:
    def metadata(request: httpx.Request) -> httpx.Response:
        assert request.url.host == "169.254.169.254"
        assert request.headers["metadata-flavor"] == "Google"
        return httpx.Response(200, json={"access_token": "t1.a", "expires_in": 43199})

    token = await of_machine(metadata)()
    assert (token.text, token.life_s) == ("t1.a", 43199)


async def test_an_oauth_token_is_exchanged_and_its_life_is_by_the_servers_clock() -> None:
    def exchange(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == "https://iam.api.cloud.yandex.net/iam/v1/tokens"
        assert json.loads(request.content) == {"yandexPassportOauthToken": OAUTH}
        return httpx.Response(
            200,
            json={"iamToken": "t1.a", "expiresAt": "2001-01-01T12:00:00.123456789Z"},
            headers={"date": "Mon, 01 Jan 2001 00:00:00 GMT"},
        )

    token = await for_oauth(exchange)()
    assert token.text == "t1.a"
    assert token.life_s == pytest.approx(12 * 3600, abs=1)


@pytest.mark.parametrize(
    ("code", "cure"),
    [(401, "it may have been revoked"), (503, "status page"), (429, "status page")],
)
async def test_a_refusal_says_what_to_do(code: int, cure: str) -> None:
    with pytest.raises(ProviderError, match=f"answered {code} instead of an IAM token") as error:
        await for_oauth(lambda request: httpx.Response(code, text=OAUTH))()
    assert cure in error.value.cure
    assert OAUTH not in str(error.value)
    assert error.value.__context__ is None


@pytest.mark.parametrize(
    "content",
    [
        b"<html>",
        b"[]",
        b'{"iamToken": "t1.a"}',
        b'{"iamToken": 1, "expiresAt": "2001-01-01T12:00:00Z"}',
        b'{"iamToken": "t1.a", "expiresAt": "tomorrow"}',
        b'{"iamToken": "t1.a", "expiresAt": "2001-01-01T12:00:00"}',
    ],
)
async def test_what_is_no_token_is_said_to_be_none(content: bytes) -> None:
    headers = {"date": "Mon, 01 Jan 2001 00:00:00 GMT"}
    with pytest.raises(ProviderError, match="did not answer with an IAM token"):
        await for_oauth(lambda request: httpx.Response(200, content=content, headers=headers))()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (httpx.ConnectTimeout("quotes the request"), "did not send an IAM token"),
        (httpx.ConnectError("quotes the request"), "cannot be reached"),
    ],
)
async def test_a_machine_elsewhere_has_no_metadata(error: Exception, reason: str) -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(ProviderError, match=reason) as raised:
        await of_machine(nobody)()
    assert "a machine of Yandex Cloud" in raised.value.cure
    assert raised.value.__context__ is None


@pytest.mark.parametrize("oauth", ["", "two words", "ключ", "a\n"])
def test_what_cannot_be_a_key_is_refused_at_once(oauth: str) -> None:
    with pytest.raises(ProviderError, match="the OAuth token must be printable"):
        tokens_for_oauth(oauth)
