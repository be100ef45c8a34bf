"""A missing secret fails one check, and the doctor makes all checks that do not need it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from callchart.adapters.service.cli import main
from callchart.adapters.service.config import read_config_for_doctor
from callchart.adapters.service.doctor.asterisk import asterisk_findings
from callchart.adapters.service.doctor.finding import Finding, Verdict
from callchart.adapters.service.doctor.providers import model_findings, speech_findings
from callchart.adapters.service.doctor.secrets import secret_findings

OFFLINE = '[asterisk]\nuser = "bot"\npassword = "s3same"\n[model]\nname = "m"\nkey = "s3same"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "callchart.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def skipped(findings: list[Finding]) -> dict[str, str]:
    """Return the texts of the findings that a missing secret causes, by part."""
    return {each.part: each.what for each in findings if each.verdict is Verdict.UNKNOWN}


def test_a_missing_secret_is_one_failed_check_among_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MODEL_KEY", raising=False)
    text = OFFLINE.replace('key = "s3same"', 'key = { env = "MODEL_KEY" }')
    text = text.replace('"s3same"', '{ file = "password" }')
    assert main(["doctor", "--json", "--config", str(write(tmp_path, text))]) == 1
    findings = json.loads(capsys.readouterr().out)
    assert [each for each in findings if each["verdict"] == "failed"] == [
        {
            "part": "secret",
            "verdict": "failed",
            "what": "secret missing: asterisk.password must be a readable file, "
            f"got {tmp_path}/password: No such file or directory",
            "cure": "write the secret into it",
        },
        {
            "part": "secret",
            "verdict": "failed",
            "what": "secret missing: model.key must be in the environment variable MODEL_KEY, "
            "got nothing",
            "cure": "set that variable",
        },
    ]
    assert {each["part"]: each["verdict"] for each in findings} == {
        "secret": Verdict.FAILED,
        "configuration": Verdict.OK,
        "clock": Verdict.OK,
        "asterisk": Verdict.UNKNOWN,
        "synthesizer": Verdict.OK,
        "voice detector": Verdict.OK,
        "recognizer": Verdict.OK,
        "model": Verdict.UNKNOWN,
        "prompt": Verdict.OK,
    }


async def test_services_of_an_account_without_its_key_are_not_asked(tmp_path: Path) -> None:
    account = '[speech]\nrecognizer = "yandex"\nsynthesizer = "yandex"\n[speech.yandex]\n'
    for secret in ("api_key", 'folder_id = "f"\noauth_token'):
        text = f'{OFFLINE}{account}{secret} = {{ env = "YANDEX" }}\n'
        config, missing = read_config_for_doctor(write(tmp_path, text), {})
        findings = await speech_findings(config.speech, 16000, "en", missing)
        key = secret.rpartition("\n")[2]
        what = f"check skipped: the secret speech.yandex.{key} is missing"
        assert skipped(findings) == {"synthesizer": what, "recognizer": what}


async def test_a_second_model_without_its_key_is_not_asked(tmp_path: Path) -> None:
    text = OFFLINE.replace('"m"\n', '"m"\nbase_url = "http://127.0.0.1:9/v1"\n')
    second = '[model.fallback]\nname = "n"\nkey = { env = "SPARE" }\n'
    config, missing = read_config_for_doctor(write(tmp_path, text + second), {})
    findings = await model_findings(config.model, missing)
    assert skipped(findings) == {
        "second model": "check skipped: the secret model.fallback.key is missing"
    }
    assert findings[0].verdict is Verdict.FAILED


async def test_connections_of_asterisk_are_not_awaited_without_their_password(
    tmp_path: Path,
) -> None:
    text = OFFLINE.replace('user = "bot"\npassword = "s3same"', 'control = "persistent"')
    listen = '[asterisk.listen]\npassword = { env = "LISTEN" }\n'
    config, missing = read_config_for_doctor(write(tmp_path, text + listen), {})
    findings = await asterisk_findings(config.asterisk, missing)
    what = "check skipped: the secret asterisk.listen.password is missing"
    assert skipped(findings)["control"] == what


def test_other_mistakes_next_to_a_missing_secret_stay_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = OFFLINE.replace('key = "s3same"', 'key = { env = "NO_SUCH_KEY" }\nnames = "n"')
    assert main(["doctor", "--config", str(write(tmp_path, text))]) == 2
    assert "model.key must be in the environment variable" in capsys.readouterr().err


def test_a_configuration_with_all_secrets_lacks_none(tmp_path: Path) -> None:
    _, missing = read_config_for_doctor(write(tmp_path, OFFLINE), {})
    assert missing == ()
    assert list(secret_findings(missing)) == []
