"""Who we are to Yandex: an API key, or an IAM token that `adapters.yandex.iam` keeps fresh."""

from __future__ import annotations

from typing import Protocol

import trio

from callchart.adapters.yandex.refusals import PROVIDER
from callchart.engine.ports import ProviderError


class Credentials(Protocol):
    """What goes into the `authorization` of a request."""

    async def authorization(self) -> str:
        """Waits where it is being fetched. Raises `ProviderError` where there is none."""
        ...

    async def renew(self, refused: str) -> bool:
        """A request with this authorization was refused: is there another one to ask with?

        Waits for it. Raises `ProviderError` where it cannot be had."""
        ...


class ApiKey:
    """A service account's API key: it lasts, and needs no folder beside it."""

    def __init__(self, key: str) -> None:
        """Raises `ProviderError` for what cannot be a key."""
        self._key = checked(key, "the API key")

    async def authorization(self) -> str:
        await trio.lowlevel.checkpoint()
        return f"Api-Key {self._key}"

    async def renew(self, refused: str) -> bool:
        await trio.lowlevel.checkpoint()
        return False


def checked(secret: str, what: str) -> str:
    """The secret, if a request can carry it. Raises `ProviderError`, without quoting it."""
    if secret and secret.isascii() and secret.isprintable() and " " not in secret:
        return secret
    reason = f"{what} is no such thing: it has spaces or unprintable signs"
    raise ProviderError(
        PROVIDER,
        reason if secret else f"{what} is missing",
        "set it as the console of Yandex Cloud shows it",
    )
