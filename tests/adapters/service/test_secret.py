"""Only `reveal` shows a secret."""

from __future__ import annotations

from dataclasses import dataclass

from callchart.adapters.service.sections.fields import Secret


@dataclass
class Account:
    key: Secret


def test_str_and_repr_hide_a_secret() -> None:
    account = Account(Secret("tops3cret"))
    for text in (f"{account.key}", f"{account!r}", f"{account.key!r:>40}", str([account.key])):
        assert "tops3cret" not in text
    assert account.key.reveal() == "tops3cret"


def test_secrets_are_equal_when_their_texts_are() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert not Secret("")
