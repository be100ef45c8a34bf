"""The doctor's own call. It has no caller, and opens its audio as every call does."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from callchart.adapters.carrier.asterisk.control.ari import Ari, AriError
from callchart.adapters.carrier.asterisk.control.control import ControlLink
from callchart.adapters.carrier.asterisk.control.open import open_control
from callchart.adapters.carrier.asterisk.media.media import Media
from callchart.adapters.carrier.asterisk.media.open import open_media_transport
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.adapters.carrier.asterisk.websocket.server import WebSocketServer
from callchart.adapters.service.doctor.finding import Finding, failed, ok, unknown


@asynccontextmanager
async def open_sound(settings: AsteriskSettings) -> AsyncIterator[tuple[ControlLink, Media]]:
    """Open the audio of a call, and a link to Asterisk. Remove both at the end of the block.

    `settings` are those of a second process (see `second_instance`). Raise `ControlError`,
    `ListenFailed`, `MediaFailed`, `AriError` and `ControlLost`."""
    async with AsyncExitStack() as stack:
        server = None
        if settings.listen is not None:
            server = await stack.enter_async_context(WebSocketServer.open(settings.listen))
        control = await stack.enter_async_context(open_control(settings, server, random.Random()))
        transport = await stack.enter_async_context(open_media_transport(settings, server))
        link, call = control.link(settings.app), f"{settings.instance}-1"
        media = await stack.enter_async_context(transport.open(link, call, "", lambda mark: None))
        yield link, media


async def transfers(ari: Ari, channel: str, settings: AsteriskSettings) -> Finding:
    """Check that the dialplan has the context and numbers of [transfer].

    `channel` may be any: Asterisk evaluates functions of the dialplan on a channel only."""
    part, context = "transfers", settings.transfer_context
    numbers = [each for each in settings.allowed.patterns if "X" not in each]
    try:
        if not await _exists(ari, channel, context):
            return failed(
                part,
                f"context missing: [{context}] is not in the dialplan",
                "add it to extensions.conf, or correct transfer.context",
            )
        missing = [n for n in numbers if not await _exists(ari, channel, f"{context},{n},1")]
    except AriError as error:
        if error.status != 500:
            raise
        # Asterisk answers 500 if it does not know the function.
        cure = "load func_dialplan.so in modules.conf (only the doctor needs it)"
        what = f"context unknown: Asterisk lacks DIALPLAN_EXISTS to look for [{context}]"
        return unknown(part, what, cure)
    if missing:
        return failed(
            part,
            f"extension missing: {', '.join(missing)} in [{context}]",
            "add it to extensions.conf, or remove it from transfer.allow",
        )
    return ok(part, f"context complete: [{context}] has the extensions of transfer.allow")


async def _exists(ari: Ari, channel: str, place: str) -> bool:
    return await ari.variable(channel, f"DIALPLAN_EXISTS({place})") == "1"
