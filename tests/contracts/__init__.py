"""The contracts of the ports. Each adapter and each fake passes the same tests.

A contract is a class of tests over one fixture. The tests of an adapter subclass it under a name
that begins with Test, and define the fixture.
"""

import pytest

for _port in ("language_model", "line", "recognizer", "synthesizer", "voice_activity"):
    pytest.register_assert_rewrite(f"{__name__}.{_port}")
