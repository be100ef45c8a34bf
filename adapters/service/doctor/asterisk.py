"""The doctor's checks of Asterisk: connection, password, version, modules, audio."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import trio

from callchart.adapters.carrier.asterisk.control.ari import Ari, AriError
from callchart.adapters.carrier.asterisk.control.http import HttpTransport
from callchart.adapters.carrier.asterisk.control.open import open_control
from callchart.adapters.carrier.asterisk.failure import SEE_LOG, AsteriskFailure
from callchart.adapters.carrier.asterisk.media.open import needed_modules
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.adapters.carrier.asterisk.websocket.server import WebSocketServer
from callchart.adapters.service.doctor.finding import (
    LONGEST_S,
    Finding,
    Verdict,
    failed,
    ok,
    unknown,
)
from callchart.adapters.service.doctor.machine import port
from callchart.adapters.service.doctor.secrets import MissingSecrets, lacks_secret
from callchart.adapters.service.doctor.sound import open_sound, transfers
from callchart.adapters.service.run.second_instance import under_other_names
from callchart.engine.exception_groups import first_leaf

# The first release with a feature: the minor number by branch. A branch between two of these never
# got the feature.

#: All that we use of ARI.
OLDEST = {16: 0}
#: Outbound WebSockets.
OUTBOUND = {20: 15, 21: 10, 22: 5}
#: chan_websocket that takes its commands as JSON.
JSON_MEDIA = {20: 18, 22: 8, 23: 2}
#: AudioSocket with more than 8000 samples a second.
WIDE_AUDIOSOCKET = {20: 17, 22: 7, 23: 1}

#: The modules that every call needs.
_ALWAYS = {
    "app_stasis.so",
    "bridge_simple.so",
    "res_ari_applications.so",
    "res_ari_bridges.so",
    "res_ari_channels.so",
    "res_ari_events.so",
    "res_http_websocket.so",
    "res_stasis_answer.so",
}
#: The modules that each kind of control needs.
_BY_CONTROL: Mapping[str, set[str]] = {
    "connect": set(),
    "persistent": {"res_websocket_client.so"},
    "per_call": {"res_websocket_client.so"},
}


def ports(settings: AsteriskSettings) -> list[Finding]:
    """Check the ports to which Asterisk connects, if it does."""
    found = []
    if listen := settings.listen:
        found.append(port("listening", listen.host, listen.port, "asterisk.listen"))
    if settings.media == "audiosocket" and (server := settings.audiosocket):
        found.append(port("audiosocket", server.host, server.port, "asterisk.audiosocket"))
    return found


async def asterisk_findings(settings: AsteriskSettings, missing: MissingSecrets) -> list[Finding]:
    """Run all checks of Asterisk. Checks that depend on a failed one are left out."""
    found = ports(settings)
    may_listen = all(finding.verdict is Verdict.OK for finding in found)
    if settings.control != "connect":
        lacking = lacks_secret("control", "asterisk.listen", missing)
        found.append(lacking or await control(settings, may_listen))
    if lacking := lacks_secret("asterisk", "asterisk", missing):
        return [*found, lacking]
    if not (settings.user and settings.password):
        what = "version unknown: asterisk.user and asterisk.password are not set"
        cure = "set them; only the doctor and `callchart call` use them"
        return [*found, unknown("asterisk", what, cure)]
    async with HttpTransport.open(settings.url, settings.user, settings.password) as transport:
        ari = Ari(transport)
        found.append(await asked("asterisk", partial(version, ari, settings)))
        if found[-1].verdict is Verdict.OK:
            lacking = None
            if settings.media == "websocket_client":
                lacking = lacks_secret("sound", "asterisk.listen", missing)
            found += [
                await asked("modules", partial(modules, ari, settings)),
                await asked("application", partial(application, ari, settings)),
                *([lacking] if lacking else await sound(settings, may_listen)),
            ]
    return found


async def asked(
    part: str, check: Callable[[], Awaitable[Finding]], timeout_cure: str = "check Asterisk's load"
) -> Finding:
    """Run a check. A refusal, a missing Asterisk or a timeout is a failure."""
    found = failed(part, f"check timed out: no result within {LONGEST_S:g} s", timeout_cure)
    try:
        with trio.move_on_after(LONGEST_S):
            found = await check()
    except* AriError as errors:
        refused = first_leaf(errors)
        cure = _CURES.get(refused.status, SEE_LOG)
        found = failed(part, f"request refused: {refused}", cure)
    except* AsteriskFailure as errors:
        failure = first_leaf(errors)
        found = failed(part, failure.reason, failure.cure or SEE_LOG)
    return found


async def control(settings: AsteriskSettings, may_listen: bool) -> Finding:
    """Check that Asterisk connects to us, for control = "persistent"."""
    part = "control"
    if settings.control == "per_call":
        return unknown(part, "connection not open: Asterisk dials when a call comes", "make a call")
    if not may_listen:
        return unknown(
            part,
            "connection not open: its port is not free",
            "stop the service, and run the doctor again",
        )

    async def dialled() -> Finding:
        assert settings.listen is not None, "the configuration is validated"
        async with (
            WebSocketServer.open(settings.listen) as server,
            open_control(settings, server, random.Random()),
        ):
            return ok(part, "connection open: Asterisk dialled with the right password")

    cure = "correct type = outbound_websocket in ari.conf, and uri in websocket_client.conf"
    return await asked(part, dialled, cure)


async def sound(settings: AsteriskSettings, may_listen: bool) -> list[Finding]:
    """Check the audio with the doctor's own call. On its channel, check the dialplan too."""
    part, on_its_channel = "sound", list[Finding]()
    if settings.media == "files":
        return [
            unknown(part, "audio not open: Asterisk plays files to callers only", "make a call")
        ]
    if not may_listen:
        return [
            unknown(
                part,
                "audio not open: its port is not free",
                "stop the service, and run the doctor again",
            )
        ]

    async def opened() -> Finding:
        async with open_sound(under_other_names(settings, "doc")) as (link, media):
            if settings.allowed.patterns and media.channel is not None:
                ask = partial(transfers, link.ari, media.channel, settings)
                on_its_channel.append(await asked("transfers", ask))
        return ok(part, f"audio open: {settings.media} at {settings.rate_hz} Hz")

    return [await asked(part, opened), *on_its_channel]


