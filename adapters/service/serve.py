"""`callchart serve`: takes calls until it is told to stop, and then lets those under way end.

Theory of operation. A stop has stages, and each has a bound. First nobody new is taken, and who is
talking may go on (`drain_seconds`). Then every call is asked to end: its chart says goodbye
(`GOODBYE_SECONDS`). Then what is left is cut off. A second signal is for the last stage at once."""

from __future__ import annotations

import logging
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import trio

from adapters.carrier.asterisk.settings import AsteriskSettings
from adapters.service.call_log import CallLog
from adapters.service.config import Config
from adapters.service.journals import JournalFolder
from adapters.service.providers import open_services
from engine.ports import Carrier
from engine.supervisor import Supervisor

log = logging.getLogger("callchart")

#: Seconds for a goodbye: the longest of the default chart takes 5, its hangup up to 2.
GOODBYE_SECONDS = 10.0

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class ServiceCarrier(Carrier, Protocol):
    """A carrier that can be closed to new calls while old ones go on."""

    def stop_accepting(self) -> None:
        """Further calls are refused as busy; `accept` raises `LineGone` once none is waiting."""
        ...


OpenCarrier = Callable[[AsteriskSettings], AbstractAsyncContextManager[ServiceCarrier]]


class Stop:
    """What the process was told by signals: to stop (`asked`), or to stop `at_once`."""

    def __init__(self) -> None:
        self.asked = trio.Event()
        self.at_once = trio.CancelScope()
        #: Before there are calls there is nothing to wait for.
        self.is_serving = False

    def ask(self) -> None:
        """The first time gently; the second time, and before there are calls, at once."""
        if self.asked.is_set() or not self.is_serving:
            self.at_once.cancel()
        self.asked.set()

    async def on_signals(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            log.info("%s received", signal.Signals(number).name)
            self.ask()


async def serve(config: Config, open_carrier: OpenCarrier) -> bool:
    """The whole life of the service; whether it ended without cutting a call off.

    Raises OSError, `ProviderError` (maybe in a group) and what the carrier raises where something
    cannot be started."""
    stop, calls = Stop(), CallLog(config.chart)
    rate_hz = config.asterisk.rate_hz
    with trio.open_signal_receiver(*STOP_SIGNALS) as signals, stop.at_once:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop.on_signals, signals)
            journals = None
            if config.journal is not None:
                journals = JournalFolder(config.journal)
                nursery.start_soon(journals.sweep)
            async with (
                open_services(config.speech, config.model, config.scripts, rate_hz) as services,
                open_carrier(config.asterisk) as carrier,
            ):
                supervisor = Supervisor(
                    config.chart,
                    services,
                    config.settings,
                    config.scripts,
                    seed=random.getrandbits(32),
                    journal=journals.open if journals else lambda call_id: None,
                    inspectors=[calls.step],
                    redacted=config.journal is None or config.journal.redacted,
                    failed=calls.failed,
                )
                log.info("ready: %s", _what_is_served(config))
                await take_calls(supervisor, carrier, calls, stop, config.drain_seconds)
            nursery.cancel_scope.cancel()
    cut_off = calls.cut_off()
    log.info(
        "stopped: calls taken: %d, failed: %d, cut off: %d",
        calls.taken,
        calls.failures,
        cut_off,
    )
    return cut_off == 0


async def take_calls(
    supervisor: Supervisor,
    carrier: ServiceCarrier,
    calls: CallLog,
    stop: Stop,
    drain_seconds: float,
) -> None:
    """Calls, until `stop` asks for an end and the last one is over, or was cut off."""
    stop.is_serving = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_drain, supervisor, carrier, calls, stop, drain_seconds)
        await supervisor.serve(carrier)
        nursery.cancel_scope.cancel()


async def _drain(
    supervisor: Supervisor,
    carrier: ServiceCarrier,
    calls: CallLog,
    stop: Stop,
    drain_seconds: float,
) -> None:
    """The stages of a stop. Cancelled as soon as there is no call any more."""
    await stop.asked.wait()
    carrier.stop_accepting()
    live = len(calls.under_way)
    log.info("stopping: no new calls; calls under way: %d, for up to %g s", live, drain_seconds)
    await trio.sleep(drain_seconds)
    live = len(calls.under_way)
    log.info("stopping: calls asked to end: %d, within %g s", live, GOODBYE_SECONDS)
    supervisor.request_hang_up("the service stops")
    await trio.sleep(GOODBYE_SECONDS)
    stop.at_once.cancel()


def _what_is_served(config: Config) -> str:
    """The chosen parts, in a line without secrets."""
    asterisk, speech = config.asterisk, config.speech
    parts = (
        f"application {asterisk.app}, control {asterisk.control}, media {asterisk.media} "
        f"at {asterisk.rate_hz} Hz, at most {asterisk.max_calls} calls",
        f"{speech.recognizer.name}, {speech.synthesizer.name} and {speech.voice_detector.name} run",
        f"model {config.model.name} (asked by the first caller; `callchart doctor` asks it now)",
    )
    return "; ".join(parts)
