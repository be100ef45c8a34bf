"""Processes that keep cores busy while tests run: tests that depend on speed then fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: A hog ends after this time (s), even if the tests hang.
LONGEST_S = 7200

_BURN = """
import os, sys, time
parent, end_s = int(sys.argv[1]), time.monotonic() + float(sys.argv[2])
while os.getppid() == parent and time.monotonic() < end_s:
    for _ in range(1_000_000):
        pass
"""


@contextmanager
def hogs(count: int) -> Iterator[list[int]]:
    """Keep `count` cores busy for the duration of the block; yield the ids of the processes.

    They run at the ordinary priority, and end with this process."""
    command = [sys.executable, "-c", _BURN, str(os.getpid()), str(LONGEST_S)]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