_CURES = {
    401: "correct asterisk.user and asterisk.password, or ari.conf",
    403: "allow that user to write: set read_only = no in ari.conf",
    404: "load the modules res_ari_*.so, and correct asterisk.url if it names another server",
}


async def version(ari: Ari, settings: AsteriskSettings) -> Finding:
    """Check that Asterisk accepts our password and is new enough for the configuration."""
    found = await ari.version()
    needs = [("ARI", OLDEST)]
    if settings.control != "connect":
        needs.append((f'control = "{settings.control}"', OUTBOUND))
    if settings.media in ("websocket", "websocket_client"):
        needs.append((f'media = "{settings.media}"', JSON_MEDIA))
    if settings.media == "audiosocket" and settings.rate_hz > 8000:
        needs.append(("AudioSocket at 16000 Hz", WIDE_AUDIOSOCKET))
    for what, since in needs:
        if is_older(found, since):
            others = ", or choose other control or media" if since is not OLDEST else ""
            return failed(
                "asterisk",
                f"version too old: {settings.url} is Asterisk {found}, which lacks {what}",
                f"upgrade it to {_in_words(since)} or newer{others}",
            )
    return ok("asterisk", f"password accepted: {settings.url} is Asterisk {found}")


def is_older(version: str, since: Mapping[int, int]) -> bool:
    """Return whether a release is older than `since`, the minor release by branch.

    A version that cannot be read counts as new enough."""
    numbers = re.search(r"(\d+)\.(\d+)", version)
    if numbers is None:
        return False
    branch, minor = int(numbers[1]), int(numbers[2])
    return branch <= max(since) and minor < since.get(branch, sys.maxsize)


def _in_words(since: Mapping[int, int]) -> str:
    return ", ".join(f"{branch}.{minor}" for branch, minor in since.items())


async def modules(ari: Ari, settings: AsteriskSettings) -> Finding:
    """Check that the modules for the chosen control and media run."""
    needed = _ALWAYS | _BY_CONTROL[settings.control] | needed_modules(settings)
    if missing := sorted(needed - await ari.modules()):
        return failed(
            "modules",
            f"modules not running: {', '.join(missing)}",
            "load them in modules.conf; if one does not start, read the cause in Asterisk's log",
        )
    return ok("modules", "modules running: all that the configuration needs")


async def application(ari: Ari, settings: AsteriskSettings) -> Finding:
    """Report whether a process serves our application now. It may be the running service."""
    channels = await ari.application_resources(settings.app)
    if channels is None:
        return ok("application", f"application free: {settings.app}")
    return ok(
        "application",
        f"application in use: a service runs {settings.app}, with {len(channels)} channels; a "
        "second service cannot start",
    )
