"""The carrier's errors that a user can mend, and their messages."""

from __future__ import annotations

import pytest

from callchart.adapters.carrier.asterisk.control.ari import AriError, ControlLost
from callchart.adapters.carrier.asterisk.media.media import MediaFailed
from callchart.adapters.service.errors import carrier_mistakes
from callchart.adapters.service.user_code import UserError
from callchart.engine.exception_groups import leaves


def test_errors_of_asterisk_become_one_user_error_without_repetition() -> None:
    with pytest.raises(UserError) as raised, carrier_mistakes():
        raise ExceptionGroup(
            "", [ControlLost("gone"), AriError("GET x", 500, "why"), ControlLost("gone")]
        )
    assert raised.value.lines == ("gone", "Asterisk answered GET x with 500: why")
    with pytest.raises(UserError, match="silent"), carrier_mistakes():
        raise MediaFailed("silent")


def test_other_errors_are_not_user_errors() -> None:
    with pytest.raises(ZeroDivisionError), carrier_mistakes():
        raise ZeroDivisionError
    with pytest.raises(ExceptionGroup) as raised, carrier_mistakes():
        raise ExceptionGroup("", [ControlLost("gone"), ZeroDivisionError()])
    assert any(isinstance(error, ZeroDivisionError) for error in leaves(raised.value))
