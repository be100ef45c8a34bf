"""The service as users run it: processes, signals, a real Asterisk, real telephones."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio

from callchart.adapters.service.cli import main
from callchart.adapters.service.demo.model_server import ModelServer
from callchart.engine.data import Scripts
from tests.adapters.service.command import Command, model_server, write_config
from tests.asterisk.call import Call, CallEnded
from tests.asterisk.phone import Phone
from tests.asterisk.server import Asterisk, DialsBot
from tests.servers.process import free_port

pytestmark = pytest.mark.real

Write = Callable[..., Path]


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with model_server() as server:
        yield server


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    async with Phone.open() as phone:
        yield phone


@pytest.fixture
def write(tmp_path: Path, asterisk: Asterisk, model: ModelServer) -> Write:
    def written(**sections: dict[str, object]) -> Path:
        return write_config(tmp_path / "callchart.toml", asterisk, model, **sections)

    return written


async def greeted(phone: Phone, asterisk: Asterisk) -> Call:
    """Place a call with the phone, and wait until the bot has begun to speak."""
    call = phone.dial("bot", asterisk.sip_port, number="5550123")
    with trio.fail_after(60):
        await call.answered()
        await call.until_loud()
    return call


async def cut_off(service: Command, call: Call) -> None:
    """End the service and its call with two signals."""
    service.stop()
    await service.says("drain begins: ")
    service.stop()
    with trio.fail_after(60):
        assert (await call.ended()).by == "them"
        assert await service.ended() == 1


async def check_nothing_left(asterisk: Asterisk) -> None:
    """Check that Asterisk has no channel or bridge."""
    assert await asterisk.channels() == []
    assert await asterisk.bridges() == []


# --- serve ---------------------------------------------------------------------------------------


async def test_a_stop_says_goodbye_to_callers_and_writes_their_journals(
    asterisk: Asterisk,
    phone: Phone,
    write: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = write(service={"drain_seconds": 0})
    async with Command.started("serve", "--config", config) as service:
        await service.says("ready: ")
        call = await greeted(phone, asterisk)
        service.stop()
        with trio.fail_after(60):
            assert (await call.ended()).by == "them"
        assert await service.ended() == 0
    await check_nothing_left(asterisk)

    log = [re.sub(r"^\S+ ", "", line) for line in service.log]
    assert "[info     ] drain timeout: goodbyes requested: 1, time limit 10 s" in log
    assert "[info     ] totals since start: answers: 0" in log
    assert log[-1] == "[info     ] service stopped: calls taken: 1, failed: 0, cut off: 0"
    ended = next(line for line in log if "ended after" in line)
    assert ended.endswith(": the agent hung up after its last reply")
    assert not re.search(f"5550123|{asterisk.password}|Hello|Goodbye", "\n".join(log))

    (journal,) = (tmp_path / "journals").iterdir()
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    assert re.fullmatch(r"\d{8}T\d{6}\.\d{6}Z-callchart-\w+-1\.jsonl", journal.name)
    text = journal.read_text()
    assert "5550123" not in text
    assert [json.loads(line)["event"]["type"] for line in text.splitlines()[1:]].count(
        "HangUpRequested"
    ) == 1
    assert main(["replay", str(journal)]) == 0
    assert "all as recorded" in capsys.readouterr().out


async def test_a_drain_refuses_new_calls_and_lets_running_calls_end(
    asterisk: Asterisk, phone: Phone, write: Write
) -> None:
    async with Command.started("serve", "--config", write()) as service:
        await service.says("ready: ")
        call = await greeted(phone, asterisk)
        service.stop()
        await service.says("running calls: 1, time limit 30 s")
        with pytest.raises(CallEnded) as refused:
            await phone.dial("bot", asterisk.sip_port).answered()
        assert refused.value.ending.status == 486
        assert call.ended_at is None
        call.hang_up()
        assert await service.ended() == 0
    assert any("the caller hung up" in line for line in service.log)
    await check_nothing_left(asterisk)


async def test_a_second_signal_cuts_calls_off_and_removes_them_from_asterisk(
    asterisk: Asterisk, phone: Phone, write: Write
) -> None:
    async with Command.started("serve", "--config", write()) as service:
        await service.says("ready: ")
        await cut_off(service, await greeted(phone, asterisk))
    assert service.log[-1].endswith("service stopped: calls taken: 1, failed: 0, cut off: 1")
    await check_nothing_left(asterisk)


async def test_a_cut_off_call_ends_in_asterisk_with_persistent_control_too(
    asterisk_installed: object, phone: Phone, model: ModelServer, tmp_path: Path
) -> None:
    port = free_port()
    dials = DialsBot(f"ws://127.0.0.1:{port}/ari")
    async with Asterisk.started(control=dials) as asterisk:
        listen = {"port": port, "user": dials.user, "password": dials.password}
        sections: dict[str, dict[str, object]] = {
            "asterisk": {"control": "persistent"},
            "asterisk.listen": listen,
        }
        config = write_config(tmp_path / "callchart.toml", asterisk, model, **sections)
        async with Command.started("serve", "--config", config) as service:
            await service.says("ready: ")
            await cut_off(service, await greeted(phone, asterisk))
        await check_nothing_left(asterisk)


# --- doctor --------------------------------------------------------------------------------------


async def test_the_doctor_passes_a_working_service(asterisk: Asterisk, write: Write) -> None:
    config = write(transfer={"allow": ["100"]})
    async with Command.started("doctor", "--config", config) as doctor:
        assert await doctor.ended() == 0, doctor.out
    assert doctor.log == []
    assert "ready to take calls" in doctor.out
    assert asterisk.password not in doctor.out
    await check_nothing_left(asterisk)


# --- call ----------------------------------------------------------------------------------------

TO_THE_PHONE = {
    "transfer": {"allow": ["XXXXX"]},
    "outgoing": {"endpoint": "PJSIP/phone/sip:phone@127.0.0.1:{}"},
}


async def test_a_call_by_hand_shows_its_states_and_disturbs_no_service(
    asterisk: Asterisk, phone: Phone, write: Write
) -> None:
    config = write(**TO_THE_PHONE)
    async with Command.started("serve", "--config", config) as service:
        await service.says("ready: ")
        served = await greeted(phone, asterisk)
        async with Command.started("call", str(phone.port), "--config", config) as placing:
            with trio.fail_after(60):
                placed = await phone.incoming()
                placed.answer()
                await placed.until_loud()
            placed.hang_up()
            assert await placing.ended() == 0
        assert served.ended_at is None
        served.hang_up()
        service.stop()
        assert await service.ended() == 0
    assert service.log[-1].endswith("service stopped: calls taken: 1, failed: 0, cut off: 0")
    states = [line.split()[1] for line in placing.out.splitlines()[1:]]
    assert states[0] == "greeting.clear"
    assert states[-2:] == ["hangup", "ended"]
    assert Scripts().greeting not in placing.out
    await check_nothing_left(asterisk)


async def test_a_call_by_hand_that_is_not_answered_prints_the_cause(
    asterisk: Asterisk, phone: Phone, write: Write
) -> None:
    config = write(**TO_THE_PHONE)
    async with Command.started("call", str(phone.port), "--config", config) as placing:
        with trio.fail_after(60):
            (await phone.incoming()).refuse(486)
        assert await placing.ended() == 1
    assert placing.log == ["callchart call: not answered: busy"]
    await check_nothing_left(asterisk)
