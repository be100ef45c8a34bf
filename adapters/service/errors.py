"""The errors of the carrier that a user can mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from callchart.adapters.carrier.asterisk.control.ari import AriError
from callchart.adapters.carrier.asterisk.failure import AsteriskFailure
from callchart.adapters.service.user_code import UserError
from callchart.engine.exception_groups import leaves


@contextmanager
def carrier_mistakes() -> Iterator[None]:
    """Turn the carrier's errors into one `UserError`. Their texts contain the cures."""
    texts: list[str] = []
    try:
        yield
    except* (AriError, AsteriskFailure) as errors:
        texts = [str(error) for error in leaves(errors)]
    if texts:
        raise UserError(*dict.fromkeys(texts))
