"""Calls in parallel: each ends on its own, and the failure of one does not affect the others."""

from __future__ import annotations

import gc
import logging
import math
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

import pytest
import trio
from trio.testing import MockClock

from callchart.engine.activities import hear
from callchart.engine.chart import Chart, State, to
from callchart.engine.data import Facts, Scripts
from callchart.engine.events import FinalHeard, PartialHeard
from callchart.engine.journal import JournalFile, JournalList
from callchart.engine.phrases import Phrases, script_texts
from callchart.engine.ports import Journal, Line
from callchart.engine.reply.pipeline import ReplyPipeline
from callchart.engine.scene import Scene, Services
from callchart.engine.settings import Settings
from callchart.engine.supervisor import Supervisor
from callchart.engine.testing import (
    FakeCarrier,
    FakeLine,
    FakeModel,
    FakeRecognizer,
    FakeSynthesizer,
    FakeVoiceDetectors,
    Spoken,
)
from callchart.engine.testing.sound import pieces, whole_blocks
from callchart.states import CHART
from callchart.states.data import PhoneData
from callchart.states.settings import PhoneSettings

SCRIPTS = Scripts(fillers=())
REGRET_SECONDS = len(SCRIPTS.regret) / 20


class ClosableJournal(JournalList):
    """A journal that notes whether it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True


@dataclass
class Exchange:
    """A supervisor with a fake carrier and fake providers. The call `bad` is the one that fails."""

    chart: Chart = CHART
    settings: PhoneSettings = field(default_factory=PhoneSettings)
    scripts: Scripts = SCRIPTS
    redacted: bool = False
    #: The function that opens the journal of the call `bad`.
    bad_journal: Callable[[], Journal | None] | None = None
    on_failure: Callable[[str, BaseException], None] = lambda call_id, error: None

    def __post_init__(self) -> None:
        self.carrier, self.phrases = FakeCarrier(), Phrases(16000)
        self.detectors, self.recognizer = FakeVoiceDetectors(), FakeRecognizer()
        self.synthesizer, self.model = FakeSynthesizer(), FakeModel()
        self.journals: dict[str, ClosableJournal] = {}
        self.failures: list[tuple[str, BaseException]] = []
        self.supervisor = Supervisor(
            self.chart,
            Services(self.detectors, self.recognizer, self.synthesizer, self.model, self.phrases),
            self.settings,
            self.scripts,
            seed=5,
            journal=self._journal,
            redacted=self.redacted,
            failed=self._failed,
        )

    async def prepared(self) -> Self:
        await self.phrases.prepare(self.synthesizer, script_texts(self.scripts))
        return self

    def _journal(self, call_id: str) -> Journal | None:
        if call_id == "bad" and self.bad_journal is not None:
            return self.bad_journal()
        return self.journals.setdefault(call_id, ClosableJournal())

    def _failed(self, call_id: str, error: BaseException) -> None:
        self.failures.append((call_id, error))
        self.on_failure(call_id, error)

    def rings(self, *call_ids: str) -> list[FakeLine]:
        lines = [FakeLine(call_id) for call_id in call_ids]
        for line in lines:
            self.carrier.ring(line)
        return lines

    async def says(self, line: FakeLine, words: str) -> None:
        """Let the caller speak for a second."""
        line.start_speaking(self.recognizer.knows(Spoken(words)))
        await trio.sleep(1)
        line.stop_speaking()

    def heard(self, line: FakeLine) -> list[str]:
        """Return the texts that the caller heard completely."""
        heard: list[str] = []
        for played in line.played():
            for piece in pieces(played.pcm):
                text = self.synthesizer.syntheses[piece.sound - 1].text
                if piece.end == whole_blocks(self.synthesizer.seconds(text), 16000):
                    heard.append(text)
        return heard

    @property
    def under_way(self) -> list[int]:
        """The number of running jobs of each provider."""
        return [
            self.detectors.in_use,
            self.recognizer.in_use,
            self.synthesizer.under_way,
            self.model.under_way,
        ]


def tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


# --- calls that go well --------------------------------------------------------------------------


async def test_each_of_parallel_calls_answers_its_own_caller(
    autojump_clock: MockClock,
) -> None:
    exchange = await Exchange().prepared()
    lines = exchange.rings("one", "two", "three")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.supervisor.serve, exchange.carrier)
        await trio.sleep(3)
        for line in lines:
            nursery.start_soon(exchange.says, line, f"I am {line.call_id}")
        await trio.sleep(7)
        for line in lines:
            line.remote_hangs_up()
        exchange.carrier.close()

    for line in lines:
        assert exchange.heard(line) == [SCRIPTS.greeting, f"You said: I am {line.call_id}."]
    assert exchange.failures == []
    assert exchange.under_way == [0, 0, 0, 0]


async def test_the_service_ends_with_the_last_call_of_a_closed_carrier(
    autojump_clock: MockClock,
) -> None:
    exchange = await Exchange().prepared()
    (line,) = exchange.rings("last")
    exchange.carrier.close()
    living = tasks()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.supervisor.serve, exchange.carrier)
        await trio.sleep(5)
        assert tasks() > living
        line.remote_hangs_up()

    assert trio.current_time() == 5
    assert tasks() == living


async def test_the_service_ends_immediately_when_a_closed_carrier_has_no_calls(
    autojump_clock: MockClock,
) -> None:
    exchange = await Exchange().prepared()
    exchange.carrier.close()

    await exchange.supervisor.serve(exchange.carrier)

    assert trio.current_time() == 0


async def test_attend_returns_the_data_at_the_end_of_the_call(autojump_clock: MockClock) -> None:
    exchange = await Exchange(settings=PhoneSettings(longest_call=3.0)).prepared()

    data = await exchange.supervisor.attend(FakeLine("lonely"))

    assert data is not None
    assert [said.text for said in data.said] == [SCRIPTS.greeting, SCRIPTS.farewell]
    assert (data.seed, data.settings.longest_call) == (5, 3.0)
    assert data.facts.call_id == "lonely"


async def test_a_redacted_journal_is_written_and_closed(
    autojump_clock: MockClock,
) -> None:
    exchange = await Exchange(redacted=True).prepared()
    line = FakeLine("shy")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.supervisor.attend, line)
        await trio.sleep(4)
        line.remote_hangs_up()

    journal = exchange.journals["shy"]
    assert journal.closed
    assert journal.lines[0]["redacted"]
    assert journal.lines[0]["seed"] == 5
    assert "xxxxx, xxxx xx xxx xxxx. xxx xxx x xxxx xxx?" in [
        each["event"].get("heard") for each in journal.lines[1:]
    ]


async def test_a_failed_call_needs_neither_a_journal_nor_a_callback(
    autojump_clock: MockClock,
) -> None:
    exchange = await Exchange().prepared()
    supervisor = Supervisor(broken_chart(), exchange.supervisor.services, PhoneSettings(), SCRIPTS)

    assert await supervisor.attend(FakeLine("bad")) is None


async def test_a_full_disk_does_not_end_the_call(autojump_clock: MockClock) -> None:
    complaints: list[str] = []
    exchange = await Exchange(
        settings=PhoneSettings(longest_call=3.0),
        bad_journal=lambda: JournalFile(Path("/dev/full"), complaints.append),
    ).prepared()

    assert await exchange.supervisor.attend(FakeLine("bad")) is not None
    assert len(complaints) == 1
    assert exchange.failures == []


# --- a call that fails ---------------------------------------------------------------------------


class Crash(Exception):
    """An error that no code handles."""


Failure = Callable[[Scene], Awaitable[None]]


async def crashes(scene: Scene) -> None:
    await trio.sleep(1)
    raise Crash("the card reader is on fire")


async def floods_the_mailbox(scene: Scene) -> None:
    await trio.sleep(1)
    while True:
        scene.post(PartialHeard(1, "my secret is 4711"))


@cache  # building it takes half of the time of some tests
def broken_chart(failure: Failure = crashes) -> Chart:
    """Return the default chart, in which the activity `hear` of the call `bad` fails."""

    async def hear_or_fail(scene: Scene) -> None:
        await (failure if scene.line.call_id == "bad" else hear)(scene)

    return CHART.extended("broken", activities={"hear": hear_or_fail})


@dataclass(frozen=True)
class PickyData(PhoneData):
    """Data whose `begin` fails for the call `bad`."""

    @classmethod
    def begin(cls, settings: Settings, seed: int, facts: Facts) -> Self:
        if facts.call_id == "bad":
            raise Crash("no such customer")
        return super().begin(settings, seed, facts)


def no_journal() -> Journal:
    raise PermissionError(13, "Permission denied", "bad.jsonl")


FAILURES: dict[str, tuple[dict[str, Any], str, str]] = {
    "activity": (
        {"chart": broken_chart()},
        "call.turn.greeting.clear",
        "Crash: the card reader is on fire",
    ),
    "mailbox": (
        {"chart": broken_chart(floods_the_mailbox)},
        "call.turn.greeting.clear",
        "MailboxFull: 256 events unread; the last one is a PartialHeard",
    ),
    "journal": (
        {"bad_journal": no_journal},
        "its beginning",
        "PermissionError: [Errno 13] Permission denied: 'bad.jsonl'",
    ),
    "data": (
        {"chart": CHART.extended("picky", data=PickyData)},
        "its beginning",
        "Crash: no such customer",
    ),
}


@pytest.mark.parametrize(("broken", "where", "cause"), FAILURES.values(), ids=FAILURES.keys())
async def test_a_call_that_fails_ends_with_regret_and_the_others_go_on(
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
    broken: dict[str, Any],
    where: str,
    cause: str,
) -> None:
    exchange = await Exchange(**broken).prepared()
    good, bad = exchange.rings("good", "bad")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.supervisor.serve, exchange.carrier)
        await trio.sleep(5)
        assert exchange.heard(bad) == [SCRIPTS.regret]
        assert bad.closed
        await exchange.says(good, "Are you there?")
        await trio.sleep(4)
        good.remote_hangs_up()
        exchange.carrier.close()

    assert exchange.heard(good) == [SCRIPTS.greeting, "You said: Are you there?."]
    assert [call_id for call_id, _ in exchange.failures] == ["bad"]
    assert caplog.record_tuples == [
        (
            "callchart",
            logging.ERROR,
            f"call bad failed in {where}: {cause}; it ends with the regret, the other calls go on",
        )
    ]
    assert exchange.under_way == [0, 0, 0, 0]
    assert all(journal.closed for journal in exchange.journals.values())


async def test_an_unknown_activity_fails_the_call(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    chart = Chart(
        "dancing",
        [
            State("a", activity="dance", after={"out": (1, to("over"))}),
            State("over", final=True),
        ],
        events=(),
    )
    exchange = await Exchange(chart=chart).prepared()
    line = FakeLine("bad")

    assert await exchange.supervisor.attend(line) is None

    assert exchange.heard(line) == [SCRIPTS.regret]
    assert line.closed
    assert exchange.journals["bad"].closed
    assert caplog.messages[0].startswith(
        "call bad failed in its beginning: ChartError: state a: the activity must be "
    )


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG], ids=logging.getLevelName)
async def test_a_traceback_is_logged_at_debug_level_only(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    caplog.set_level(level, "callchart")
    exchange = await Exchange(chart=broken_chart()).prepared()

    await exchange.supervisor.attend(FakeLine("bad"))

    assert ("Traceback" in caplog.text) == (level == logging.DEBUG)
    assert len(caplog.records) == 1


async def test_the_callers_words_are_in_no_log(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def hears_and_crashes(scene: Scene) -> None:
        scene.post(PartialHeard(1, "my secret is 4711"))
        await crashes(scene)

    for failure in (hears_and_crashes, floods_the_mailbox):
        exchange = await Exchange(chart=broken_chart(failure)).prepared()
        await exchange.supervisor.attend(FakeLine("bad"))

    assert len(caplog.records) == 2
    assert "4711" not in caplog.text


async def test_the_log_names_the_first_of_several_failures_and_counts_the_others(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def cannot_even_end(scene: Scene) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise Crash("the printer is jammed")

    chart = CHART.extended("broken", activities={"hear": crashes, "reply": cannot_even_end})
    exchange = await Exchange(chart=chart).prepared()

    await exchange.supervisor.attend(FakeLine("bad"))

    assert "Crash: the card reader is on fire (and 1 more); it ends" in caplog.text


async def test_regret_cuts_off_the_current_reply(autojump_clock: MockClock) -> None:
    exchange = await Exchange(chart=broken_chart()).prepared()
    line = FakeLine("bad")

    await exchange.supervisor.attend(line)

    # The call failed at 1 s, during the greeting, of which the line held 0.4 s more.
    assert exchange.heard(line) == [SCRIPTS.regret]
    assert trio.current_time() == pytest.approx(1 + REGRET_SECONDS, abs=0.02)


async def test_the_sound_of_the_caller_is_read_during_regret(autojump_clock: MockClock) -> None:
    async def does_not_hear(scene: Scene) -> None:
        await trio.sleep(1)
        raise Crash

    heard: list[float] = []

    class Heard(FakeLine):
        async def receive_audio(self) -> bytes:
            pcm = await super().receive_audio()
            heard.append(trio.current_time())
            return pcm

    exchange = await Exchange(chart=broken_chart(does_not_hear)).prepared()

    await exchange.supervisor.attend(Heard("bad", frames=True))

    assert heard[-1] == pytest.approx(1 + REGRET_SECONDS, abs=0.04)


# --- regret that cannot be said ------------------------------------------------------------------


async def test_a_hangup_during_regret_ends_the_call_immediately(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = await Exchange(chart=broken_chart()).prepared()
    line = FakeLine("bad")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.supervisor.attend, line)
        await trio.sleep(1.5)  # the call failed at 1 s
        line.remote_hangs_up()

    assert trio.current_time() == 1.5
    assert exchange.heard(line) == []
    assert len(caplog.records) == 1, "that the caller went is no failure"
    assert exchange.under_way == [0, 0, 0, 0]


async def test_a_line_that_broke_before_regret_ends_the_call_immediately(
    autojump_clock: MockClock,
) -> None:
    async def breaks_the_line(scene: Scene) -> None:
        line = scene.line
        assert isinstance(line, FakeLine)
        line.break_off()
        raise Crash

    exchange = await Exchange(chart=broken_chart(breaks_the_line)).prepared()

    await exchange.supervisor.attend(FakeLine("bad"))

    assert trio.current_time() == 0
    assert [call_id for call_id, _ in exchange.failures] == ["bad"]


async def test_a_line_that_confirms_no_mark_is_hung_up_a_second_after_regret(
    autojump_clock: MockClock,
) -> None:
    exchange = await Exchange(chart=broken_chart()).prepared()
    line = FakeLine("bad")
    line.confirms_marks = False

    await exchange.supervisor.attend(line)

    assert exchange.heard(line) == [SCRIPTS.regret]
    assert line.closed
    assert trio.current_time() == pytest.approx(1 + REGRET_SECONDS + 1, abs=0.02)


async def test_a_failed_call_without_prepared_regret_hangs_up_without_a_word(
    autojump_clock: MockClock,
) -> None:
    exchange = Exchange(chart=broken_chart())
    await exchange.phrases.prepare(exchange.synthesizer, [SCRIPTS.greeting])
    line = FakeLine("bad")

    await exchange.supervisor.attend(line)

    assert line.closed
    assert trio.current_time() == 1
    assert exchange.heard(line) == []


class TornLine(FakeLine):
    """A broken adapter: every `play` raises."""

    def play(self, pcm: bytes) -> None:
        raise OSError("the socket is torn")


async def test_a_line_on_which_regret_fails_does_not_affect_other_calls(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = await Exchange().prepared()
    torn = TornLine("torn")
    exchange.carrier.ring(torn)
    (good,) = exchange.rings("good")
    exchange.carrier.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.supervisor.serve, exchange.carrier)
        await trio.sleep(4)
        assert not good.closed
        good.remote_hangs_up()

    assert torn.closed
    assert exchange.heard(good) == [SCRIPTS.greeting]
    assert [message.partition(";")[0] for message in caplog.messages] == [
        "call torn failed in call.turn.greeting.clear: OSError: the socket is torn",
        "call torn: the regret failed, too: OSError: the socket is torn",
    ]


async def test_a_failure_callback_that_fails_does_not_affect_other_calls(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(call_id: str, error: BaseException) -> None:
        raise Crash("the pager is out of paper")

    exchange = await Exchange(chart=broken_chart(), on_failure=fails).prepared()
    bad, good = exchange.rings("bad", "good")
    exchange.carrier.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.supervisor.serve, exchange.carrier)
        await trio.sleep(4)
        assert not good.closed
        good.remote_hangs_up()

    assert bad.closed
    assert caplog.messages[1:] == [
        "call bad: the regret failed, too: Crash: the pager is out of paper"
    ]


# --- the service stops ---------------------------------------------------------------------------


async def test_request_hang_up_ends_current_calls_with_a_goodbye_and_no_new_ones(
    autojump_clock: MockClock,
) -> None:
    exchange = await Exchange().prepared()
    lines = exchange.rings("greeted", "listening")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.supervisor.serve, exchange.carrier)
        await trio.sleep(3)
        exchange.supervisor.request_hang_up("the service stops")
        (new,) = exchange.rings("new")
        await trio.sleep(4)
        assert all(line.closed for line in lines)
        assert not new.closed
        new.remote_hangs_up()
        exchange.carrier.close()

    for line in lines:
        assert exchange.heard(line)[-1] == SCRIPTS.farewell
    assert exchange.heard(new) == [SCRIPTS.greeting]
    reasons = [
        line["event"]["reason"]
        for line in exchange.journals["greeted"].lines[1:]
        if line["event"]["type"] == "HangUpRequested"
    ]
    assert reasons == ["the service stops"]


async def test_request_hang_up_ends_every_call_when_a_mailbox_is_full(
    autojump_clock: MockClock,
) -> None:
    exchange = await Exchange(settings=PhoneSettings(mailbox=8)).prepared()
    lines = exchange.rings("one", "two")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.supervisor.serve, exchange.carrier)
        await trio.sleep(3)
        for _ in range(20):  # more than a mailbox holds
            exchange.supervisor.request_hang_up("the service stops")
        exchange.carrier.close()

    # A call that reads its mailbox says goodbye; a call whose own events find no room says regret.
    last_words = {SCRIPTS.farewell, SCRIPTS.regret}
    assert all(exchange.heard(line)[-1] in last_words for line in lines)


async def test_an_ended_call_is_freed(autojump_clock: MockClock) -> None:
    calls: list[weakref.ref[ReplyPipeline]] = []

    async def hear_and_note(scene: Scene) -> None:
        calls.append(weakref.ref(scene.replies))
        await hear(scene)

    exchange = await Exchange(
        chart=CHART.extended("noted", activities={"hear": hear_and_note}),
        settings=PhoneSettings(longest_call=3.0),
    ).prepared()
    await exchange.supervisor.attend(FakeLine("over"))

    gc.collect()
    assert [call() for call in calls] == [None]


async def test_stopping_the_service_hangs_up_every_line_and_leaves_no_task(
    autojump_clock: MockClock,
) -> None:
    async def breaks_at_once(scene: Scene) -> None:
        raise Crash

    exchange = await Exchange(chart=broken_chart(breaks_at_once)).prepared()
    living = tasks()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.supervisor.serve, exchange.carrier)
        # One call plays an answer, one the greeting, one regret.
        (answered,) = exchange.rings("answered")
        await trio.sleep(3)
        await exchange.says(answered, "Tell me a very long story about it")
        await trio.sleep(1)
        others = exchange.rings("greeted", "bad")
        await trio.sleep(0.5)
        lines = [answered, *others]
        for line in lines:
            line.closing = (
                math.inf
            )  # the service does not wait for a line that never reports `Closed`
        nursery.cancel_scope.cancel()

    assert trio.current_time() == 5.5
    assert all(line.hung_up for line in lines)
    assert exchange.under_way == [0, 0, 0, 0]
    assert all(journal.closed for journal in exchange.journals.values())
    assert tasks() == living


@pytest.mark.schedules(10)
async def test_an_event_as_the_service_stops_does_not_fail_the_call(
    autojump_clock: MockClock,
) -> None:
    exchange = await Exchange().prepared()
    (line,) = exchange.rings("stopped")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.supervisor.serve, exchange.carrier)
        await trio.sleep(1)
        cough = Spoken("", finals=((0.3, ""),))
        line.start_speaking(exchange.recognizer.knows(cough))
        await trio.sleep(0.4)
        line.stop_speaking()
        await trio.sleep(0.1)
        (call,) = exchange.supervisor._running
        assert call.step.after.leaf == "call.turn.barged_in.silence"
        hearing = next(stay for stay in call.step.after.active if stay.state == "call")
        # The chart resumes the greeting in a scope that is being cancelled.
        call.mailbox.post(FinalHeard(1, ""), hearing.activation)
        nursery.cancel_scope.cancel()
    assert exchange.failures == []


async def test_a_call_that_fails_as_the_service_stops_is_logged_and_the_service_stops(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def hears_badly(scene: Scene) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise Crash("it cannot be closed")

    exchange = await Exchange(
        chart=CHART.extended("bad at closing", activities={"hear": hears_badly})
    ).prepared()
    (bad,) = exchange.rings("bad")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(exchange.supervisor.serve, exchange.carrier)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()

    assert bad.closed
    assert [call_id for call_id, _ in exchange.failures] == ["bad"]
    assert "Crash: it cannot be closed" in caplog.text


async def test_a_carrier_that_breaks_ends_the_service_with_all_its_calls(
    autojump_clock: MockClock,
) -> None:
    exchange = await Exchange().prepared()
    lines = [FakeLine("one"), FakeLine("two")]

    class BrokenCarrier:
        def __init__(self) -> None:
            self._lines = iter(lines)

        async def accept(self) -> Line:
            await trio.sleep(1)
            try:
                return next(self._lines)
            except StopIteration:
                raise Crash("the trunk is cut") from None

    with pytest.RaisesGroup(Crash):
        await exchange.supervisor.serve(BrokenCarrier())

    assert all(line.closed for line in lines)
    assert exchange.under_way == [0, 0, 0, 0]
