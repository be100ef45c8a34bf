"""Whom a call may be connected with: one list for transfers, outgoing calls and models' tools."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

#: What a dialplan's extension is made of; nothing that could be read as anything else.
_TARGET = re.compile(r"[0-9A-Za-z*#+_-]{1,40}")


@dataclass(frozen=True, slots=True)
class Allowed:
    """Numbers and patterns of them: in a pattern X is any digit, everything else is itself."""

    patterns: Sequence[str] = ()

    def __contains__(self, target: object) -> bool:
        return (
            isinstance(target, str)
            and _TARGET.fullmatch(target) is not None
            and any(re.fullmatch(_expression(pattern), target) for pattern in self.patterns)
        )


def _expression(pattern: str) -> str:
    return "".join("[0-9]" if each == "X" else re.escape(each) for each in pattern)
