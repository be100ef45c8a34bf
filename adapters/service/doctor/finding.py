"""What the doctor finds of one part, and how a check is held within its time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

import trio

from callchart.engine.exception_groups import first_leaf
from callchart.engine.ports import ProviderError

#: Seconds that a check may take; what takes longer, even beside calls, callers would not wait for.
LONGEST = 10.0


class Verdict(StrEnum):
    """What a check came to. `UNKNOWN`: it could not be made, which proves nothing."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: what was found, and what to do about it ("" where nothing is to be done)."""

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
    part: str, check: Callable[[], Awaitable[str]], *, seconds: float = LONGEST
) -> Finding:
    """What the check says of a part that works; a failure where it raises `ProviderError` (maybe
    in a group), or takes longer than that."""
    found = failed(
        part, f"there was no result within {seconds:g} s", "see to what slows this machine down"
    )
    try:
        with trio.move_on_after(seconds):
            found = ok(part, await check())
    except* ProviderError as failures:
        error = first_leaf(failures)
        found = failed(part, error.reason, error.cure)
    return found
