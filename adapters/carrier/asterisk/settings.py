"""What the Asterisk carrier must be told: how to reach Asterisk, and what it may do there.

Values are checked where they are read (the service's configuration): here they are as they should
be. Durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from callchart.adapters.carrier.asterisk.numbers import Allowed

ControlWay = Literal["connect", "persistent", "per_call"]
MediaWayName = Literal["websocket", "websocket_client", "audiosocket", "files"]
Answer = Literal["at_once", "early"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Our WebSocket server, which Asterisk dials for control or for media (websocket_client.conf).

    `user` and `password` are what Asterisk must show. Port 0 is any that is free."""

    host: str = "127.0.0.1"
    port: int = 8090
    user: str = "asterisk"
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioSocketServer:
    """Our TCP server for AudioSocket.

    `advertise` is what Asterisk is told to dial, "host" or "host:port"; "" means `host`. Without a
    port it is the one that is listened on, which may be any that is free (0)."""

    host: str = "127.0.0.1"
    port: int = 9092
    advertise: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Asterisk's folder of recordings (astspooldir's `recording`), shared with us on one machine:
    `ours` is its path here, `asterisk` its path there. Files in it are for owner and group."""

    ours: Path
    asterisk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteriskSettings:
    """The sections [asterisk], [transfer] and [outgoing] of a configuration.

    `control`: we dial Asterisk's ARI ("connect"; it alone needs `user` and `password`), or it dials
    `listen`, once ("persistent") or for each call ("per_call"). `media`: we dial its /media
    ("websocket"), or it dials `listen` ("websocket_client") or `audiosocket`, or `files` are played
    and recorded. `listen`, `audiosocket` and `files` are there where one of these asks for them."""

    #: Where Asterisk's HTTP is, without a path: /ari and /media are below it.
    url: str = "http://127.0.0.1:8088"
    user: str = ""
    password: str = field(default="", repr=False)
    #: The Stasis application that the dialplan hands calls to.
    app: str = "callchart"
    #: Begins the ids of all that we make in Asterisk: letters and digits, at most 12. Services that
    #: share an Asterisk must differ in it: what begins so and is no call of ours is cleared.
    instance: str = "callchart"
    control: ControlWay = "connect"
    #: How long a call goes on without control before it is ended.
    control_grace: float = 10.0
    media: MediaWayName = "websocket"
    rate_hz: int = 16000
    #: "early": the caller hears us without being answered, and is not charged.
    answer: Answer = "at_once"
    #: Channel variables and functions, as "CHANNEL(language)", that become facts of the call.
    variables: tuple[str, ...] = ()
    #: The folder for recordings of both legs, or none are made.
    record: Path | None = None
    #: Calls at once; those beyond are refused as busy.
    max_calls: int = 50
    listen: Listen | None = None
    #: The name of the section of websocket_client.conf that dials `listen` for media.
    media_client: str = "media"
    audiosocket: AudioSocketServer | None = None
    files: Files | None = None
    #: Whom a caller may be handed on to, and whom we may call.
    allowed: Allowed = field(default_factory=Allowed)
    #: The dialplan's context in which transfers go on.
    transfer_context: str = "transfers"
    #: Where an outgoing call goes: "{}" stands for the number.
    endpoint: str = "PJSIP/{}"
    #: The caller's number that an outgoing call shows; "" leaves it to Asterisk.
    caller: str = ""
