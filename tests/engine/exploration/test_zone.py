"""Zones: the timers that can fire next, and the zone after each of them."""

from __future__ import annotations

from callchart.engine.exploration.zone import (
    NOTHING,
    always_fire_together,
    can_fire_together,
    elapsed,
    fired,
    is_within,
    longest_wait,
    stepped,
)


def begun(*seconds: int) -> tuple[tuple[int, ...], ...]:
    """Return a zone of timers that have just begun at one instant."""
    return elapsed(stepped(NOTHING, [(s, s) for s in seconds]))


def test_the_shorter_of_two_timers_that_began_together_is_due_first() -> None:
    zone = begun(3, 5)
    assert fired(zone, 1) is not None
    assert fired(zone, 2) is None


def test_the_rest_of_the_longer_timer_is_known_when_the_shorter_one_fires() -> None:
    zone = fired(begun(3, 5), 1)
    assert zone is not None
    assert (zone[2][0], zone[0][2]) == (2, -2)


def test_the_first_declared_of_two_timers_due_at_one_instant_fires() -> None:
    zone = begun(3, 3)
    assert fired(zone, 1) is not None
    assert fired(zone, 2) is None
    assert always_fire_together(zone, 1, 2)


def test_a_timer_that_begins_later_can_be_due_before_or_after() -> None:
    zone = elapsed(stepped(begun(5), [1, (3, 3)]))
    assert fired(zone, 1) is not None
    assert fired(zone, 2) is not None
    assert can_fire_together(zone, 1, 2)
    assert not always_fire_together(zone, 1, 2)
    assert longest_wait(zone, 1) == 5


def test_a_timer_that_began_later_and_is_longer_is_never_due_first() -> None:
    zone = elapsed(stepped(begun(3), [1, (5, 5)]))
    assert fired(zone, 2) is None
    assert not can_fire_together(zone, 1, 2)


def test_two_timers_are_never_due_together_when_a_third_always_fires_before_them() -> None:
    assert not can_fire_together(begun(1, 3, 3), 2, 3)


def test_a_timer_that_began_after_two_equal_ones_is_never_due_first() -> None:
    zone = elapsed(stepped(begun(4, 4), [1, 2, (4, 4)]))
    assert fired(zone, 1) is not None
    assert fired(zone, 3) is None


def test_a_zone_with_narrower_bounds_lies_within_a_wider_one() -> None:
    narrow, wide = (elapsed(stepped(NOTHING, [bounds])) for bounds in ((2, 3), (1, 4)))
    assert is_within(narrow, wide)
    assert not is_within(wide, narrow)


def test_a_timer_that_ended_is_not_in_the_next_zone() -> None:
    assert elapsed(stepped(begun(3, 5), [2])) == begun(5)
