"""The reasons to ask a second provider, and the error when both providers failed."""

from __future__ import annotations

from callchart.engine.ports import ProviderError


class Late(ProviderError):
    """The provider did not answer in time."""


class NotAsked(ProviderError):
    """The circuit of the provider is open. `reason` holds the reason of its last failure."""


def both_failed(first: ProviderError, second: ProviderError) -> ProviderError:
    """Return one error for two providers, with the reasons and the cures of both."""
    return ProviderError(
        f"{first.provider} and {second.provider}",
        f"{first.reason}; then {second.reason}",
        "; ".join(f"{error.provider}: {error.cure}" for error in (first, second) if error.cure),
    )
