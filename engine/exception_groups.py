"""The errors within exception groups: nurseries and `except*` wrap errors in groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar, overload

E = TypeVar("E", bound=BaseException)


@overload
def leaves(error: BaseExceptionGroup[E]) -> Iterator[E]: ...
@overload
def leaves(error: E) -> Iterator[E]: ...
def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors in a group and its nested groups, in order; yield any other error itself."""
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
    """Return the first error in a group; return any other error itself."""
    return next(leaves(error))


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, then its cause, then the cause of the cause, and so on.

    For an error that was raised without `from`, the context counts as its cause. The members of a
    group come after the group, each with its own causes."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions:
                yield from causes(member)
        error = error.__cause__ or error.__context__
