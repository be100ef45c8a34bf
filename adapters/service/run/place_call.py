"""`callchart call`: place one call, next to a service that may be running."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import trio
from rich.console import Console

from callchart.adapters.carrier.asterisk.carrier import AsteriskCarrier, CallFailed
from callchart.adapters.carrier.asterisk.numbers import Allowed
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.adapters.service.config import Config
from callchart.adapters.service.errors import carrier_mistakes
from callchart.adapters.service.report.live import LiveView
from callchart.adapters.service.run.second_instance import (
    under_other_names,
    without_the_services_ports,
)
from callchart.adapters.service.run.services import open_services
from callchart.adapters.service.run.stop import Stop, stopped_by_signals
from callchart.adapters.service.run.supervisor import open_supervisor
from callchart.adapters.service.user_code import UserError
from callchart.engine.call import Inspector
from callchart.engine.exception_groups import leaves
from callchart.engine.ports import Line
from callchart.engine.supervisor import Supervisor


class CallingCarrier(Protocol):
    """A carrier that can place calls."""

    async def call(self, target: str) -> Line:
        """Place a call, and return its line when it is answered."""
        ...


OpenCarrier = Callable[[AsteriskSettings], AbstractAsyncContextManager[CallingCarrier]]


def run_call(config: Config, target: str) -> int:
    """Place the call. Return 0, or 1 if it failed or was not answered.

    Raise `UserError`, and the errors of `place_call` except `CallFailed`."""
    view = LiveView(Console(), config.chart)
    failure = ""
    try:
        with carrier_mistakes():
            return 0 if trio.run(place_call, config, target, AsteriskCarrier.open, view.step) else 1
    except* CallFailed as failed:
        failure = ", ".join(str(error) for error in leaves(failed))
    print(f"callchart call: {failure}", file=sys.stderr)
    return 1


async def place_call(
    config: Config, target: str, open_carrier: OpenCarrier, inspector: Inspector
) -> bool:
    """Run the whole call. Return whether it ended as its chart says.

    A signal ends the call with a goodbye. Raise `UserError` before anything is opened if
    `transfer.allow` forbids the call. Raise `CallFailed` if it was not answered, and, maybe in
    groups, `ProviderError` and the carrier's errors."""
    if not (config.asterisk.user and config.asterisk.password):
        raise UserError(
            "asterisk.user and asterisk.password must be set for `callchart call`, got nothing: it "
            "opens its own control connection, even if Asterisk opens the service's"
        )
    if target not in config.asterisk.allowed:
        raise UserError(_refusal(config, target))
    settings = without_the_services_ports(under_other_names(config.asterisk, "out"))
    line, is_whole = None, False
    async with (
        stopped_by_signals() as stop,
        open_services(config) as opened,
        open_supervisor(config, opened.services, [inspector]) as supervisor,
        open_carrier(settings) as carrier,
        trio.open_nursery() as nursery,
    ):
        line = await carrier.call(target)
        with stop.serving():
            nursery.start_soon(_hang_up_when_asked, supervisor, stop)
            is_whole = await supervisor.attend(line) is not None
        nursery.cancel_scope.cancel()
    if line is None:
        raise CallFailed("cancelled", "stopped by the operator before an answer")
    return is_whole


def _refusal(config: Config, target: str) -> str:
    if target in Allowed([target]):
        return f'transfer.allow does not name {target}; add "{target}" to it in {config.path}'
    return f"EXTENSION must be a number such as 200, got {target!r}"


async def _hang_up_when_asked(supervisor: Supervisor, stop: Stop) -> None:
    await stop.asked.wait()
    supervisor.request_hang_up("the operator stops")
