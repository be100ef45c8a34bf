"""The requests of ARI that a call needs, one method for each.

An `AriTransport` carries them, over HTTP or over the control socket."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from callchart.adapters.carrier.asterisk.control.events import AriChannel, read_channel
from callchart.adapters.carrier.asterisk.failure import AsteriskFailure


class ControlLost(AsteriskFailure):
    """The connection to Asterisk is lost: Asterisk may or may not have carried out the request."""


class AriError(Exception):
    """Asterisk refused a request. `status` is HTTP's, `reason` Asterisk's own words."""

    def __init__(self, asked: str, status: int, reason: str) -> None:
        super().__init__(f"Asterisk answered {asked} with {status}: {reason}")
        self.asked, self.status, self.reason = asked, status, reason


@dataclass(frozen=True, slots=True)
class AriRequest:
    """One request. `path` begins without a slash ("channels/17.1/answer"); its ids are quoted."""

    method: str
    path: str
    query: Mapping[str, str]

    def __str__(self) -> str:
        # Leave the query out: it may hold a phone number.
        return f"{self.method} {self.path}"


class AriTransport(Protocol):
    """The connection that carries requests to one Asterisk."""

    async def send_request(self, request: AriRequest) -> Any:
        """Return the answer's JSON, or None if it is empty. Raises `AriError`, `ControlLost`."""
        ...


