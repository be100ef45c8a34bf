"""Callers who follow a script: their actions, and the seconds at which they act."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from callchart.adapters.carrier.audio_file import AudioFileError, Recording, write_wav
from callchart.adapters.carrier.caller import (
    CallerScriptError,
    Cue,
    Script,
    ScriptedCaller,
    ScriptLine,
    one_line,
    read_caller,
)
from callchart.engine.ports import frame_bytes
from tests.contracts.line import tone

RATE = 8000
SIZE = frame_bytes(RATE)
DEMO = Path(__file__).parents[3] / "adapters/service/demo"

SILENT = Cue("agent silent", 50)
SPEAKING = Cue("agent speaking", 100)


def line(number: int, cue: Cue, seconds: float = 1.0, pause_s: float = 0.0) -> ScriptLine:
    """Return line `number` of a script. Every sample of its speech is 1000 times the number."""
    speech = np.full(round(seconds * RATE), number * 1000, "<i2").tobytes()
    return ScriptLine(speech + bytes(round(pause_s * RATE) * 2), cue)


def story(
    script: Script, *agent_speaks: tuple[float, float], lasts_s: float = 600.0
) -> list[tuple[str, float]]:
    """Return the caller's actions with their seconds, for an agent who speaks in these intervals.

    Stop when the caller hangs up. After `lasts_s` seconds the last action is "is still there"."""
    caller = ScriptedCaller(script)
    loud, silence = tone(0.02, RATE), bytes(SIZE)
    did: list[tuple[str, float]] = []
    speaking = 0
    for frame in range(round(lasts_s * 50)):
        second = frame / 50
        said = caller.speak(
            loud if any(begin <= second < end for begin, end in agent_speaks) else silence
        )
        if said is None:
            return [*did, ("hangs up", second)]
        assert len(said) == SIZE
        now_speaking = int(np.frombuffer(said, "<i2")[0]) // 1000
        if now_speaking not in (0, speaking):
            did.append((f"says {now_speaking}", second))
        speaking = now_speaking
    return [*did, ("is still there", lasts_s)]


def test_the_caller_plays_a_plain_file_and_hangs_up_after_the_reply() -> None:
    script = one_line(line(1, Cue("at once"), 2.0).pcm, RATE)
    assert story(script, (3.0, 8.0)) == [("says 1", 0.0), ("hangs up", 10.48)]


def test_without_a_reply_the_caller_hangs_up_after_20_s() -> None:
    script = one_line(line(1, Cue("at once"), 2.0).pcm, RATE)
    assert story(script) == [("says 1", 0.0), ("hangs up", 22.0)]


def test_during_an_endless_reply_the_caller_hangs_up_after_20_s() -> None:
    script = one_line(line(1, Cue("at once"), 2.0).pcm, RATE)
    assert story(script, (1.0, 600.0)) == [("says 1", 0.0), ("hangs up", 22.0)]


def test_the_silence_before_the_hangup_counts_from_the_end_of_the_file() -> None:
    script = one_line(bytes(SIZE * 500), RATE)
    # The greeting ended long before, but the silence counts from the end of the file.
    assert story(script, (0.2, 3.0)) == [("hangs up", 12.5)]


def test_the_caller_waits_until_the_agent_is_silent_before_each_line() -> None:
    script = Script(RATE, (line(1, SILENT), line(2, SILENT)), SILENT)
    assert story(script, (0.0, 2.0), (4.5, 6.0), (9.0, 10.0)) == [
        ("says 1", 2.98),
        ("says 2", 6.98),
        ("hangs up", 10.98),
    ]


def test_silence_before_the_agents_first_words_is_not_a_cue() -> None:
    script = Script(RATE, (line(1, SILENT),), SILENT)
    assert story(script, (7.0, 8.0), (10.0, 11.0))[0] == ("says 1", 8.98)


def test_speech_before_a_line_does_not_count_as_its_reply() -> None:
    # The agent speaks during the first half of the caller's line, and replies at 6.0.
    script = Script(RATE, (line(1, Cue("at once"), 2.0), line(2, SILENT)), SILENT)
    assert story(script, (0.0, 1.0), (6.0, 7.0))[1] == ("says 2", 7.98)


def test_a_reply_during_the_silence_at_the_end_of_a_file_counts() -> None:
    script = Script(RATE, (line(1, Cue("at once"), 1.0, pause_s=4.0), line(2, SILENT)), SILENT)
    # The wait begins at the end of the file, at 5.0.
    assert story(script, (2.0, 3.0))[1] == ("says 2", 6.0)


def test_a_caller_interrupts_an_agent_who_speaks_long_enough() -> None:
    script = Script(RATE, (line(1, SILENT), line(2, SPEAKING)), SILENT)
    assert story(script, (0.0, 1.0), (4.0, 9.0))[:2] == [("says 1", 1.98), ("says 2", 5.98)]


def test_a_pause_between_two_sentences_does_not_restart_the_count() -> None:
    script = Script(RATE, (line(1, SPEAKING),), SILENT)
    assert story(script, (1.0, 2.0), (2.3, 9.0))[0] == ("says 1", 2.98)


def test_a_long_silence_after_a_filler_restarts_the_count() -> None:
    script = Script(RATE, (line(1, SPEAKING),), SILENT)
    assert story(script, (1.0, 2.0), (2.5, 9.0))[0] == ("says 1", 4.48)


def test_a_caller_who_cannot_interrupt_continues_after_20_s() -> None:
    script = Script(RATE, (line(1, SPEAKING),), SILENT)
    assert story(script, (1.0, 2.0), (24.0, 25.0)) == [("says 1", 20.0), ("hangs up", 25.98)]


def test_noise_on_the_line_is_not_speech() -> None:
    caller = ScriptedCaller(Script(RATE, (line(1, SPEAKING),), SILENT))
    noise = np.random.default_rng(1).integers(-100, 101, SIZE // 2).astype("<i2").tobytes()
    for _ in range(900):
        assert caller.speak(noise) == bytes(SIZE)


def test_at_most_s_ends_the_call_in_the_middle_of_a_line() -> None:
    script = Script(RATE, (line(1, SILENT, seconds=9.0),), SILENT, at_most_s=4.0)
    assert story(script, (0.0, 1.0)) == [("says 1", 1.98), ("hangs up", 4.0)]


def test_equal_input_frames_give_equal_output_frames() -> None:
    script = read_caller(DEMO / "caller.toml", RATE)
    times = [(0.0, 2.0), (9.0, 14.0), (18.0, 19.0), (28.0, 30.0)]
    assert story(script, *times) == story(script, *times)


def test_the_default_caller_has_five_lines() -> None:
    script = read_caller(DEMO / "caller.toml", RATE)
    assert [cue.when for cue in (line.cue for line in script.lines)] == [
        "agent silent",
        "agent speaking",
        "agent speaking",
        "agent silent",
        "agent silent",
    ]
    assert script.hangup == Cue("agent silent", 125)
    assert script.at_most_s == 120.0


def write_script(folder: Path, text: str) -> Path:
    """Write a script, and next to it the sound a.wav with two frames. Return the script's path."""
    silence = np.zeros(SIZE, np.int16)
    write_wav(folder / "a.wav", Recording(RATE, silence, silence))
    path = folder / "caller.toml"
    path.write_text(text)
    return path


