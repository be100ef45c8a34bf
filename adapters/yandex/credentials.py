"""Credentials for Yandex: an API key, or an IAM token that `iam` keeps fresh."""

from __future__ import annotations

from typing import Protocol

import trio

from callchart.adapters.yandex.refusals import PROVIDER
from callchart.engine.ports import ProviderError


class Credentials(Protocol):
    """The source of the `authorization` header of a request."""

    async def authorization(self) -> str:
        """Wait for a token and return the header. Raises `ProviderError` if there is none."""
        ...

    async def renew(self, refused: str) -> bool:
        """Replace a refused authorization, or return False if it cannot be replaced.

        Wait for the new one. Raises `ProviderError` if there is none."""
        ...


class ApiKey:
    """An API key of a service account: it does not expire, and needs no folder."""

    def __init__(self, key: str) -> None:
        """Check the key. Raises `ProviderError` for a text that cannot be a key."""
        self._key = checked(key, "the API key")

    async def authorization(self) -> str:
        await trio.lowlevel.checkpoint()
        return f"Api-Key {self._key}"

    async def renew(self, refused: str) -> bool:
        await trio.lowlevel.checkpoint()
        return False


def checked(secret: str, what: str) -> str:
    """Return the secret if a header can carry it. Raises `ProviderError`, without quoting it."""
    if secret and secret.isascii() and secret.isprintable() and " " not in secret:
        return secret
    got = "one with other characters" if secret else "an empty one"
    raise ProviderError(
        PROVIDER,
        f"{what} must be printable ASCII without spaces, got {got}",
        "set it as the console of Yandex Cloud shows it",
    )
