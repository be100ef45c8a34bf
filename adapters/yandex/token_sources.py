"""Sources of IAM tokens: the machine's own metadata, or Yandex's exchange for OAuth tokens.

Authorized keys of service accounts are not supported: they sign a JWT, which needs a library of
cryptography. The same account can have an API key instead, which needs no renewal."""

from __future__ import annotations

import ssl
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Final

import httpx  # noqa: ASYNC127 - chosen on purpose for these plain requests

from callchart.adapters.yandex.credentials import checked
from callchart.adapters.yandex.iam import Source, Token
from callchart.adapters.yandex.refusals import PROVIDER
from callchart.engine.ports import ProviderError

EXCHANGE_URL: Final = "https://iam.api.cloud.yandex.net/iam/v1/tokens"
METADATA_URL: Final = (
    "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token"
)

#: Seconds to connect, and to wait for each part of the answer.
_TIMEOUT: Final = httpx.Timeout(5.0, connect=3.0)


def tokens_of_machine(
    url: str = METADATA_URL, *, transport: httpx.AsyncBaseTransport | None = None
) -> Source:
    """Return a source of tokens of the service account of this Yandex Cloud machine."""

    async def source() -> Token:
        request = httpx.Request("GET", url, headers={"Metadata-Flavor": "Google"})
        cure = "run it on a machine of Yandex Cloud that has a service account, or use an API key"
        # The address is local: no proxy, and plain HTTP.
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
    """Return a source of tokens of the user of this OAuth token. Requests also need a folder.

    Raises `ProviderError` for a text that cannot be a token."""
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
    """Return the TLS context, made once: making it blocks the loop for as long as one frame."""
    return ssl.create_default_context()


async def _answer(client: httpx.AsyncClient, request: httpx.Request, cure: str) -> httpx.Response:
    """Send a request and return its answer, if it is a success. Raises `ProviderError`.

    Close the client afterwards: no connection would last until the next request."""
    host = request.url.host
    async with client:
        try:
            answer = await client.send(request)
        except httpx.TimeoutException:
            failure = f"timeout: {host} did not send an IAM token"
        except httpx.RequestError:
            failure = f"{host} cannot be reached for an IAM token"
        else:
            if answer.is_success:
                return answer
            failure = f"{host} answered {answer.status_code} instead of an IAM token"
            if answer.status_code >= 500 or answer.status_code == 429:
                cure = "see Yandex Cloud's status page if it goes on"
    # Outside the handler: the client's own error, which quotes requests, must not be chained.
    raise ProviderError(PROVIDER, failure, cure)


def _json(answer: httpx.Response) -> object:
    try:
        return answer.json()
    except ValueError:
        return None


def _seconds_to(moment: str, answer: httpx.Response) -> float:
    """Return the seconds to a moment, from the answer's own date: our clock may be wrong."""
    try:
        now = parsedate_to_datetime(answer.headers["date"])
        return (datetime.fromisoformat(moment) - now).total_seconds()
    except (KeyError, TypeError, ValueError):
        raise _no_token(str(answer.url)) from None


def _no_token(url: str) -> ProviderError:
    return ProviderError(
        PROVIDER,
        f"{url} did not answer with an IAM token",
        "check the address of the token service",
    )
