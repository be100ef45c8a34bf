"""The call that the current task works for, so that a log line can name it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CurrentCall:
    """A call's id, and the name of its chart."""

    call_id: str
    chart: str


#: Trio copies it into each new task, so all tasks of a call have it.
CURRENT_CALL: ContextVar[CurrentCall | None] = ContextVar("callchart_current_call", default=None)
