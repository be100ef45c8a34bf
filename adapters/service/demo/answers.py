"""Scripted answers: read from a file, and chosen by the caller's words."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

#: The demo's own answers.
DEMO_ANSWERS = Path(__file__).with_name("answers.toml")

_FAILURES = frozenset(status.value for status in HTTPStatus if status >= 400)


class AnswersError(ValueError):
    """A mistake in a file of answers. The message is one line: the file, the place, the expected
    value and the given one."""


@dataclass(frozen=True, slots=True)
class DemoAnswer:
    """The model server's response to a request.

    `tokens` are words with the space after them: the first comes `first_token_s` after the
    request, the others `per_token_s` apart. With `hang_up`, the model then calls that tool.
    With `hang`, the response never ends. With `fail`, the response is that HTTP error."""

    name: str
    hears: tuple[str, ...]
    tokens: tuple[str, ...]
    first_token_s: float
    per_token_s: float
    hang_up: bool
    hang: bool
    fail: int | None

    @property
    def text(self) -> str:
        """All tokens together."""
        return "".join(self.tokens)


@dataclass(frozen=True, slots=True)
class Answers:
    """Scripted answers with keywords, and the answer to all other words."""

    answers: tuple[DemoAnswer, ...]
    otherwise: DemoAnswer

    def answer_to(self, words: str) -> DemoAnswer:
        """Return the answer with the most keywords in `words`; at a tie, the first.

        Counting keywords, instead of requiring all of them, tolerates a recogniser's errors."""
        heard = _plain(words)
        best, most = self.otherwise, 0
        for answer in self.answers:
            found = sum(_plain(keyword) in heard for keyword in answer.hears)
            if found > most:
                best, most = answer, found
        return best

    @classmethod
    def read(cls, path: Path) -> Answers:
        """Read the answers of a TOML file. Raises `AnswersError`."""
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise AnswersError(f"{path} must be a readable file: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise AnswersError(
                f"{path} must be UTF-8 text, got other bytes at byte {error.start}"
            ) from error
        except tomllib.TOMLDecodeError as error:
            raise AnswersError(f"{path} must be TOML: {error}") from error
        try:
            return cls._of(table)
        except AnswersError as error:
            raise AnswersError(f"{path}: {error}") from None

    @classmethod
    def _of(cls, table: Mapping[str, Any]) -> Answers:
        _check_keys(table, {"pace", "answer", "otherwise"}, "the file")
        given = _table(table, "pace")
        _check_keys(given, {"first_token", "per_token"}, "[pace]")
        pace = {key: _seconds(given, key, "[pace]", {}) for key in ("first_token", "per_token")}
        otherwise = _table(table, "otherwise")
        if "hears" in otherwise:
            raise AnswersError(
                f"[otherwise]: hears must be absent, got {otherwise['hears']!r}; remove it: this "
                "answer is for all other words"
            )
        rules = table.get("answer", [])
        if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
            raise AnswersError(
                f"answer must be a list of tables, got {rules!r}; begin each with [[answer]]"
            )
        answers = []
        for number, rule in enumerate(rules, 1):
            where = f"[[answer]] number {number}"
            if not _list_of_words(rule.get("hears")):
                raise AnswersError(
                    f'{where}: hears must be a list of keywords such as ["open", "hours"], '
                    f"got {_shown(rule, 'hears')}"
                )
            answers.append(_answer(rule, where, pace))
        return cls(tuple(answers), _answer(otherwise, "[otherwise]", pace))


def _answer(rule: Mapping[str, Any], where: str, pace: Mapping[str, Any]) -> DemoAnswer:
    _check_keys(
        rule,
        {"name", "hears", "says", "first_token", "per_token", "hang_up", "hang", "fail"},
        where,
    )
    for key in ("name", "says"):
        if not isinstance(rule.get(key, ""), str):
            raise AnswersError(f"{where}: {key} must be a string, got {rule[key]!r}")
    for key in ("hang_up", "hang"):
        if not isinstance(rule.get(key, False), bool):
            raise AnswersError(f"{where}: {key} must be true or false, got {rule[key]!r}")
    says, fail = rule.get("says", ""), rule.get("fail")
    hang_up, hang = rule.get("hang_up", False), rule.get("hang", False)
    if fail is None:
        if not says.strip() and not hang:
            raise AnswersError(
                f"{where}: says must be a text, got {_shown(rule, 'says')}; write | between its "
                "pieces"
            )
    elif not isinstance(fail, int) or fail not in _FAILURES:
        raise AnswersError(f"{where}: fail must be an HTTP error status such as 503, got {fail!r}")
    elif says or hang_up or hang:
        raise AnswersError(
            f"{where}: fail must be absent with says, hang_up or hang, got {fail}; remove it"
        )
    return DemoAnswer(
        name=rule.get("name", where),
        hears=tuple(rule.get("hears", ())),
        tokens=tuple(re.findall(r"\S+\s*", says.strip())),
        first_token_s=_seconds(rule, "first_token", where, pace),
        per_token_s=_seconds(rule, "per_token", where, pace),
        hang_up=hang_up,
        hang=hang,
        fail=fail,
    )


def _seconds(table: Mapping[str, Any], key: str, where: str, otherwise: Mapping[str, Any]) -> float:
    value = table.get(key, otherwise.get(key, 0.0))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AnswersError(f"{where}: {key} must be a number of seconds, got {value!r}")
    if not math.isfinite(value) or value < 0:
        raise AnswersError(f"{where}: {key} must be at least 0 s, got {value!r}")
    return float(value)


def _plain(words: str) -> str:
    """Return lower-case words with single spaces around each, so that `in` finds whole words.

    "ё" becomes "е", as most people and some recognisers write it."""
    return " ".join(["", *re.findall(r"[\w']+", words.lower().replace("ё", "е")), ""])


def _shown(table: Mapping[str, Any], key: str) -> str:
    return repr(table[key]) if key in table else "nothing"


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    if not isinstance(value, dict):
        raise AnswersError(f"[{key}] must be a table, got {_shown(table, key)}; add it to the file")
    return value


def _check_keys(table: Mapping[str, Any], keys: set[str], where: str) -> None:
    if unknown := sorted(table.keys() - keys):
        raise AnswersError(
            f"{where}: {unknown[0]} is not a known key; known keys: {', '.join(sorted(keys))}"
        )


def _list_of_words(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(word, str) and word.strip() for word in value)
    )
