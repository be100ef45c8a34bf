"""Where the figures stand in README: between two marks, each benchmark between its own."""

from __future__ import annotations


class NoPlace(ValueError):
    """README has no place for the figures."""


def place(text: str, mark: str, block: str) -> str:
    """README with `block` between `<!-- mark -->` and `<!-- /mark -->`. Raises `NoPlace`."""
    beginning, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, begins, rest = text.partition(beginning)
    _, ends, after = rest.partition(end)
    if not begins or not ends:
        raise NoPlace(f"README has no place for the figures: put {beginning} and {end} into it")
    return f"{before}{beginning}\n{block}\n{end}{after}"
