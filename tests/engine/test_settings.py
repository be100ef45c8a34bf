"""The settings of a call: which values are refused, and with which message."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import pytest

from callchart.engine.settings import (
    SettingError,
    SettingRef,
    SettingRefs,
    Settings,
    setting,
    settings,
)


@dataclass(frozen=True)
class ShopSettings(Settings):
    """Settings of a bot."""

    patience: float = setting(3.0, "s", "a test's", least=0.5)
    voice: str = setting("jane", "", "a test's")
    tries: int = 3


def test_every_setting_says_its_unit_and_where_its_default_comes_from() -> None:
    for field in fields(Settings):
        assert field.metadata["unit"], field.name
        assert field.metadata["why"], field.name


def test_what_is_not_given_keeps_its_default() -> None:
    assert Settings.of({"no_input": 2.0}) == Settings(no_input=2.0)
    assert Settings.of({}) == Settings()


def test_a_name_there_is_not_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(
        SettingError, match=r"^there is no setting 'no_imput'; did you mean no_input\?$"
    ):
        Settings.of({"no_imput": 2.0})


def test_a_name_that_is_like_no_other_is_refused_without_a_guess() -> None:
    with pytest.raises(SettingError, match=r"^there is no setting 'xyzzy'$"):
        Settings.of({"xyzzy": 1})


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("no_input", -0.1, "-0.1 is below the least, 0 s"),
        ("no_input", math.nan, "nan is no number up to 1e+09 s"),
        ("no_input", math.inf, "inf is no number up to 1e+09 s"),
        ("no_input", -math.inf, "-inf is below the least, 0 s"),
        ("no_input", 10**400, f"{10**400} is no number up to 1e+09 s"),
        ("no_input", True, "True is not a number"),
        ("no_input", "6", "'6' is not a number"),
        ("no_input", None, "None is not a number"),
        ("reprompts", -1, "-1 is below the least, 0 times"),
        ("reprompts", 2.0, "2.0 is not a whole number"),
        ("reprompts", True, "True is not a whole number"),
        ("reprompts", "2", "'2' is not a whole number"),
        ("chunk_characters", 19, "19 is below the least, 20 characters"),
        ("chunk_wait", 0, "0 is below the least, 0.05 s"),
        ("parallel_synthesis", 0, "0 is below the least, 1 chunks"),
        ("backlog", 0.039, "0.039 is below the least, 0.04 s"),
        ("longest_call", 0.5, "0.5 is below the least, 1 s"),
        ("mailbox", 7, "7 is below the least, 8 events"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(name: str, value: Any, complaint: str) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.of({name: value})
    assert str(refused.value) == f"setting {name}: {complaint}"


def test_the_least_value_is_allowed() -> None:
    for field in fields(Settings):
        whole = isinstance(field.default, int)
        least = field.metadata["least"]
        assert getattr(
            Settings.of({field.name: int(least) if whole else least}), field.name
        ) == pytest.approx(least)


def test_a_duration_may_be_given_as_a_whole_number() -> None:
    assert Settings.of({"no_input": 2}).no_input == 2


# --- settings of one's own -----------------------------------------------------------------------


def test_a_subclass_adds_its_own_settings_to_those_there_are() -> None:
    own = ShopSettings.of({"patience": 1.5, "voice": "ermil", "no_input": 2.0})

    assert (own.patience, own.voice, own.no_input, own.tries) == (1.5, "ermil", 2.0, 3)


def test_a_subclasses_settings_are_unknown_to_the_base() -> None:
    with pytest.raises(SettingError, match="there is no setting 'patience'"):
        Settings.of({"patience": 1.5})


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("patience", 0.4, "0.4 is below the least, 0.5 s"),
        # A plain field is a setting, too: it has no unit, and must not be negative.
        ("tries", -1, "-1 is below the least, 0"),
        ("tries", 1.5, "1.5 is not a whole number"),
        ("no_input", -1, "-1 is below the least, 0 s"),
    ],
)
def test_a_subclasses_settings_are_checked_like_all(name: str, value: Any, complaint: str) -> None:
    with pytest.raises(SettingError) as refused:
        ShopSettings.of({name: value})
    assert str(refused.value) == f"setting {name}: {complaint}"


# --- settings by name ----------------------------------------------------------------------------


def test_a_chart_refers_to_a_setting_by_name() -> None:
    assert settings.no_input == SettingRef("no_input")
    assert SettingRefs(ShopSettings).patience == SettingRef("patience")


def test_a_reference_to_a_setting_there_is_not_fails_at_once() -> None:
    with pytest.raises(AttributeError, match=r"^Settings has no setting 'patience'$"):
        _ = settings.patience
    with pytest.raises(AttributeError, match=r"^ShopSettings has no setting 'hurry'$"):
        _ = SettingRefs(ShopSettings).hurry
