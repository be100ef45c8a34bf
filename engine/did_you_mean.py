"""The end of a message about a misspelt name: the known name that it resembles."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def did_you_mean(got: object, known: Iterable[str], shown: Callable[[str], str] = str) -> str:
    """Return "; did you mean NAME?", or "" if no known name is near. `shown` writes the name."""
    # Imported here: only a message about a mistake needs it.
    from difflib import get_close_matches

    near = get_close_matches(got, list(known), 1) if isinstance(got, str) else ()
    return f"; did you mean {shown(near[0])}?" if near else ""
