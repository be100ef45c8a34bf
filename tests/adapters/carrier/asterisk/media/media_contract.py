"""The contract of `media.Media`, with a real Asterisk and a phone. Every transport must keep it.

A test module subclasses `MediaContract` and gives it a fixture `exchange`."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pytest
import trio

from callchart.adapters.carrier.asterisk.media.media import MediaTransport
from callchart.engine.ports import LineGone, frame_bytes
from tests.adapters.carrier.asterisk.media.media_call import (
    MediaCall,
    controlled,
    media_call,
    wait_until_removed,
)
from tests.asterisk.codec import FRAME_SECONDS
from tests.asterisk.server import Asterisk
from tests.contracts.line import tone


class Exchange(NamedTuple):
    """A running Asterisk, and a media transport that is ready for its calls."""

    asterisk: Asterisk
    transport: MediaTransport


def loud_seconds(pcm: bytes, rate_hz: int) -> float:
    """Return the seconds in loud frames, which resampling and G.711 change only at the edges."""
    samples = np.frombuffer(pcm, "<i2")
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(int)
    return int((np.abs(frames).max(axis=1) > 1000).sum()) * 160 / rate_hz


async def hear(call: MediaCall, seconds: float) -> bytes:
    """Receive the caller's audio until it holds `seconds` of loud frames."""
    pcm = b""
    with trio.fail_after(seconds + 5):
        while loud_seconds(pcm, call.media.rate_hz) < seconds - FRAME_SECONDS:
            pcm += await call.media.receive_audio()
    return pcm


