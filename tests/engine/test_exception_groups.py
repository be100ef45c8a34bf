"""Errors inside groups, and the causes of errors."""

from __future__ import annotations

from callchart.engine.exception_groups import causes, first_leaf, leaves

ONE, TWO, THREE = ValueError(1), KeyError(2), OSError(3)


def nested() -> ExceptionGroup[Exception]:
    return ExceptionGroup("", [ONE, ExceptionGroup("", [TWO, ExceptionGroup("", [THREE])])])


def test_errors_are_found_at_every_depth_and_in_order() -> None:
    assert list(leaves(nested())) == [ONE, TWO, THREE]
    assert first_leaf(ExceptionGroup("", [ExceptionGroup("", [TWO]), ONE])) is TWO


def test_an_error_outside_a_group_is_its_own_leaf() -> None:
    assert list(leaves(ONE)) == [ONE]
    assert first_leaf(ONE) is ONE


def test_causes_are_followed_through_groups() -> None:
    try:
        try:
            try:
                raise KeyError("context")
            except KeyError:
                raise ExceptionGroup("group", [ValueError("member")])  # noqa: B904 (its context)
        except ExceptionGroup as group:
            raise RuntimeError("outermost") from group
    except RuntimeError as error:
        found = [str(each.args[0]) for each in causes(error)]
    assert found == ["outermost", "group", "member", "context"]


def test_none_has_no_causes() -> None:
    assert list(causes(None)) == []
