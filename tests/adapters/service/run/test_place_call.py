"""Outgoing calls end cleanly, and do not disturb a running service."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from callchart.adapters.carrier.asterisk.carrier import AsteriskCarrier, CallFailed
from callchart.adapters.carrier.asterisk.settings import (
    AsteriskSettings,
    AudioSocketSettings,
    ListenSettings,
)
from callchart.adapters.service.cli import main
from callchart.adapters.service.config import Config, read_config
from callchart.adapters.service.demo.model_server import MODEL, ModelServer
from callchart.adapters.service.run.place_call import place_call
from callchart.adapters.service.run.second_instance import (
    under_other_names,
    without_the_services_ports,
)
from callchart.engine.chart import Step
from tests.adapters.service.command import write_config
from tests.asterisk.phone import Phone
from tests.asterisk.server import Asterisk

SERVICE = AsteriskSettings(
    user="bot", password="secret", control="per_call", listen=ListenSettings()
)


def test_a_second_instance_has_its_own_names_and_opens_control() -> None:
    one, other = (under_other_names(SERVICE, "out") for _ in range(2))
    assert one.app != other.app
    assert one.instance != other.instance
    assert one.app.startswith("callchart-out-")
    # Neither prefix contains the other, so no process treats the other's calls as orphans.
    assert one.instance.isalnum()
    assert len(one.instance) <= 12
    assert (one.control, one.listen) == ("connect", None)


def test_a_second_instance_uses_other_ports_than_the_service() -> None:
    dialled = replace(SERVICE, media="websocket_client")
    assert under_other_names(dialled, "out").listen == ListenSettings()
    assert without_the_services_ports(dialled).media == "websocket"
    assert without_the_services_ports(dialled).listen is None
    server = AudioSocketSettings(port=9092, advertise="bot.example:9999")
    audiosocket = without_the_services_ports(replace(SERVICE, audiosocket=server)).audiosocket
    assert audiosocket == AudioSocketSettings(port=0, advertise="bot.example")
    files = replace(SERVICE, media="files")
    assert without_the_services_ports(files) == files


# --- to a telephone ------------------------------------------------------------------------------


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    async with Phone.open() as phone:
        yield phone


@pytest.fixture
def path(tmp_path: Path, asterisk: Asterisk) -> Path:
    # These tests never send the model a request.
    return write_config(
        tmp_path / "callchart.toml",
        asterisk,
        ModelServer("http://127.0.0.1:9/v1"),
        transfer={"allow": ["XXXXX"]},
        outgoing={"endpoint": "PJSIP/phone/sip:phone@127.0.0.1:{}"},
    )


@pytest.fixture
def config(path: Path) -> Config:
    return read_config(path)


class Shown:
    """An inspector that keeps the states of a call."""

    def __init__(self) -> None:
        self.states: list[str] = []

    def step(self, call_id: str, step: Step) -> None:
        self.states.append(step.after.leaf)


async def test_a_signal_ends_the_call_with_a_goodbye(
    asterisk: Asterisk, phone: Phone, config: Config
) -> None:
    shown, ended = Shown(), list[bool]()

    async def place() -> None:
        ended.append(await place_call(config, str(phone.port), AsteriskCarrier.open, shown.step))

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(place)
            call = await phone.incoming()
            call.answer()
            await call.until_loud()
            os.kill(os.getpid(), signal.SIGTERM)
            assert (await call.ended()).by == "them"
    assert ended == [True]
    assert shown.states[-1] == "ended"
    assert any("speaking" in state for state in shown.states)
    assert await asterisk.channels() == []


async def test_a_signal_while_ringing_ends_the_call_immediately(
    asterisk: Asterisk, phone: Phone, config: Config
) -> None:
    async def place() -> None:
        with pytest.raises(CallFailed, match="stopped by the operator before an answer"):
            await place_call(config, str(phone.port), AsteriskCarrier.open, Shown().step)

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(place)
            call = await phone.incoming()
            call.ring()
            os.kill(os.getpid(), signal.SIGINT)
            assert (await call.ended()).by == "them"
    assert await asterisk.channels() == []


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("999", 'transfer.allow does not name 999; add "999" to it in {path}'),
        ("front-desk", 'transfer.allow does not name front-desk; add "front-desk" to it in {path}'),
        ("2XX", "EXTENSION must be a number such as 200, got '2XX'"),
        ("", "EXTENSION must be a number such as 200, got ''"),
        ("2 00", "EXTENSION must be a number such as 200, got '2 00'"),
    ],
)
def test_a_number_that_is_not_allowed_is_refused_before_asterisk_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: str, said: str
) -> None:
    path = tmp_path / "callchart.toml"
    path.write_text(
        '[asterisk]\nurl = "http://127.0.0.1:9"\nuser = "bot"\npassword = "secret"\n'
        f'[model]\nname = "{MODEL}"\nkey = "none"\n[transfer]\nallow = ["1XX"]\n'
    )
    assert main(["call", number, "--config", str(path)]) == 2
    assert capsys.readouterr().err == f"callchart call: {said.format(path=path)}\n"


def test_a_call_needs_the_ari_user_and_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "callchart.toml"
    path.write_text(
        '[asterisk]\ncontrol = "persistent"\n[asterisk.listen]\npassword = "secret"\n'
        f'[model]\nname = "{MODEL}"\nkey = "none"\n'
    )
    assert main(["call", "100", "--config", str(path)]) == 2
    assert "asterisk.user and asterisk.password must be set" in capsys.readouterr().err
