"""The text of docs/performance.md: each benchmark writes between two marks of its own."""

from __future__ import annotations

import textwrap


class NoPlace(ValueError):
    """The page has no marks for the figures."""


def paragraphs(text: str) -> str:
    """Return the text with each of its paragraphs wrapped."""
    return "\n\n".join(
        textwrap.fill(paragraph, 96, break_long_words=False, break_on_hyphens=False)
        for paragraph in text.split("\n\n")
    )


def place(text: str, mark: str, block: str) -> str:
    """Return the page with `block` between `<!-- mark -->` and `<!-- /mark -->`.

    Raises `NoPlace`."""
    beginning, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, begins, rest = text.partition(beginning)
    _, ends, after = rest.partition(end)
    if not begins or not ends:
        raise NoPlace(f"the page must hold {beginning} and {end}: the figures go between them")
    return f"{before}{beginning}\n{block}\n{end}{after}"
