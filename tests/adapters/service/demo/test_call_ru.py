"""The Russian demo: Whisper hears real Russian speech, and espeak-ng answers in Russian."""

from __future__ import annotations

from pathlib import Path

import pytest

from callchart.adapters.carrier.caller import read_caller
from callchart.adapters.service.cli import main
from callchart.adapters.service.demo.call import RATE_HZ
from callchart.adapters.service.demo.parts import offline
from callchart.engine.journal import read
from tests.whisper_model import put_model

pytestmark = pytest.mark.real

SAMPLES = Path(__file__).parents[4] / "adapters" / "service" / "demo" / "samples"

CALLER = f"""
[[line]]
say = "{SAMPLES / "ru_max_load.wav"}"
when = "agent silent"
for = 0.5

[[line]]
say = "{SAMPLES / "ru_goodbye.wav"}"
when = "agent speaking"
for = 1.0
"""


def test_a_russian_caller_asks_interrupts_and_says_goodbye(tmp_path: Path) -> None:
    script, out = tmp_path / "caller.toml", tmp_path / "call"
    script.write_text(CALLER)
    model = put_model(tmp_path / "whisper")
    of_call = ["--caller", str(script), "--out", str(out)]
    assert main(["demo", "--language", "ru", "--whisper", str(model), "--fast", *of_call]) == 0
    _, lines = read(out / "journal.jsonl")
    said = (out / "report.json").read_text(encoding="utf-8").lower()
    for words in ("здравствуйте, это магазин", "максимальная нагрузка", "сто килоньютонов"):
        assert words in said
    passed = [str(line["to"]) for line in lines]
    assert any(to.endswith("barged_in.speech") for to in passed)
    assert any(to.endswith("filling.filler") for to in passed)
    # The goodbye was recognised: the model hung up after its own goodbye.
    assert "всего доброго, до свидания" in said
    assert passed[-1].endswith("ended")


def test_a_demo_without_weights_names_the_command_that_gets_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "call"
    assert main(["demo", "--language", "ru", "--whisper", "nowhere", "--out", str(out)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("callchart demo: whisper: there is no model.bin in nowhere (")
    assert "hf download Systran/faster-whisper-base --local-dir nowhere" in line
    assert not out.exists()


def test_the_russian_caller_of_the_demo_can_be_read() -> None:
    assert len(read_caller(offline("ru", Path()).caller, RATE_HZ).lines) == 4
