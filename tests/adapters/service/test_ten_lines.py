"""The configuration in README answers a telephone.

The tests change only its addresses, and put the keys into the environment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from callchart.adapters.carrier.audio_file import read_audio
from callchart.adapters.service.providers.scripts import SCRIPTS
from tests.adapters.service.command import Command
from tests.asterisk.call import Call
from tests.asterisk.codec import L16
from tests.asterisk.phone import Phone
from tests.asterisk.server import Asterisk
from tests.servers.model.scripts import Writing
from tests.servers.model.server import ModelServer
from tests.servers.speechkit.server import SpeechKitServer
from tests.servers.tones import heard, speak, spoken

pytestmark = pytest.mark.real

RATE_HZ = 16000
ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text("utf-8")
PROVIDERS = (ROOT / "docs/providers.md").read_text("utf-8")
TEN_LINES, VOICES = (
    re.search(r"```toml\n(.*?)```", page, re.DOTALL).group(1)  # type: ignore[union-attr]
    for page in (README, PROVIDERS)
)
ANSWER = "beta gama delt."
KEYS = {
    "ASTERISK_PASSWORD": "CHANGE-ME",
    "OPENAI_API_KEY": "sk-right",
    "YANDEX_API_KEY": "AQVN-right",
}


class Documented(Asterisk):
    """An Asterisk that runs with the lines of README, on other ports."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.password = KEYS["ASTERISK_PASSWORD"]
        (ini,) = re.findall(r"```ini\n(.*?)```", README, re.DOTALL)
        files = dict(re.findall(r"^; (\w+\.conf)[^\n]*\n((?:[^;].*\n)+)", ini, re.MULTILINE))
        (self.folder / "etc/http.conf").write_text(
            files["http.conf"] + f"bindport = {self.http_port}\n"
        )
        (self.folder / "etc/ari.conf").write_text("[general]\nenabled = yes\n" + files["ari.conf"])
        (self.folder / "etc/extensions.conf").write_text("[inbound]\n" + files["extensions.conf"])


@pytest.fixture(scope="module")
def documented(asterisk_installed: object) -> Iterator[Documented]:
    asterisk = Documented()
    try:
        trio.run(asterisk.start)
        yield asterisk
        trio.run(asterisk.kill)
    finally:
        asterisk.remove()


@pytest.fixture(autouse=True)
def keys_are_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # Ignore the proxies that the environment names.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


def with_addresses(text: str, addresses: dict[str, str]) -> str:
    """Return the configuration with these lines added to each of these sections."""
    for section, lines in addresses.items():
        text, times = re.subn(rf"^(\[{section}\].*\n)", rf"\1{lines}\n", text, flags=re.MULTILINE)
        assert times == 1, section
    return text


async def greeted(phone: Phone, asterisk: Asterisk) -> Call:
    """Place a call, and wait until the caller has heard the whole greeting."""
    call = phone.dial("100", asterisk.sip_port)
    with trio.fail_after(60):
        await call.answered()
        await call.until_silent(0.4)
    return call


async def until_said(call: Call, text: str) -> None:
    """Wait until the caller has heard this text, in the test servers' voice."""
    with trio.fail_after(60):
        while spoken(text) not in heard(call.heard(), RATE_HZ):
            await call.until_silent(0.2, after=trio.current_time())


async def test_the_ten_lines_of_the_readme_are_enough_for_a_call(
    documented: Documented, tmp_path: Path
) -> None:
    async with ModelServer.started() as model, Phone.open(L16) as phone:
        await model.accept([KEYS["OPENAI_API_KEY"]])
        config = with_addresses(
            TEN_LINES,
            {
                "asterisk": f'url = "{documented.url}"',
                "model": f'base_url = "{model.base_url}"',
            },
        )
        path = tmp_path / "callchart.toml"
        path.write_text(config)
        await model.script_writing(Writing(text=ANSWER), containing="open")
        async with Command.started("serve", "--config", path) as service:
            await service.says("ready: ")
            call = await greeted(phone, documented)
            call.say(sample("en_hours"))
            with trio.fail_after(60):
                await model.until(asked=1)
                await call.until_silent(0.4, after=trio.current_time())
            call.hang_up()
            service.stop()
            assert await service.ended() == 0
        (question,) = await model.texts()
    assert "open" in question
    assert any("answers: 1" in line for line in service.log)


async def test_the_lines_for_speechkit_give_a_call_its_voices(
    documented: Documented, tmp_path: Path
) -> None:
    async with (
        ModelServer.started() as model,
        SpeechKitServer.started() as speechkit,
        Phone.open(L16) as phone,
    ):
        await model.accept([KEYS["OPENAI_API_KEY"]])
        await speechkit.accept([KEYS["YANDEX_API_KEY"]])
        grpc = f"http://127.0.0.1:{speechkit.grpc_port}"
        config = with_addresses(
            TEN_LINES.partition("[model]")[0] + VOICES,
            {
                "asterisk": f'url = "{documented.url}"',
                "model": f'base_url = "{model.base_url}"',
                "model.fallback": f'base_url = "{model.base_url}"',
                "speech.yandex": (
                    f'tts_url = "{grpc}"\nstt_url = "{grpc}"\ntts_http_url = "{speechkit.url}"'
                ),
            },
        ).replace("/var/lib/callchart/sounds", "sounds")
        path = tmp_path / "callchart.toml"
        path.write_text(config)
        async with Command.started("doctor", "--config", path) as doctor:
            assert await doctor.ended() == 0, doctor.out
        assert "ready to take calls" in doctor.out
        await model.script_writing(Writing(text=ANSWER), containing="доставка")
        async with Command.started("serve", "--config", path) as service:
            await service.says("ready: ")
            call = phone.dial("100", documented.sip_port)
            await until_said(call, SCRIPTS["ru"].greeting)
            call.say(question("доставка"))
            await until_said(call, ANSWER)
            call.hang_up()
            service.stop()
            assert await service.ended() == 0
    assert any("answers: 1" in line for line in service.log)
    assert not any(key in line for key in KEYS.values() for line in (doctor.out, *service.log))


def sample(name: str) -> bytes:
    return read_audio(ROOT / f"tests/samples/{name}.wav", RATE_HZ)


def question(word: str) -> bytes:
    """Return audio for a question: speech, which the voice detector detects, around the tones that
    the SpeechKit server understands."""
    speech = sample("en_hours")
    second = 2 * RATE_HZ
    return speech[:second] + speak(word, RATE_HZ).pcm + speech[second : 2 * second]
