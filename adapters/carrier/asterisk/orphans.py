"""Channels and bridges that a crash or lost control left in Asterisk.

Every object that we create for a call has an id that begins with this instance's prefix, and the
caller's channel holds the call's id in a variable. Calls under way and transferred callers are not
orphans."""

from __future__ import annotations

import logging
from collections.abc import Collection

from callchart.adapters.carrier.asterisk.control.ari import Ari

log = logging.getLogger("callchart")

#: The channel variable that holds the id of the channel's call.
OWNER = "CALLCHART_CALL"

#: The suffix that we add to the call's id in that variable before a transfer.
TRANSFERRED = ".handed_on"


async def clear_orphans(ari: Ari, app: str, prefix: str, alive: Collection[str]) -> int:
    """Hang up orphaned channels and delete orphaned bridges. Return their number.

    `app` is our application. `prefix` begins the id of each of our calls. `alive` holds the ids of
    calls under way. Raises `AriError` and `ControlLost`."""

    def is_orphan(owner: str) -> bool:
        return owner.startswith(prefix) and owner.partition(".")[0] not in alive

    async def is_transferred(channel: str) -> bool:
        # A channel that we originated stays in the list of our application until it ends.
        return channel.startswith(prefix) or channel not in (
            await ari.application_resources(app) or ()
        )

    cleared = 0
    for bridge in await ari.bridges():
        if is_orphan(bridge.id):
            await ari.delete_bridge(bridge.id)
            cleared += 1
    for channel in await ari.channels():
        owner = await ari.variable(channel.id, OWNER)
        if owner.endswith(TRANSFERRED) and await is_transferred(channel.id):
            continue
        if is_orphan(channel.id) or is_orphan(owner):
            await ari.hang_up(channel.id)
            cleared += 1
    if cleared:
        log.warning("orphans of ended calls cleared: %d channels and bridges", cleared)
    return cleared
