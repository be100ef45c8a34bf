"""The service takes calls until a signal, and then drains within time limits."""

from __future__ import annotations

import logging
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from callchart.adapters.fallback.counters import FallbackCounters
from callchart.adapters.service.cli import main
from callchart.adapters.service.demo.model_server import MODEL, ModelServer
from callchart.adapters.service.providers.models import Writers
from callchart.adapters.service.providers.speech import Voices
from callchart.adapters.service.run.call_log import CallLog
from callchart.adapters.service.run.serve import (
    GOODBYE_SECONDS,
    METRICS_INTERVAL_SECONDS,
    log_metrics_hourly,
    take_calls,
)
from callchart.adapters.service.run.services import Opened
from callchart.adapters.service.run.stop import Stop
from callchart.engine.chart import Chart, ignore
from callchart.engine.data import Scripts
from callchart.engine.events import HangUpRequested
from callchart.engine.phrases import Phrases, script_texts
from callchart.engine.scene import Services
from callchart.engine.supervisor import Supervisor
from callchart.engine.testing import (
    FakeCarrier,
    FakeLine,
    FakeModel,
    FakeRecognizer,
    FakeSynthesizer,
    FakeVoiceDetectors,
)
from callchart.states import CHART
from callchart.states.settings import PhoneSettings
from tests.adapters.service.command import write_config
from tests.asterisk.server import Asterisk
from tests.servers.process import free_port

DRAIN = 30.0

STUBBORN = CHART.extended(
    "stubborn", on={"call": {HangUpRequested: ignore("this bot never says goodbye")}}
)


class Exchange(FakeCarrier):
    """A carrier that can be closed to new calls."""

    def __init__(self) -> None:
        super().__init__()
        self.accepting = True

    def stop_accepting(self) -> None:
        self.accepting = False
        self.close()


@dataclass
class Running:
    """A service with a fake carrier. Its lines stay open until the test hangs them up."""

    chart: Chart = CHART
    carrier: Exchange = field(default_factory=Exchange)
    stop: Stop = field(default_factory=Stop)

    def __post_init__(self) -> None:
        self.calls = CallLog(self.chart)

    @asynccontextmanager
    async def begun(self) -> AsyncIterator[None]:
        """Run the service. After the block, it and everything that it started has ended."""
        scripts, phrases, synthesizer = Scripts(fillers=()), Phrases(16000), FakeSynthesizer()
        await phrases.prepare(synthesizer, script_texts(scripts))
        supervisor = Supervisor(
            self.chart,
            Services(FakeVoiceDetectors(), FakeRecognizer(), synthesizer, FakeModel(), phrases),
            PhoneSettings(no_input=1000.0),
            scripts,
            inspectors=[self.calls.step],
            failed=self.calls.failed,
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._serve, supervisor)
            await trio.testing.wait_all_tasks_blocked()
            yield

    async def _serve(self, supervisor: Supervisor) -> None:
        await take_calls(supervisor, self.carrier, self.calls, self.stop, DRAIN)

    async def ring(self, *call_ids: str) -> list[FakeLine]:
        """Start incoming calls, and wait until their greetings have ended."""
        lines = [FakeLine(call_id) for call_id in call_ids]
        for line in lines:
            self.carrier.ring(line)
        await trio.sleep(5)
        return lines


async def test_a_stop_without_calls_is_immediate(autojump_clock: MockClock) -> None:
    running = Running()
    async with running.begun():
        running.stop.ask()
    assert trio.current_time() == 0
    assert not running.carrier.accepting


async def test_running_calls_may_finish_and_the_service_ends_with_the_last(
    autojump_clock: MockClock,
) -> None:
    running = Running()
    async with running.begun():
        one, other = await running.ring("one", "other")
        running.stop.ask()
        await trio.sleep(10)
        one.remote_hangs_up()
        await trio.sleep(10)
        assert not other.closed
        other.remote_hangs_up()
    assert trio.current_time() == 25
    assert running.calls.cut_off() == 0


async def test_calls_that_do_not_finish_get_a_goodbye(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "callchart")
    running = Running()
    async with running.begun():
        (line,) = await running.ring("long")
        running.stop.ask()
        await trio.sleep(DRAIN - 0.1)
        assert not line.closed
    assert DRAIN + 5 < trio.current_time() < DRAIN + 5 + GOODBYE_SECONDS
    assert running.calls.cut_off() == 0
    assert caplog.messages == [
        "call long: begins",
        "drain begins: new calls refused, running calls: 1, time limit 30 s",
        "drain timeout: goodbyes requested: 1, time limit 10 s",
        f"call long: ended after {trio.current_time():.1f} s: "
        "the agent hung up after its last reply",
    ]


