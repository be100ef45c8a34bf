"""The tests in lanes, and a run of all lanes at the same time.

Tests on the real clock wait for most of their time. Lanes of them run in parallel; within a lane
they run one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.runs.forks import Order, Selection
from tests.runs.session import PLAIN, Ran, Session, collected

_CARRIER = "tests/adapters/carrier/asterisk"
_SPEECH = ("tests/adapters/stt", "tests/adapters/tts", "tests/adapters/vad")
#: Tests that build a wheel, fill an environment or start type checkers.
_HEAVY = ("tests/test_installed.py", "tests/test_packaging.py", "tests/engine/chart/test_typing.py")
_WHISPER = ("tests/adapters/stt/whisper", "tests/adapters/service/demo/test_call_ru.py")

LANES = (
    Selection(("real",), ("asterisk",), ignored_paths=(_CARRIER, *_SPEECH)),
    Selection(("real",), paths=(_CARRIER,)),
    Selection(("real",), paths=_SPEECH),
    Selection(("asterisk",), ignored_paths=(_CARRIER,)),
)
#: The lanes of the real clock without Asterisk, without Whisper and without the heaviest tests.
QUICK_LANES = (
    Selection(("real",), ("asterisk",), ignored_paths=(_CARRIER, *_SPEECH, *_WHISPER, *_HEAVY)),
    Selection(("real",), paths=_SPEECH, ignored_paths=_WHISPER),
)
#: The tests that only compute: those on the virtual clock, and those without a clock.
VIRTUAL = Selection(("virtual",), ("real",))
CLOCKLESS = Selection((), ("virtual", "real"))


def run_lanes(lanes: Sequence[Sequence[Order]], python: Sequence[str] = PLAIN) -> int:
    """Collect all tests, run the lanes at the same time, and print each as it ends.

    Returns the exit code: 1 if a test failed. `python` is the command that runs a module."""
    failed = 0
    with (
        TemporaryDirectory(prefix="callchart-tests-") as folder,
        collected(Path(folder), python=python) as session,
        ThreadPoolExecutor(len(lanes)) as pool,
    ):
        for lane in as_completed([pool.submit(_run, session, orders) for orders in lanes]):
            for order, ran in lane.result():
                failed += not ran.passed
                print(f"pytest {' '.join(order.selection.arguments)}", ran.output, sep="\n")
                print(f"{ran.cpu} s of CPU\n", flush=True)
    return 1 if failed else 0


def _run(session: Session, orders: Sequence[Order]) -> list[tuple[Order, Ran]]:
    return [(order, session.run(order)) for order in orders]
