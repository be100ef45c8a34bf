"""The order in which a mailbox returns raised events, posted events and timers."""

from __future__ import annotations

import pytest
import trio
from trio.testing import Sequencer

from callchart.engine.chart import Occurrence
from callchart.engine.events import HangUpRequested, TimerFired
from callchart.engine.mailbox import Mailbox, MailboxFull

HELLO, AGAIN = HangUpRequested("hello"), HangUpRequested("again")


class Clock:
    """A clock that a test sets, in us."""

    def __init__(self) -> None:
        self.at = 0

    def __call__(self) -> int:
        return self.at


def timer(at: int) -> Occurrence:
    return Occurrence(at, TimerFired("a", "out"), 1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mailbox(clock: Clock) -> Mailbox:
    return Mailbox(clock, 8)


def test_events_are_stamped_as_they_come_and_taken_in_that_order(
    mailbox: Mailbox, clock: Clock
) -> None:
    clock.at = 5
    mailbox.post(HELLO)
    clock.at = 7
    mailbox.post(AGAIN, activation=3)
    clock.at = 100

    assert mailbox.take(None) == Occurrence(5, HELLO)
    assert mailbox.take(None) == Occurrence(7, AGAIN, 3)
    assert mailbox.take(None) is None


def test_raised_events_go_before_posted_ones(mailbox: Mailbox, clock: Clock) -> None:
    mailbox.post(HELLO)
    mailbox.raise_(AGAIN, 4)
    mailbox.raise_(HELLO, 4)
    clock.at = 9

    taken = [mailbox.take(timer(0)) for _ in range(4)]

    assert taken == [Occurrence(4, AGAIN), Occurrence(4, HELLO), Occurrence(0, HELLO), timer(0)]


def test_take_raised_takes_raised_events_alone(mailbox: Mailbox) -> None:
    mailbox.post(HELLO)
    mailbox.raise_(AGAIN, 4)

    assert mailbox.take_raised() == Occurrence(4, AGAIN)
    assert mailbox.take_raised() is None
    assert len(mailbox) == 1


def test_an_event_goes_before_a_timer_that_is_due_at_the_same_moment(
    mailbox: Mailbox, clock: Clock
) -> None:
    clock.at = 10
    mailbox.post(HELLO)

    assert mailbox.take(timer(10)) == Occurrence(10, HELLO)
    assert mailbox.take(timer(10)) == timer(10)


def test_after_a_stall_an_event_before_the_deadline_goes_before_the_timer(
    mailbox: Mailbox, clock: Clock
) -> None:
    clock.at = 9
    mailbox.post(HELLO)
    clock.at = 50_000

    assert mailbox.take(timer(10)) == Occurrence(9, HELLO)


def test_after_a_stall_an_event_after_the_deadline_goes_after_the_timer(
    mailbox: Mailbox, clock: Clock
) -> None:
    clock.at = 11
    mailbox.post(HELLO)
    clock.at = 50_000

    assert mailbox.take(timer(10)) == timer(10)
    assert mailbox.take(timer(12)) == Occurrence(11, HELLO)


def test_a_timer_that_is_not_due_yet_is_not_taken(mailbox: Mailbox, clock: Clock) -> None:
    clock.at = 9

    assert mailbox.take(timer(10)) is None


def test_a_post_to_a_full_mailbox_raises(mailbox: Mailbox) -> None:
    for _ in range(8):
        mailbox.post(HELLO)

    with pytest.raises(MailboxFull, match=r"8 events unread; the last one is a HangUpRequested$"):
        mailbox.post(AGAIN)
    assert len(mailbox) == 8


def test_an_effect_may_raise_an_event_into_a_full_mailbox(mailbox: Mailbox) -> None:
    for _ in range(8):
        mailbox.post(HELLO)

    mailbox.raise_(AGAIN, 0)

    assert mailbox.take(None) == Occurrence(0, AGAIN)


async def test_waiting_ends_with_the_next_event(
    mailbox: Mailbox, autojump_clock: trio.testing.MockClock
) -> None:
    sequence = Sequencer()

    async def reader() -> None:
        async with sequence(0):
            pass
        await mailbox.wait(float("inf"))
        assert mailbox.take(None) == Occurrence(0, HELLO)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader)
        async with sequence(1):
            await trio.testing.wait_all_tasks_blocked()
        mailbox.post(HELLO)
    assert trio.current_time() == 0


async def test_waiting_ends_at_its_deadline(
    mailbox: Mailbox, autojump_clock: trio.testing.MockClock
) -> None:
    await mailbox.wait(1.5)

    assert trio.current_time() == 1.5
    assert mailbox.take(None) is None
