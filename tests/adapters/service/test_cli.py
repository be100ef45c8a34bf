"""The command line: bad input gets one clear line and exit code 2."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from callchart.adapters.service.cli import main
from callchart.adapters.service.user_code import load_chart
from callchart.engine.chart import Chart
from callchart.engine.ports import ProviderError

#: A small chart: drawing the default one takes seconds.
DRAW_SHORT = ("draw", "--chart", "tests.engine.drawing.test_files:CHART")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one line on stderr of a command that is refused."""
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("chart", "said"),
    [
        ("states", "chart must be MODULE:NAME, such as callchart.states:CHART, got 'states'"),
        (
            "nowhere:CHART",
            "got nowhere:CHART: no module 'nowhere'; correct the name, or install the module",
        ),
        ("states:CART", "chart must be a name in the module states, got 'CART'; it has CHART"),
        (
            "callchart.states.chart:is_late",
            "must be a Chart, got callchart.states.chart:is_late, which is a function",
        ),
    ],
)
def test_a_missing_chart_is_named(
    capsys: pytest.CaptureFixture[str], chart: str, said: str
) -> None:
    assert said in refused(capsys, "draw", "--chart", chart)


def test_the_error_of_a_chart_that_does_not_build_names_the_state(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "holed.py").write_text(
        "from callchart.engine.chart import Chart, State\n"
        "CHART = Chart('holed', [State('lonely')])\n"
    )
    monkeypatch.chdir(tmp_path)
    said = refused(capsys, "draw", "--chart", "holed:CHART")
    assert "lonely must react to CallerHungUp, which can arrive there" in said


@pytest.mark.parametrize("command", ["draw", "explore", "settings"])
def test_a_misspelt_activity_is_named_before_a_call(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    (tmp_path / "misspelt.py").write_text(
        "from callchart.engine.chart import Chart, State, to\n"
        "a = State('a', activity='hera', after={'out': (1.0, to('over'))})\n"
        "CHART = Chart('misspelt', [a, State('over', final=True)], events=())\n"
    )
    monkeypatch.chdir(tmp_path)
    assert refused(capsys, command, "--chart", "misspelt:CHART") == (
        f"callchart {command}: state a: the activity must be one of fill, hear, play, reply, got "
        "'hera'; did you mean 'hear'?\n"
    )


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("no_imput=3", "unknown setting 'no_imput'; did you mean no_input?"),
        ("no_input=-1", "setting no_input must be at least 0 s, got -1"),
        ("no_input=soon", "setting no_input must be a number, got 'soon'"),
        ("no_input", "--set must be NAME=VALUE, got 'no_input'"),
    ],
)
def test_a_bad_setting_is_refused_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, setting: str, said: str
) -> None:
    out = tmp_path / "call"
    assert said in refused(capsys, "demo", "--set", setting, "--out", str(out))
    assert not out.exists()


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound at all", b"\0" * 100])
def test_a_caller_file_that_is_not_audio_is_refused_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes
) -> None:
    caller, out = tmp_path / "caller.wav", tmp_path / "call"
    caller.write_bytes(content)
    said = refused(capsys, "demo", "--fast", "--caller", str(caller), "--out", str(out))
    assert str(caller) in said
    assert not out.exists()


def test_a_missing_caller_file_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    caller = tmp_path / "missing.wav"
    assert str(caller) in refused(capsys, "demo", "--caller", str(caller))


def test_the_help_names_an_example_of_a_callers_script(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["demo", "--help"])
    (named,) = re.findall(r"\S+caller\.toml", capsys.readouterr().out)
    script = (Path(__file__).parents[3] / named).read_text("utf-8")
    assert "The caller says each [[line]] in order" in script


def test_a_folder_that_cannot_be_written_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    out = tmp_path / "file" / "call"
    assert str(out) in refused(capsys, "demo", "--fast", "--out", str(out))


JOURNALS = Path(__file__).parents[2] / "journals"


def journal() -> list[str]:
    return sorted(JOURNALS.glob("*.jsonl"))[0].read_text("utf-8").splitlines(keepends=True)


def test_a_journal_that_was_cut_off_names_its_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_text("".join(journal()[:3]) + journal()[3][:20])
    assert f"{path}, line 4: is cut off" in refused(capsys, "replay", str(path))


