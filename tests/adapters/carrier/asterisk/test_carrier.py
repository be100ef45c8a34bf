"""Calls of a real Asterisk, incoming and placed, and the cleanup after them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio

from callchart.adapters.carrier.asterisk.carrier import AsteriskCarrier, CallFailed
from callchart.adapters.carrier.asterisk.line import AsteriskLine
from callchart.adapters.carrier.asterisk.media.media import MediaFailed
from callchart.adapters.carrier.asterisk.numbers import Allowed
from callchart.adapters.carrier.audio_file import read_audio
from callchart.engine.data import Parties
from callchart.engine.ports import Closed, LineGone, MarkReached, RemoteHungUp, TransferDone
from tests.adapters.carrier.asterisk.carrier_call import (
    FarEnd,
    calling,
    carrying,
    loudness,
    settings_for,
    wait_until_empty,
)
from tests.asterisk.call import Call, CallEnded
from tests.asterisk.fixtures import StartAsterisk
from tests.asterisk.phone import Phone
from tests.asterisk.server import Asterisk
from tests.contracts.line import hear_tone, loud_seconds, tone

pytestmark = pytest.mark.real

RATE_HZ = 16000


async def wait_closed(far: FarEnd) -> None:
    """Wait until the line signals that it closed."""
    with trio.fail_after(60):
        while await far.line.signal() != Closed():
            pass


async def test_a_call_has_the_numbers_of_both_parties(asterisk: Asterisk) -> None:
    names = ("CHANNEL(channeltype)", "NEVER_SET")
    async with carrying(asterisk, variables=names) as carrier, Phone.open() as phone:
        phone.dial("bot", asterisk.sip_port, number="5550123")
        line = await carrier.accept()
        assert line.parties == Parties(
            "5550123", "bot", (("CHANNEL(channeltype)", "PJSIP"), ("NEVER_SET", ""))
        )
        line.hang_up()


async def test_a_caller_who_hangs_up_before_the_answer_leaves_nothing(asterisk: Asterisk) -> None:
    async with carrying(asterisk) as carrier, Phone.open() as phone:
        given_up = phone.dial("bot", asterisk.sip_port)
        line = await carrier.accept()
        given_up.hang_up()
        with trio.fail_after(60):
            assert isinstance(await line.signal(), RemoteHungUp)
            assert await line.signal() == Closed()


async def test_a_call_can_be_hung_up_before_it_is_answered(asterisk: Asterisk) -> None:
    async with carrying(asterisk) as carrier, Phone.open() as phone:
        refused = phone.dial("bot", asterisk.sip_port)
        (await carrier.accept()).hang_up()
        with pytest.raises(CallEnded), trio.fail_after(60):
            await refused.answered()


async def test_two_callers_do_not_hear_each_other(asterisk: Asterisk) -> None:
    async with (
        carrying(asterisk) as carrier,
        calling(asterisk, carrier) as one,
        calling(asterisk, carrier) as other,
    ):
        for far in (one, other):
            far.line.answer()
            with trio.fail_after(60):
                await far.phone.answered()
        one.say(tone(0.4, RATE_HZ))
        one.line.play(tone(0.4, RATE_HZ))
        await hear_tone(one.line, 0.4)
        with trio.fail_after(60):
            await one.phone.until_silent(0.2)
        assert loud_seconds(other.heard(), RATE_HZ) == 0
        with trio.move_on_after(0.3):
            while True:
                assert loudness(await other.line.receive_audio()) < 100


async def test_a_call_above_max_calls_is_refused_as_busy_until_another_ends(
    asterisk: Asterisk,
) -> None:
    async with (
        carrying(asterisk, max_calls=1) as carrier,
        calling(asterisk, carrier) as first,
        Phone.open() as phone,
    ):
        first.line.answer()
        excess = phone.dial("bot", asterisk.sip_port)
        with trio.fail_after(60):
            assert (await excess.ended()).status == 486
        first.hang_up()
        await wait_closed(first)
        await until_free(carrier)
        async with calling(asterisk, carrier) as second:
            second.line.answer()
            with trio.fail_after(60):
                await second.phone.answered()


async def until_free(carrier: AsteriskCarrier) -> None:
    with trio.fail_after(60):
        while carrier.calls:  # noqa: ASYNC110 (a set has no event)
            await trio.sleep(0.005)


async def test_calls_under_way_continue_after_stop_accepting(asterisk: Asterisk) -> None:
    async with (
        carrying(asterisk) as carrier,
        calling(asterisk, carrier) as old,
        Phone.open() as phone,
    ):
        old.line.answer()
        carrier.stop_accepting()
        carrier.stop_accepting()
        with pytest.raises(LineGone):
            await carrier.accept()
        late = phone.dial("bot", asterisk.sip_port)
        with trio.fail_after(60):
            assert (await late.ended()).status == 486
        old.say(tone(0.2, RATE_HZ))
        await hear_tone(old.line, 0.2)


async def test_closing_the_carrier_ends_its_calls(asterisk: Asterisk) -> None:
    async with Phone.open() as phone:
        async with carrying(asterisk) as carrier:
            call = phone.dial("bot", asterisk.sip_port)
            line = await carrier.accept()
            line.answer()
            with trio.fail_after(60):
                await call.answered()
        with trio.fail_after(60):
            assert (await call.ended()).by == "them"
        with pytest.raises(LineGone):
            await line.receive_audio()


async def test_early_media_are_heard_without_an_answer(asterisk: Asterisk) -> None:
    async with (
        carrying(asterisk, answer="early") as carrier,
        calling(asterisk, carrier) as far,
    ):
        far.line.answer()
        far.line.play(tone(0.5, RATE_HZ))
        with trio.fail_after(60):
            await far.phone.until_loud()
        with trio.move_on_after(0.2):
            await far.phone.answered()
            raise AssertionError("it was answered")


async def test_a_transferred_caller_reaches_the_target(asterisk: Asterisk) -> None:
    async with carrying(asterisk) as carrier, calling(asterisk, carrier) as far:
        far.line.answer()
        with trio.fail_after(60):
            await far.phone.answered()
        far.line.transfer("100")
        with trio.fail_after(60):
            assert await far.line.signal() == TransferDone()
        far.line.hang_up()
        await wait_closed(far)
        # Extension 100 plays a tone.
        with trio.fail_after(60):
            await far.phone.until_loud(after=trio.current_time())
        with trio.move_on_after(0.2):
            await far.phone.ended()
            raise AssertionError("the caller's call ended with ours")
        far.hang_up()


async def test_both_legs_are_recorded(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        carrying(asterisk, record=tmp_path) as carrier,
        calling(asterisk, carrier) as far,
    ):
        far.line.answer()
        with trio.fail_after(60):
            await far.phone.answered()
        # Play one tone after the other: two simultaneous tones may cancel each other.
        far.line.play(tone(0.6, RATE_HZ))
        far.line.mark(1)
        with trio.fail_after(60):
            assert await far.line.signal() == MarkReached(1)
        far.say(tone(0.3, RATE_HZ))
        await hear_tone(far.line, 0.3)
        recording = tmp_path / f"{far.line.call_id}.wav"
    # `read_audio` mixes the legs down: each has half its loudness.
    both = read_audio(recording, RATE_HZ)
    assert loud_seconds(both, RATE_HZ) == pytest.approx(0.9, abs=0.1)
    assert 3000 < loudness(both) < 5000


# --- calls that we place -------------------------------------------------------------------------


async def test_a_placed_call_behaves_like_an_incoming_one(asterisk: Asterisk) -> None:
    async with (
        Phone.open() as phone,
        carrying(asterisk, endpoint="Local/{}@inbound", caller="5550100") as carrier,
        trio.open_nursery() as nursery,
    ):

        async def answer() -> None:
            incoming = await phone.incoming()
            incoming.answer()
            await incoming.until_loud()
            incoming.hang_up()

        nursery.start_soon(answer)
        with trio.fail_after(60):
            line = await carrier.call(f"phone-{phone.port}")
        assert line.parties.outgoing
        assert line.parties.dialled == f"phone-{phone.port}"
        line.answer()
        line.play(tone(0.5, RATE_HZ))
        with trio.fail_after(60):
            while await line.signal() != Closed():
                pass


@pytest.mark.parametrize(
    ("target", "cause"), [("busy", "busy"), ("decline", "normal"), ("1000", "not_allowed")]
)
async def test_a_placed_call_that_fails_has_a_cause(
    asterisk: Asterisk, target: str, cause: str
) -> None:
    allowed = Allowed(("busy", "decline"))
    async with carrying(asterisk, endpoint="Local/{}@inbound", allowed=allowed) as carrier:
        with pytest.raises(CallFailed) as failed, trio.fail_after(60):
            await carrier.call(target)
        assert failed.value.cause == cause


async def test_cancelling_a_call_that_rings_leaves_nothing(asterisk: Asterisk) -> None:
    allowed = Allowed(("ring",))
    async with carrying(asterisk, endpoint="Local/{}@inbound", allowed=allowed) as carrier:
        with trio.move_on_after(0.3) as given_up:
            await carrier.call("ring")
        assert given_up.cancelled_caught
        assert not carrier.calls
        with trio.fail_after(60):
            while await asterisk.channels():  # noqa: ASYNC110 (ARI sends no event)
                await trio.sleep(0.01)


# --- failures ------------------------------------------------------------------------------------


async def test_only_orphans_of_a_crash_are_removed(asterisk: Asterisk) -> None:
    await asterisk.ari("POST", "bridges", type="mixing", bridgeId="callchart-dead-1.bridge")
    await asterisk.ari("POST", "bridges", type="mixing", bridgeId="another-1.bridge")
    for channel in ("callchart-dead-1.media", "another-1.media"):
        await asterisk.ari(
            "POST", f"channels/{channel}", endpoint="Local/ring@inbound", app="elsewhere"
        )
    async with AsteriskCarrier.open(settings_for(asterisk)):
        bridges = {bridge["id"] for bridge in await asterisk.bridges()}
        channels = {channel["id"] for channel in await asterisk.channels()}
    assert bridges == {"another-1.bridge"}
    assert "callchart-dead-1.media" not in channels
    assert "another-1.media" in channels
    await asterisk.ari("DELETE", "bridges/another-1.bridge")
    await asterisk.ari("DELETE", "channels/another-1.media")
    await wait_until_empty(asterisk)


async def transfer(line: AsteriskLine) -> None:
    line.answer()
    line.transfer("100")
    with trio.fail_after(60):
        assert await line.signal() == TransferDone()


async def check_not_cleared(asterisk: Asterisk, call: Call) -> None:
    """Check that the call continues after a carrier has started, until its caller hangs up."""
    async with AsteriskCarrier.open(settings_for(asterisk)):
        with trio.fail_after(60):
            await call.until_loud(after=trio.current_time())
        call.hang_up()
        await wait_until_empty(asterisk, but_application=True)
    await wait_until_empty(asterisk)


async def test_a_transferred_caller_is_not_an_orphan(asterisk: Asterisk) -> None:
    async with Phone.open() as phone:
        async with AsteriskCarrier.open(settings_for(asterisk)) as carrier:
            call = phone.dial("bot", asterisk.sip_port)
            await transfer(await carrier.accept())
        await check_not_cleared(asterisk, call)


async def test_a_transferred_outgoing_call_is_not_an_orphan(asterisk: Asterisk) -> None:
    settings = settings_for(
        asterisk,
        endpoint="PJSIP/phone/sip:phone@127.0.0.1:{}",
        allowed=Allowed(("100", "XXXXX")),
    )
    async with Phone.open() as phone:
        async with AsteriskCarrier.open(settings) as carrier, trio.open_nursery() as nursery:

            async def place() -> None:
                await transfer(await carrier.call(str(phone.port)))

            nursery.start_soon(place)
            call = await phone.incoming()
            call.answer()
        await check_not_cleared(asterisk, call)


async def test_missing_modules_of_asterisk_are_named(
    start_asterisk: StartAsterisk,
) -> None:
    async with start_asterisk(without=["chan_websocket.so"]) as asterisk:
        with pytest.raises(MediaFailed, match=r"without chan_websocket\.so"):
            async with carrying(asterisk):
                pass


async def test_calls_end_when_asterisk_dies_and_new_ones_arrive_after_its_restart(
    start_asterisk: StartAsterisk,
) -> None:
    async with start_asterisk() as asterisk, carrying(asterisk) as carrier:
        async with calling(asterisk, carrier) as far:
            far.line.answer()
            with trio.fail_after(60):
                await far.phone.answered()
            await asterisk.restart()
            await wait_closed(far)
        await until_free(carrier)
        with trio.fail_after(60):
            while not await asterisk.applications():  # noqa: ASYNC110 (ARI sends no event)
                await trio.sleep(0.02)
            async with calling(asterisk, carrier) as again:
                again.line.answer()
                await again.phone.answered()


async def test_fifty_simultaneous_calls(asterisk: Asterisk) -> None:
    """At most ten calls begin together: a busy machine cannot begin fifty within the limits."""
    beginning, heard, all_are_heard = trio.CapacityLimiter(10), [], trio.Event()
    async with carrying(asterisk) as carrier, trio.open_nursery() as nursery:

        async def one() -> None:
            async with AsyncExitStack() as stack:
                async with beginning:
                    far = await stack.enter_async_context(calling(asterisk, carrier))
                    far.line.answer()
                    far.line.play(tone(0.3, RATE_HZ))
                    with trio.fail_after(60):
                        await far.phone.until_loud()
                heard.append(far)
                if len(heard) == 50:
                    all_are_heard.set()
                await all_are_heard.wait()
                far.hang_up()
                with trio.fail_after(60):
                    while await far.line.signal() != Closed():
                        pass

        for _ in range(50):
            nursery.start_soon(one)


async def test_two_hundred_calls_in_a_row_leave_nothing(asterisk: Asterisk) -> None:
    async with carrying(asterisk) as carrier, Phone.open() as phone:
        for number in range(200):
            call = phone.dial("bot", asterisk.sip_port)
            with trio.fail_after(60):
                line = await carrier.accept()
                line.answer()
                await call.answered()
                if number % 2:
                    call.hang_up()
                else:
                    line.hang_up()
                while await line.signal() != Closed():
                    pass
        await until_free(carrier)
        await wait_until_empty(asterisk, but_application=True)
