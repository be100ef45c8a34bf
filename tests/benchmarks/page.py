"""The place of the figures in docs/performance.md: each benchmark between two marks."""

from __future__ import annotations


class NoPlace(ValueError):
    """The page has no marks for the figures."""


def place(text: str, mark: str, block: str) -> str:
    """Return the page with `block` between `<!-- mark -->` and `<!-- /mark -->`.

    Raises `NoPlace`."""
    beginning, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, begins, rest = text.partition(beginning)
    _, ends, after = rest.partition(end)
    if not begins or not ends:
        raise NoPlace(f"the page must hold {beginning} and {end}: the figures go between them")
    return f"{before}{beginning}\n{block}\n{end}{after}"