@pytest.mark.parametrize(
    ("place", "line", "said"),
    [
        (0, {"facts": {"call_id": "", "rate_hz": None}}, "line 1: the journal's head is damaged: "),
        (2, {"a": 1}, "line 3: at is missing; event is missing"),
        (2, {"event": {"type": "SpeechStarted", "utterance": []}, "at": 0}, "line 3: event.utter"),
    ],
)
def test_an_invalid_line_of_a_journal_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, place: int, line: dict[str, Any], said: str
) -> None:
    path, lines = tmp_path / "damaged.jsonl", journal()
    kept = json.loads(lines[0]) if place == 0 else {}
    lines[place] = json.dumps({**kept, **line}) + "\n"
    path.write_text("".join(lines))
    assert refused(capsys, "replay", str(path)).startswith(f"callchart replay: {path}, {said}")


def test_a_journal_of_another_version_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "old.jsonl"
    path.write_text(json.dumps({**json.loads(journal()[0]), "version": 0}) + "\n")
    assert "version must be 1, got 0" in refused(capsys, "replay", str(path))


def test_a_journal_of_another_chart_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text(json.dumps({**json.loads(journal()[0]), "hash": "0"}) + "\n")
    assert "the chart must be" in refused(capsys, "replay", str(path))


def test_a_file_that_is_not_a_journal_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "letter.jsonl"
    path.write_text("Dear Sir,\n")
    said = refused(capsys, "replay", str(path))
    assert f"{path}, line 1: must be the head of a Callchart journal" in said
    assert "missing.jsonl: No such file" in refused(
        capsys, "replay", str(tmp_path / "missing.jsonl")
    )


