"""The numbers of a grid's points: rectangles, borders and ports in them."""

from __future__ import annotations

from callchart.engine.drawing.svg.grid import DOWN, LEFT, LEVEL, RIGHT, UP, UPRIGHT, Grid
from callchart.engine.drawing.svg.shapes import Rect

GRID = Grid(100, 80)
BLOCK = Rect(20, 10, 50, 30)


def test_every_point_has_a_number_of_its_own() -> None:
    places = [(x, y) for y in range(9) for x in range(11)]

    assert [GRID.number(x, y) for x, y in places] == list(range(len(GRID.marks())))
    assert [GRID.place(GRID.number(x, y)) for x, y in places] == places


def test_the_points_in_a_rectangle_are_those_inside_and_on_its_border() -> None:
    places = {GRID.place(point) for point in GRID.points_in(Rect(20, 11, 15, 19))}

    assert places == {(2, 2), (3, 2), (2, 3), (3, 3)}


def test_a_rectangle_larger_than_the_picture_has_the_points_of_the_picture() -> None:
    assert set(GRID.points_in(Rect(-50, -50, 300, 300))) == set(range(99))
    assert not set(GRID.points_in(Rect(130, 0, 40, 40)))


def test_a_border_runs_both_ways_at_its_corners() -> None:
    runs: dict[tuple[int, int], int] = {}
    for point, run in GRID.border(BLOCK):
        runs[GRID.place(point)] = runs.get(GRID.place(point), 0) | run

    assert {place for place, run in runs.items() if run == LEVEL | UPRIGHT} == {
        (2, 1),
        (7, 1),
        (2, 4),
        (7, 4),
    }
    assert runs[4, 1] == LEVEL
    assert runs[2, 3] == UPRIGHT
    assert (4, 2) not in runs


def test_ports_lead_inwards_from_each_side_and_are_not_at_the_corners() -> None:
    ports = {GRID.place(point): heading for point, heading in GRID.ports(BLOCK, inwards=True)}

    assert set(ports.values()) == {RIGHT, DOWN, LEFT, UP}
    assert ports[2, 2] == RIGHT
    assert ports[7, 3] == LEFT
    assert ports[4, 1] == DOWN
    assert ports[5, 4] == UP
    assert not ports.keys() & {(2, 1), (7, 1), (2, 4), (7, 4)}


def test_ports_outwards_lead_the_other_way() -> None:
    inwards, outwards = (dict(GRID.ports(BLOCK, inwards=way)) for way in (True, False))

    assert inwards.keys() == outwards.keys()
    assert all(abs(inwards[port] - outwards[port]) == 2 for port in inwards)
