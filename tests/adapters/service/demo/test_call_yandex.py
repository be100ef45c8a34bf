"""The demo with the adapters for Yandex and OpenAI, and servers in their own processes."""

from __future__ import annotations

import os
import re
import select
from pathlib import Path

import pytest

from callchart.adapters.service.cli import main
from callchart.engine.journal import read

pytestmark = pytest.mark.real

SAMPLES = Path(__file__).parents[4] / "adapters" / "service" / "demo" / "samples"

#: A caller who interrupts the greeting with a question, and hangs up in the middle of the answer.
CALLER = f"""
[[line]]
say = "{SAMPLES / "en_hours.wav"}"
when = "agent speaking"
for = 0.5

[hangup]
when = "agent speaking"
for = 2.0
"""

#: The longest time for a process to end after its owner.
PATIENCE_MS = 10_000


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Return a mark in the environment of each process that this test starts, also indirectly."""
    monkeypatch.setenv("CALLCHART_TEST", str(os.getpid()))
    return b"CALLCHART_TEST=%d\0" % os.getpid()


def ends(pid: int) -> bool:
    """Wait for the end of the process, and return whether it came within `PATIENCE_MS`."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        waiting = select.poll()
        waiting.register(process, select.POLLIN)
        return bool(waiting.poll(PATIENCE_MS))
    finally:
        os.close(process)


def carrying(mark: bytes) -> list[int]:
    """Return the processes that carry the mark, without this one."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in environment.read_bytes() + b"\0":
                found.append(int(environment.parent.name))
        except OSError:
            continue  # it has ended, or belongs to another user
    return found


def test_a_call_over_real_sockets_is_heard_answered_and_leaves_nothing_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mark: bytes
) -> None:
    script, out = tmp_path / "caller.toml", tmp_path / "call"
    script.write_text(CALLER)
    of_call = ["--caller", str(script), "--out", str(out)]
    assert main(["demo", "--providers", "yandex", *of_call]) == 0
    assert all(ends(pid) for pid in carrying(mark))

    _, lines = read(out / "journal.jsonl")
    passed = " ".join(str(line["to"]) for line in lines if line["outcome"] == "taken")
    order = ["greeting", "barged_in", "listening", "settling", "thinking.filling", "speaking"]
    places = [passed.index(state) for state in [*order, "ended"]]
    assert places == sorted(places)
    # This answer needs a recognised question.
    assert "we are open" in (out / "report.json").read_text(encoding="utf-8")

    shown = capsys.readouterr().out
    assert "Yandex SpeechKit hears and speaks" in shown
    asked = re.search(
        r"requests to the servers: RecognizeStreaming 1, UtteranceSynthesis (\d+)", shown
    )
    assert asked
    # Scripts and fillers before the call, and two chunks of an answer.
    assert int(asked[1]) > 10


def test_the_yandex_demo_refuses_fast(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "call"
    assert main(["demo", "--providers", "yandex", "--fast", "--out", str(out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "callchart demo: --fast must be absent with --providers yandex, whose servers run "
        "in real time; remove it"
    )
    assert not out.exists()


def test_a_server_that_cannot_start_is_reported_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "call"
    russian = ["--language", "ru", "--whisper", "nowhere"]
    assert main(["demo", "--providers", "yandex", *russian, "--out", str(out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("callchart demo: SpeechKit's server: whisper: there is no model.bin in")
    assert not out.exists()
