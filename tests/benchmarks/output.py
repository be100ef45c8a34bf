"""The output of a benchmark: its options, a JSON file, a part of a page, and printed tables."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.page import place


def add_output(parser: argparse.ArgumentParser, mark: str) -> None:
    """Add the options `--json` and `--page`. `mark` names the benchmark and its part of a page."""
    parser.add_argument(
        "--json", type=Path, default=Path(f"build/{mark}.json"), metavar="FILE", help="the figures"
    )
    parser.add_argument(
        "--page",
        type=Path,
        metavar="FILE",
        help=f"rewrite the part of this page in <!-- {mark} -->",
    )


def add_level(parser: argparse.ArgumentParser) -> None:
    """Add the options of a single level: `--calls` and `--seconds`."""
    parser.add_argument("--calls", type=int, help="measure one level, with this many calls")
    parser.add_argument("--seconds", type=float, default=30.0, help="the length of each of them")


@dataclass(frozen=True, slots=True)
class Output:
    """The files of a benchmark, from the options of `add_output`."""

    mark: str
    json: Path
    page: Path | None

    def check(self) -> None:
        """Check before a long run that the page has a place for it. Raises `NoPlace`, OSError."""
        if self.page:
            place(self.page.read_text(encoding="utf-8"), self.mark, "")

    def write(self, results: dict[str, Any], markdown: str) -> None:
        """Write the results as JSON, and `markdown` into the page. Raises `NoPlace`, OSError."""
        self.json.parent.mkdir(parents=True, exist_ok=True)
        self.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        if self.page:
            text = self.page.read_text(encoding="utf-8")
            self.page.write_text(place(text, self.mark, markdown), encoding="utf-8")

    def show(self, console: Console, tables: Iterable[Table]) -> None:
        """Print the tables, and the name of the JSON file."""
        for table in tables:
            console.print(table)
        console.print(f"figures: {self.json}")
