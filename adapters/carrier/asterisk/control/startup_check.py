"""The checks of an Asterisk before we take its calls.

It must speak ARI, accept our user and password, be new enough, and have no other client for our
application."""

from __future__ import annotations

import re
from typing import Final

import trio

from callchart.adapters.carrier.asterisk.control.ari import Ari, AriError, ControlLost
from callchart.adapters.carrier.asterisk.control.control import ControlError
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings

#: The oldest version that supports our requests (16.6 added external media).
OLDEST_VERSION: Final = 16

#: Time limit for the probe channel to enter the application; it takes milliseconds.
PROBE_SECONDS: Final = 0.3
PROBE_POLL_SECONDS: Final = 0.02

#: Time limit for Asterisk to notice that a client has left: a service that restarts may find its
#: earlier process. Asterisk took up to 0.1 s on a free core, more than 0.5 s on a busy machine.
LEAVE_SECONDS: Final = 2.0
LEAVE_POLL_SECONDS: Final = 0.25

_CURES: Final = {
    401: "the user or the password is wrong: see the user's section in Asterisk's ari.conf",
    403: "the user may not: set read_only=no in its section of Asterisk's ari.conf",
    404: "ARI is not there: set enabled=yes in ari.conf and http.conf, and load res_ari.so and its"
    " parts; check the url, which has no path",
}


async def check_asterisk(ari: Ari, settings: AsteriskSettings) -> None:
    """Check Asterisk. Raises `ControlError` with the cause and the cure."""
    try:
        await _check_version(ari)
        await _check_writing(ari, f"{settings.instance}-nobody")
        held = await has_client(ari, settings.app, f"{settings.instance}-probe")
        until = trio.current_time() + LEAVE_SECONDS
        while held and trio.current_time() < until:
            await trio.sleep(LEAVE_POLL_SECONDS)
            held = await has_client(ari, settings.app, f"{settings.instance}-probe")
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
            "no control of Asterisk: the server at asterisk.url must be ARI, got another answer"
            " (check the url)"
        ) from None
    # Such as "22.10.1", "certified-18.9-cert5", "GIT-20-1a2b3c". Other forms pass unchecked.
    number = re.match(r"(?:certified[-/]|GIT-|SVN-branch-)?(\d+)", version)
    if number is not None and int(number[1]) < OLDEST_VERSION:
        raise ControlError(
            f"Asterisk {version} is too old: {OLDEST_VERSION} or newer is needed (upgrade it)"
        )


async def _check_writing(ari: Ari, nobody: str) -> None:
    """Refuse a read-only user now, instead of in the first call."""
    try:
        await ari.answer(nobody)
    except AriError as error:
        if error.status != 404:
            raise


async def has_client(ari: Ari, app: str, probe: str) -> bool:
    """Return True if a client is connected for the application.

    Asterisk keeps listing an application whose client crashed during a call, but lets no channel
    enter it. So this creates a channel that dials nothing, looks if it enters, and hangs it up."""
    if await ari.application_resources(app) is None:
        return False
    try:
        await ari.create(probe, "Local/nobody@nowhere", app)
        with trio.move_on_after(PROBE_SECONDS):
            while probe in {channel.id for channel in await ari.channels()}:
                if probe in (await ari.application_resources(app) or ()):
                    return True
                await trio.sleep(PROBE_POLL_SECONDS)
        return False
    finally:
        with trio.CancelScope(shield=True):
            await ari.hang_up(probe)
