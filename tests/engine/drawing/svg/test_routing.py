"""Routes of arrows around rectangles, with and without room."""

from __future__ import annotations

from callchart.engine.drawing.svg.routing import EdgeRequest, Router
from callchart.engine.drawing.svg.shapes import Rect

LEFT, RIGHT = Rect(40, 100, 60, 60), Rect(340, 100, 60, 60)
KEY = ("left", "right")
LABEL = ((40.0, 14.0),)


def request(
    source: Rect, target: Rect, *, leaving: bool = False, entering: bool = False
) -> EdgeRequest:
    return EdgeRequest(KEY, source, target, LABEL, frozenset(), leaving, entering)


def test_an_arrow_between_two_blocks_is_straight_with_its_label_next_to_it() -> None:
    route = Router(440, 260, [LEFT, RIGHT], []).route([request(LEFT, RIGHT)])[KEY]

    assert {y for _, y in route.points} == {route.points[0][1]}
    assert (route.points[0][0], route.points[-1][0]) == (10, 34)
    assert route.label is not None
    assert not LEFT.overlaps(route.label)


def test_an_arrow_goes_round_a_block_in_its_way() -> None:
    wall = Rect(200, 60, 40, 140)

    route = Router(440, 260, [LEFT, RIGHT, wall], []).route([request(LEFT, RIGHT)])[KEY]

    assert not any(wall.overlaps(Rect(10 * x, 10 * y, 0, 0)) for x, y in route.points)


def test_an_arrow_that_is_blocked_has_no_route() -> None:
    wall = Rect(200, -20, 40, 300)
    asked = request(LEFT, RIGHT)
    router = Router(440, 260, [LEFT, RIGHT, wall], [])

    assert router.route([asked]) == {}
    assert not router.is_complete(asked)


def test_an_arrow_without_room_for_its_label_is_drawn_and_incomplete() -> None:
    near = Rect(120, 100, 60, 60)
    wide = EdgeRequest(KEY, LEFT, near, ((900.0, 14.0),), frozenset())
    router = Router(440, 260, [LEFT, near], [])

    assert router.route([wide])[KEY].label is None
    assert not router.is_complete(wide)


def test_an_arrow_from_a_frame_to_its_inside_stays_inside() -> None:
    frame, inner = Rect(20, 20, 400, 220), Rect(200, 100, 60, 60)

    route = Router(440, 260, [inner], [frame]).route([request(frame, inner, leaving=True)])[KEY]

    assert all(frame.holds(Rect(10 * x, 10 * y, 0, 0)) for x, y in route.points)


def test_an_arrow_from_the_inside_ends_at_the_frame() -> None:
    frame, inner = Rect(20, 20, 400, 220), Rect(200, 100, 60, 60)

    route = Router(440, 260, [inner], [frame]).route([request(inner, frame, entering=True)])[KEY]

    x, y = route.points[-1]
    assert 10 * x in (frame.x, frame.right) or 10 * y in (frame.y, frame.bottom)


def test_two_arrows_between_the_same_blocks_run_side_by_side() -> None:
    there = EdgeRequest(("a", "b"), LEFT, RIGHT, LABEL, frozenset())
    back = EdgeRequest(("b", "a"), RIGHT, LEFT, LABEL, frozenset())

    routes = Router(440, 260, [LEFT, RIGHT], []).route([there, back])

    assert not set(routes["a", "b"].points) & set(routes["b", "a"].points)
