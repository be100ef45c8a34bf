"""Values of annotated types, made of what JSON has of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import pytest

from callchart.engine.data import FillerClip
from callchart.engine.from_json import NotOfType, made_of

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Order:
    """Of all that JSON has a word for."""

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
def test_a_value_is_made_of_what_json_has(kind: Any, plain: Any, made: Any) -> None:
    assert made_of(kind, plain, "it") == made


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ({"article": None}, "it.article: null is not a text"),
        ({"pieces": 1.0}, "it.pieces: 1.0 is not a whole number"),
        ({"pieces": True}, "it.pieces: true is not a whole number"),
        ({"pieces": -(10**101)}, f"it.pieces: -1{'0' * 35}... is not a whole number"),
        ({"weight": float("nan")}, "it.weight: NaN is not a number or null"),
        ({"weight": 10**400}, f"it.weight: 1{'0' * 36}... is not a number or null"),
        ({"weight": False}, "it.weight: false is not a number or null"),
        ({"size": "L"}, 'it.size: "L" is not "S" or "M"'),
        ({"gift": 1}, "it.gift: 1 is not true or false"),
        ({"colour": 1}, "it.colour is not known"),
    ],
)
def test_what_is_of_another_type_is_refused(damage: dict[str, Any], complaint: str) -> None:
    with pytest.raises(NotOfType) as refused:
        made_of(Order, {**WHOLE, **damage}, "it")
    assert str(refused.value) == complaint


@pytest.mark.parametrize(
    ("kind", "plain", "complaint"),
    [
        (Order, [], "it: [] is not an object"),
        (Order, {"pieces": 1}, "it.article is missing"),
        (tuple[str, ...], ["a", 1], "it[1]: 1 is not a text"),
        (tuple[str, int], ["a"], 'it: ["a"] is not a list of 2'),
        (tuple[str, ...], "a", 'it: "a" is not a list'),
        (dict, [], "it: [] is not an object"),
    ],
)
def test_a_list_or_an_object_is_whole_or_refused(kind: Any, plain: Any, complaint: str) -> None:
    with pytest.raises(NotOfType) as refused:
        made_of(kind, plain, "it")
    assert str(refused.value) == complaint


@dataclass(frozen=True)
class Counted:
    """One that checks itself, and counts what it has."""

    pieces: int
    dozens: int = field(init=False)

    def __post_init__(self) -> None:
        if self.pieces < 0:
            raise ValueError("fewer than none")
        object.__setattr__(self, "dozens", self.pieces // 12)


def test_a_type_may_check_itself_and_have_fields_that_it_makes_itself() -> None:
    assert made_of(Counted, asdict(Counted(30)), "it") == Counted(30)
    with pytest.raises(NotOfType, match=r"^it: fewer than none$"):
        made_of(Counted, {"pieces": -1, "dozens": 0}, "it")


@dataclass(frozen=True)
class Priced:
    """Its annotation is known to type checkers alone."""

    price: Decimal


def test_a_type_that_cannot_be_found_is_taken_as_it_is() -> None:
    assert vars(made_of(Priced, {"price": "9.90"}, "it")) == {"price": "9.90"}
