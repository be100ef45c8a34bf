"""`callchart serve`: take calls until a signal, then let the running calls end.

Theory of operation. A stop has three stages, and each has a time limit. First the carrier refuses
new calls, and running calls continue (`drain_seconds`). Then every call is asked to end: its chart
says goodbye (`GOODBYE_SECONDS`). Then the remaining calls are cut off. A second signal skips to the
last stage."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import trio

from callchart.adapters.carrier.asterisk.carrier import AsteriskCarrier
from callchart.adapters.carrier.asterisk.control.accept import DIAL_SECONDS
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.adapters.service.config import Config
from callchart.adapters.service.errors import carrier_mistakes
from callchart.adapters.service.run.call_log import CallLog
from callchart.adapters.service.run.logs import configure
from callchart.adapters.service.run.metrics import provider_metrics
from callchart.adapters.service.run.services import Opened, open_services
from callchart.adapters.service.run.stop import Stop, stopped_by_signals
from callchart.adapters.service.run.supervisor import open_supervisor
from callchart.engine.ports import Carrier
from callchart.engine.supervisor import Supervisor

log = logging.getLogger("callchart")

#: Seconds for a goodbye: in the default chart, at most 5 s of speech and 2 s until the hangup.
GOODBYE_SECONDS = 10.0

#: Seconds between two logs of the metrics.
METRICS_INTERVAL_SECONDS = 3600.0


class ServiceCarrier(Carrier, Protocol):
    """A carrier that can refuse new calls while running calls continue."""

    def stop_accepting(self) -> None:
        """Refuse new calls as busy; `accept` raises `LineGone` after the last waiting call."""
        ...


class _Named(Protocol):
    @property
    def name(self) -> str: ...


#: A function that opens the carrier. Entering raises an error with cause and cure if Asterisk is
#: missing or wrongly configured.
OpenCarrier = Callable[[AsteriskSettings], AbstractAsyncContextManager[ServiceCarrier]]


def run_serve(config: Config) -> int:
    """Serve until a signal. Return 0 if all calls ended, 1 if some were cut off.

    Raise `UserError`, and the errors of `serve`."""
    configure(config.log_level, config.log_format)
    with carrier_mistakes():
        return 0 if trio.run(serve, config, AsteriskCarrier.open) else 1


async def serve(config: Config, open_carrier: OpenCarrier) -> bool:
    """Run the service. Return whether all calls ended without being cut off.

    Raise `UserError`, `ProviderError` or the carrier's errors if a part cannot start, maybe in
    groups."""
    calls, asterisk = CallLog(config.chart), config.asterisk
    async with (
        stopped_by_signals() as stop,
        open_services(config) as opened,
        open_supervisor(config, opened.services, [calls.step], calls.failed) as supervisor,
    ):
        if asterisk.control == "persistent" and (listen := asterisk.listen):
            log.info(
                "control: waiting for Asterisk to dial %s:%d, for up to %g s (uri in its "
                "websocket_client.conf)",
                listen.host,
                listen.port,
                DIAL_SECONDS,
            )
        async with open_carrier(asterisk) as carrier, trio.open_nursery() as nursery:
            log.info("ready: %s", _described(config))
            nursery.start_soon(log_metrics_hourly, calls, opened)
            await take_calls(supervisor, carrier, calls, stop, config.drain_seconds)
            nursery.cancel_scope.cancel()
            _log_metrics(calls, opened)
    cut_off = calls.cut_off()
    log.info(
        "service stopped: calls taken: %d, failed: %d, cut off: %d",
        calls.taken,
        calls.failures,
        cut_off,
    )
    return cut_off == 0


async def log_metrics_hourly(calls: CallLog, opened: Opened) -> None:
    """Log the metrics every hour in which there were calls."""
    logged = 0
    while True:
        await trio.sleep(METRICS_INTERVAL_SECONDS)
        if calls.taken > logged:
            logged = calls.taken
            _log_metrics(calls, opened)


def _log_metrics(calls: CallLog, opened: Opened) -> None:
    for metric in (str(calls.answers), *provider_metrics(opened)):
        log.info("totals since start: %s", metric)


async def take_calls(
    supervisor: Supervisor,
    carrier: ServiceCarrier,
    calls: CallLog,
    stop: Stop,
    drain_seconds: float,
) -> None:
    """Take calls until `stop` is asked for and the last call has ended or was cut off."""
    with stop.serving():
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
    """Run the stages of a stop. The end of the last call cancels this."""
    await stop.asked.wait()
    carrier.stop_accepting()
    live = len(calls.under_way)
    log.info(
        "drain begins: new calls refused, running calls: %d, time limit %g s", live, drain_seconds
    )
    await trio.sleep(drain_seconds)
    live = len(calls.under_way)
    log.info("drain timeout: goodbyes requested: %d, time limit %g s", live, GOODBYE_SECONDS)
    supervisor.request_hang_up("the service stops")
    await trio.sleep(GOODBYE_SECONDS)
    stop.at_once.cancel()


def _described(config: Config) -> str:
    """Return the chosen parts in one line, without secrets."""
    asterisk, speech = config.asterisk, config.speech
    parts = (
        f"application {asterisk.app}, control {asterisk.control}, media {asterisk.media} "
        f"at {asterisk.rate_hz} Hz, at most {asterisk.max_calls} calls",
        f"{speech.recognizer.name}, {_then(speech.synthesizer, speech.fallback)} and "
        f"{speech.voice_detector.name} run",
        f"model {_then(config.model, config.model.fallback)} (first request when a "
        "caller speaks; `callchart doctor` tests it now)",
    )
    return "; ".join(parts)


def _then(first: _Named, second: _Named | None) -> str:
    return f"{first.name} (then {second.name})" if second else first.name
