"""The testers' kit: call the agent in a test, and ask questions about the call.

See docs/testing.md."""

from callchart.engine.testing.hearing import FakeRecognizer, FakeVoiceDetectors, Spoken
from callchart.engine.testing.invariants import check_invariants
from callchart.engine.testing.line import FakeCarrier, FakeLine
from callchart.engine.testing.model import FakeAnswer, FakeModel, Use
from callchart.engine.testing.questions import Recording
from callchart.engine.testing.schedule import settle, virtual_clock
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
    "Manner",
    "Recording",
    "Spoken",
    "Story",
    "Telephone",
    "Use",
    "check_invariants",
    "settle",
    "virtual_clock",
]
