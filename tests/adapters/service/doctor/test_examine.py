"""The doctor's findings together, and their output."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from callchart.adapters.service.cli import main
from callchart.adapters.service.demo.model_server import ModelServer
from callchart.adapters.service.doctor.examine import in_json, is_fit, show
from callchart.adapters.service.doctor.finding import Finding, Verdict, failed, ok, unknown
from tests.adapters.service.command import write_config
from tests.asterisk.server import Asterisk

FINDINGS = [
    ok("clock", "clock set: [noon]"),
    unknown("control", "connection not open", "make a call"),
    failed("model", "model asleep", "wake it"),
]


def shown(findings: list[Finding]) -> str:
    out = io.StringIO()
    show(findings, Console(file=out, width=80))
    return out.getvalue()


def test_each_part_has_a_line_with_the_cure_below() -> None:
    lines = [" ".join(line.split()) for line in shown(FINDINGS).splitlines() if line.strip()]
    assert lines[-6:] == [
        "clock ok clock set: [noon]",
        "control not checked connection not open",
        "-> make a call",
        "model failed model asleep",
        "-> wake it",
        "1 of 3 checks failed",
    ]
    assert shown(FINDINGS[:1]).endswith("ready to take calls\n")


def test_unknown_findings_are_not_failures() -> None:
    assert is_fit(FINDINGS[:2])
    assert not is_fit(FINDINGS)


def test_json_has_the_same_findings() -> None:
    assert json.loads(in_json(FINDINGS))[2] == {
        "part": "model",
        "verdict": "failed",
        "what": "model asleep",
        "cure": "wake it",
    }


def test_a_failure_sets_the_exit_code(
    asterisk: Asterisk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ModelServer("http://127.0.0.1:9/v1")
    path = write_config(tmp_path / "callchart.toml", asterisk, model)
    assert main(["doctor", "--json", "--config", str(path)]) == 1
    found = {finding["part"]: finding["verdict"] for finding in json.loads(capsys.readouterr().out)}
    assert found == {
        "configuration": Verdict.OK,
        "journal folder": Verdict.OK,
        "clock": Verdict.OK,
        "asterisk": Verdict.OK,
        "modules": Verdict.OK,
        "application": Verdict.OK,
        "sound": Verdict.OK,
        "synthesizer": Verdict.OK,
        "voice detector": Verdict.OK,
        "recognizer": Verdict.OK,
        "model": Verdict.FAILED,
        "prompt": Verdict.OK,
    }


def test_an_unreadable_configuration_is_an_error_not_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "callchart.toml"
    assert main(["doctor", "--config", str(path)]) == 2
    told = f"callchart doctor: {path}: No such file or directory; name a file with --config FILE"
    assert capsys.readouterr().err.startswith(told)
