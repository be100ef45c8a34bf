"""The prompts, one file for each language. They ask the model for "|" between speakable parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

Language = Literal["en", "ru"]


def _of_file(language: Language) -> str:
    return Path(__file__).with_name(f"prompt_{language}.txt").read_text(encoding="utf-8").strip()


#: The prompts that come with the project.
PROMPTS: Final[Mapping[Language, str]] = {"en": _of_file("en"), "ru": _of_file("ru")}

#: The mark at the end of a text that the caller interrupted. The prompt explains it to the model.
INTERRUPTED: Final[Mapping[Language, str]] = {"en": "…[interrupted]", "ru": "…[прервано]"}
