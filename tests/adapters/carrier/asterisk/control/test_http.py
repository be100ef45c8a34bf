"""Requests over HTTP: answers, refusals, and failures of the connection."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from callchart.adapters.carrier.asterisk.control import http as http_module
from callchart.adapters.carrier.asterisk.control.ari import Ari, AriError, ControlLost
from callchart.adapters.carrier.asterisk.control.http import HttpTransport
from tests.adapters.carrier.asterisk.media.media_call import wait_until_removed
from tests.adapters.carrier.asterisk.scripted_asterisk import (
    PASSWORD,
    USER,
    ScriptedAnswer,
    ScriptedAsterisk,
    hangs_up,
    leaves,
    says,
    says_nothing,
    scripted_asterisk,
)
from tests.asterisk.server import Asterisk

pytestmark = pytest.mark.real

ANSWERING = "POST channels/1/answer"


@asynccontextmanager
async def asking(answer: ScriptedAnswer) -> AsyncIterator[tuple[Ari, ScriptedAsterisk]]:
    """Open requests to an Asterisk that gives `answer` to POST channels/1/answer."""
    async with (
        scripted_asterisk() as asterisk,
        HttpTransport.open(asterisk.url, USER, PASSWORD) as http,
    ):
        asterisk.answers[ANSWERING] = answer
        yield Ari(http), asterisk


async def test_a_real_asterisk_answers(asterisk: Asterisk) -> None:
    async with HttpTransport.open(asterisk.url, asterisk.user, asterisk.password) as http:
        ari = Ari(http)
        assert asterisk.version == f"Asterisk {await ari.version()}"
        assert await ari.channels() == ()
        with pytest.raises(AriError, match=r"POST channels/no%20one/answer with 404: Channel not"):
            await ari.answer("no one")
        bridges = await ari.bridges()
        await ari.create_bridge("http/test;1")
        assert {bridge.id for bridge in await ari.bridges()} - {b.id for b in bridges} == {
            "http/test;1"
        }
        await ari.delete_bridge("http/test;1")
        await wait_until_removed(asterisk, "http/test;1")  # Asterisk lists it for a moment longer
        assert await ari.bridges() == bridges


async def test_a_wrong_password_is_refused_by_a_real_asterisk(asterisk: Asterisk) -> None:
    async with HttpTransport.open(asterisk.url, asterisk.user, "wrong") as http:
        with pytest.raises(AriError, match="401"):
            await Ari(http).version()


async def test_a_hundred_simultaneous_requests_share_connections(asterisk: Asterisk) -> None:
    async with (
        HttpTransport.open(asterisk.url, asterisk.user, asterisk.password) as http,
        trio.open_nursery() as nursery,
    ):
        for _ in range(100):
            nursery.start_soon(Ari(http).channels)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (says(404, {"message": "Channel not found"}), "with 404: Channel not found"),
        (says(500, {"error": "Allocation failed"}), "with 500: Allocation failed"),
        (says(503, "<html>overloaded</html>"), "with 503: As Scripted"),
    ],
    ids=["404", "500", "a page"],
)
async def test_a_refusal_has_asterisks_own_words(answer: ScriptedAnswer, reason: str) -> None:
    async with asking(answer) as (ari, _):
        with pytest.raises(AriError, match=reason):
            await ari.answer("1")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (says(200, "<html>"), r"must be JSON of Asterisk's ARI"),
        (hangs_up, "does not speak HTTP, or broke off"),
        (lambda stream: stream.send_all(b"SSH-2.0-OpenSSH\r\n"), "does not speak HTTP"),
        (leaves, "broke off"),
    ],
    ids=["no JSON", "half an answer", "another protocol", "no answer"],
)
async def test_an_invalid_answer_is_control_lost(answer: ScriptedAnswer, reason: str) -> None:
    async with asking(answer) as (ari, _):
        with pytest.raises(ControlLost, match=reason):
            await ari.answer("1")


async def test_a_request_without_an_answer_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "ANSWER_SECONDS", 0.1)
    async with asking(says_nothing) as (ari, _):
        with pytest.raises(ControlLost, match=r"did not answer within 0\.1 s"):
            await ari.answer("1")
        assert await ari.version() == "22.10.1"


async def test_cancelled_requests_release_their_connections() -> None:
    async with asking(says_nothing) as (ari, asterisk):
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(ari.answer, "1")
            with trio.fail_after(60):
                while asterisk.asked.count(ANSWERING) < 20:  # noqa: ASYNC110 (a list)
                    await trio.sleep(0.001)
            nursery.cancel_scope.cancel()
        with trio.fail_after(60):
            assert await ari.version() == "22.10.1"


async def test_a_refused_connection_is_control_lost() -> None:
    async with scripted_asterisk() as gone:
        pass
    async with HttpTransport.open(gone.url, USER, PASSWORD) as http:
        with pytest.raises(ControlLost, match=r"127\.0\.0\.1:\d+ refused the connection; start it"):
            await Ari(http).version()


async def test_a_host_that_does_not_exist_is_control_lost() -> None:
    async with HttpTransport.open("http://nowhere.invalid:8088", USER, PASSWORD) as http:
        with pytest.raises(ControlLost, match=r"nowhere\.invalid:8088 was not found"):
            await Ari(http).version()


async def test_tls_to_a_server_without_tls_is_control_lost() -> None:
    async with scripted_asterisk() as asterisk:
        url = asterisk.url.replace("http:", "https:")
        async with HttpTransport.open(url, USER, PASSWORD) as http:
            with pytest.raises(ControlLost, match="failed the TLS handshake: "):
                await Ari(http).version()


async def test_logs_and_errors_hold_no_phone_number(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with asking(hangs_up) as (ari, asterisk):
        asterisk.answers["POST channels"] = hangs_up
        with pytest.raises(ControlLost) as lost:
            await ari.originate("c", "PJSIP/5550123", "app", caller="5550199")
        assert "555" not in str(lost.value)
        assert lost.value.__cause__ is lost.value.__context__ is None
        asterisk.answers["POST channels"] = says(204, "")
        await ari.originate("c", "PJSIP/5550123", "app", caller="5550199")
    assert "555" not in caplog.text


async def test_proxies_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with asking(says(204, "")) as (ari, _):
        await ari.answer("1")
