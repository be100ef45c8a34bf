"""What we ask of Asterisk: the requests of ARI that a call is made of, each a method.

How a request travels, over HTTP or over the events' own socket, is the `Transport`'s business."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from callchart.adapters.carrier.asterisk.control.events import Channel, channel


class ControlLost(Exception):
    """There is no link to Asterisk at the moment: what was asked may or may not have been done."""


class AriError(Exception):
    """Asterisk said no. `status` is HTTP's, `reason` Asterisk's own words."""

    def __init__(self, asked: str, status: int, reason: str) -> None:
        super().__init__(f"Asterisk answered {asked} with {status}: {reason}")
        self.asked, self.status, self.reason = asked, status, reason


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `path` has no slash in front: "channels/17.1/answer"; ids in it are quoted."""

    method: str
    path: str
    query: Mapping[str, str]

    def __str__(self) -> str:
        # Without the query: it may hold a number.
        return f"{self.method} {self.path}"


class Transport(Protocol):
    """Carries requests to one Asterisk."""

    async def ask(self, request: Request) -> Any:
        """The answer's JSON, or None where there is none. Raises `AriError`, `ControlLost`."""
        ...


def answered(request: Request, status: int, phrase: str, body: str) -> Any:
    """What an answer of Asterisk says: its JSON, or None where it has none.

    Raises `AriError`; `ControlLost` where the answer is not ARI's."""
    try:
        content = json.loads(body) if body.strip() else None
    except (ValueError, RecursionError):
        if status < 400:
            raise ControlLost(
                f"what answered {request} is not Asterisk's ARI: no JSON"
                " (what is between us and Asterisk?)"
            ) from None
        content = None
    if 200 <= status < 300:
        return content
    reason = content.get("message") or content.get("error") if isinstance(content, dict) else ""
    raise AriError(str(request), status, str(reason or phrase))


@dataclass(frozen=True, slots=True)
class Bridge:
    """Where channels hear each other."""

    id: str
    name: str
    channels: tuple[str, ...]


class Ari:
    """ARI as far as we use it. Every method raises `AriError` and `ControlLost`.

    Ids of what is made are ours to choose, so that whoever waits for news of it can begin to listen
    before Asterisk is asked: its first event may come before the answer."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    # --- the caller's channel -------------------------------------------------------------------

    async def answer(self, channel: str) -> None:
        await self._post("channels", channel, "answer")

    async def progress(self, channel: str) -> None:
        """The caller hears us without being charged (early media)."""
        await self._post("channels", channel, "progress")

    async def hang_up(self, channel: str, reason: str = "normal") -> bool:
        """`reason`: normal, busy, congestion, no_answer, rejected, ... One that is gone is fine;
        whether there was one."""
        return await self._gone_is_fine("DELETE", "channels", channel, reason=reason)

    async def continue_in_dialplan(self, channel: str, context: str, extension: str) -> None:
        """The channel leaves us and goes on in the dialplan."""
        await self._post(
            "channels", channel, "continue", context=context, extension=extension, priority="1"
        )

    async def send_digits(self, channel: str, digits: str) -> None:
        await self._post("channels", channel, "dtmf", dtmf=digits)

    async def variable(self, channel: str, name: str) -> str:
        """A channel variable or a dialplan function's value; "" where it is not set."""
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
        """Place a call to `endpoint` ("PJSIP/100"); it enters `app` when it is answered."""
        query = {"endpoint": endpoint, "app": app, "channelId": channel, "timeout": str(seconds)}
        if caller:
            query["callerId"] = caller
        await self._ask("POST", ("channels",), query)

    async def create(self, channel: str, endpoint: str, app: str) -> None:
        """Make a channel to `endpoint` that enters `app`, and call nobody."""
        query = {"endpoint": endpoint, "app": app, "channelId": channel}
        await self._ask("POST", ("channels", "create"), query)

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
        """Make a media channel of that id; the variables that Asterisk gave it."""
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
        made = await self._ask("POST", ("channels", "externalMedia"), given)
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
        """A channel of the id `snoop` that hears what `channel` says ("in") or hears ("out")."""
        await self._post("channels", channel, "snoop", snoop, spy=spy, app=app)

    async def record(self, channel: str, name: str, format: str) -> None:
        """Record what a channel says into a file of that name, or over the one that is there."""
        await self._post(
            "channels", channel, "record", name=name, format=format, ifExists="overwrite"
        )

    async def delete_recording(self, name: str) -> None:
        """Remove the file of a recording that is over."""
        await self._gone_is_fine("DELETE", "recordings", "stored", name)

    # --- Asterisk itself ------------------------------------------------------------------------

    async def version(self) -> str:
        """Such as "22.10.1"."""
        info = await self._get("asterisk", "info", only="system")
        return str(info["system"]["version"])

    async def modules(self) -> frozenset[str]:
        """The names of the modules that run: "chan_websocket.so", ..."""
        found = await self._get("asterisk", "modules")
        return frozenset(m["name"] for m in found if m.get("status") == "Running")

    async def held_by(self, app: str) -> tuple[str, ...] | None:
        """The ids of channels, bridges and endpoints that an application has to do with, or None
        where Asterisk does not know it: no client is connected for it, nor was one that left
        something in it."""
        try:
            found = await self._get("applications", app)
        except AriError as error:
            if error.status == 404:
                return None
            raise
        return (*found["channel_ids"], *found["bridge_ids"], *found["endpoint_ids"])

    async def channels(self) -> tuple[Channel, ...]:
        return tuple(channel(fields) for fields in await self._get("channels"))

    async def bridges(self) -> tuple[Bridge, ...]:
        return tuple(
            Bridge(b["id"], b["name"], tuple(b["channels"])) for b in await self._get("bridges")
        )

    # --------------------------------------------------------------------------------------------

    async def _get(self, *path: str, **query: str) -> Any:
        return await self._ask("GET", path, query)

    async def _post(self, *path: str, **query: str) -> None:
        await self._ask("POST", path, query)

    async def _gone_is_fine(self, method: str, *path: str, **query: str) -> bool:
        try:
            await self._ask(method, path, query)
        except AriError as error:
            if error.status != 404:
                raise
            return False
        return True

    async def _ask(self, method: str, path: Sequence[str], query: Mapping[str, str]) -> Any:
        quoted = "/".join(quote(part, safe="") for part in path)
        return await self._transport.ask(Request(method, quoted, query))
