"""The settings of the Asterisk carrier: how to reach Asterisk, and how to use it.

The service's configuration checks the values when it reads them; this module does not check again.
Durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from callchart.adapters.carrier.asterisk.numbers import Allowed

ControlMode = Literal["connect", "persistent", "per_call"]
MediaName = Literal["websocket", "websocket_client", "audiosocket", "files"]
AnswerMode = Literal["at_once", "early"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenSettings:
    """Our WebSocket server, which Asterisk dials for control or for media (websocket_client.conf).

    Asterisk must send `user` and `password`. Port 0 picks a free one."""

    host: str = "127.0.0.1"
    port: int = 8090
    user: str = "asterisk"
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioSocketSettings:
    """Our TCP server for AudioSocket.

    Asterisk dials `advertise`, "host" or "host:port"; "" means `host`. Without a port it dials the
    port that we listen on. Port 0 picks a free one."""

    host: str = "127.0.0.1"
    port: int = 9092
    advertise: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesSettings:
    """Asterisk's folder of recordings (astspooldir's `recording`), shared with us on one machine:
    `ours` is its path here, `asterisk` its path there. Owner and group can read files in it."""

    ours: Path
    asterisk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteriskSettings:
    """The sections [asterisk], [transfer] and [outgoing] of a configuration.

    `control`: we dial Asterisk's ARI ("connect"; it alone needs `user` and `password`), or it dials
    `listen`, once ("persistent") or for each call ("per_call"). `media`: we dial its /media
    ("websocket"), or it dials `listen` ("websocket_client") or `audiosocket`, or it plays and
    records `files`. `listen`, `audiosocket` and `files` are None unless one of these needs them."""

    #: The URL of Asterisk's HTTP server, without a path: /ari and /media are below it.
    url: str = "http://127.0.0.1:8088"
    user: str = ""
    password: str = field(default="", repr=False)
    #: The Stasis application that the dialplan hands calls to.
    app: str = "callchart"
    #: The prefix of every id that we create in Asterisk: letters and digits, at most 12. Services
    #: that share an Asterisk must differ in it: each hangs up unknown channels with its prefix.
    instance: str = "callchart"
    control: ControlMode = "connect"
    #: The longest time that a call continues without control.
    control_grace_s: float = 10.0
    media: MediaName = "websocket"
    rate_hz: int = 16000
    #: "early": the caller hears us before the answer, and is not charged.
    answer: AnswerMode = "at_once"
    #: Channel variables and functions, as "CHANNEL(language)", that become facts of the call.
    variables: tuple[str, ...] = ()
    #: The folder for recordings of both legs. None records nothing.
    record: Path | None = None
    #: The most simultaneous calls. Further ones are refused as busy.
    max_calls: int = 50
    listen: ListenSettings | None = None
    #: The name of the section of websocket_client.conf that dials `listen` for media.
    media_client: str = "media"
    audiosocket: AudioSocketSettings | None = None
    files: FilesSettings | None = None
    #: The numbers that we may transfer to and call.
    allowed: Allowed = field(default_factory=Allowed)
    #: The dialplan's context in which transfers go on.
    transfer_context: str = "transfers"
    #: The endpoint of an outgoing call, with "{}" in the number's place.
    endpoint: str = "PJSIP/{}"
    #: The caller's number that an outgoing call shows; "" leaves it to Asterisk.
    caller: str = ""
