"""The tests' phone makes real calls at a real Asterisk."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest
import trio

from tests.asterisk.call import Call, CallEnded, Ending
from tests.asterisk.codec import FRAME_SECONDS, L16, PCMA, PCMU, Codec
from tests.asterisk.fixtures import StartAsterisk
from tests.asterisk.phone import Phone
from tests.asterisk.server import Asterisk
from tests.contracts.line import loud_seconds, tone

pytestmark = pytest.mark.real

SECONDS = 5.0

#: Key events have the sample rate of the codec.
clocks = pytest.mark.parametrize("codec", [PCMU, L16], ids=lambda codec: codec.rtpmap)
codecs = pytest.mark.parametrize("codec", [PCMU, PCMA, L16], ids=lambda codec: codec.name)


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    async with Phone.open() as phone:
        yield phone


async def rung_by(asterisk: Asterisk, phone: Phone, extension: str) -> Call:
    """Let Asterisk call the phone, and connect it to the extension once it answers."""
    await asterisk.ari(
        "POST",
        "channels",
        endpoint=f"PJSIP/phone/{phone.uri}",
        context="inbound",
        extension=extension,
        priority="1",
    )
    return await phone.incoming()


async def no_channels(asterisk: Asterisk) -> None:
    while await asterisk.channels():  # noqa: ASYNC110 (Asterisk's own)
        await trio.sleep(0.01)


@codecs
async def test_an_echo_returns_the_audio(asterisk: Asterisk, codec: Codec) -> None:
    with trio.fail_after(SECONDS):
        async with Phone.open(codec) as phone:
            call = phone.dial("echo", asterisk.sip_port)
            await call.until_heard()
            call.say(tone(0.4, call.rate_hz))
            began = await call.until_loud()
            ended = await call.until_silent(0.1)
            assert ended - began == pytest.approx(0.4, abs=0.1)
            assert loud_seconds(call.heard(), call.rate_hz) == pytest.approx(0.4)
            assert call.traffic.lost == 0


async def test_heard_audio_is_placed_by_the_clock(asterisk: Asterisk, phone: Phone) -> None:
    with trio.fail_after(SECONDS):
        call = phone.dial("echo", asterisk.sip_port)
        await call.until_heard()
        call.say(tone(0.1, call.rate_hz) + bytes(3200) + tone(0.1, call.rate_hz))
        await call.said()
        await call.until_silent(0.1)
    samples = np.abs(np.frombuffer(call.heard(), "<i2").astype(int)) > 1000
    (loud,) = np.nonzero(samples)
    assert call.began is not None
    spoke = call.mouth.first_loud()
    assert spoke is not None
    assert loud[0] / call.rate_hz == pytest.approx(spoke - call.began, abs=FRAME_SECONDS)
    assert (loud[-1] - loud[0]) / call.rate_hz == pytest.approx(0.4, abs=0.001)


async def test_the_phone_hangs_up(asterisk: Asterisk, phone: Phone) -> None:
    with trio.fail_after(SECONDS):
        call = phone.dial("echo", asterisk.sip_port)
        await call.answered()
        call.hang_up()
        call.hang_up()
        assert await call.ended() == Ending("us")
        await call.settled.wait()
        await no_channels(asterisk)


async def test_the_other_side_hangs_up(asterisk: Asterisk, phone: Phone) -> None:
    with trio.fail_after(SECONDS):
        call = phone.dial("short", asterisk.sip_port)
        await call.answered()
        assert await call.ended() == Ending("them", cause=16)
        with pytest.raises(CallEnded):
            await call.until_loud()


@pytest.mark.parametrize(
    ("extension", "status"), [("busy", 486), ("reject", 403), ("decline", 603), ("nobody", 404)]
)
async def test_a_refused_call_has_the_status(
    asterisk: Asterisk, phone: Phone, extension: str, status: int
) -> None:
    with trio.fail_after(SECONDS):
        call = phone.dial(extension, asterisk.sip_port)
        with pytest.raises(CallEnded) as refused:
            await call.answered()
        assert refused.value.ending.by == "them"
        assert refused.value.ending.status == status


async def test_a_caller_gives_up_while_it_rings(asterisk: Asterisk, phone: Phone) -> None:
    with trio.fail_after(SECONDS):
        call = phone.dial("ring", asterisk.sip_port)
        await call.ringing()
        call.hang_up()
        assert await call.ended() == Ending("us")
        await call.settled.wait()
        await no_channels(asterisk)


async def test_a_caller_gives_up_before_the_first_response(
    asterisk: Asterisk, phone: Phone
) -> None:
    with trio.fail_after(SECONDS):
        call = phone.dial("ring", asterisk.sip_port)
        call.hang_up()
        await call.settled.wait()
        await no_channels(asterisk)


@clocks
async def test_keys_that_the_other_side_presses_arrive_in_order(
    asterisk: Asterisk, codec: Codec
) -> None:
    with trio.fail_after(SECONDS):
        async with Phone.open(codec) as phone:
            call = phone.dial("dtmf", asterisk.sip_port)
            assert await call.until_keys(3) == "12#"


@clocks
async def test_keys_that_the_phone_presses_arrive_in_order(
    asterisk: Asterisk, codec: Codec
) -> None:
    with trio.fail_after(SECONDS):
        async with Phone.open(codec) as phone:
            call = phone.dial("echo", asterisk.sip_port)
            await call.until_heard()
            call.press("09*A")  # "#" would end the echo
            assert await call.until_keys(4) == "09*A"


async def test_a_call_that_comes_in_is_answered(asterisk: Asterisk, phone: Phone) -> None:
    with trio.fail_after(SECONDS):
        call = await rung_by(asterisk, phone, "echo")
        call.ring()
        call.answer()
        await call.until_heard()
        call.say(tone(0.2, call.rate_hz))
        await call.until_silent(0.1)
        assert loud_seconds(call.heard(), call.rate_hz) == pytest.approx(0.2)
        call.hang_up()
        await call.settled.wait()
        await no_channels(asterisk)


async def test_a_call_that_comes_in_is_refused(asterisk: Asterisk, phone: Phone) -> None:
    with trio.fail_after(SECONDS):
        call = await rung_by(asterisk, phone, "echo")
        call.refuse(486)
        assert await call.ended() == Ending("us", 486)
        await no_channels(asterisk)


async def test_the_caller_gives_up_while_the_phone_rings(asterisk: Asterisk, phone: Phone) -> None:
    with trio.fail_after(SECONDS):
        await no_channels(asterisk)
        call = await rung_by(asterisk, phone, "echo")
        call.ring()
        (channel,) = await asterisk.channels()
        await asterisk.ari("DELETE", f"channels/{channel['id']}")
        ending = await call.ended()
        assert (ending.by, ending.status) == ("them", 487)
        await no_channels(asterisk)


async def test_two_phones_talk_through_asterisk(asterisk: Asterisk, phone: Phone) -> None:
    async with Phone.open() as other:
        with trio.fail_after(SECONDS):
            call = phone.dial(f"phone-{other.port}", asterisk.sip_port)
            answering = await other.incoming()
            answering.answer()
            await call.answered()
            await answering.until_heard()
            call.say(tone(0.1, call.rate_hz))
            await answering.until_loud()
            answering.say(tone(0.1, call.rate_hz))
            await call.until_loud()
            answering.hang_up()
            assert (await call.ended()).by == "them"


async def test_a_closed_phone_leaves_no_channel(asterisk: Asterisk) -> None:
    with trio.fail_after(SECONDS):
        async with Phone.open() as phone:
            await phone.dial("echo", asterisk.sip_port).answered()
            phone.dial("ring", asterisk.sip_port)
        await no_channels(asterisk)


async def test_a_killed_asterisk_falls_silent_and_the_phone_can_hang_up(
    start_asterisk: StartAsterisk, phone: Phone
) -> None:
    with trio.fail_after(SECONDS):
        async with start_asterisk() as asterisk:
            call = phone.dial("milliwatt", asterisk.sip_port)
            await call.until_loud()
            await asterisk.kill()
            await call.until_silent(0.1)
            call.hang_up()
            assert await call.ended() == Ending("us")


async def test_a_transfer_of_an_answered_call_and_one_of_a_ringing_call_are_seen(
    start_asterisk: StartAsterisk, phone: Phone
) -> None:
    elsewhere = "PJSIP/sip:100@127.0.0.1"
    dialplan = (
        f"[inbound]\nexten => moved,1,Transfer({elsewhere})\n"
        f"exten => referred,1,Answer()\n same => n,Transfer({elsewhere})\n same => n,Hangup()\n"
    )
    with trio.fail_after(SECONDS):
        async with start_asterisk(dialplan=dialplan) as asterisk:
            referred = phone.dial("referred", asterisk.sip_port)
            assert await referred.referred() == "sip:100@127.0.0.1"
            assert (await referred.ended()).by == "them"
            moved = phone.dial("moved", asterisk.sip_port)
            ending = await moved.ended()
            assert (ending.status, ending.contact) == (302, "sip:100@127.0.0.1")
