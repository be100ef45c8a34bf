"""The examples in deploy/ are valid for the programs that read them."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from callchart.adapters.llm.openai import (
    BETWEEN_TOKENS_S,
    CONTEXT_TOKENS,
    FIRST_TOKEN_OF_TWO_S,
    FIRST_TOKEN_S,
    OPENAI_URL,
)
from callchart.adapters.service.cli import parser
from callchart.adapters.service.config import Config, config_schema, read_config
from callchart.adapters.service.providers.scripts import SCRIPTS
from callchart.adapters.service.providers.speech import SoundCache
from callchart.adapters.service.run.serve import GOODBYE_SECONDS
from callchart.adapters.tts.fallback import FIRST_SOUND_S
from tests.asterisk.server import Asterisk

DEPLOY = Path(__file__).parent.parent / "deploy"
ASTERISK = sorted((DEPLOY / "asterisk").glob("*.conf"))
SECRETS = {
    "ASTERISK_PASSWORD": "CHANGE-ME",
    "CALLCHART_PASSWORD": "CHANGE-ME-TOO",
    "OPENAI_API_KEY": "sk-none",
    "YANDEX_API_KEY": "AQVN-none",
}


@pytest.fixture(autouse=True)
def sys_path_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])


def example() -> str:
    return (DEPLOY / "callchart.toml").read_text()


def uncommented() -> str:
    """Return the example with its commented keys in effect."""
    return re.sub(r"^#(?=[\[a-z])", "", example(), flags=re.MULTILINE)


def read(tmp_path: Path, text: str) -> Config:
    (tmp_path / "callchart.toml").write_text(text)
    (tmp_path / "prompt.txt").write_text("You sell bread.")
    shutil.copy(Path(__file__).parent / "examples/shop_tools.py", tmp_path)
    return read_config(tmp_path / "callchart.toml", SECRETS)


def test_the_example_configuration_is_valid(tmp_path: Path) -> None:
    config = read(tmp_path, example())
    assert config.asterisk.password == "CHANGE-ME"
    assert not config.has_secrets


def test_the_example_names_the_schema_that_editors_read() -> None:
    named = example().splitlines()[0].removeprefix("#:schema ")
    assert (DEPLOY / named).read_text() == config_schema()


@pytest.mark.parametrize("text", [example(), uncommented()], ids=["example", "uncommented"])
def test_the_example_matches_the_schema(text: str) -> None:
    from jsonschema import Draft202012Validator

    schema = json.loads(config_schema())
    Draft202012Validator.check_schema(schema)
    assert [*Draft202012Validator(schema).iter_errors(tomllib.loads(text))] == []


def test_the_commented_keys_of_the_example_are_keys_with_their_defaults(tmp_path: Path) -> None:
    as_it_is, whole = read(tmp_path, example()), read(tmp_path, uncommented())
    assert uncommented().count("\n#[") == 0
    assert (whole.scripts, whole.settings) == (as_it_is.scripts, as_it_is.settings)
    assert whole.journal == as_it_is.journal
    assert (whole.drain_seconds, whole.log_level) == (as_it_is.drain_seconds, as_it_is.log_level)
    for name in ("url", "app", "instance", "control", "media", "rate_hz", "answer", "max_calls"):
        assert getattr(whole.asterisk, name) == getattr(as_it_is.asterisk, name)


@pytest.mark.parametrize(
    ("recognizer", "synthesizer", "fallback"),
    [
        ("whisper", "yandex", "yandex_http"),
        ("openai", "yandex_http", "espeak"),
        ("yandex", "espeak", "yandex"),
    ],
)
def test_the_providers_of_the_example_have_their_keys_with_their_defaults(
    tmp_path: Path, recognizer: str, synthesizer: str, fallback: str
) -> None:
    chosen = {
        'recognizer = "pocketsphinx"': f'recognizer = "{recognizer}"',
        'synthesizer = "espeak"': f'synthesizer = "{synthesizer}"',
        'synthesizer_fallback = ""': f'synthesizer_fallback = "{fallback}"',
    }
    text = uncommented()
    for default, other in chosen.items():
        assert default in text
        text = text.replace(default, other)
    config = read(tmp_path, text)
    assert config.speech.recognizer.name == recognizer
    assert config.speech.fallback
    assert config.speech.first_sound_s == FIRST_SOUND_S
    assert config.speech.cache == SoundCache(Path("/var/lib/callchart/sounds"))
    assert (config.model.first_token_s, config.model.between_tokens_s) == (
        FIRST_TOKEN_S,
        BETWEEN_TOKENS_S,
    )
    assert config.model.context_tokens == CONTEXT_TOKENS
    assert [tool.spec.name for tool in config.model.tools] == ["opening_hours", "set_aside"]
    second = config.model.fallback
    assert second
    assert (second.base_url, second.first_token_s) == (OPENAI_URL, FIRST_TOKEN_OF_TWO_S)


def test_the_configurations_in_readme_and_providers_are_valid(tmp_path: Path) -> None:
    pages = [DEPLOY.parent / name for name in ("README.md", "docs/providers.md")]
    (ten_lines,), (voices,) = (
        re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL) for page in pages
    )
    assert read(tmp_path, ten_lines).speech.synthesizer.name == "espeak"
    config = read(tmp_path, ten_lines.partition("[model]")[0] + voices)
    speech = config.speech
    assert (speech.recognizer.name, speech.synthesizer.name) == ("yandex", "yandex")
    assert speech.fallback
    assert speech.cache
    assert config.model.fallback
    assert config.scripts == SCRIPTS["ru"]


@pytest.mark.parametrize("path", ASTERISK, ids=lambda path: path.name)
def test_asterisks_files_are_sections_of_keys_and_values(path: Path) -> None:
    section = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.partition(";")[0].strip()
        if re.fullmatch(r"\[[\w.-]+\](\(.+\))?", text):
            section = True
        elif text:
            assert section, f"line {number}: a key before any section"
            assert re.fullmatch(r"\w+ =>? \S.*", text), f"line {number}: {line}"


def test_calls_need_a_password_and_http_stays_on_this_machine() -> None:
    pjsip = (DEPLOY / "asterisk/pjsip.conf").read_text()
    assert "[anonymous]" not in pjsip
    assert "anonymous" not in (DEPLOY / "asterisk/modules.conf").read_text()
    assert "bindaddr = 127.0.0.1" in (DEPLOY / "asterisk/http.conf").read_text()


def test_containers_mount_files_that_exist() -> None:
    compose = (DEPLOY / "compose.yaml").read_text()
    mounted = re.findall(r"- (\./[^:]+):/etc/", compose)
    assert {Path(path).name for path in mounted} == {
        "callchart.toml",
        *(path.name for path in ASTERISK),
    }
    for path in mounted:
        assert (DEPLOY / path).is_file()


@pytest.mark.real
def test_the_container_copies_all_that_the_wheel_needs(tmp_path: Path) -> None:
    for sources, target in re.findall(
        r"^COPY (.+) (/src/\S*)$", (DEPLOY / "Dockerfile").read_text(), re.M
    ):
        for source in map(DEPLOY.parent.joinpath, sources.split()):
            copied = tmp_path / target.removeprefix("/")
            if source.is_dir():
                shutil.copytree(source, copied, symlinks=True)
            else:
                copied.mkdir(exist_ok=True)
                shutil.copy(source, copied)
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(build, cwd=tmp_path / "src", check=True, capture_output=True)
    (wheel,) = (tmp_path / "src/dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert "callchart/engine/call.py" in archive.namelist()


def unit() -> configparser.SectionProxy:
    read = configparser.ConfigParser(interpolation=None)
    read.optionxform = str  # type: ignore[method-assign, assignment]
    read.read(DEPLOY / "callchart.service")
    return read["Service"]


def test_the_unit_and_the_container_start_the_service_with_valid_arguments() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    command = re.search(r"^CMD \[(.*)\]$", dockerfile, re.MULTILINE)
    assert command
    in_container = re.findall(r'"([^"]+)"', command[1])
    program, *arguments = shlex.split(unit()["ExecStart"])
    assert Path(program).name == "callchart"
    for words in (arguments, in_container):
        options = parser().parse_args(words)
        assert options.command == "serve"
        assert options.config == Path("/etc/callchart/callchart.toml")


def test_the_service_is_started_where_the_page_installs_it() -> None:
    page = (DEPLOY.parent / "docs/operating.md").read_text()
    program = Path(shlex.split(unit()["ExecStart"])[0])
    assert f"\npython3 -m venv {program.parents[1]}\n" in page
    install = f"{program.with_name('pip')} install --constraint requirements.lock '.[demo]'"
    assert f"\n{install}\n" in page


def test_a_stop_waits_until_the_calls_have_ended(tmp_path: Path) -> None:
    longest = read(tmp_path, example()).drain_seconds + GOODBYE_SECONDS
    assert unit()["KillSignal"] == "SIGTERM"
    # The speech processes must survive the signal, because calls go on.
    assert unit()["KillMode"] == "mixed"
    assert int(unit()["TimeoutStopSec"]) > longest + 5
    grace = re.search(r"stop_grace_period: (\d+)s", (DEPLOY / "compose.yaml").read_text())
    assert grace
    assert int(grace[1]) > longest + 5


# --- a real Asterisk on these very files ---------------------------------------------------------


class Deployed(Asterisk):
    """An Asterisk with the files of deploy/asterisk/, on other ports."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.password = SECRETS["ASTERISK_PASSWORD"]
        for path in ASTERISK:
            text = path.read_text()
            text = text.replace("bindport = 8088", f"bindport = {self.http_port}")
            text = text.replace("bind = 0.0.0.0:5060", f"bind = 127.0.0.1:{self.sip_port}")
            # Asterisk logs an error for a name that cannot be resolved.
            text = text.replace("match = sip.provider.example", "match = 192.0.2.1")
            (self.folder / "etc" / path.name).write_text(text)


@pytest.mark.real
async def test_asterisk_accepts_every_line_of_its_files(asterisk_installed: object) -> None:
    async with Deployed.started() as asterisk:
        endpoints = await asterisk.command("pjsip show endpoints")
        dialplan = await asterisk.command("dialplan show 100@from-trunk")
        log = asterisk.logs()
    assert "trunk" in endpoints
    assert "Stasis(callchart)" in dialplan
    # The provider's host is an example name, which no name server resolves.
    complaints = [
        line
        for line in log.splitlines()
        if re.search(r"WARNING|ERROR", line) and "sip.provider.example" not in line
    ]
    assert complaints == []
