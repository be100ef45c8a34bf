"""The checks of an Asterisk before we take its calls.

Asterisk must speak ARI, accept our user and password, be new enough, and have no other client for
our application."""

from __future__ import annotations

import re
from typing import Final

import trio

from callchart.adapters.carrier.asterisk.control.ari import Ari, AriError, ControlLost
from callchart.adapters.carrier.asterisk.control.control import ONE_CLIENT, ControlError
from callchart.adapters.carrier.asterisk.failure import SEE_LOG
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings

#: The oldest version that supports our requests (16.6 added external media).
OLDEST_VERSION: Final = 16

#: Time limit for the probe channel to enter the application; it takes milliseconds.
PROBE_SECONDS: Final = 0.3
PROBE_POLL_SECONDS: Final = 0.02

#: Time limit for Asterisk to notice that a client has left: after a restart of the service it may
#: still list the process before. It took up to 0.1 s on a free core, 0.5 s on a busy machine.
LEAVE_SECONDS: Final = 2.0
LEAVE_POLL_SECONDS: Final = 0.25

_CURES: Final = {
    401: "correct asterisk.user and asterisk.password, or their section in Asterisk's ari.conf",
    403: "set read_only=no in the user's section in Asterisk's ari.conf",
    404: "set enabled=yes in Asterisk's ari.conf and http.conf, load the modules res_ari*.so, and"
    " write asterisk.url without a path",
}


async def check_asterisk(ari: Ari, settings: AsteriskSettings) -> None:
    """Check Asterisk. Raises `ControlError` with the cause and the cure."""
    try:
        await _check_version(ari)
        await _check_writing(ari, f"{settings.instance}-missing")
        is_taken = await has_client(ari, settings.app, f"{settings.instance}-probe")
        until_s = trio.current_time() + LEAVE_SECONDS
        while is_taken and trio.current_time() < until_s:
            await trio.sleep(LEAVE_POLL_SECONDS)
            is_taken = await has_client(ari, settings.app, f"{settings.instance}-probe")
    except AriError as error:
        cure = _CURES.get(error.status, SEE_LOG)
        raise ControlError(f"no control of Asterisk: {error}", cure) from None
    except ControlLost as lost:
        raise ControlError(f"no control of Asterisk: {lost.reason}", lost.cure) from None
    if is_taken:
        raise ControlError(
            f"another client serves the application {settings.app!r} of this Asterisk, and we would"
            " take its calls",
            ONE_CLIENT,
        )


async def _check_version(ari: Ari) -> None:
    try:
        version = await ari.version()
    except (KeyError, TypeError):
        raise ControlError(
            "no control of Asterisk: the server at asterisk.url must be ARI, got another answer",
            "correct asterisk.url",
        ) from None
    # Such as "22.10.1", "certified-18.9-cert5", "GIT-20-1a2b3c". Other forms pass unchecked.
    number = re.match(r"(?:certified[-/]|GIT-|SVN-branch-)?(\d+)", version)
    if number is not None and int(number[1]) < OLDEST_VERSION:
        raise ControlError(
            f"Asterisk must be {OLDEST_VERSION} or newer, got {version}", "upgrade it"
        )


async def _check_writing(ari: Ari, missing: str) -> None:
    """Raise `AriError` for a read-only user now, instead of in the first call.

    No channel has the id `missing`: an answer with 404 shows that we may write."""
    try:
        await ari.answer(missing)
    except AriError as error:
        if error.status != 404:
            raise


async def has_client(ari: Ari, app: str, probe: str) -> bool:
    """Return True if a client is connected for the application.

    Asterisk keeps listing an application whose client crashed during a call, but lets no channel
    enter it. So create the channel `probe`, check whether it enters, and hang it up."""
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
