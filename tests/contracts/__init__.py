"""What every adapter of a port, and its fake, is held to.

A contract is a class of tests over one fixture. An adapter's tests subclass it under a name that
begins with Test, and give the fixture.
"""

import pytest

for _port in ("language_model", "line", "recognizer", "synthesizer", "voice_activity"):
    pytest.register_assert_rewrite(f"{__name__}.{_port}")
