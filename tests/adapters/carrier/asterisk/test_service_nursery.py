"""A nursery whose tasks serve a block, and do not affect its errors."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from callchart.adapters.carrier.asterisk.service_nursery import open_service_nursery


async def test_the_tasks_end_with_the_block(autojump_clock: MockClock) -> None:
    ended = trio.Event()

    async def serve() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    async with open_service_nursery() as nursery:
        nursery.start_soon(serve)
        await trio.sleep(1)
    assert ended.is_set()


async def test_an_error_of_the_block_is_raised_unchanged_with_its_cause() -> None:
    async def serve_and_fail() -> None:
        async with open_service_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise KeyError from OSError("mine")

    with pytest.raises(KeyError) as raised:
        await serve_and_fail()
    assert isinstance(raised.value.__cause__, OSError)
    # The group that the error was in is not its context.
    assert raised.value.__context__ is None


async def test_two_errors_stay_a_group() -> None:
    async def fail() -> None:
        raise ValueError

    with pytest.RaisesGroup(ValueError, KeyError):
        async with open_service_nursery() as nursery:
            nursery.start_soon(fail)
            try:
                await trio.sleep_forever()
            finally:
                raise KeyError


async def test_cancelling_the_block_cancels_the_nursery(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1) as scope:
        async with open_service_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            await trio.sleep_forever()
    assert scope.cancelled_caught
