"""The allowed numbers: one list for transfers, outgoing calls and the model's tools."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

#: An extension of the dialplan, without the characters that have a special meaning to Asterisk.
_TARGET = re.compile(r"[0-9A-Za-z*#+_-]{1,40}")


@dataclass(frozen=True, slots=True)
class Allowed:
    """Numbers and patterns of numbers. In a pattern X matches any digit."""

    patterns: Sequence[str] = ()

    def __contains__(self, target: object) -> bool:
        return (
            isinstance(target, str)
            and _TARGET.fullmatch(target) is not None
            and any(re.fullmatch(_expression(pattern), target) for pattern in self.patterns)
        )


def _expression(pattern: str) -> str:
    return "".join("[0-9]" if each == "X" else re.escape(each) for each in pattern)
