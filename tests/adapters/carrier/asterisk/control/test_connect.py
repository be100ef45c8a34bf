"""Control that we dial: failures at the start, failures later, and reconnecting."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from callchart.adapters.backoff import Backoff
from callchart.adapters.carrier.asterisk.control import connect
from callchart.adapters.carrier.asterisk.control.ari import ControlLost
from callchart.adapters.carrier.asterisk.control.connect import connected
from callchart.adapters.carrier.asterisk.control.control import Control, ControlError
from callchart.adapters.carrier.asterisk.control.events import StasisEnd
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.adapters.carrier.asterisk.websocket.client import dial
from callchart.adapters.carrier.asterisk.websocket.server import MESSAGE_BYTES
from tests.adapters.carrier.asterisk.media.media_call import wait_until_removed
from tests.adapters.carrier.asterisk.scripted_asterisk import (
    PASSWORD,
    USER,
    ScriptedAnswer,
    ScriptedAsterisk,
    says,
    says_nothing,
    scripted_asterisk,
)
from tests.asterisk.fixtures import StartAsterisk
from tests.asterisk.server import Asterisk

pytestmark = pytest.mark.real

START = {
    "type": "StasisStart",
    "application": "callchart",
    "args": [],
    "channel": {
        "id": "1",
        "name": "PJSIP/trunk-1",
        "state": "Ring",
        "caller": {"number": ""},
        "dialplan": {"exten": "bot"},
    },
}


def at(url: str, user: str = USER, password: str = PASSWORD) -> AsteriskSettings:
    return AsteriskSettings(url=url, user=user, password=password, instance="bot")


def of(asterisk: Asterisk) -> AsteriskSettings:
    return at(asterisk.url, asterisk.user, asterisk.password)


@asynccontextmanager
async def to_scripted(asterisk: ScriptedAsterisk) -> AsyncIterator[Control]:
    async with connected(at(asterisk.url), random.Random(1)) as control:
        yield control


async def failure(settings: AsteriskSettings) -> str:
    """Return the text of the error with which control fails."""
    with pytest.raises(ControlError) as failed:
        async with connected(settings, random.Random(1)):
            pass
    assert "\n" not in str(failed.value)
    return str(failed.value)


# --- the start ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "answer", "said"),
    [
        ("GET asterisk/info", says(401, {"message": "No"}), "with 401: No; correct asterisk.user"),
        ("GET asterisk/info", says(404, ""), "set enabled=yes in Asterisk's ari.conf"),
        ("GET asterisk/info", says(503, ""), "with 503: As Scripted; see Asterisk's log"),
        ("GET asterisk/info", says(200, "<html>"), "must be JSON of Asterisk's ARI"),
        ("GET asterisk/info", says(200, {"system": {}}), "must be ARI, got another answer"),
        ("GET asterisk/info", says(200, ["22"]), "the server at asterisk.url must be ARI"),
        (
            "GET asterisk/info",
            says(200, {"system": {"version": "13.38.3"}}),
            "Asterisk must be 16 or newer, got 13.38.3",
        ),
        (
            "GET asterisk/info",
            says(200, {"system": {"version": "certified/13.21-cert6"}}),
            "must be 16 or newer, got certified/13.21-cert6",
        ),
        ("POST channels/bot-missing/answer", says(403, {"message": "No"}), "set read_only=no"),
        ("GET events", says(401, ""), "its events cannot be opened: it answered 401"),
        ("GET events", says(404, ""), "check that Asterisk has loaded res_http_websocket.so"),
    ],
)
async def test_an_unsuitable_asterisk_fails_with_one_error_and_the_cure(
    asked: str, answer: ScriptedAnswer, said: str
) -> None:
    async with scripted_asterisk() as asterisk:
        asterisk.answers[asked] = answer
        assert said in await failure(at(asterisk.url))


async def test_a_refused_connection_fails_with_one_error_and_the_cure() -> None:
    async with scripted_asterisk() as gone:
        pass
    assert "refused the connection; start it" in await failure(at(gone.url))
    assert "was not found; check asterisk.url" in await failure(at("http://nowhere.invalid:8088"))


async def test_a_failed_tls_handshake_is_one_error_with_the_cure() -> None:
    async with scripted_asterisk() as asterisk:
        said = await failure(at(asterisk.url.replace("http:", "https:")))
    assert "failed the TLS handshake" in said
    assert "check its certificate" in said


async def test_an_events_socket_that_does_not_open_times_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connect, "CONNECT_SECONDS", 0.1)
    async with scripted_asterisk() as asterisk:
        asterisk.answers["GET events"] = says_nothing
        assert "no answer within 0.1 s" in await failure(at(asterisk.url))


@pytest.mark.parametrize("version", ["22.10.1+dfsg", "16.0.0", "GIT-master-1a2b3c", "certified-20"])
async def test_a_new_or_unknown_version_is_accepted(version: str) -> None:
    async with scripted_asterisk() as asterisk:
        asterisk.answers["GET asterisk/info"] = says(200, {"system": {"version": version}})
        async with to_scripted(asterisk) as control:
            assert await control.ari.version() == version


async def test_a_wrong_password_at_a_real_asterisk(asterisk: Asterisk) -> None:
    said = await failure(at(asterisk.url, asterisk.user, "wrong"))
    assert "correct asterisk.user and asterisk.password" in said


async def test_an_application_of_another_client_is_not_taken(
    asterisk: Asterisk,
) -> None:
    async with connected(of(asterisk), random.Random(1)) as control:
        said = await failure(of(asterisk))
        assert said.startswith("another client serves the application 'callchart'")
        assert not control.has_failed
        await wait_until_removed(asterisk)


async def test_an_application_whose_client_crashed_during_a_call_is_taken(
    start_asterisk: StartAsterisk,
) -> None:
    async with start_asterisk() as asterisk:
        async with connected(of(asterisk), random.Random(1)) as control:
            await asterisk.ari(
                "POST",
                "channels",
                endpoint="Local/bot@inbound",
                context="inbound",
                extension="echo",
            )
            with trio.fail_after(60):
                left_behind = (await control.arrival()).start.channel.id
        for _ in range(2):
            assert [each["name"] for each in await asterisk.applications()] == [asterisk.app]
            async with connected(of(asterisk), random.Random(1)) as control:
                assert {each["id"] for each in await asterisk.channels()} >= {left_behind}
        await asterisk.ari("DELETE", f"channels/{left_behind}")


# --- later ----------------------------------------------------------------------------------------


async def test_another_client_that_takes_over_the_application_ends_control(
    asterisk: Asterisk,
) -> None:
    async with connected(of(asterisk), random.Random(1)) as control:
        link = control.link(asterisk.app)
        key = f"app={asterisk.app}&api_key={asterisk.user}:{asterisk.password}"
        async with dial(
            f"{asterisk.url.replace('http', 'ws')}/ari/events?{key}",
            subprotocol="ari",
            seconds=5,
            message_bytes=MESSAGE_BYTES,
        ):
            with trio.fail_after(60), pytest.raises(ControlError, match="another client took over"):
                await control.arrival()
            with trio.fail_after(60):
                await link.wait_lost()
            with pytest.raises(ControlLost, match="another client took over the application"):
                await link.ari.version()


async def test_a_call_that_arrives_with_the_first_event_can_be_answered() -> None:
    async with scripted_asterisk() as asterisk, to_scripted(asterisk) as control:
        asterisk.answers["POST channels/1/answer"] = says(204, "")
        ws = await asterisk.socket()
        await ws.send_message(json.dumps(START))
        with trio.fail_after(60):
            arrival = await control.arrival()
        await arrival.link.ari.answer(arrival.start.channel.id)


async def test_malformed_events_do_not_affect_a_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with scripted_asterisk() as asterisk, to_scripted(asterisk) as control:
        ws = await asterisk.socket()
        with control.listen("1") as events:
            for noise in ("{", "[]", '{"type": "StasisEnd"}', '{"type": "New"}', b"\xff"):
                await ws.send_message(noise)
            await ws.send_message(json.dumps({"type": "StasisEnd", "channel": {"id": "1"}}))
            with trio.fail_after(60):
                assert await events.next() == StasisEnd("1")
    assert all(line.startswith("malformed ARI event dropped") for line in caplog.messages)


async def test_control_reconnects_after_a_message_that_was_too_long(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "callchart")
    async with scripted_asterisk() as asterisk, to_scripted(asterisk) as control:
        link = control.link("callchart")
        with control.listen("1") as events:
            asterisk.answers["GET channels"] = says(200, [START["channel"]])
            await (await asterisk.socket()).send_message("x" * (MESSAGE_BYTES + 1))
            with trio.fail_after(60):
                await link.wait_lost()
                await link.wait_up()
            ws = await asterisk.socket()
            await ws.send_message(json.dumps({"type": "StasisEnd", "channel": {"id": "1"}}))
            with trio.fail_after(60):
                assert await events.next() == StasisEnd("1")
    assert caplog.messages == [
        "control socket lost for callchart: a message of Asterisk must be at most"
        f" {MESSAGE_BYTES} bytes, got a longer one",
        "control socket reconnected for callchart",
    ]


async def test_while_control_is_lost_requests_fail_immediately_and_one_line_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "callchart")
    async with scripted_asterisk() as asterisk, to_scripted(asterisk) as control:
        link = control.link("callchart")
        asterisk.answers["GET events"] = says(503, "")
        await (await asterisk.socket()).aclose(1001, "restarting")
        with trio.fail_after(60):
            await link.wait_lost()
            while asterisk.asked.count("GET events") < 4:  # noqa: ASYNC110 (a list)
                with pytest.raises(ControlLost, match="1001 restarting"):
                    await link.ari.version()
                await trio.sleep(0.01)
        del asterisk.answers["GET events"]
    assert caplog.messages == [
        "control socket lost for callchart: Asterisk closed the socket: 1001 restarting"
    ]


@pytest.mark.parametrize("answer", [b"SIP/2.0 200 OK\r\n\r\n", b"HTTP/1.1 101 Yes\r\n\r\n"])
async def test_control_reconnects_after_an_answer_that_is_not_a_websocket_handshake(
    answer: bytes,
) -> None:
    async def answers(stream: trio.SocketStream) -> None:
        await stream.send_all(answer)

    async with scripted_asterisk() as asterisk, to_scripted(asterisk) as control:
        link, events = control.link("callchart"), asterisk.answers["GET events"]
        ws = await asterisk.socket()
        asterisk.answers["GET events"] = answers
        await ws.aclose()
        with trio.fail_after(60):
            while asterisk.asked.count("GET events") < 3:  # noqa: ASYNC110 (a list)
                await trio.sleep(0.01)
            asterisk.answers["GET events"] = events
            await link.wait_up()
        await asterisk.socket()


async def test_a_long_reconnect_logs_its_cause(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "RECONNECT", Backoff(first_s=0.1, longest_s=0.1))
    async with scripted_asterisk() as asterisk, to_scripted(asterisk):
        asterisk.answers["GET events"] = says(401, "")
        await (await asterisk.socket()).aclose()
        with trio.fail_after(60):
            while asterisk.asked.count("GET events") < 4:  # noqa: ASYNC110 (a list)
                await trio.sleep(0.01)
    assert caplog.messages[1:] == ["control reconnect failed: it answered 401"]


async def test_control_reconnects_if_the_catch_up_fails() -> None:
    async with scripted_asterisk() as asterisk, to_scripted(asterisk) as control:
        link = control.link("callchart")
        with control.listen("1") as events:
            asterisk.answers["GET channels"] = says(500, {"error": "no memory"})
            await (await asterisk.socket()).aclose()
            with trio.fail_after(60):
                await link.wait_lost()
                await asterisk.socket()
            asterisk.answers["GET channels"] = says(200, [])
            with trio.fail_after(60):
                gone = await events.next()
                await link.wait_up()
            assert gone.channel == "1"  # type: ignore[union-attr]


def test_delays_before_reconnecting_grow_and_have_jitter() -> None:
    one, other = random.Random(1), random.Random(2)
    waits = [connect.RECONNECT.delay_s(retries, one) for retries in range(9)]
    others = [connect.RECONNECT.delay_s(retries, other) for retries in range(9)]
    expected = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0)
    for wait, other_wait, least in zip(waits, others, expected, strict=True):
        assert least <= wait <= 1.5 * least
        assert wait != other_wait
