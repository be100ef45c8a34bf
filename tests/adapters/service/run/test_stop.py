"""The first signal stops a process gently, the second immediately."""

from __future__ import annotations

import logging
import os
import signal

import pytest
import trio

from callchart.adapters.service.run.stop import SIGNALS, stopped_by_signals

pytestmark = pytest.mark.real


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
async def test_the_first_signal_asks_and_the_second_ends_the_block_with_calls(
    number: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "callchart")
    with trio.fail_after(60):
        async with stopped_by_signals() as stop:
            with stop.serving():
                send(number)
                await stop.asked.wait()
                assert not stop.at_once.cancel_called
                send(number)
                await trio.sleep_forever()
            assert stop.at_once.cancelled_caught
            # The code around that block, which ends the calls, continues.
            await trio.lowlevel.checkpoint()
    assert caplog.messages == [f"{number.name} received"] * 2


async def test_a_signal_before_the_block_with_calls_stops_immediately() -> None:
    with trio.fail_after(60):
        async with stopped_by_signals():
            send(signal.SIGTERM)
            await trio.sleep_forever()


async def test_the_signal_handlers_are_restored() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    async with stopped_by_signals() as stop:
        pass
    assert not stop.asked.is_set()
    assert [signal.getsignal(number) for number in SIGNALS] == before