async def test_a_call_that_ignores_the_goodbye_is_cut_off(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    running = Running(chart=STUBBORN)
    async with running.begun():
        (line,) = await running.ring("stubborn")
        running.stop.ask()
    assert trio.current_time() == pytest.approx(5 + DRAIN + GOODBYE_SECONDS)
    assert line.hung_up
    assert running.calls.cut_off() == 1
    assert caplog.messages == ["call stubborn: cut off in listening.waiting"]


async def test_a_second_signal_cuts_off_immediately(autojump_clock: MockClock) -> None:
    running = Running()
    async with running.begun():
        lines = await running.ring("one", "other")
        running.stop.ask()
        await trio.sleep(3)
        running.stop.ask()
    assert trio.current_time() == 8
    assert all(line.hung_up for line in lines)
    assert running.calls.cut_off() == 2


async def test_metrics_are_logged_each_hour_with_calls(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "callchart")
    voice, calls = FakeSynthesizer(), CallLog(CHART)
    voices, writers = Voices(voice, voice, FallbackCounters()), Writers(FakeModel(), {})
    services = Services(FakeVoiceDetectors(), FakeRecognizer(), voice, FakeModel(), Phrases(16000))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log_metrics_hourly, calls, Opened(services, voices, writers))
        await trio.sleep(1.5 * METRICS_INTERVAL_SECONDS)
        assert caplog.messages == []
        calls.failed("one", RuntimeError())
        await trio.sleep(5 * METRICS_INTERVAL_SECONDS)
        nursery.cancel_scope.cancel()
    assert [message.split(",")[0] for message in caplog.messages] == [
        "totals since start: answers: 0",
        "totals since start: second voice: used for 0 of 0 requests (0%)",
    ]


# --- from the command line -----------------------------------------------------------------------


class StopOnce(logging.Handler):
    """A handler that sends SIGTERM to this process at the first message with this beginning."""

    def __init__(self, beginning: str) -> None:
        super().__init__()
        self._beginning = beginning

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith(self._beginning):
            signal.raise_signal(signal.SIGTERM)


@pytest.fixture
def own_logging() -> Iterator[logging.Logger]:
    """Yield our logger. Restore the log's handlers and level after the test."""
    root, ours = logging.getLogger(), logging.getLogger("callchart")
    handlers, level = [*root.handlers], ours.level
    yield ours
    root.handlers, ours.handlers = handlers, []
    ours.setLevel(level)


def test_serve_runs_until_a_signal(
    asterisk: Asterisk,
    tmp_path: Path,
    own_logging: logging.Logger,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = ModelServer("http://127.0.0.1:9/v1")
    path = write_config(tmp_path / "callchart.toml", asterisk, model, log={"level": "info"})
    own_logging.addHandler(StopOnce("ready: "))
    assert main(["serve", "--config", str(path)]) == 0
    log = capsys.readouterr().err
    assert "] ready: application callchart, control connect, media websocket at 16000 Hz" in log
    assert log.endswith("[info     ] service stopped: calls taken: 0, failed: 0, cut off: 0\n")
    assert asterisk.password not in log


def test_the_log_says_where_asterisk_must_connect_before_it_does(
    tmp_path: Path, own_logging: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    path, port = tmp_path / "callchart.toml", free_port()
    path.write_text(
        '[asterisk]\ncontrol = "persistent"\n'
        f'[asterisk.listen]\nport = {port}\npassword = "secret"\n'
        f'[model]\nname = "{MODEL}"\nkey = "none"\n'
    )
    said = f"control: waiting for Asterisk to dial 127.0.0.1:{port}, for up to 10 s"
    own_logging.addHandler(StopOnce(said))
    assert main(["serve", "--config", str(path)]) == 0
    log = capsys.readouterr().err
    assert f"[info     ] {said} (uri in its websocket_client.conf)\n" in log
    assert "ready: " not in log


def test_an_error_at_start_is_reported_in_one_line(
    asterisk: Asterisk,
    tmp_path: Path,
    own_logging: logging.Logger,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = ModelServer("http://127.0.0.1:9/v1")
    path = write_config(
        tmp_path / "callchart.toml", asterisk, model, asterisk={"password": "wrong"}
    )
    assert main(["serve", "--config", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("callchart serve: ")
    assert "401" in line


def test_every_mistake_of_a_configuration_is_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "callchart.toml"
    path.write_text("[modell]\n")
    assert main(["serve", "--config", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    assert lines[-1] == (
        f"callchart serve: {path}: modell is not a known section; did you mean model?"
    )
