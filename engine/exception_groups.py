"""The errors within exception groups: each nursery and each `except*` wraps an error in one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar, overload

E = TypeVar("E", bound=BaseException)


@overload
def leaves(error: BaseExceptionGroup[E]) -> Iterator[E]: ...
@overload
def leaves(error: E) -> Iterator[E]: ...
def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors in a group, in order and from every depth; any other error yields itself."""
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from leaves(member)
    else:
        yield error


@overload
def first_leaf(error: BaseExceptionGroup[E]) -> E: ...
@overload
def first_leaf(error: E) -> E: ...
def first_leaf(error: BaseException) -> BaseException:
    """Return the first error in a group; any other error is its own."""
    return next(leaves(error))


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, then its cause, the cause of that, and so on.

    The context is the cause of an error that was raised without `from`. The members of a group
    come after it, each with its own causes."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions:
                yield from causes(member)
        error = error.__cause__ or error.__context__