class MediaContract:
    #: The longest time from `play` to the phone, in seconds. Media by files need more.
    delay_s = 0.1
    #: The longest time that the phone hears audio after a flush.
    flush_seconds = 0.04

    async def test_a_burst_is_paced_and_its_mark_is_reached_when_it_was_heard(
        self, exchange: Exchange
    ) -> None:
        async with media_call(*exchange) as call:
            began = trio.current_time()
            call.media.play(tone(0.6, call.media.rate_hz))
            call.media.mark(7)
            with trio.fail_after(60):
                reached = await call.until_reached(7)
                await call.phone.until_silent(for_seconds=0.1)
            loud = call.phone.ear.loud()
            assert len(loud) == pytest.approx(30, abs=1)
            assert loud[-1] - loud[0] == pytest.approx(0.58, abs=0.1)
            assert loud[0] - began < self.delay_s
            assert -0.01 < reached - loud[-1] < FRAME_SECONDS + self.delay_s

    async def test_marks_are_reached_in_order_at_their_places(self, exchange: Exchange) -> None:
        async with media_call(*exchange) as call:
            call.media.mark(1)
            for mark in (2, 3):
                call.media.play(tone(0.3, call.media.rate_hz))
                call.media.mark(mark)
            with trio.fail_after(60):
                await call.until_reached(3)
            (one, first), (two, second), (three, third) = call.reached
            assert (one, two, three) == (1, 2, 3)
            assert 0.3 - FRAME_SECONDS <= second - first <= 0.3 + self.delay_s
            assert third - second == pytest.approx(0.3, abs=self.delay_s)

    async def test_a_flush_silences_the_phone_and_drops_marks(self, exchange: Exchange) -> None:
        async with media_call(*exchange) as call:
            call.media.play(tone(5.0, call.media.rate_hz))
            call.media.mark(1)
            with trio.fail_after(60):
                began = await call.phone.until_loud()
            await trio.sleep_until(began + 0.3)
            flushed = trio.current_time()
            call.media.flush()
            with trio.fail_after(60):
                silent = await call.phone.until_silent(for_seconds=0.3)
            # Subtract the last packet's own audio.
            assert silent - FRAME_SECONDS - flushed <= self.flush_seconds
            assert call.reached == []

    async def test_after_a_flush_only_new_audio_is_heard(self, exchange: Exchange) -> None:
        async with media_call(*exchange) as call:
            for mark in (1, 2):
                call.media.play(tone(2.0, call.media.rate_hz))
                call.media.mark(mark)
            with trio.fail_after(60):
                await call.phone.until_loud()
            call.media.flush()
            flushed = trio.current_time()
            call.media.play(bytes(frame_bytes(call.media.rate_hz) * 10))
            call.media.play(tone(0.4, call.media.rate_hz))
            call.media.mark(2)
            with trio.fail_after(60):
                await call.until_reached(2)
                await call.phone.until_silent(for_seconds=0.1)
            after = [at for at in call.phone.ear.loud() if at > flushed + self.flush_seconds]
            assert len(after) == pytest.approx(20, abs=1)
            assert [mark for mark, _ in call.reached] == [2]

    async def test_audio_after_many_flushes_is_heard(self, exchange: Exchange) -> None:
        async with media_call(*exchange) as call:
            for mark in range(10):
                call.media.play(tone(4.0, call.media.rate_hz))
                call.media.mark(mark)
                call.media.flush()
                call.media.flush()
                await trio.sleep(0.005)
            call.media.play(tone(0.4, call.media.rate_hz))
            call.media.mark(10)
            with trio.fail_after(60):
                await call.until_reached(10)
            assert [mark for mark, _ in call.reached] == [10]

    async def test_all_audio_of_the_caller_arrives_in_whole_frames(
        self, exchange: Exchange
    ) -> None:
        async with media_call(*exchange) as call:
            call.phone.say(tone(1.0, call.phone.rate_hz))
            pcm = await hear(call, 1.0)
            assert loud_seconds(pcm, call.media.rate_hz) == pytest.approx(
                1.0, abs=1.5 * FRAME_SECONDS
            )
            assert len(pcm) % frame_bytes(call.media.rate_hz) == 0

    async def test_a_cancelled_receive_loses_no_audio(self, exchange: Exchange) -> None:
        async with media_call(*exchange) as call:
            call.phone.say(tone(0.6, call.phone.rate_hz))
            pcm = b""
            with trio.fail_after(60):
                while loud_seconds(pcm, call.media.rate_hz) < 0.6 - FRAME_SECONDS:
                    with trio.move_on_after(0.003):
                        pcm += await call.media.receive_audio()
            assert loud_seconds(pcm, call.media.rate_hz) == pytest.approx(
                0.6, abs=1.5 * FRAME_SECONDS
            )

    async def test_both_sides_are_heard_while_both_speak(self, exchange: Exchange) -> None:
        async with media_call(*exchange) as call:
            call.media.play(tone(0.6, call.media.rate_hz))
            call.media.mark(1)
            call.phone.say(tone(0.6, call.phone.rate_hz))
            await hear(call, 0.6)
            with trio.fail_after(60):
                await call.until_reached(1)
                await call.phone.until_silent(for_seconds=0.1)
            assert len(call.phone.ear.loud()) == pytest.approx(30, abs=1)

    async def test_closing_during_playback_leaves_nothing_in_asterisk(
        self, exchange: Exchange
    ) -> None:
        async with media_call(*exchange) as call:
            call.media.play(tone(5.0, call.media.rate_hz))
            with trio.fail_after(60):
                await call.phone.until_loud()
        await wait_until_removed(exchange.asterisk)

    async def test_cancelling_the_call_leaves_nothing_in_asterisk(self, exchange: Exchange) -> None:
        async with controlled(exchange.asterisk) as control:
            with trio.CancelScope() as scope:
                async with media_call(*exchange, control=control) as call:
                    call.media.play(tone(5.0, call.media.rate_hz))
                    with trio.fail_after(60):
                        await call.phone.until_loud()
                    scope.cancel()
            assert scope.cancelled_caught
        await wait_until_removed(exchange.asterisk)

    async def test_after_close_commands_do_nothing_and_receiving_fails(
        self, exchange: Exchange
    ) -> None:
        gone = trio.Event()

        async def hear_to_the_end(call: MediaCall) -> None:
            with suppress(LineGone):
                while True:
                    await call.media.receive_audio()
            gone.set()

        async with trio.open_nursery() as nursery:
            async with media_call(*exchange) as call:
                nursery.start_soon(hear_to_the_end, call)  # noqa: ASYNC111 (outlives the call)
            with trio.fail_after(60):
                await gone.wait()
                await call.media.closed()
            call.media.play(tone(0.1, call.media.rate_hz))
            call.media.mark(1)
            call.media.flush()
            with pytest.raises(LineGone):
                await call.media.receive_audio()
            assert call.reached == []


class MediaChannelContract(MediaContract):
    """Further tests for media with their own channel in Asterisk."""

    async def test_a_hangup_of_the_media_channel_closes_the_media(self, exchange: Exchange) -> None:
        async with media_call(*exchange) as call:
            assert call.media.channel is not None
            await exchange.asterisk.ari("DELETE", f"channels/{call.media.channel}")
            with trio.fail_after(60):
                await call.media.closed()
