"""The whole demo, with real speech of both sides."""

from __future__ import annotations

import json
import stat
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from callchart.adapters.service.cli import main
from callchart.engine.journal import read

pytestmark = pytest.mark.real

SAMPLES = Path(__file__).parents[4] / "adapters" / "service" / "demo" / "samples"

#: A call with a backchannel and a barge-in, short enough for real time. The utterances have no
#: pauses: with one, some machines would split an utterance in two.
SHORT = f"""
[[line]]
say = "{SAMPLES / "en_hours.wav"}"
when = "agent silent"
for = 0.5

[[line]]
say = "{SAMPLES / "en_yes.wav"}"
when = "agent speaking"
for = 1.0

[[line]]
say = "{SAMPLES / "en_operator.wav"}"
when = "agent speaking"
for = 1.0

[hangup]
when = "agent silent"
for = 0.5
"""


def states(out: Path) -> list[str]:
    """Return the leaves that the call of this folder passed through, in order."""
    _, lines = read(out / "journal.jsonl")
    passed = [line["to"] for line in lines if line["outcome"] == "taken"]
    return [leaf for n, leaf in enumerate(passed) if n == 0 or passed[n - 1] != leaf]


def course(out: Path) -> list[str]:
    """Return the states of the call, without those in which it waits for a provider.

    The time that a real recogniser or voice takes depends on the machine."""
    waits = ("call.turn.settling", "call.turn.thinking")
    passed = [leaf for leaf in states(out) if not leaf.startswith(waits)]
    return [leaf for n, leaf in enumerate(passed) if n == 0 or passed[n - 1] != leaf]


def loud(samples: NDArray[np.int16], rate: int) -> NDArray[np.bool_]:
    """Return whether there is speech, for each 0.1 s."""
    steps = samples[: len(samples) // (rate // 10) * (rate // 10)].reshape(-1, rate // 10)
    is_loud: NDArray[np.bool_] = np.sqrt((steps.astype(float) ** 2).mean(axis=1)) > 200
    return is_loud


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "call"
    assert main(["demo", "--fast", "--out", str(out)]) == 0
    return out


def test_a_call_writes_four_files_and_no_more(demo: Path) -> None:
    assert sorted(path.name for path in demo.iterdir()) == [
        "journal.jsonl",
        "recording.wav",
        "report.json",
        "timeline.svg",
    ]
    assert stat.S_IMODE((demo / "journal.jsonl").stat().st_mode) == 0o600


def test_greeting_question_filler_answer_backchannel_interruption_answer_goodbye(
    demo: Path,
) -> None:
    passed = states(demo)
    answer = passed.index("call.turn.thinking.filling.filler")
    assert passed.index("call.listening.hearing") < answer
    during = [leaf for leaf in passed[answer:] if "speaking" not in leaf]
    assert during[:6] == [
        "call.turn.thinking.filling.filler",
        "call.turn.thinking.filling.filler_ending",
        "call.turn.barged_in.speech",
        "call.turn.barged_in.silence",  # "yes": the answer continues
        "call.turn.barged_in.speech",
        "call.listening.hearing",  # "wait": the caller has the turn
    ]
    assert passed[-2:] == ["hangup", "ended"]


def test_the_report_distinguishes_backchannel_and_interruption(demo: Path) -> None:
    report = json.loads((demo / "report.json").read_text())
    assert (report["counts"]["backchannels"], report["counts"]["interruptions"]) == (1, 1)
    _, hours, other, *_, goodbye = report["turns"]
    assert [b["said"] for b in hours["barge_ins"] if b["resumed"]] == ["yes"]
    assert hours["said"].startswith("Yes, we are open on both days of the weekend.")
    assert other["asked"].startswith("wait stop")
    assert "goodbye" in goodbye["said"]


def test_the_recording_has_both_sides_at_the_times_of_the_journal(demo: Path) -> None:
    with wave.open(str(demo / "recording.wav")) as file:
        rate = file.getframerate()
        assert file.getnchannels() == 2
        stereo = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    _, lines = read(demo / "journal.jsonl")
    assert abs(len(stereo) / rate - lines[-1]["at"] / 1e6) < 0.1
    caller, agent = loud(stereo[:, 0], rate), loud(stereo[:, 1], rate)
    backchannel, interruption = (
        int(line["at"] / 1e5)
        for line in lines
        if line["to"].endswith("barged_in.speech") and line["outcome"] == "taken"
    )
    for step in (backchannel, interruption):
        assert caller[step - 1 : step + 5].any()
    # The reply is silent from the next frame on. After a backchannel it continues.
    assert not agent[interruption + 1 : interruption + 8].any()
    assert not agent[backchannel + 1 : backchannel + 3].any()
    assert agent[backchannel + 4 : backchannel + 12].any()


def test_the_journal_replays(demo: Path) -> None:
    assert main(["replay", str(demo / "journal.jsonl")]) == 0


def test_a_fast_call_takes_the_same_course_as_one_in_real_time(tmp_path: Path) -> None:
    script = tmp_path / "caller.toml"
    script.write_text(SHORT)
    for pace in ("--fast", "--realtime"):
        assert main(["demo", pace, "--caller", str(script), "--out", str(tmp_path / pace[2:])]) == 0
    assert course(tmp_path / "fast") == course(tmp_path / "realtime")


def test_a_silent_caller_gets_reprompts_and_then_a_goodbye(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = tmp_path / "silent.wav"
    with wave.open(str(silent), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(bytes(44100 * 4 * 90))
    out = tmp_path / "call"
    assert main(["demo", "--fast", "--json", "--caller", str(silent), "--out", str(out)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert "Are you still there?" in json.dumps(report)
    assert states(out)[-2:] == ["hangup", "ended"]
