"""The time axis of one row of a timeline: where a moment of the call is, in CSS px."""

from __future__ import annotations

from dataclasses import dataclass

from callchart.adapters.service.report.timeline_style import LEFT


@dataclass(frozen=True, slots=True)
class Axis:
    """The seconds of a call from `began` to `ended`, at `scale` CSS px per second."""

    began: float
    ended: float
    scale: float

    def x(self, at: float) -> float:
        """Return the place of a moment; moments of other rows are at the edge."""
        return LEFT + (min(max(at, self.began), self.ended) - self.began) * self.scale

    def part(self, began: float, ended: float) -> tuple[float, float] | None:
        """Return the part of a stretch of time that is in this row, or None."""
        if ended <= self.began or began >= self.ended:
            return None
        return max(began, self.began), min(ended, self.ended)

    def has(self, at: float) -> bool:
        """Return whether a moment is in this row. The border of two rows is in the first."""
        return self.began < at <= self.ended or at == self.began == 0
