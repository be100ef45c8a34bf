"""`make bench-voices`: measure calls with the real voices, print a table, write JSON.

It takes about two minutes. Run it on a quiet machine."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from typing import Any

import trio
from rich.console import Console

from tests.benchmarks.output import Output, add_level, add_output
from tests.benchmarks.page import NoPlace
from tests.benchmarks.voices.level import BotFailed, Level, measure, measure_alone, measure_fallback
from tests.benchmarks.voices.report import markdown, tables
from tests.servers.process import ServerFailed

LEVELS = (Level(1, 60.0), Level(50, 30.0))
MARK = "bench-voices"


def main() -> int:
    arguments = _arguments()
    output, console = Output(MARK, arguments.json, arguments.page), Console()
    levels: Sequence[Level] = LEVELS
    if arguments.calls:
        levels = [Level(arguments.calls, arguments.seconds)]
    results: dict[str, Any] = {"cores": os.cpu_count(), "python": platform.python_version()}
    try:
        output.check()
        measured = []
        for level in levels:
            console.print(f"{level.calls} calls of {level.seconds:g} s")
            measured.append(trio.run(measure, level))
        results["levels"] = measured
        console.print("the gRPC client alone")
        results["alone"] = trio.run(measure_alone)
        console.print("the second voice in place of the first")
        results["fallback"] = trio.run(measure_fallback)
        output.write(results, markdown(results))
    except (BotFailed, ServerFailed, NoPlace, OSError) as error:
        print(f"bench-voices: {error}", file=sys.stderr)
        return 2
    output.show(console, tables(results))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.voices", description=__doc__)
    add_output(parser, MARK)
    add_level(parser)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
