"""What must be true of an Asterisk before we take its calls: that it is one, lets us in, is not too
old, and that nobody else serves our application."""

from __future__ import annotations

import re
from typing import Final

import trio

from callchart.adapters.carrier.asterisk.control.ari import Ari, AriError, ControlLost
from callchart.adapters.carrier.asterisk.control.control import ControlError
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings

#: The oldest version that has what we ask for (16.6 brought external media).
OLDEST: Final = 16

#: A channel that may enter an application does so within milliseconds.
PROBE_SECONDS: Final = 0.3
PROBE_POLL: Final = 0.02

#: What Asterisk may take to notice that a client has left: one that is restarted meets itself.
#: Up to 0.1 s where there is a core for it, more than 0.5 s where there is none.
LEAVE_SECONDS: Final = 2.0
LEAVE_POLL: Final = 0.25

_CURES: Final = {
    401: "the user or the password is wrong: see the user's section in Asterisk's ari.conf",
    403: "the user may not: set read_only=no in its section of Asterisk's ari.conf",
    404: "ARI is not there: set enabled=yes in ari.conf and http.conf, and load res_ari.so and its"
    " parts; check the url, which has no path",
}


async def check(ari: Ari, settings: AsteriskSettings) -> None:
    """Raises `ControlError` with the cause and the cure."""
    try:
        await _check_version(ari)
        await _check_writing(ari, f"{settings.instance}-nobody")
        held = await is_held(ari, settings.app, f"{settings.instance}-probe")
        until = trio.current_time() + LEAVE_SECONDS
        while held and trio.current_time() < until:
            await trio.sleep(LEAVE_POLL)
            held = await is_held(ari, settings.app, f"{settings.instance}-probe")
    except AriError as error:
        cure = _CURES.get(error.status, "see Asterisk's log")
        raise ControlError(f"no control of Asterisk: {error} ({cure})") from None
    except ControlLost as lost:
        raise ControlError(f"no control of Asterisk: {lost}") from None
    if held:
        raise ControlError(
            f"another client serves the application {settings.app!r} of this Asterisk, and would"
            " lose its calls (stop it, or give each an app of its own, here and in the dialplan)"
        )


async def _check_version(ari: Ari) -> None:
    try:
        version = await ari.version()
    except (KeyError, TypeError):
        raise ControlError(
            "no control of Asterisk: what answers there is no ARI (check the url)"
        ) from None
    # Such as "22.10.1", "certified-18.9-cert5", "GIT-20-1a2b3c"; of others we cannot tell.
    number = re.match(r"(?:certified[-/]|GIT-|SVN-branch-)?(\d+)", version)
    if number is not None and int(number[1]) < OLDEST:
        raise ControlError(
            f"Asterisk {version} is too old: {OLDEST} or newer is needed (upgrade it)"
        )


async def _check_writing(ari: Ari, nobody: str) -> None:
    """A user that may only read learns it now, and not in the first call."""
    try:
        await ari.answer(nobody)
    except AriError as error:
        if error.status != 404:
            raise


async def is_held(ari: Ari, app: str, probe: str) -> bool:
    """Whether a client is connected for the application.

    Asterisk goes on to name an application whose client crashed in a call, but lets no channel
    into it: so a channel is made that calls nobody, and is gone afterwards."""
    if await ari.held_by(app) is None:
        return False
    try:
        await ari.create(probe, "Local/nobody@nowhere", app)
        with trio.move_on_after(PROBE_SECONDS):
            while probe in {channel.id for channel in await ari.channels()}:
                if probe in (await ari.held_by(app) or ()):
                    return True
                await trio.sleep(PROBE_POLL)
        return False
    finally:
        with trio.CancelScope(shield=True):
            await ari.hang_up(probe)