GOOD_LINE = '[[line]]\nsay = "a.wav"\nwhen = "agent silent"\nfor = 0.8\n'


def test_paths_in_a_script_are_relative_to_its_folder(tmp_path: Path) -> None:
    text = GOOD_LINE + '[[line]]\nsay = "a.wav"\nwhen = "at once"\n'
    hangup = '[hangup]\nwhen = "agent speaking"\nfor = 1\nat_most = 60\n'
    assert read_caller(write_script(tmp_path, text + hangup), RATE) == Script(
        RATE,
        (
            ScriptLine(bytes(SIZE * 2), Cue("agent silent", 40)),
            ScriptLine(bytes(SIZE * 2), Cue("at once")),
        ),
        Cue("agent speaking", 50),
        60.0,
    )


def test_a_script_without_hangup_has_a_default(tmp_path: Path) -> None:
    script = read_caller(write_script(tmp_path, GOOD_LINE), RATE)
    assert (script.hangup, script.at_most_s) == (Cue("agent silent", 125), math.inf)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line must be a list of [[line]], got none; add one"),
        ("line = []", "line must be a list of [[line]], got none"),
        ("line = 3", "line must be a list of [[line]], got 3"),
        (
            'line = ["a.wav"]',
            "[[line]] 1 must be a table, got 'a.wav'; write its keys below [[line]]",
        ),
        ("[[line]", "the script must be TOML: "),
        ("lines = 1", "lines is not a known key; did you mean line?"),
        (
            GOOD_LINE + "wait = 3",
            "[[line]] 1: wait is not a known key; the keys are say, when, for",
        ),
        (GOOD_LINE * 2 + "sya = 3", "[[line]] 2: sya is not a known key; did you mean say?"),
        (
            GOOD_LINE.replace('"a.wav"', "7"),
            "[[line]] 1: say must be the path of an audio file, got 7; write for example say = ",
        ),
        (GOOD_LINE.replace("a.wav", "b.wav"), "b.wav: file not found"),
        (
            GOOD_LINE.replace("a.wav", "caller.toml"),
            "caller.toml: libsndfile cannot read it (Format not recognised)",
        ),
        (GOOD_LINE.replace("agent ", ""), 'when must be one of "at once", "agent silent", "ag'),
        (GOOD_LINE.replace("0.8", "-1"), "[[line]] 1: for must be 0 to 20 seconds, got -1"),
        (
            GOOD_LINE.replace("0.8", "21"),
            "[[line]] 1: for must be 0 to 20 seconds, got 21",
        ),
        (GOOD_LINE.replace("0.8", "nan"), "[[line]] 1: for must be 0 to 20 seconds, got nan"),
        (GOOD_LINE.replace("0.8", "true"), "[[line]] 1: for must be 0 to 20 seconds, got True"),
        (GOOD_LINE.replace("0.8", '"1 s"'), "[[line]] 1: for must be 0 to 20 seconds, got '1 s'"),
        (
            GOOD_LINE.replace("for = 0.8", ""),
            "[[line]] 1: for must be a number of seconds, got none; write for",
        ),
        (
            GOOD_LINE.replace("agent silent", "at once"),
            'for must be absent with when = "at once", got 0.8; remove it',
        ),
        (GOOD_LINE + "[hangup]\nfor = 1", "[hangup]: when must be one of "),
        (
            GOOD_LINE + '[hangup]\nwhen = "at once"\nat_most = -2',
            "at_most must be 0 or more seconds, got -2",
        ),
        (GOOD_LINE + "[hangup]\nat_least = 1", "[hangup]: at_least is not a known key; "),
        (
            "hangup = 3\n" + GOOD_LINE,
            "[hangup] must be a table, got 3; write its keys below [hangup]",
        ),
    ],
)
def test_an_invalid_script_is_refused_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = write_script(tmp_path, text)
    with pytest.raises(CallerScriptError) as refusal:
        read_caller(path, RATE)
    message = str(refusal.value)
    assert message.startswith(f"{path}: ")
    assert says in message
    assert "\n" not in message


def test_a_missing_script_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        CallerScriptError, match=r"no\.toml: file not found; give the path of a caller's"
    ):
        read_caller(tmp_path / "no.toml", RATE)


def test_an_unreadable_script_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(CallerScriptError, match=r"folder\.toml: cannot be read \(Is a directory"):
        read_caller(tmp_path / "folder.toml", RATE)


def test_a_script_in_another_encoding_is_not_toml(tmp_path: Path) -> None:
    path = tmp_path / "caller.toml"
    path.write_bytes(b"# caf\xe9\n")
    with pytest.raises(CallerScriptError, match="the script must be TOML"):
        read_caller(path, RATE)


def test_a_plain_file_must_be_audio(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"ID3 and then some")
    with pytest.raises(
        AudioFileError, match=r"libsndfile cannot read it \(Format not recognised\)"
    ):
        read_caller(tmp_path / "a.mp3", RATE)
