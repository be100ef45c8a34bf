"""The settings of the Asterisk carrier: how to reach Asterisk, and how to use it.

The service's configuration has checked the values: this module does not check again."""

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
    """Asterisk's folder of recordings (`recording` in its astspooldir), on our machine.

    `ours` is our path to it, `asterisk` is Asterisk's path."""

    ours: Path
    asterisk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AsteriskSettings:
    """The sections [asterisk], [transfer] and [outgoing] of a configuration.

    `control` is "connect" (we dial Asterisk's ARI, with `user` and `password`), "persistent"
    (Asterisk dials `listen` once) or "per_call" (Asterisk dials `listen` for each call). `media` is
    "websocket" (we dial Asterisk's /media), "websocket_client" (Asterisk dials `listen`),
    "audiosocket" (Asterisk dials `audiosocket`) or "files" (Asterisk plays and records in `files`).
    `listen`, `audiosocket` and `files` are None if the chosen modes do not need them."""

    #: The URL of Asterisk's HTTP server, without a path: /ari and /media are below it.
    url: str = "http://127.0.0.1:8088"
    user: str = ""
    password: str = field(default="", repr=False)
    #: The Stasis application that the dialplan hands calls to.
    app: str = "callchart"
    #: The prefix of every id that we create in Asterisk: letters and digits, at most 12. Services
    #: that share an Asterisk need different prefixes: a service hangs up unknown channels with its
    #: own prefix.
    instance: str = "callchart"
    control: ControlMode = "connect"
    #: The longest time that a call continues without control.
    control_grace_s: float = 10.0
    media: MediaName = "websocket"
    rate_hz: int = 16000
    #: "early": the caller hears us without an answer, and is not charged.
    answer: AnswerMode = "at_once"
    #: Channel variables and functions, such as "CHANNEL(language)", that become facts of the call.
    variables: tuple[str, ...] = ()
    #: The folder for recordings of both legs. None records nothing.
    record: Path | None = None
    #: The most simultaneous calls. Further calls are refused as busy.
    max_calls: int = 50
    listen: ListenSettings | None = None
    #: The name of the section of websocket_client.conf that dials `listen` for media.
    media_client: str = "media"
    audiosocket: AudioSocketSettings | None = None
    files: FilesSettings | None = None
    #: The numbers that we may transfer to and call.
    allowed: Allowed = field(default_factory=Allowed)
    #: The context of the dialplan that transferred callers enter.
    transfer_context: str = "transfers"
    #: The endpoint of an outgoing call, with "{}" in the number's place.
    endpoint: str = "PJSIP/{}"
    #: The caller's number that an outgoing call shows; "" leaves it to Asterisk.
    caller: str = ""
