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
async def test_a_signal_asks_and_a_second_one_ends_the_block_with_calls_alone(
    number: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "callchart")
    with trio.fail_after(5):
        async with stopped_by_signals() as stop:
            with stop.serving():
                send(number)
                await stop.asked.wait()
                assert not stop.at_once.cancel_called
                send(number)
                await trio.sleep_forever()
            assert stop.at_once.cancelled_caught
            # What calls need to end is around that block, and goes on.
            await trio.lowlevel.checkpoint()
    assert caplog.messages == [f"{number.name} received"] * 2


async def test_one_signal_is_immediate_before_there_are_calls() -> None:
    with trio.fail_after(5):
        async with stopped_by_signals():
            send(signal.SIGTERM)
            await trio.sleep_forever()


async def test_a_block_that_ends_by_itself_leaves_the_signals_as_they_were() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    async with stopped_by_signals() as stop:
        pass
    assert not stop.asked.is_set()
    assert [signal.getsignal(number) for number in SIGNALS] == before
