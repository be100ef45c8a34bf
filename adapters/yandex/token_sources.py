"""Where IAM tokens come from: the machine's own metadata, or Yandex's exchange for OAuth tokens.

A service account's authorized key is left out: it signs a JWT, for which a library of cryptography
would come along, and its account can have an API key, which does the same without renewal."""

from __future__ import annotations

import ssl
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Final

import httpx  # noqa: ASYNC127 - chosen on purpose: what it is asked for is plain

from callchart.adapters.yandex.credentials import checked
from callchart.adapters.yandex.iam import Source, Token
from callchart.adapters.yandex.refusals import PROVIDER
from callchart.engine.ports import ProviderError

EXCHANGE_URL: Final = "https://iam.api.cloud.yandex.net/iam/v1/tokens"
METADATA_URL: Final = (
    "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token"
)

#: Seconds to connect, and of silence.
_TIMEOUT: Final = httpx.Timeout(5.0, connect=3.0)


def tokens_of_machine(
    url: str = METADATA_URL, *, transport: httpx.AsyncBaseTransport | None = None
) -> Source:
    """Tokens of the service account that this virtual machine of Yandex Cloud runs under."""

    async def source() -> Token:
        request = httpx.Request("GET", url, headers={"Metadata-Flavor": "Google"})
        cure = "run it on a machine of Yandex Cloud that has a service account, or use an API key"
        # No proxy leads there, and it speaks in the clear.
        client = httpx.AsyncClient(
            timeout=_TIMEOUT, transport=transport, trust_env=False, verify=False
        )
        answer = await _answer(client, request, cure)
        match _json(answer):
            case {"access_token": str(text), "expires_in": int(seconds)}:
                return Token(text, seconds)
        raise _no_token(url)

    return source


def tokens_for_oauth(
    oauth_token: str, url: str = EXCHANGE_URL, *, transport: httpx.AsyncBaseTransport | None = None
) -> Source:
    """Tokens of a user, for the OAuth token of that user. Requests need a folder beside them.

    Raises `ProviderError` for what cannot be a token."""
    body = {"yandexPassportOauthToken": checked(oauth_token, "the OAuth token")}

    async def source() -> Token:
        request = httpx.Request("POST", url, json=body)
        client = httpx.AsyncClient(timeout=_TIMEOUT, transport=transport, verify=_tls())
        answer = await _answer(client, request, "check the OAuth token: it may have been revoked")
        match _json(answer):
            case {"iamToken": str(text), "expiresAt": str(ends)}:
                return Token(text, _seconds_to(ends, answer))
        raise _no_token(url)

    return source


@cache
def _tls() -> ssl.SSLContext:
    """Made once: that takes as long as a frame of every call's sound."""
    return ssl.create_default_context()


async def _answer(client: httpx.AsyncClient, request: httpx.Request, cure: str) -> httpx.Response:
    """The answer to a request, if it is a good one. Raises `ProviderError`.

    The client is closed after it: no connection lasts until the next time."""
    host = request.url.host
    async with client:
        try:
            answer = await client.send(request)
        except httpx.TimeoutException:
            failure = f"{host} was silent when asked for an IAM token"
        except httpx.RequestError:
            failure = f"{host} cannot be reached for an IAM token"
        else:
            if answer.is_success:
                return answer
            failure = f"{host} answered {answer.status_code} instead of an IAM token"
            if answer.status_code >= 500 or answer.status_code == 429:
                cure = "see Yandex Cloud's status page if it goes on"
    # Out here, so that the client's own error, which quotes requests, does not come along.
    raise ProviderError(PROVIDER, failure, cure)


def _json(answer: httpx.Response) -> object:
    try:
        return answer.json()
    except ValueError:
        return None


def _seconds_to(moment: str, answer: httpx.Response) -> float:
    """How far off a moment is by the answer's own date: this machine's clock may be wrong."""
    try:
        now = parsedate_to_datetime(answer.headers["date"])
        return (datetime.fromisoformat(moment) - now).total_seconds()
    except (KeyError, TypeError, ValueError):
        raise _no_token(str(answer.url)) from None


def _no_token(url: str) -> ProviderError:
    return ProviderError(
        PROVIDER, f"what {url} answered is no IAM token", "check the address of the token service"
    )
