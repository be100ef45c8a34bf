"""Tests on the real clock, in lanes: side by side they wait for most of their time, and in no lane
do two wait for each other."""

from __future__ import annotations

from tests.runs.forks import Selection

_CARRIER = "tests/adapters/carrier/asterisk"
_SPEECH = ("tests/adapters/stt", "tests/adapters/tts", "tests/adapters/vad")

LANES = (
    Selection(("real",), ("asterisk",), elsewhere=(_CARRIER, *_SPEECH)),
    Selection(("real",), where=(_CARRIER,)),
    Selection(("real",), where=_SPEECH),
    Selection(("asterisk",), elsewhere=(_CARRIER,)),
)
#: What only computes: on the virtual clock, and without any.
VIRTUAL = Selection(("virtual",), ("real",))
CLOCKLESS = Selection((), ("virtual", "real"))
