"""mypy --strict accepts an author's correct functions of a chart, and reports wrong ones."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

AUTHOR = """
from dataclasses import dataclass, replace

from callchart import PHONE_CALL, PhoneData, DigitReceived, StartReply, stay, to


@dataclass(frozen=True)
class MessageData(PhoneData):
    message: str = ""


def has_message(data: MessageData) -> bool:
    return bool(data.message)


def is_star(event: DigitReceived) -> bool:
    return event.digit == "*"


def note_key(data: MessageData, event: DigitReceived, at_us: int) -> MessageData:
    return replace(data, message=f"{event.digit} at {at_us}")


def start(data: MessageData) -> StartReply:
    return StartReply(data.reply)


def patience(data: MessageData, at_us: int) -> float:
    return 5.0 if data.message else at_us / 1_000_000


CHART = PHONE_CALL.extended(
    "messages",
    data=MessageData,
    on={
        "call": {
            DigitReceived: [
                to("listening", when=has_message, update=(note_key, note_key), effects=start),
                stay(when=is_star, update=note_key),
            ]
        }
    },
    after={"listening": {"no_input": (patience, to("listening"))}},
)
"""

WRONG = """

def of_now(data: MessageData, now: int) -> bool:
    return now > 0


def backwards(event: DigitReceived, data: MessageData) -> bool:
    return bool(data and event)


stay(when=of_now)  # another parameter
stay(when=backwards)  # another order
stay(when=note_key)  # returns no bool
stay(update=has_message)  # returns no data
stay(effects=has_message)  # returns no effect
"""


def check(path: Path, text: str) -> str:
    """Write an author's module, run mypy on it, and return what mypy prints."""
    path.write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=/dev/null"]
    return subprocess.run([*command, str(path)], capture_output=True, text=True).stdout


def test_correct_functions_of_an_author_pass_the_type_checker(tmp_path: Path) -> None:
    assert check(tmp_path / "messages.py", AUTHOR) == "Success: no issues found in 1 source file\n"


def test_the_type_checker_finds_each_wrong_function(tmp_path: Path) -> None:
    text = AUTHOR + WRONG
    found = [int(line) for line in re.findall(r":(\d+): error:", check(tmp_path / "w.py", text))]
    wrong = [n for n, line in enumerate(text.splitlines(), 1) if line.startswith("stay(")]
    assert found == wrong