def test_a_step_that_replays_differently_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "forged.jsonl"
    lines = journal()
    forged = {**json.loads(lines[2]), "to": "call.listening.hearing"}
    path.write_text("".join([*lines[:2], json.dumps(forged) + "\n", *lines[3:]]))
    assert main(["replay", str(path)]) == 1
    assert "step 1 (" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(JOURNALS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_the_corpus_replays(capsys: pytest.CaptureFixture[str], path: Path) -> None:
    assert main(["replay", str(path)]) == 0
    assert "all as recorded" in capsys.readouterr().out


def test_every_setting_is_listed_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings"]) == 0
    listed = capsys.readouterr().out
    assert "end_of_turn" in listed
    assert "predecessor waited" in listed


def test_the_schema_of_the_configuration_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["required"] == ["asterisk", "model"]
    assert schema["$defs"]["CallSection"]["properties"]["end_of_turn"]["default"] == 0.7


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"callchart {version('callchart')}\n"


def test_drawings_are_checked_against_the_chart(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([*DRAW_SHORT, "--out", str(tmp_path)]) == 0
    assert main([*DRAW_SHORT, "--check", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"short: 13 files in {tmp_path}\n"
    drawn = sorted(tmp_path.rglob("*.svg"))[0]
    drawn.write_text(drawn.read_text().replace("svg", "gvs", 1))
    assert main([*DRAW_SHORT, "--check", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert drawn.name in said.out
    command = f"callchart {' '.join(DRAW_SHORT)} --out {tmp_path}"
    assert said.err == f"{tmp_path} is not up to date: run `{command}`\n"


@pytest.mark.parametrize("check", [(), ("--check",)], ids=["draw", "check"])
def test_another_chart_needs_another_folder_than_the_default_chart(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    check: Sequence[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    drawn = tmp_path / "docs" / "statecharts" / "chart.mmd"
    drawn.parent.mkdir(parents=True)
    drawn.write_text("of the default chart")
    said = refused(capsys, *DRAW_SHORT, *check)
    assert f"--out must be a folder for chart {DRAW_SHORT[-1]}, got none; add --out DIR" in said
    assert [*drawn.parent.iterdir()] == [drawn]
    assert drawn.read_text() == "of the default chart"


def test_the_default_chart_has_its_folder(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(name: str) -> Chart:
        return load_chart(DRAW_SHORT[-1])

    monkeypatch.setattr("callchart.adapters.service.cli.load_chart", short)
    monkeypatch.chdir(tmp_path)
    assert main(["draw"]) == 0
    assert main(["draw", "--check"]) == 0
    (tmp_path / "docs" / "statecharts" / "chart.svg").unlink()
    assert main(["draw", "--check"]) == 1
    said = capsys.readouterr()
    assert said.out == "short: 13 files in docs/statecharts\nchart.svg: is missing\n"
    assert said.err == "docs/statecharts is not up to date: run `callchart draw`\n"


def test_check_in_a_folder_without_drawings_names_the_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "semantics.md").write_text("# Written by hand\n")
    said = refused(capsys, *DRAW_SHORT, "--check", "--out", str(tmp_path))
    command = f"callchart {' '.join(DRAW_SHORT)} --out {tmp_path}"
    assert said == f"callchart draw: {tmp_path} has no drawings: run `{command}`\n"


def test_drawings_of_a_removed_state_are_deleted(tmp_path: Path) -> None:
    assert main([*DRAW_SHORT, "--out", str(tmp_path)]) == 0
    left = tmp_path / "states" / "daydreaming.svg"
    left.write_bytes((tmp_path / "states" / "open.svg").read_bytes())
    assert main([*DRAW_SHORT, "--check", "--out", str(tmp_path)]) == 1
    assert main([*DRAW_SHORT, "--out", str(tmp_path)]) == 0
    assert not left.exists()


def test_other_files_next_to_the_drawings_stay(tmp_path: Path) -> None:
    kept = {
        tmp_path / "semantics.md": b"# Written by hand\n",
        tmp_path / "older.md": "Zum Gespräch\n".encode("latin-1"),
        tmp_path / "states" / "picture.svg": b"\xff\xfe<\0s\0v\0g\0/\0>\0",
        tmp_path / "states" / "notes.md": b"# What the states are for\n",
    }
    (tmp_path / "states").mkdir()
    (tmp_path / "a_folder.md").mkdir()
    for path, content in kept.items():
        path.write_bytes(content)
    assert main([*DRAW_SHORT, "--out", str(tmp_path)]) == 0
    assert main([*DRAW_SHORT, "--check", "--out", str(tmp_path)]) == 0
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_file_that_is_not_a_drawing_is_not_overwritten(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    own = tmp_path / "README.md"
    own.write_text("# A project of one's own\n")
    said = refused(capsys, *DRAW_SHORT, "--out", str(tmp_path))
    assert f"{own} must be a drawing, got another file; move it, or name another --out" in said
    assert [*tmp_path.iterdir()] == [own]
    assert own.read_text() == "# A project of one's own\n"


def test_a_damaged_drawing_differs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([*DRAW_SHORT, "--out", str(tmp_path)]) == 0
    drawn = tmp_path / "table.md"
    drawn.write_bytes(drawn.read_bytes() + b"\xff")
    assert main([*DRAW_SHORT, "--check", "--out", str(tmp_path)]) == 1
    assert "table.md: line " in capsys.readouterr().out
    assert main([*DRAW_SHORT, "--out", str(tmp_path)]) == 0
    assert main([*DRAW_SHORT, "--check", "--out", str(tmp_path)]) == 0


def test_a_journal_without_an_end_replays_to_its_last_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "crashed.jsonl"
    path.write_text("".join(journal()[:4]))
    assert main(["replay", str(path)]) == 0
    assert "3 steps, all as recorded; the call had not ended" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (ExceptionGroup("", [ProviderError("espeak", "died", "start it")]), "espeak: died"),
        (ModuleNotFoundError(name="soxr"), "the demo needs soxr: pip install 'callchart[demo]'"),
    ],
)
def test_a_demo_without_its_extra_names_the_missing_package(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    said: str,
) -> None:
    class Missing(ModuleType):
        def __getattr__(self, name: str) -> Any:
            raise raised

    monkeypatch.setitem(
        sys.modules, "callchart.adapters.service.demo", Missing("callchart.adapters.service.demo")
    )
    assert said in refused(capsys, "demo")


def test_an_internal_error_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ExceptionGroup("", [ProviderError("espeak", "died"), ZeroDivisionError()])

    monkeypatch.setattr("callchart.adapters.service.cli.load_chart", broken)
    with pytest.raises(ExceptionGroup):
        main(["settings"])


def test_a_command_that_is_stopped_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("callchart.adapters.service.cli.load_chart", stopped)
    assert main(["settings"]) == 130
    assert capsys.readouterr().err == "callchart settings: stopped\n"
