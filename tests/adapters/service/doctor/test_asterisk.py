"""The doctor's checks of Asterisk, and its findings about wrong answers."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest
import trio

from callchart.adapters.carrier.asterisk.control.ari import Ari
from callchart.adapters.carrier.asterisk.control.open import open_control
from callchart.adapters.carrier.asterisk.numbers import Allowed
from callchart.adapters.carrier.asterisk.settings import (
    AsteriskSettings,
    AudioSocketSettings,
    ListenSettings,
)
from callchart.adapters.service.doctor import asterisk as doctor
from callchart.adapters.service.doctor.finding import Finding, Verdict
from tests.asterisk.fixtures import StartAsterisk
from tests.asterisk.server import Asterisk, DialsBot

pytestmark = pytest.mark.real

OK, FAILED, UNKNOWN = Verdict.OK, Verdict.FAILED, Verdict.UNKNOWN


def settings_for(asterisk: Asterisk, **changed: Any) -> AsteriskSettings:
    plain = AsteriskSettings(
        url=asterisk.url, user=asterisk.user, password=asterisk.password, app="doctored"
    )
    return replace(plain, **changed)


async def examined(settings: AsteriskSettings) -> dict[str, Finding]:
    """Return the findings by part. Check that failures have cures, and that secrets are hidden."""
    with trio.fail_after(60):
        findings = await doctor.asterisk_findings(settings, ())
    for finding in findings:
        assert bool(finding.cure) == (finding.verdict is not OK)
        assert not (settings.password and settings.password in str(finding))
    assert len({finding.part for finding in findings}) == len(findings)
    return {finding.part: finding for finding in findings}


def verdicts(found: Mapping[str, Finding]) -> dict[str, Verdict]:
    return {part: finding.verdict for part, finding in found.items()}


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
        return number


# --- no failure ----------------------------------------------------------------------------------


async def test_a_healthy_asterisk_passes_and_is_left_unchanged(asterisk: Asterisk) -> None:
    found = await examined(settings_for(asterisk, allowed=Allowed(("100", "2XX"))))
    assert verdicts(found) == {
        "asterisk": OK,
        "modules": OK,
        "application": OK,
        "sound": OK,
        "transfers": OK,
    }
    assert asterisk.version in found["asterisk"].what
    assert await asterisk.channels() == []
    assert await asterisk.bridges() == []


async def test_the_doctor_opens_audio_over_audiosocket_at_8_khz(
    asterisk: Asterisk, free_port: int
) -> None:
    server = AudioSocketSettings(port=free_port)
    found = await examined(
        settings_for(asterisk, media="audiosocket", audiosocket=server, rate_hz=8000)
    )
    assert verdicts(found) == {
        "audiosocket": OK,
        "asterisk": OK,
        "modules": OK,
        "application": OK,
        "sound": OK,
    }
    assert found["sound"].what == "audio open: audiosocket at 8000 Hz"


async def test_an_application_in_use_is_reported_and_not_taken(
    asterisk: Asterisk,
) -> None:
    settings = settings_for(asterisk)
    async with open_control(settings, None, Random(1)) as control:
        found = await examined(settings)
        assert await control.ari.application_resources(settings.app) == ()
    assert found["application"].verdict is OK
    assert (
        "application in use: a service runs doctored, with 0 channels" in found["application"].what
    )


async def test_the_doctor_waits_for_asterisks_control_connection(
    start_asterisk: StartAsterisk, free_port: int
) -> None:
    listen = ListenSettings(port=free_port, password="secret")
    dials = DialsBot(f"ws://127.0.0.1:{free_port}/ari")
    async with start_asterisk(control=dials) as asterisk:
        settings = settings_for(asterisk, control="persistent", listen=listen, app=asterisk.app)
        found = await examined(settings)
        assert verdicts(found) == {
            "listening": OK,
            "control": OK,
            "asterisk": OK,
            "modules": OK,
            "application": OK,
            "sound": OK,
        }
        alone = await examined(replace(settings, user="", password=""))
        assert verdicts(alone) == {"listening": OK, "control": OK, "asterisk": UNKNOWN}


async def test_the_doctor_waits_for_asterisks_media_connection(
    start_asterisk: StartAsterisk, free_port: int
) -> None:
    listen = ListenSettings(port=free_port, password="secret")
    url = f"ws://127.0.0.1:{free_port}/media"
    async with start_asterisk(media_url=url) as asterisk:
        found = await examined(settings_for(asterisk, media="websocket_client", listen=listen))
    assert found["sound"].verdict is OK


# --- failures ------------------------------------------------------------------------------------


async def test_a_missing_asterisk_fails(asterisk: Asterisk, free_port: int) -> None:
    found = await examined(settings_for(asterisk, url=f"http://127.0.0.1:{free_port}"))
    assert verdicts(found) == {"asterisk": FAILED}
    assert "refused the connection" in found["asterisk"].what


async def test_a_silent_asterisk_fails_with_a_timeout(
    asterisk: Asterisk, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "LONGEST_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        found = await examined(settings_for(asterisk, url=url))
    assert verdicts(found) == {"asterisk": FAILED}
    assert found["asterisk"].what == "check timed out: no result within 0.2 s"


async def test_a_wrong_password_fails(asterisk: Asterisk) -> None:
    found = await examined(settings_for(asterisk, password="wrong one"))
    assert verdicts(found) == {"asterisk": FAILED}
    assert found["asterisk"].cure == "correct asterisk.user and asterisk.password, or ari.conf"


async def test_an_address_without_ari_fails(asterisk: Asterisk) -> None:
    found = await examined(settings_for(asterisk, url=f"{asterisk.url}/elsewhere"))
    assert verdicts(found) == {"asterisk": FAILED}
    assert "asterisk.url" in found["asterisk"].cure


async def test_a_missing_module_is_named_and_fails_the_audio(
    start_asterisk: StartAsterisk,
) -> None:
    async with start_asterisk(without=["chan_websocket.so"]) as asterisk:
        found = await examined(settings_for(asterisk))
    assert verdicts(found) == {
        "asterisk": OK,
        "modules": FAILED,
        "application": OK,
        "sound": FAILED,
    }
    assert found["modules"].what == "modules not running: chan_websocket.so"


async def test_a_missing_transfer_context_fails(asterisk: Asterisk) -> None:
    found = await examined(
        settings_for(asterisk, allowed=Allowed(("100",)), transfer_context="nowhere")
    )
    assert found["transfers"].verdict is FAILED
    assert found["transfers"].what == "context missing: [nowhere] is not in the dialplan"


async def test_a_missing_transfer_extension_fails(asterisk: Asterisk) -> None:
    found = await examined(settings_for(asterisk, allowed=Allowed(("100", "200"))))
    assert found["transfers"].verdict is FAILED
    assert found["transfers"].what == "extension missing: 200 in [transfers]"


async def test_transfers_are_not_checked_without_func_dialplan(
    start_asterisk: StartAsterisk,
) -> None:
    async with start_asterisk(without=["func_dialplan.so"]) as asterisk:
        found = await examined(settings_for(asterisk, allowed=Allowed(("100",))))
    assert (found["sound"].verdict, found["transfers"].verdict) == (OK, UNKNOWN)


async def test_ports_that_are_in_use_are_not_taken_from_the_service(asterisk: Asterisk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as running:
        listen = ListenSettings(port=running.getsockname()[1], password="secret")
        found = await examined(
            settings_for(asterisk, control="persistent", media="websocket_client", listen=listen)
        )
    assert verdicts(found) == {
        "listening": UNKNOWN,
        "control": UNKNOWN,
        "asterisk": OK,
        "modules": OK,
        "application": OK,
        "sound": UNKNOWN,
    }


async def test_control_fails_if_asterisk_does_not_dial(
    asterisk: Asterisk, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "LONGEST_S", 0.2)
    listen = ListenSettings(port=free_port, password="secret")
    found = await examined(
        settings_for(asterisk, control="persistent", listen=listen, user="", password="")
    )
    assert found["control"].verdict is FAILED
    assert "outbound_websocket" in found["control"].cure


async def test_control_per_call_is_not_checked_without_a_call(asterisk: Asterisk) -> None:
    listen = ListenSettings(port=0, password="secret")
    found = await examined(settings_for(asterisk, control="per_call", listen=listen))
    assert found["control"].verdict is UNKNOWN


@pytest.mark.parametrize(
    ("version", "needs", "upgrade"),
    [
        ("13.38.3", {}, "16.0 or newer"),
        ("20.14.0", {"control": "persistent", "media": "files"}, "20.15, 21.10, 22.5 or newer"),
        ("22.7.0", {"media": "websocket"}, "20.18, 22.8, 23.2 or newer"),
        ("16.30.0", {"media": "audiosocket", "rate_hz": 16000}, "20.17, 22.7, 23.1 or newer"),
    ],
)
async def test_an_asterisk_too_old_for_the_configuration_fails(
    version: str, needs: dict[str, Any], upgrade: str
) -> None:
    class Old(Ari):
        async def version(self) -> str:
            return version

    class Nothing:
        async def send_request(self, request: object) -> None:
            raise AssertionError

    finding = await doctor.version(Old(Nothing()), AsteriskSettings(**needs))
    assert finding.verdict is FAILED
    assert upgrade in finding.cure


@pytest.mark.parametrize(
    ("version", "since", "older"),
    [
        ("13.38.3", doctor.OLDEST, True),
        ("16.0.0", doctor.OLDEST, False),
        ("17.2.0", doctor.OLDEST, False),
        ("22.10.1+dfsg+~cs6.17.60671434-1", doctor.OLDEST, False),
        ("20.14.9", doctor.OUTBOUND, True),
        ("20.15.0", doctor.OUTBOUND, False),
        ("21.9.0", doctor.OUTBOUND, True),
        ("23.0.0", doctor.OUTBOUND, False),
        ("18.26.4", doctor.JSON_MEDIA, True),
        ("21.12.3", doctor.JSON_MEDIA, True),
        ("22.10.1", doctor.JSON_MEDIA, False),
        ("23.1.0", doctor.JSON_MEDIA, True),
        ("24.0.0", doctor.JSON_MEDIA, False),
        ("certified-22.8-cert1", doctor.JSON_MEDIA, False),
        ("GIT-master-1a2b3c", doctor.JSON_MEDIA, False),
    ],
)
def test_a_release_is_compared_by_branch(
    version: str, since: Mapping[int, int], older: bool
) -> None:
    assert doctor.is_older(version, since) is older
