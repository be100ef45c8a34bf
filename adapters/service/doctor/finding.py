"""A finding of the doctor, and the time limit of a check."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

import trio

from callchart.engine.exception_groups import first_leaf
from callchart.engine.ports import ProviderError

#: The longest time of a check. Callers would not wait longer, even on a busy machine.
LONGEST_S = 10.0


class Verdict(StrEnum):
    """The result of a check. `UNKNOWN`: the check could not run."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result for one part, and its cure ("" if none is needed).

    `what` is `<noun> <state>: <cause or detail>`; `cure` is an imperative."""

    part: str
    verdict: Verdict
    what: str
    cure: str = ""


def ok(part: str, what: str) -> Finding:
    return Finding(part, Verdict.OK, what)


def failed(part: str, what: str, cure: str) -> Finding:
    return Finding(part, Verdict.FAILED, what, cure)


def unknown(part: str, what: str, cure: str = "") -> Finding:
    return Finding(part, Verdict.UNKNOWN, what, cure)


async def within_bounds(
    part: str, check: Callable[[], Awaitable[str]], *, limit_s: float = LONGEST_S
) -> Finding:
    """Run a check and return its text as a finding.

    A `ProviderError` (maybe in a group) or a timeout after `limit_s` is a failure."""
    late = f"check timed out: no result within {limit_s:g} s"
    found = failed(part, late, "check the load of this machine, and its network")
    try:
        with trio.move_on_after(limit_s):
            found = ok(part, await check())
    except* ProviderError as failures:
        error = first_leaf(failures)
        found = failed(part, f"{error.provider} failed: {error.reason}", error.cure)
    return found
