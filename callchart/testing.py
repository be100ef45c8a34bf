"""The testers' kit: phone the agent in a test, and ask what happened.

The pytest plugin, which is installed with Callchart, has the fixtures `telephone`,
`make_telephone` and `story`. docs/testing.md has worked examples.
"""

from callchart.engine.testing.hearing import FakeRecognizer, FakeVoiceDetectors, Spoken
from callchart.engine.testing.invariants import check_invariants
from callchart.engine.testing.line import FakeCarrier, FakeLine
from callchart.engine.testing.model import FakeAnswer, FakeModel, Use
from callchart.engine.testing.questions import (
    HeardReply,
    HeardSound,
    Recording,
    entered,
    events,
    first_sound_after,
    heard_by_caller,
    heard_sounds,
    history,
    longest_silence,
    outcomes,
    stale_frames,
    states,
    time_in,
    times,
    tools_used,
)
from callchart.engine.testing.schedule import run, settle, virtual_clock
from callchart.engine.testing.speech import FakeSynthesizer, Manner
from callchart.engine.testing.story import Story
from callchart.engine.testing.telephone import Telephone

__all__ = [
    "FakeAnswer",
    "FakeCarrier",
    "FakeLine",
    "FakeModel",
    "FakeRecognizer",
    "FakeSynthesizer",
    "FakeVoiceDetectors",
    "HeardReply",
    "HeardSound",
    "Manner",
    "Recording",
    "Spoken",
    "Story",
    "Telephone",
    "Use",
    "check_invariants",
    "entered",
    "events",
    "first_sound_after",
    "heard_by_caller",
    "heard_sounds",
    "history",
    "longest_silence",
    "outcomes",
    "run",
    "settle",
    "stale_frames",
    "states",
    "time_in",
    "times",
    "tools_used",
    "virtual_clock",
]
