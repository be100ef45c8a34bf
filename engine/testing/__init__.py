"""The testers' kit: call the agent in a test, and ask what happened. See docs/testing.md."""

from engine.testing.hearing import FakeRecognizer, FakeVoiceDetectors, Spoken
from engine.testing.invariants import check_invariants
from engine.testing.line import FakeCarrier, FakeLine
from engine.testing.model import Answer, FakeModel, Use
from engine.testing.questions import Recording
from engine.testing.schedule import settle, virtual_clock
from engine.testing.speech import FakeSynthesizer, Manner
from engine.testing.story import Story
from engine.testing.telephone import Telephone

__all__ = [
    "Answer",
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
