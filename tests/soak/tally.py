"""The totals of all random calls, and the table that shows them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from rich.table import Table

from tests.soak.verdict import CallVerdict, Wrong

#: The kinds of defects, in the order of the table. The count of each must be 0.
WRONG: tuple[Wrong, ...] = (
    "stale frames",
    "double replies",
    "stuck calls",
    "leaked tasks",
    "others",
)


@dataclass(slots=True)
class Tally:
    """Totals of calls, and the first wrong one."""

    calls: int = 0
    seconds: float = 0.0
    steps: int = 0
    shapes: set[bytes] = field(default_factory=set)
    wrong: Counter[Wrong] = field(default_factory=Counter)
    failed: int = 0
    first: CallVerdict | None = None

    def count(self, verdict: CallVerdict) -> None:
        """Add one call."""
        self.calls += 1
        self.seconds += verdict.seconds
        self.steps += verdict.steps
        self.shapes.add(verdict.shape)
        if verdict.wrong is not None:
            self.failed += 1
            self.wrong[verdict.wrong] += verdict.count
            if self.first is None or verdict.number < self.first.number:
                self.first = verdict

    def table(self, took: float) -> Table:
        """Return the table; `took` is the real time in seconds."""
        table = Table("random calls", f"{self.calls:,}", title="soak")
        table.columns[1].justify = "right"
        table.add_row("of them", f"{self.seconds / 3600:,.1f} hours of virtual time")
        table.add_row("steps", f"{self.steps:,}")
        table.add_row("distinct journals", f"{len(self.shapes):,}")
        for wrong in WRONG:
            table.add_row(wrong, f"{self.wrong[wrong]:,}")
        table.add_row("took", f"{took / 60:.1f} min, {self.calls / max(took, 1e-9):,.0f} calls/s")
        return table
