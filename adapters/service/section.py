"""Reads a configuration's tables key by key, and gathers every mistake in them, a line each.

Theory of operation. A key is asked for by the kind of its value. What is wrong is noted, and a
stand-in is returned, so that all mistakes of a file are found in one reading; whoever reads a file
asks for the mistakes at the end, and uses nothing of it where there are any. When a section is left
(it is a context manager), a key that nobody asked for is a mistake too."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from callchart.adapters.service.secret import Secret

T = TypeVar("T")

#: What a value is called when it is of the wrong kind.
_KINDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


@dataclass
class Reading:
    """One reading of one file: where it is, its environment, and what was wrong so far."""

    path: Path
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    mistakes: list[str] = field(default_factory=list)
    #: Whether a secret stands in the file itself.
    has_secrets: bool = False

    def mistake(self, key: str, what: str) -> None:
        """Note one: `what` says what is wrong, and what would be right."""
        self.mistakes.append(f"{self.path}: {key}: {what}")


class Section:
    """One table of the file; `name` is "" for the file itself. A default of None: required."""

    def __init__(self, reading: Reading, name: str, table: Mapping[str, Any]) -> None:
        self._reading, self._name, self._table = reading, name, table
        self._asked: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            for key in self._table:
                if key not in self._asked:
                    self.mistake(key, f"there is no such key; {_instead(key, self._asked)}")

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that are there."""
        return tuple(self._table)

    def mistake(self, key: str, what: str) -> None:
        """Note a mistake of this section; see `Reading.mistake`."""
        self._reading.mistake(self._full(key), what)

    # --- values ---------------------------------------------------------------------------------

    def text(
        self, key: str, default: str | None = None, *, form: str = ".+", right: str = "a text"
    ) -> str:
        """A text of the regular expression `form`, which `right` says in words."""
        value = self._given(key, right, str, required=default is None)
        if value is None:
            return default or ""
        if not _has_form(value, form):
            self.mistake(key, f"{_shown(value)} will not do; write {right}")
            return default or ""
        return str(value)

    def texts(
        self, key: str, default: tuple[str, ...] = (), *, form: str = ".+", right: str = "texts"
    ) -> tuple[str, ...]:
        """A list of texts, each of the regular expression `form`."""
        values = self._given(key, f"a list of {right}", list, required=False)
        if values is None:
            return default
        for value in values:
            if not (isinstance(value, str) and _has_form(value, form)):
                self.mistake(key, f"{_shown(value)} in it will not do; write a list of {right}")
        return tuple(values)

    def choice(self, key: str, choices: Collection[T], default: T) -> T:
        """One of several values, all of one type."""
        value = self._given(key, _listed(choices), type(default), required=False)
        if value is None or value in choices:
            return default if value is None else value
        near = get_close_matches(str(value), map(str, choices), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        self.mistake(key, f"{_shown(value)} is none of {_listed(choices)}{hint}")
        return default

    def whole(self, key: str, default: int, *, least: int, most: int) -> int:
        """A whole number between two others, both allowed."""
        right = f"a whole number from {least} to {most}"
        value = self._given(key, right, int, required=False)
        if value is not None and not least <= value <= most:
            self.mistake(key, f"{value} is out of range; write {right}")
        return default if value is None else int(value)

    def seconds(self, key: str, default: float, *, least: float = 0.0, most: float) -> float:
        """A duration, whole or not."""
        return self._measure(key, default, f"seconds, from {least:g} to {most:g}", least, most)

    def number(self, key: str, default: float, *, least: float, most: float) -> float:
        """A number, whole or not, between two others, both allowed."""
        return self._measure(key, default, f"a number from {least:g} to {most:g}", least, most)

    def flag(self, key: str, default: bool) -> bool:
        value = self._given(key, "true or false", bool, required=False)
        return default if value is None else bool(value)

    def url(self, key: str, default: str) -> str:
        """A URL of HTTP, without a slash at its end."""
        text = self.text(key, default)
        try:
            url = urlsplit(text)
            whole = url.scheme in ("http", "https") and _is_host(url.hostname) and url.port != 0
        except ValueError:
            whole = False
        if not whole or re.search(r"[\s?#@]", text):
            # Not the text: somebody may have written a password into it.
            self.mistake(key, f"that is no plain URL; write one such as {default}")
            return default
        return text.rstrip("/")

    def host(self, key: str, default: str) -> str:
        """A name or an address of a machine."""
        text = self.text(key, default)
        if not _is_host(text):
            self.mistake(key, f"{_shown(text)} is no host; write one such as {default}")
            return default
        return text

    def path(self, key: str) -> Path:
        """A path, which must be there; one that is relative counts from the file's folder."""
        return self._path(self._given(key, "a path", str, required=True) or ".")

    def optional_path(self, key: str) -> Path | None:
        """The same, where it is there."""
        value = self._given(key, "a path", str, required=False)
        return None if value is None else self._path(value)

    def secret(self, key: str, *, required: bool = True) -> Secret:
        """A text as it is, `{ env = "NAME" }` of the environment, or `{ file = "PATH" }`."""
        right = 'a text, { env = "NAME" } or { file = "PATH" }'
        match self._given(key, right, str, dict, required=required):
            case None:
                return Secret("")
            case str(text) if text:
                self._reading.has_secrets = True
                return Secret(text)
            case {"env": str(name), **rest} if not rest:
                return Secret(self._of_environment(key, name))
            case {"file": str(path), **rest} if not rest:
                return Secret(self._of_file(key, self._path(path)))
        # Not the value: it may be a secret that was only written in the wrong way.
        self.mistake(key, f"that is no secret; write {right}")
        return Secret("")

    def api_key(self, key: str) -> Secret:
        """A secret that a request can carry in its head."""
        secret = self.secret(key)
        text = secret.reveal()
        if not text.isascii() or not text.isprintable() or " " in text:
            self.mistake(key, "it has spaces or unprintable signs; set it as the provider shows it")
        return secret

    def scalar(self, key: str) -> int | float | str | None:
        """A value that somebody else checks; None where it is not there."""
        value: int | float | str | None
        value = self._given(key, "a number or a text", str, int, float, required=False)
        return value

    def section(self, key: str) -> Section:
        """A table in this one; an empty one where it is not there."""
        name = self._full(key)
        table = self._given(key, f"a table, [{name}]", dict, required=False)
        return Section(self._reading, name, table or {})

    # --------------------------------------------------------------------------------------------

    def _measure(self, key: str, default: float, right: str, least: float, most: float) -> float:
        value = self._given(key, right, int, float, required=False)
        if value is None:
            return default
        if not least <= value <= most:
            self.mistake(key, f"{value:g} is out of range; write {right}")
            return default
        return float(value)

    def _full(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def _path(self, path: str) -> Path:
        return self._reading.path.parent / path

    def _given(self, key: str, right: str, *kinds: type, required: bool) -> Any:
        """What stands at the key, if it is of one of these kinds; else None, which TOML lacks."""
        self._asked.append(key)
        if key not in self._table:
            if required:
                self.mistake(key, f"it is missing; write {right}")
            return None
        value = self._table[key]
        if type(value) in kinds:  # not isinstance: true is no number
            return value
        found = _KINDS.get(type(value), "a date or a time")
        self.mistake(key, f"that is {found}; write {right}")
        return None

    def _of_environment(self, key: str, name: str) -> str:
        if not (value := self._reading.environment.get(name, "")):
            self.mistake(key, f"the environment has no {name}; set it before the start")
        return value

    def _of_file(self, key: str, path: Path) -> str:
        try:
            text = path.read_text(encoding="utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            self.mistake(key, f"{path} is not text; write the secret into it, on one line")
        except OSError as error:
            self.mistake(key, f"{path}: {error.strerror}; write the secret into that file")
        else:
            if text and "\n" not in text:
                return text
            self.mistake(key, f"{path} must hold the secret and nothing else, on one line")
        return ""


def _is_host(name: str | None) -> bool:
    """Whether a name server could be asked for it: resolvers raise what is no OSError otherwise."""
    try:
        return name is not None and bool(name.encode("idna"))
    except UnicodeError:
        return False


def _has_form(value: str, form: str) -> bool:
    return re.fullmatch(form, value, re.DOTALL) is not None


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _listed(values: Collection[object]) -> str:
    *others, last = map(_shown, values)
    return f"{', '.join(others)} or {last}" if others else last


def _instead(key: str, known: Sequence[str]) -> str:
    if near := get_close_matches(key, known, 1):
        return f"did you mean {near[0]}?"
    if not known:
        return "nothing can be set here"
    return f"there are {', '.join(known)}" if len(known) <= 12 else "check its spelling"
