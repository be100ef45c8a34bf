"""What a crash, or lost control, left behind in Asterisk: found by name, and cleared.

Everything that is made for a call carries an id that begins with this instance's prefix, and the
caller's own channel carries the call's id in a variable. Calls that are alive are left alone, and
so are callers who were handed on."""

from __future__ import annotations

import logging
from collections.abc import Collection

from callchart.adapters.carrier.asterisk.control.ari import Ari

log = logging.getLogger("callchart")

#: The channel variable that names the call which a channel belongs to.
OWNER = "CALLCHART_CALL"

#: Behind the call's id, from when the channel is told to go on elsewhere.
HANDED_ON = ".handed_on"


async def clear(ari: Ari, app: str, prefix: str, alive: Collection[str]) -> int:
    """Hang up channels and delete bridges of calls that are over; how many there were.

    `app` is our application. `prefix` begins every call's id of ours; `alive` are the ids of calls
    that go on. Raises `AriError` and `ControlLost`."""

    def is_left(owner: str) -> bool:
        return owner.startswith(prefix) and owner.partition(".")[0] not in alive

    async def goes_on_elsewhere(handed_on: str) -> bool:
        # One that we placed is named with our application to its end, wherever it is.
        return handed_on.startswith(prefix) or handed_on not in (await ari.held_by(app) or ())

    cleared = 0
    for bridge in await ari.bridges():
        if is_left(bridge.id):
            await ari.delete_bridge(bridge.id)
            cleared += 1
    for channel in await ari.channels():
        owner = await ari.variable(channel.id, OWNER)
        if owner.endswith(HANDED_ON) and await goes_on_elsewhere(channel.id):
            continue
        if is_left(channel.id) or is_left(owner):
            await ari.hang_up(channel.id)
            cleared += 1
    if cleared:
        log.warning(
            "%d channels and bridges of calls that are over were found and cleared", cleared
        )
    return cleared
