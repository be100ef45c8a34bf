"""The detector by loudness passes the contract of every detector."""

from __future__ import annotations

import pytest

from callchart.engine.ports import VoiceDetectors
from tests.benchmarks.asterisk.energy import EnergyDetectors
from tests.contracts.voice_activity import VoiceDetectorsContract


class TestEnergyDetectors(VoiceDetectorsContract):
    @pytest.fixture
    def detectors(self) -> VoiceDetectors:
        return EnergyDetectors()