def parse_answer(request: AriRequest, status: int, phrase: str, body: str) -> Any:
    """Return the JSON of Asterisk's answer, or None if its body is empty.

    Raises `AriError`, or `ControlLost` if the answer is not ARI's."""
    try:
        content = json.loads(body) if body.strip() else None
    except (ValueError, RecursionError):
        if status < 400:
            raise ControlLost(
                f"the answer to {request} must be JSON of Asterisk's ARI, got other text",
                "check asterisk.url, and check for a proxy between us and Asterisk",
            ) from None
        content = None
    if 200 <= status < 300:
        return content
    reason = content.get("message") or content.get("error") if isinstance(content, dict) else ""
    raise AriError(str(request), status, str(reason or phrase))


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge: its channels hear each other."""

    id: str
    name: str
    channels: tuple[str, ...]


class Ari:
    """The part of ARI that we use. Every method raises `AriError` and `ControlLost`.

    We choose the ids of new objects. So we can listen to an object before we request it: its first
    event may come before the answer."""

    def __init__(self, transport: AriTransport) -> None:
        self._transport = transport

    # --- the caller's channel -------------------------------------------------------------------

    async def answer(self, channel: str) -> None:
        await self._post("channels", channel, "answer")

    async def progress(self, channel: str) -> None:
        """Let the caller hear us without being charged (early media)."""
        await self._post("channels", channel, "progress")

    async def hang_up(self, channel: str, reason: str = "normal") -> bool:
        """Hang up, and return False if the channel was already gone.

        `reason` is one of ARI's words: normal, busy, congestion, no_answer, rejected, ..."""
        return await self._gone_is_fine("DELETE", "channels", channel, reason=reason)

    async def continue_in_dialplan(self, channel: str, context: str, extension: str) -> None:
        """Send the channel out of our application, to the dialplan."""
        await self._post(
            "channels", channel, "continue", context=context, extension=extension, priority="1"
        )

    async def send_digits(self, channel: str, digits: str) -> None:
        await self._post("channels", channel, "dtmf", dtmf=digits)

    async def variable(self, channel: str, name: str) -> str:
        """Return the value of a channel variable or a dialplan function, or "" if it is not set."""
        try:
            found = await self._get("channels", channel, "variable", variable=name)
        except AriError as error:
            if error.status == 404:
                return ""
            raise
        return str(found["value"])

    async def set_variable(self, channel: str, name: str, value: str) -> None:
        await self._post("channels", channel, "variable", variable=name, value=value)

    async def originate(
        self, channel: str, endpoint: str, app: str, *, caller: str = "", seconds: int = 30
    ) -> None:
        """Place a call to `endpoint` ("PJSIP/100"), which enters `app` when it is answered.

        It rings for at most `seconds`."""
        query = {"endpoint": endpoint, "app": app, "channelId": channel, "timeout": str(seconds)}
        if caller:
            query["callerId"] = caller
        await self._request("POST", ("channels",), query)

    async def create(self, channel: str, endpoint: str, app: str) -> None:
        """Create a channel to `endpoint` that enters `app`, without dialling."""
        query = {"endpoint": endpoint, "app": app, "channelId": channel}
        await self._request("POST", ("channels", "create"), query)

    # --- media ----------------------------------------------------------------------------------

    async def external_media(
        self,
        channel: str,
        app: str,
        *,
        host: str,
        format: str,
        encapsulation: str = "none",
        transport: str = "websocket",
        connection_type: str = "client",
        data: str = "",
        transport_data: str = "",
    ) -> Mapping[str, str]:
        """Create a media channel with the id `channel`, and return its channel variables."""
        asked = {
            "app": app,
            "channelId": channel,
            "external_host": host,
            "format": format,
            "encapsulation": encapsulation,
            "transport": transport,
            "connection_type": connection_type,
            "data": data,
            "transport_data": transport_data,
        }
        given = {k: v for k, v in asked.items() if v}
        made = await self._request("POST", ("channels", "externalMedia"), given)
        return dict(made.get("channelvars") or {})

    async def create_bridge(self, bridge: str) -> None:
        await self._post("bridges", bridge, type="mixing", name=bridge)

    async def bridge(self, bridge: str, channels: Sequence[str]) -> None:
        """Add channels to a bridge."""
        await self._post("bridges", bridge, "addChannel", channel=",".join(channels))

    async def delete_bridge(self, bridge: str) -> None:
        await self._gone_is_fine("DELETE", "bridges", bridge)

    async def play(self, channel: str, media: str, playback: str) -> None:
        """Queue a file for playing: `media` is "sound:/path/without/extension"."""
        await self._post("channels", channel, "play", playback, media=media)

    async def stop_playback(self, playback: str) -> None:
        await self._gone_is_fine("DELETE", "playbacks", playback)

    async def snoop(self, channel: str, app: str, snoop: str, *, spy: str) -> None:
        """Create the channel `snoop`, which gets the audio from ("in") or to ("out") `channel`."""
        await self._post("channels", channel, "snoop", snoop, spy=spy, app=app)

    async def record(self, channel: str, name: str, format: str) -> None:
        """Record the audio of a channel into the file `name`, replacing an older one."""
        await self._post(
            "channels", channel, "record", name=name, format=format, ifExists="overwrite"
        )

    async def delete_recording(self, name: str) -> None:
        """Delete the file of a finished recording."""
        await self._gone_is_fine("DELETE", "recordings", "stored", name)

    # --- Asterisk itself ------------------------------------------------------------------------

    async def version(self) -> str:
        """Return Asterisk's version, such as "22.10.1"."""
        info = await self._get("asterisk", "info", only="system")
        return str(info["system"]["version"])

    async def modules(self) -> frozenset[str]:
        """Return the names of the running modules: "chan_websocket.so", ..."""
        found = await self._get("asterisk", "modules")
        return frozenset(m["name"] for m in found if m.get("status") == "Running")

    async def application_resources(self, app: str) -> tuple[str, ...] | None:
        """Return the ids of an application's channels, bridges and endpoints.

        Return None if Asterisk does not know the application: no client is connected for it, and
        no earlier client left objects in it."""
        try:
            found = await self._get("applications", app)
        except AriError as error:
            if error.status == 404:
                return None
            raise
        return (*found["channel_ids"], *found["bridge_ids"], *found["endpoint_ids"])

    async def channels(self) -> tuple[AriChannel, ...]:
        return tuple(read_channel(fields) for fields in await self._get("channels"))

    async def bridges(self) -> tuple[Bridge, ...]:
        return tuple(
            Bridge(b["id"], b["name"], tuple(b["channels"])) for b in await self._get("bridges")
        )

    # --------------------------------------------------------------------------------------------

    async def _get(self, *path: str, **query: str) -> Any:
        return await self._request("GET", path, query)

    async def _post(self, *path: str, **query: str) -> None:
        await self._request("POST", path, query)

    async def _gone_is_fine(self, method: str, *path: str, **query: str) -> bool:
        try:
            await self._request(method, path, query)
        except AriError as error:
            if error.status != 404:
                raise
            return False
        return True

    async def _request(self, method: str, path: Sequence[str], query: Mapping[str, str]) -> Any:
        quoted = "/".join(quote(part, safe="") for part in path)
        return await self._transport.send_request(AriRequest(method, quoted, query))
