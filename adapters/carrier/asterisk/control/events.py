"""The events of ARI that a call needs, as values.

An event that we do not use becomes `UnknownEvent`. An event that we use and cannot read raises
`MalformedEvent`. Neither ends a call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


class MalformedEvent(ValueError):
    """A message is not an event of ARI. The text names the fault, and quotes no content."""


@dataclass(frozen=True, slots=True)
class AriChannel:
    """One leg of a call in Asterisk. `state` is ARI's word: Ring, Ringing, Up, Down, ..."""

    id: str
    name: str
    state: str
    caller: str
    dialled: str


@dataclass(frozen=True, slots=True)
class StasisStart:
    """A channel entered the application `app`."""

    app: str
    channel: AriChannel
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StasisEnd:
    """A channel left the application: it hung up or was transferred."""

    channel: str


@dataclass(frozen=True, slots=True)
class HangupRequest:
    """The other side hangs up. `cause` is a Q.850 number, or 0 if Asterisk gives none."""

    channel: str
    cause: int


@dataclass(frozen=True, slots=True)
class ChannelDestroyed:
    """A channel has ended. `cause` is a Q.850 number, `text` Asterisk's words for it."""

    channel: str
    cause: int
    text: str


@dataclass(frozen=True, slots=True)
class ChannelStateChange:
    """A channel changed its state: it rings, was answered, ..."""

    channel: str
    state: str


@dataclass(frozen=True, slots=True)
class DtmfReceived:
    """The other side pressed a key."""

    channel: str
    digit: str


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """Asterisk plays a file. `target` is the channel's id."""

    playback: str
    target: str


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """A playback ended. `failed`: Asterisk reports a failure; it does not report all of them."""

    playback: str
    target: str
    failed: bool


@dataclass(frozen=True, slots=True)
class ApplicationRegistered:
    """The first message on a socket that Asterisk dialled: it names the application."""

    app: str


@dataclass(frozen=True, slots=True)
class ApplicationReplaced:
    """Another client took our application, and with it the calls."""

    app: str


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event of Asterisk that we do not use."""

    type: str


AriEvent = (
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
    | UnknownEvent
)


def channel_of(event: AriEvent) -> str | None:
    """Return the id of the event's channel, or None."""
    match event:
        case StasisStart(channel=channel):
            return channel.id
        case PlaybackStarted() | PlaybackFinished():
            return event.target
        case ApplicationRegistered() | ApplicationReplaced() | UnknownEvent():
            return None
        case _:
            return event.channel


def decode(message: str | bytes) -> Mapping[str, Any]:
    """Return the fields of one message of the control socket. Raises `MalformedEvent`."""
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        raise MalformedEvent("not JSON") from None
    if not isinstance(fields, dict):
        raise MalformedEvent("not a JSON object")
    return fields


def read_event(fields: Mapping[str, Any]) -> AriEvent:
    """Return a message's event. Raises `MalformedEvent`."""
    kind = fields.get("type")
    if not isinstance(kind, str):
        raise MalformedEvent("it has no type")
    read = _READ.get(kind)
    if read is None:
        return UnknownEvent(kind)
    try:
        return read(fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedEvent(f"a {kind} with a field missing or wrong: {error}") from None


def read_channel(fields: Mapping[str, Any]) -> AriChannel:
    """Return the channel in an ARI object."""
    return AriChannel(
        id=_text(fields["id"]),
        name=_text(fields["name"]),
        state=_text(fields["state"]),
        caller=_text(fields["caller"]["number"]),
        dialled=_text(fields["dialplan"]["exten"]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"must be a string, got {type(value).__name__}")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"must be an integer, got {type(value).__name__}")
    return value


def _channel_id(fields: Mapping[str, Any]) -> str:
    return _text(fields["channel"]["id"])


def _target(thing: Mapping[str, Any]) -> str:
    """Return the id in a target such as "channel:1690.3"."""
    return _text(thing["target_uri"]).partition(":")[2]


_READ: Mapping[str, Callable[[Mapping[str, Any]], AriEvent]] = {
    "StasisStart": lambda f: StasisStart(
        _text(f["application"]), read_channel(f["channel"]), tuple(_text(a) for a in f["args"])
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
