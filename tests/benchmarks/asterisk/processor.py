"""The CPU seconds of a process, as Linux counts them."""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of all threads of a process."""
    return process_ticks(Path(f"/proc/{pid}/stat").read_text()) / TICKS


def process_ticks(stat: str) -> int:
    """Return the ticks in the content of /proc/PID/stat. The name may hold any character."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
