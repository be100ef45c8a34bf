"""`python -m tests.runs.quick`: most tests, in less than half the time of all tests.

It leaves out Asterisk, Whisper, the tests of an installed wheel and those of type checkers, and
measures no coverage. Exit code 1 if a test failed."""

from __future__ import annotations

import sys

from tests.runs.forks import Order
from tests.runs.lanes import CLOCKLESS, QUICK_LANES, VIRTUAL, run_lanes

COMPUTING = (VIRTUAL, CLOCKLESS)

if __name__ == "__main__":
    sys.exit(
        run_lanes(
            [
                *([Order(lane)] for lane in QUICK_LANES),
                *([Order(selection, niceness=19)] for selection in COMPUTING),
            ]
        )
    )
