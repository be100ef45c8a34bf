"""`make bench-asterisk`: measure calls over a real Asterisk, print a table, write JSON.

It takes about six minutes. Run it on a quiet machine."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from typing import Any

import trio
from rich.console import Console

from tests.asterisk.install import AsteriskUnavailable
from tests.asterisk.server import AsteriskFailed
from tests.benchmarks.asterisk.child import ChildFailed
from tests.benchmarks.asterisk.level import Level, measure
from tests.benchmarks.asterisk.report import markdown, tables
from tests.benchmarks.output import Output, add_level, add_output
from tests.benchmarks.page import NoPlace

LEVELS = (
    Level(1, 40.0),
    Level(20, 30.0),
    Level(50, 30.0),
    Level(100, 30.0),
    Level(100, 30.0, rate_hz=8000),
    Level(100, 30.0, "energy"),
    Level(100, 30.0, "energy", 8000),
)
MARK = "bench-asterisk"


def main() -> int:
    arguments = _arguments()
    output, console = Output(MARK, arguments.json, arguments.page), Console()
    levels: Sequence[Level] = LEVELS
    if arguments.calls:
        levels = [Level(arguments.calls, arguments.seconds, arguments.detector, arguments.rate)]
    results: dict[str, Any] = {"cores": os.cpu_count(), "python": platform.python_version()}
    try:
        output.check()
        measured = []
        for level in levels:
            console.print(f"{level.calls} calls, {level.detector} at {level.rate_hz} Hz")
            measured.append(trio.run(measure, level))
        results["levels"] = measured
        output.write(results, markdown(results))
    except (AsteriskFailed, AsteriskUnavailable, ChildFailed, NoPlace, OSError) as error:
        print(f"bench-asterisk: {error}", file=sys.stderr)
        return 2
    output.show(console, tables(results))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.asterisk", description=__doc__
    )
    add_output(parser, MARK)
    add_level(parser)
    parser.add_argument("--detector", choices=("silero", "energy"), default="silero")
    parser.add_argument("--rate", type=int, choices=(8000, 16000), default=16000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
