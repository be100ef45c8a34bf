"""What Asterisk tells us, as values: the events of ARI that a call is made of.

An event that we have no use for is `Unknown`, with its name; one that we should know and cannot
read raises `MalformedEvent`. Neither ends a call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


class MalformedEvent(ValueError):
    """A message is no event of ARI. The text says what is wrong with it, and quotes none of it."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One leg as Asterisk knows it. `state` is ARI's word for it: Ring, Ringing, Up, Down, ..."""

    id: str
    name: str
    state: str
    caller: str
    dialled: str


@dataclass(frozen=True, slots=True)
class StasisStart:
    """A channel was handed to the application `app`."""

    app: str
    channel: Channel
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StasisEnd:
    """A channel left the application: it hung up, or was sent on."""

    channel: str


@dataclass(frozen=True, slots=True)
class HangupRequest:
    """The other side hangs up. `cause` is a Q.850 number, 0 where Asterisk does not say."""

    channel: str
    cause: int


@dataclass(frozen=True, slots=True)
class ChannelDestroyed:
    """A channel is gone. `cause` is a Q.850 number, `text` Asterisk's words for it."""

    channel: str
    cause: int
    text: str


@dataclass(frozen=True, slots=True)
class ChannelStateChange:
    """A channel rings, was answered, ..."""

    channel: str
    state: str


@dataclass(frozen=True, slots=True)
class DtmfReceived:
    """The other side pressed a key."""

    channel: str
    digit: str


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """A file is being played. `target` is the channel's id."""

    playback: str
    target: str


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """A file was played, or was not; `failed` where Asterisk says so (it does not always)."""

    playback: str
    target: str
    failed: bool


@dataclass(frozen=True, slots=True)
class ApplicationRegistered:
    """Asterisk dialled us for the application: the first that it says on such a socket."""

    app: str


@dataclass(frozen=True, slots=True)
class ApplicationReplaced:
    """Another client took our application: its calls are not ours any more."""

    app: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Some other event of Asterisk's."""

    type: str


Event = (
    StasisStart
    | StasisEnd
    | HangupRequest
    | ChannelDestroyed
    | ChannelStateChange
    | DtmfReceived
    | PlaybackStarted
    | PlaybackFinished
    | ApplicationRegistered
    | ApplicationReplaced
    | Unknown
)


def channel_of(event: Event) -> str | None:
    """The id of the channel that an event is about, or None."""
    match event:
        case StasisStart(channel=channel):
            return channel.id
        case PlaybackStarted() | PlaybackFinished():
            return event.target
        case ApplicationRegistered() | ApplicationReplaced() | Unknown():
            return None
        case _:
            return event.channel


def decode(message: str | bytes) -> Mapping[str, Any]:
    """The fields of one message of the events' socket. Raises `MalformedEvent`."""
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        raise MalformedEvent("not JSON") from None
    if not isinstance(fields, dict):
        raise MalformedEvent("not a JSON object")
    return fields


def event_of(fields: Mapping[str, Any]) -> Event:
    """The event that a message is. Raises `MalformedEvent`."""
    kind = fields.get("type")
    if not isinstance(kind, str):
        raise MalformedEvent("it has no type")
    read = _READ.get(kind)
    if read is None:
        return Unknown(kind)
    try:
        return read(fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedEvent(f"a {kind} with a field missing or wrong: {error}") from None


def channel(fields: Mapping[str, Any]) -> Channel:
    """A channel, of ARI's object of that name."""
    return Channel(
        id=_text(fields["id"]),
        name=_text(fields["name"]),
        state=_text(fields["state"]),
        caller=_text(fields["caller"]["number"]),
        dialled=_text(fields["dialplan"]["exten"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} instead of a text")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{type(value).__name__} instead of a number")
    return value


def _channel_id(fields: Mapping[str, Any]) -> str:
    return _text(fields["channel"]["id"])


def _target(thing: Mapping[str, Any]) -> str:
    """The id in a target such as "channel:1690.3"."""
    return _text(thing["target_uri"]).partition(":")[2]


_READ: Mapping[str, Callable[[Mapping[str, Any]], Event]] = {
    "StasisStart": lambda f: StasisStart(
        _text(f["application"]), channel(f["channel"]), tuple(_text(a) for a in f["args"])
    ),
    "StasisEnd": lambda f: StasisEnd(_channel_id(f)),
    "ChannelHangupRequest": lambda f: HangupRequest(_channel_id(f), _number(f.get("cause", 0))),
    "ChannelDestroyed": lambda f: ChannelDestroyed(
        _channel_id(f), _number(f["cause"]), _text(f["cause_txt"])
    ),
    "ChannelStateChange": lambda f: ChannelStateChange(
        _channel_id(f), _text(f["channel"]["state"])
    ),
    "ChannelDtmfReceived": lambda f: DtmfReceived(_channel_id(f), _text(f["digit"])),
    "PlaybackStarted": lambda f: PlaybackStarted(
        _text(f["playback"]["id"]), _target(f["playback"])
    ),
    "PlaybackFinished": lambda f: PlaybackFinished(
        _text(f["playback"]["id"]), _target(f["playback"]), f["playback"]["state"] == "failed"
    ),
    "ApplicationRegistered": lambda f: ApplicationRegistered(_text(f["application"])),
    "ApplicationReplaced": lambda f: ApplicationReplaced(_text(f["application"])),
}
