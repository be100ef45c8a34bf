"""What a crash, or lost control, left behind in Asterisk: found by name, and cleared.

Everything that is made for a call carries an id that begins with this instance's prefix, and the
caller's own channel carries the call's id in a variable. Calls that are alive are left alone."""

from __future__ import annotations

import logging
from collections.abc import Collection

from adapters.carrier.asterisk.ari import Ari

log = logging.getLogger("callchart")

#: The channel variable that names the call which a channel belongs to.
OWNER = "CALLCHART_CALL"


async def clear(ari: Ari, prefix: str, alive: Collection[str]) -> int:
    """Hang up channels and delete bridges of calls that are over; how many there were.

    `prefix` begins every call's id of ours; `alive` are the ids of calls that go on. Raises
    `AriError` and `ControlLost`."""

    def is_left(owner: str) -> bool:
        return owner.startswith(prefix) and owner.partition(".")[0] not in alive

    cleared = 0
    for bridge in await ari.bridges():
        if is_left(bridge.id):
            await ari.delete_bridge(bridge.id)
            cleared += 1
    for channel in await ari.channels():
        if is_left(channel.id) or is_left(await ari.variable(channel.id, OWNER)):
            await ari.hang_up(channel.id)
            cleared += 1
    if cleared:
        log.warning(
            "%d channels and bridges of calls that are over were found and cleared", cleared
        )
    return cleared
