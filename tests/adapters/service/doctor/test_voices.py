"""The doctor with real providers: it names a wrong account, address or voice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from callchart.adapters.service.doctor.finding import Finding, Verdict
from callchart.adapters.service.doctor.providers import model_findings, speech_findings
from tests.adapters.service.reading import LEAST, Read
from tests.adapters.tts.yandex.server import unused_address
from tests.servers.certificates import Certificate
from tests.servers.model.server import ModelServer
from tests.servers.speechkit.scripts import Speaking
from tests.servers.speechkit.server import SpeechKitServer

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def one_speechkit() -> Iterator[SpeechKitServer]:
    with SpeechKitServer.running() as server:
        yield server


@pytest.fixture
async def speechkit(
    one_speechkit: SpeechKitServer, monkeypatch: pytest.MonkeyPatch
) -> SpeechKitServer:
    # Ignore the proxies that the environment names.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    await one_speechkit.reset()
    return one_speechkit


def yandex(server: SpeechKitServer, *, over: str = "http") -> str:
    grpc = f"{over}://127.0.0.1:{server.grpc_port}"
    return f"""
        [speech]
        recognizer = "yandex"
        synthesizer = "yandex"
        synthesizer_fallback = "yandex_http"
        [speech.yandex]
        api_key = "secret"
        tts_url = "{grpc}"
        stt_url = "{grpc}"
        tts_http_url = "{server.url}"
        """


async def found(read: Read, text: str) -> dict[str, Finding]:
    config = read(LEAST + text)
    findings = await speech_findings(config.speech, 16000, config.model.language, ())
    return {finding.part: finding for finding in findings}


async def test_each_of_yandexs_services_is_asked_and_answers(
    read: Read, speechkit: SpeechKitServer
) -> None:
    parts = await found(read, yandex(speechkit))
    assert {part: finding.verdict for part, finding in parts.items()} == {
        "synthesizer": Verdict.OK,
        "second synthesizer": Verdict.OK,
        "voice detector": Verdict.OK,
        "recognizer": Verdict.OK,
    }
    assert parts["second synthesizer"].what.startswith("yandex_http working: ")
    assert parts["recognizer"].what.startswith("yandex working: 4 words recognised")


async def test_a_refused_key_fails_each_service_that_uses_it(
    read: Read, speechkit: SpeechKitServer
) -> None:
    await speechkit.accept(["another"])
    parts = await found(read, yandex(speechkit))
    for part, role in {
        "synthesizer": "tts",
        "second synthesizer": "tts",
        "recognizer": "stt",
    }.items():
        assert parts[part].verdict is Verdict.FAILED
        assert (
            parts[part].cure
            == f"check the key, and that its account has the role ai.speechkit-{role}.user"
        )


async def test_an_unknown_voice_is_named(read: Read, speechkit: SpeechKitServer) -> None:
    await speechkit.script_speaking(Speaking(then="INVALID_ARGUMENT"))
    parts = await found(read, yandex(speechkit) + 'voice = "alina"\n')
    assert parts["synthesizer"].verdict is Verdict.FAILED
    assert parts["synthesizer"].cure == "check the voice 'alina' and the speed 1"
    assert parts["second synthesizer"].verdict is Verdict.OK


async def test_an_address_without_a_server_and_an_untrusted_one_fail(
    read: Read, tmp_path: Path, speechkit: SpeechKitServer
) -> None:
    with unused_address() as dead:
        text = yandex(speechkit).replace(f"127.0.0.1:{speechkit.grpc_port}", str(dead))
        refused = await found(read, text)
    async with SpeechKitServer.started(certificate=Certificate.make(tmp_path)) as secured:
        untrusted = await found(read, yandex(secured, over="https"))
    for part in ("synthesizer", "recognizer"):
        assert refused[part].what == f"yandex failed: {dead} refused the connection"
        assert untrusted[part].what.startswith(
            "yandex failed: the certificate of 127.0.0.1 is not trusted"
        )
        assert Verdict.OK not in (refused[part].verdict, untrusted[part].verdict)
        assert all((refused[part].cure, untrusted[part].cure))


async def test_both_models_are_asked_and_the_tools_are_named(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "day_tools.py").write_text(
        "from callchart.engine.tools.tool import tool\n"
        "@tool\ndef today() -> str:\n    'Today.'\n    return ''\n"
    )
    async with ModelServer.started() as server:
        with unused_address() as dead:
            config = read(
                f'{LEAST}base_url = "{server.base_url}"\ntools = "day_tools:today"\n'
                f'[model.fallback]\nname = "spare"\nkey = "k"\nbase_url = "http://{dead}/v1"\n'
            )
            findings = await model_findings(config.model, ())
    assert [(each.part, each.verdict) for each in findings] == [
        ("model", Verdict.OK),
        ("second model", Verdict.FAILED),
        ("prompt", Verdict.OK),
        ("tools", Verdict.OK),
    ]
    assert findings[3].what == "tools declared: today"


async def test_a_prompt_without_room_for_a_conversation_fails(read: Read, tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("You sell bread. " * 100)
    model = read(f'{LEAST}prompt = "prompt.txt"\ncontext_tokens = 900\n').model
    found = next(each for each in await model_findings(model, ()) if each.part == "prompt")
    assert found.verdict is Verdict.FAILED
    assert found.what.endswith("the model would soon forget the conversation")


async def test_whisper_without_weights_fails_with_a_cure(read: Read, tmp_path: Path) -> None:
    parts = await found(
        read, '[speech]\nrecognizer = "whisper"\n[speech.whisper]\nmodel = "weights"\n'
    )
    assert parts["recognizer"].verdict is Verdict.FAILED
    assert "there is no model.bin in " in parts["recognizer"].what
    assert parts["recognizer"].cure
