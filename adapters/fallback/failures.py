"""Why a second provider was asked, and how it is said when that one failed as well."""

from __future__ import annotations

from callchart.engine.ports import ProviderError


class Late(ProviderError):
    """The provider may be well, but nobody could wait for it any longer."""


class NotAsked(ProviderError):
    """The provider failed so often that it is left alone for a while; the reason is its last."""


def both_failed(first: ProviderError, second: ProviderError) -> ProviderError:
    """One error for two providers, with what is to be done about either."""
    return ProviderError(
        f"{first.provider} and {second.provider}",
        f"{first.reason}; then {second.reason}",
        "; ".join(f"{error.provider}: {error.cure}" for error in (first, second) if error.cure),
    )
