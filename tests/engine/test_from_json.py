"""Values of annotated types, made from parsed JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import pytest

from callchart.engine.data import FillerClip
from callchart.engine.from_json import made_of

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Order:
    """A dataclass with every type that JSON has."""

    words: ClassVar[tuple[str, ...]] = ()
    article: str
    pieces: int = 1
    weight: float | None = None
    size: Literal["S", "M"] = "S"
    gift: bool = False


WHOLE = {"article": "hat", "pieces": 2, "weight": 1, "size": "M", "gift": True}


@pytest.mark.parametrize(
    ("kind", "plain", "made"),
    [
        (Order, WHOLE, Order("hat", 2, 1, "M", True)),
        (
            tuple[FillerClip, ...],
            [{"text": "So,", "duration": 0.5, "word_ends": [0.2, 1]}],
            (FillerClip("So,", 0.5, (0.2, 1)),),
        ),
        (tuple[str, int], ["a", 1], ("a", 1)),
        (tuple[str, ...], [], ()),
        (tuple[int, float], [1_800_000_000_000_000_000, 1.8e9], (1_800_000_000_000_000_000, 1.8e9)),
        (str, "half a pair \ud83d", "half a pair \ud83d"),
        (Any, {"as": "it is"}, {"as": "it is"}),
    ],
)
def test_a_value_of_the_type_is_made(kind: Any, plain: Any, made: Any) -> None:
    mistakes: list[str] = []
    assert made_of(kind, plain, "it", mistakes) == made
    assert mistakes == []


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ({"article": None}, "it.article must be a string, got null"),
        ({"pieces": 1.0}, "it.pieces must be an integer, got 1.0"),
        ({"pieces": True}, "it.pieces must be an integer, got true"),
        ({"pieces": -(10**101)}, f"it.pieces must be an integer, got -1{'0' * 35}..."),
        ({"weight": float("nan")}, "it.weight must be a number or null, got NaN"),
        ({"weight": 10**400}, f"it.weight must be a number or null, got 1{'0' * 36}..."),
        ({"weight": False}, "it.weight must be a number or null, got false"),
        ({"size": "L"}, 'it.size must be "S" or "M", got "L"'),
        ({"gift": 1}, "it.gift must be true or false, got 1"),
        ({"colour": 1}, "it.colour is unknown"),
    ],
)
def test_a_value_of_another_type_is_refused(damage: dict[str, Any], complaint: str) -> None:
    mistakes: list[str] = []
    made_of(Order, {**WHOLE, **damage}, "it", mistakes)
    assert mistakes == [complaint]


def test_every_mistake_is_reported() -> None:
    mistakes: list[str] = []
    made_of(tuple[Order, ...], [{"pieces": "two"}, {**WHOLE, "size": 5, "gift": 0}], "it", mistakes)
    assert mistakes == [
        "it[0].article is missing",
        'it[0].pieces must be an integer, got "two"',
        "it[0].weight is missing",
        "it[0].size is missing",
        "it[0].gift is missing",
        'it[1].size must be "S" or "M", got 5',
        "it[1].gift must be true or false, got 0",
    ]


@pytest.mark.parametrize(
    ("kind", "plain", "complaint"),
    [
        (Order, [], "it must be an object, got []"),
        (Order, {k: v for k, v in WHOLE.items() if k != "article"}, "it.article is missing"),
        (tuple[str, ...], ["a", 1], "it[1] must be a string, got 1"),
        (tuple[str, int], ["a"], 'it must be a list of 2, got ["a"]'),
        (tuple[str, ...], "a", 'it must be a list, got "a"'),
        (dict, [], "it must be an object, got []"),
    ],
)
def test_a_list_or_an_object_is_whole_or_refused(kind: Any, plain: Any, complaint: str) -> None:
    mistakes: list[str] = []
    made_of(kind, plain, "it", mistakes)
    assert mistakes == [complaint]


@dataclass(frozen=True)
class Counted:
    """A dataclass with a check, and with a field that it computes."""

    pieces: int
    dozens: int = field(init=False)

    def __post_init__(self) -> None:
        if self.pieces < 0:
            raise ValueError("pieces must not be negative")
        object.__setattr__(self, "dozens", self.pieces // 12)


def test_a_type_may_check_itself_and_compute_fields() -> None:
    mistakes: list[str] = []
    assert made_of(Counted, asdict(Counted(30)), "it", mistakes) == Counted(30)
    assert mistakes == []

    made_of(Counted, {"pieces": -1, "dozens": 0}, "it", mistakes)
    assert mistakes == ["it: pieces must not be negative"]


@dataclass(frozen=True)
class Priced:
    """A dataclass with an annotation that only type checkers can resolve."""

    price: Decimal


def test_a_type_that_cannot_be_resolved_accepts_every_value() -> None:
    mistakes: list[str] = []
    assert vars(made_of(Priced, {"price": "9.90"}, "it", mistakes)) == {"price": "9.90"}
    assert mistakes == []
