"""`make bench-voices`: measure calls with the real voices, print a table, write JSON.

It takes about two minutes. Run it on a quiet machine."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio
from rich.console import Console

from tests.benchmarks.page import NoPlace, place
from tests.benchmarks.voices.level import BotFailed, Level, measure, measure_alone, measure_fallback
from tests.benchmarks.voices.report import markdown, tables
from tests.servers.process import ServerFailed

LEVELS = (Level(1, 60.0), Level(50, 30.0))
MARK = "bench-voices"


def main() -> int:
    arguments = _arguments()
    console = Console()
    levels: Sequence[Level] = LEVELS
    if arguments.calls:
        levels = [Level(arguments.calls, arguments.seconds)]
    results: dict[str, Any] = {"cores": os.cpu_count(), "python": platform.python_version()}
    try:
        if arguments.page:
            place(arguments.page.read_text(encoding="utf-8"), MARK, "")
        measured = []
        for level in levels:
            console.print(f"{level.calls} calls of {level.seconds:g} s")
            measured.append(trio.run(measure, level))
        results["levels"] = measured
        console.print("the gRPC client alone")
        results["alone"] = trio.run(measure_alone)
        console.print("the second voice in place of the first")
        results["fallback"] = trio.run(measure_fallback)
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        if arguments.page:
            text = arguments.page.read_text(encoding="utf-8")
            arguments.page.write_text(place(text, MARK, markdown(results)), encoding="utf-8")
    except (BotFailed, ServerFailed, NoPlace, OSError) as error:
        print(f"bench-voices: {error}", file=sys.stderr)
        return 2
    for table in tables(results):
        console.print(table)
    console.print(f"figures: {arguments.json}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.voices", description=__doc__)
    parser.add_argument(
        "--json", type=Path, default=Path("build/bench-voices.json"), metavar="FILE"
    )
    parser.add_argument(
        "--page",
        type=Path,
        metavar="FILE",
        help=f"rewrite the part of this page in <!-- {MARK} -->",
    )
    parser.add_argument("--calls", type=int, help="measure one level, with this many calls")
    parser.add_argument("--seconds", type=float, default=30.0, help="the length of each of them")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
