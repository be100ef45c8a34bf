"""The settings of a call: which values are refused, and with which message."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import pytest

from callchart.engine.settings import SettingError, SettingRef, SettingRefs, setting
from callchart.states.settings import PhoneSettings, settings


@dataclass(frozen=True)
class ShopSettings(PhoneSettings):
    """Settings of a bot."""

    patience: float = setting(3.0, "s", "a test's", least=0.5)
    voice: str = setting("jane", "", "a test's")
    tries: int = 3


def test_every_setting_says_its_unit_and_where_its_default_comes_from() -> None:
    for field in fields(PhoneSettings):
        assert field.metadata["unit"], field.name
        assert field.metadata["why"], field.name


def test_a_setting_that_is_not_given_keeps_its_default() -> None:
    assert PhoneSettings.of({"no_input": 2.0}) == PhoneSettings(no_input=2.0)
    assert PhoneSettings.of({}) == PhoneSettings()


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(
        SettingError, match=r"^unknown setting 'no_imput'; did you mean no_input\?$"
    ):
        PhoneSettings.of({"no_imput": 2.0})


def test_an_unknown_name_with_no_near_one_is_refused_without_a_suggestion() -> None:
    with pytest.raises(SettingError, match=r"^unknown setting 'xyzzy'$"):
        PhoneSettings.of({"xyzzy": 1})


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("no_input", -0.1, "at least 0 s, got -0.1"),
        ("no_input", math.nan, "at most 1e+09 s, got nan"),
        ("no_input", math.inf, "at most 1e+09 s, got inf"),
        ("no_input", -math.inf, "at least 0 s, got -inf"),
        ("no_input", 10**400, f"at most 1e+09 s, got {10**400}"),
        ("no_input", True, "a number, got True"),
        ("no_input", "6", "a number, got '6'"),
        ("no_input", None, "a number, got None"),
        ("reprompts", -1, "at least 0 times, got -1"),
        ("reprompts", 2.0, "a whole number, got 2.0"),
        ("reprompts", True, "a whole number, got True"),
        ("reprompts", "2", "a whole number, got '2'"),
        ("chunk_characters", 19, "at least 20 characters, got 19"),
        ("chunk_wait", 0, "at least 0.05 s, got 0"),
        ("parallel_synthesis", 0, "at least 1 chunks, got 0"),
        ("backlog", 0.039, "at least 0.04 s, got 0.039"),
        ("longest_call", 0.5, "at least 1 s, got 0.5"),
        ("mailbox", 7, "at least 8 events, got 7"),
    ],
)
def test_an_invalid_value_is_refused(name: str, value: Any, complaint: str) -> None:
    with pytest.raises(SettingError) as refused:
        PhoneSettings.of({name: value})
    assert str(refused.value) == f"setting {name} must be {complaint}"


def test_the_least_value_is_allowed() -> None:
    for field in fields(PhoneSettings):
        whole = isinstance(field.default, int)
        least = field.metadata["least"]
        assert getattr(
            PhoneSettings.of({field.name: int(least) if whole else least}), field.name
        ) == pytest.approx(least)


def test_a_duration_may_be_given_as_a_whole_number() -> None:
    assert PhoneSettings.of({"no_input": 2}).no_input == 2


# --- settings of a subclass ----------------------------------------------------------------------


def test_a_subclass_adds_its_own_settings() -> None:
    own = ShopSettings.of({"patience": 1.5, "voice": "ermil", "no_input": 2.0})

    assert (own.patience, own.voice, own.no_input, own.tries) == (1.5, "ermil", 2.0, 3)


def test_a_subclasses_settings_are_unknown_to_the_base() -> None:
    with pytest.raises(SettingError, match="unknown setting 'patience'"):
        PhoneSettings.of({"patience": 1.5})


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("patience", 0.4, "at least 0.5 s, got 0.4"),
        # A plain field is also a setting: it has no unit, and must not be negative.
        ("tries", -1, "at least 0, got -1"),
        ("tries", 1.5, "a whole number, got 1.5"),
        ("no_input", -1, "at least 0 s, got -1"),
    ],
)
def test_a_subclasses_settings_are_checked_like_all(name: str, value: Any, complaint: str) -> None:
    with pytest.raises(SettingError) as refused:
        ShopSettings.of({name: value})
    assert str(refused.value) == f"setting {name} must be {complaint}"


# --- settings by name ----------------------------------------------------------------------------


def test_a_chart_refers_to_a_setting_by_name() -> None:
    assert settings.no_input == SettingRef("no_input")
    assert SettingRefs(ShopSettings).patience == SettingRef("patience")


def test_a_reference_to_an_unknown_setting_fails_immediately() -> None:
    with pytest.raises(AttributeError, match=r"^PhoneSettings has no setting 'patience'$"):
        _ = settings.patience
    with pytest.raises(AttributeError, match=r"^ShopSettings has no setting 'hurry'$"):
        _ = SettingRefs(ShopSettings).hurry
    misspelt = r"^PhoneSettings has no setting 'no_imput'; did you mean 'no_input'\?$"
    with pytest.raises(AttributeError, match=misspelt):
        _ = settings.no_imput
