"""An Asterisk in memory, on the virtual clock: the part that a carrier needs.

The carrier's own code runs on it. Requests arrive through an `AriTransport`, audio as at
chan_websocket. The schedule varies the delay of each answer and event, so that they come in every
order. The fake refuses the requests that a real Asterisk refuses, and counts the audio that it
loses."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from callchart.adapters.carrier.asterisk import carrier as carriers
from callchart.adapters.carrier.asterisk.carrier import AsteriskCarrier
from callchart.adapters.carrier.asterisk.control.ari import Ari, AriError, AriRequest, ControlLost
from callchart.adapters.carrier.asterisk.control.control import Control, ControlLink
from callchart.adapters.carrier.asterisk.control.events import (
    AriChannel,
    ChannelDestroyed,
    HangupRequest,
    StasisEnd,
    StasisStart,
)
from callchart.adapters.carrier.asterisk.media.open import MODULES
from callchart.adapters.carrier.asterisk.media.websocket import AcceptedMediaTransport
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.engine.ports import LineGone, MarkReached, frame_bytes
from callchart.engine.testing import FakeLine, Story

RATE_HZ = 16000
APP = "callchart"
#: The delay of an answer or an event of Asterisk (s).
ANSWER_S = 0.01
#: The delay until media start or are handed to us (s): longer than the next requests take.
MEDIA_S = 0.1
#: The delay of a message from a media socket (s).
MESSAGE_S = 0.05
#: The delay of a request that was cancelled on its way (s): some later requests overtake it.
CANCELLED_REQUEST_S = 0.055


class Phone(FakeLine):
    """The far end of one call's audio. Each piece that it sends is shorter than the carrier's
    buffer."""

    def __init__(self) -> None:
        super().__init__(rate_hz=RATE_HZ)
        self._span = 90

    @property
    def caller_speaks(self) -> bool:
        """True while the caller speaks."""
        return bool(self._voices) and self._voices[-1].end == math.inf


class MediaSocket:
    """chan_websocket's end of one call's media. `phone` is the caller's ear and mouth."""

    def __init__(self, story: Story) -> None:
        self.phone = Phone()
        #: Counters: messages before MEDIA_START, bytes that fill no frame, flushes.
        self.early = self.cut = self.flushes = 0
        self._story = story
        self._buffering = self._started = self._closed = False
        self._marks: dict[int, str] = {}
        self._marked = 0
        #: The messages to the carrier, each with its moment of arrival.
        self._outbox, self._messages = trio.open_memory_channel[tuple[float, str | bytes]](math.inf)

    async def serve(self, starts_in: float) -> None:
        """Send MEDIA_START after `starts_in` seconds, and then the caller's audio until a side
        closes."""
        await trio.sleep(starts_in)
        self._started = True
        self.phone.answer()
        self._send_event("MEDIA_START", format="slin16", optimal_frame_size=frame_bytes(RATE_HZ))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._reach_marks)
            with suppress(LineGone):
                while True:
                    self._send(await self.phone.receive_audio())
            nursery.cancel_scope.cancel()

    def close(self) -> None:
        """Close the socket for both sides."""
        self._closed = True
        self._outbox.close()
        self.phone.break_off()

    async def _reach_marks(self) -> None:
        with suppress(LineGone):
            while True:
                match await self.phone.signal():
                    case MarkReached(mark):
                        self._send_event(
                            "MEDIA_MARK_PROCESSED", correlation_id=self._marks.pop(mark)
                        )

    def _send_event(self, event: str, **fields: object) -> None:
        self._story.note(event)
        self._send(json.dumps({"event": event, **fields}))

    def _send(self, message: str | bytes) -> None:
        if not self._closed:
            self._outbox.send_nowait((trio.current_time() + MESSAGE_S, message))

    # --- the carrier's end: a WebSocketConnection ------------------------------------------------

    async def get_message(self) -> str | bytes:
        try:
            due, message = await self._messages.receive()
        except trio.EndOfChannel:
            raise ConnectionClosed(None) from None
        await trio.sleep_until(due)
        return message

    async def send_message(self, message: str | bytes) -> None:
        await trio.sleep(ANSWER_S / 10)
        if self._closed:
            raise ConnectionClosed(None)
        if not self._started:
            self.early += 1
        elif isinstance(message, bytes):
            whole = len(message) // frame_bytes(RATE_HZ) * frame_bytes(RATE_HZ)
            if not self._buffering and whole != frame_bytes(RATE_HZ):
                whole = 0
            self.cut += len(message) - whole
            self.phone.play(message[:whole])
        else:
            self._carry_out_command(json.loads(message))

    def _carry_out_command(self, command: Mapping[str, str]) -> None:
        self._story.note(command["command"])
        match command["command"]:
            case "START_MEDIA_BUFFERING":
                self._buffering = True
            case "MARK_MEDIA":
                self._marked += 1
                self._marks[self._marked] = command["correlation_id"]
                self.phone.mark(self._marked)
            case "FLUSH_MEDIA":
                self.flushes += 1
                self._buffering = False
                self.phone.flush()

    async def aclose(self) -> None:
        self.close()
        await trio.lowlevel.checkpoint()


class FakeAsterisk:
    """The fake Asterisk. `rings` begins a call of a caller; `carrier` opens our side."""

    def __init__(self, story: Story, **settings: Any) -> None:
        self._story = story
        self._settings = AsteriskSettings(
            app=APP, media="websocket_client", control="connect", **settings
        )
        self._control: Control
        self._link: ControlLink
        self._nursery: trio.Nursery
        #: By the id of a channel: True once it is in our application.
        self.in_stasis: dict[str, bool] = {}
        #: The ids of the answered channels.
        self.answered: set[str] = set()
        #: The ids of the transferred callers, and of those whose calls we wrongly hung up.
        self.transferred: set[str] = set()
        self.wrongly_hung_up: set[str] = set()
        #: True if it refuses transfers.
        self.refuses_transfers = False
        self.bridges: dict[str, set[str]] = {}
        #: The media sockets, by the id of the call.
        self.sockets: dict[str, MediaSocket] = {}
        #: The refused callers, with the reason.
        self.refused: dict[str, str] = {}
        #: For each bridged caller, the id of the call and the moment of the bridge.
        self.joined: dict[str, tuple[str, float]] = {}
        self._dialled: dict[str, trio.Event] = {}
        self._owners: dict[str, str] = {}
        #: The number of times that control was lost.
        self._losses = 0

    @asynccontextmanager
    async def carrier(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsteriskCarrier]:
        """Provide the carrier, with this Asterisk in place of its sockets."""

        @asynccontextmanager
        async def control(*given: object) -> AsyncIterator[Control]:
            yield self._control

        @asynccontextmanager
        async def transport(*given: object) -> AsyncIterator[AcceptedMediaTransport]:
            yield AcceptedMediaTransport("media", self, RATE_HZ)

        with monkeypatch.context() as patched:
            patched.setattr(carriers, "open_control", control)
            patched.setattr(carriers, "open_media_transport", transport)
            async with trio.open_nursery() as self._nursery:
                self._control = Control(APP, f"{self._settings.instance}-", self._nursery)
                self._link = self._control.link(APP)
                self._link.mark_up(self)
                async with AsteriskCarrier.open(self._settings) as carrier:
                    yield carrier
                self._nursery.cancel_scope.cancel()

    # --- the callers ------------------------------------------------------------------------------

    async def rings(self, caller: str) -> None:
        """Let a call come in."""
        self.in_stasis[caller] = True
        self._send_event(StasisStart(APP, _channel(caller), ()))

    async def hangs_up(self, caller: str) -> None:
        """Let the caller hang up."""
        if caller in self.in_stasis:
            self._send_event(HangupRequest(caller, 16))
        self._end_call(caller)

    def _end_call(self, caller: str) -> None:
        if self.in_stasis.pop(caller, None) is not None:
            self._leave_bridges(caller)
            self._send_event(StasisEnd(caller))
            self._send_event(ChannelDestroyed(caller, 16, "Normal Clearing"))

    async def loses_control(self) -> None:
        """Lose the control socket, with the answers and events that are on their way."""
        self._losses += 1
        self._link.mark_down(self, "the story says so")

    async def has_control_again(self) -> None:
        self._link.mark_up(self)
        await self._link.catch_up(Ari(self))

    def phone(self, caller: str) -> Phone | None:
        """Return the phone of that caller, or None while it is not bridged."""
        joined = self.joined.get(caller)
        return self.sockets[joined[0]].phone if joined else None

    @property
    def remaining(self) -> list[str]:
        """The remaining channels and bridges."""
        return [*self.in_stasis, *self.bridges]

    # --- control.ari.AriTransport

    async def send_request(self, request: AriRequest) -> Any:
        losses = self._losses
        try:
            await trio.sleep(self._story.around(ANSWER_S))
        except trio.Cancelled:
            self._nursery.start_soon(self._carry_out_late, request)
            raise
        answer = self._answer(request)
        await trio.sleep(self._story.around(ANSWER_S))
        if self._losses > losses:
            raise ControlLost("the story says so")
        self._story.note(f"answers {request.method} {request.path.partition('/')[0]}")
        if isinstance(answer, int):
            raise AriError(str(request), answer, "as Asterisk says")
        return answer

    async def _carry_out_late(self, request: AriRequest) -> None:
        """Carry out a cancelled request late, after the requests that follow it."""
        await trio.sleep(self._story.around(CANCELLED_REQUEST_S))
        self._answer(request)

    def _answer(self, request: AriRequest) -> Any:
        """Carry out a request, and return its answer, or HTTP's status of a refusal."""
        match (request.method, *request.path.split("/")):
            case ("GET", "asterisk", "info"):
                return {"system": {"version": "22.10.1"}}
            case ("GET", "asterisk", "modules"):
                needed = MODULES["websocket_client"]
                return [{"name": name, "status": "Running"} for name in needed]
            case ("GET", "channels"):
                return [_ari_channel(channel) for channel in (*self.in_stasis, *self.transferred)]
            case ("GET", "bridges"):
                return [
                    {"id": bridge, "name": "", "channels": [*channels]}
                    for bridge, channels in self.bridges.items()
                ]
            case ("GET", "applications", _):
                held = {"channel_ids": [*self.in_stasis], "bridge_ids": [*self.bridges]}
                return {**held, "endpoint_ids": []}
            case ("POST", "channels", "externalMedia"):
                return self._external_media(request.query)
            case ("GET", "channels", channel, "variable"):
                return {"value": self._owners.get(channel, "")}
            case ("POST", "channels", channel, what):
                if channel not in self.in_stasis:
                    return 409 if channel in self.transferred else 404
                return self._carry_out(channel, what, request.query)
            case ("DELETE", "channels", channel):
                return self._hang_up(channel, request.query.get("reason", ""))
            case ("POST", "bridges", bridge):
                self.bridges[bridge] = set()
                return None
            case ("POST", "bridges", bridge, "addChannel"):
                return self._join(bridge, request.query["channel"].split(","))
            case ("DELETE", "bridges", bridge):
                return 404 if self.bridges.pop(bridge, None) is None else None
        return 404

    def _carry_out(self, channel: str, what: str, query: Mapping[str, str]) -> int | None:
        match what:
            case "answer":
                self.answered.add(channel)
            case "variable":
                self._owners[channel] = query["value"]
            case "continue":
                if self.refuses_transfers:
                    return 500
                del self.in_stasis[channel]
                self.transferred.add(channel)
                self._leave_bridges(channel)
                self._nursery.start_soon(self._report_stasis_end, channel)
        return None

    async def _report_stasis_end(self, channel: str) -> None:
        """Send a transferred channel's StasisEnd, before or after the answer to the request."""
        await trio.sleep(self._story.around(ANSWER_S))
        self._send_event(StasisEnd(channel))

    def _external_media(self, query: Mapping[str, str]) -> dict[str, object]:
        channel = query["channelId"]
        call = channel.removesuffix(".media")
        self.in_stasis[channel] = False
        socket = self.sockets[call] = MediaSocket(self._story)
        self._nursery.start_soon(self._dial_media, call, socket)
        self._nursery.start_soon(self._report_stasis_start, channel)
        return {"channelvars": {}}

    async def _dial_media(self, call: str, socket: MediaSocket) -> None:
        await trio.sleep(self._story.around(ANSWER_S))
        self._story.note("dials")
        self._dialled[call].set()
        await socket.serve(self._story.around(MEDIA_S))

    async def _report_stasis_start(self, channel: str) -> None:
        """Send the media channel's StasisStart, before or after the answer to the request."""
        await trio.sleep(self._story.around(MEDIA_S))
        if channel in self.in_stasis:
            self.in_stasis[channel] = True
            self._send_event(StasisStart(APP, _channel(channel), ()))

    def _join(self, bridge: str, channels: list[str]) -> int | None:
        if bridge not in self.bridges:
            return 404
        if any(not self.in_stasis.get(channel) for channel in channels):
            return 422
        self.bridges[bridge] |= set(channels)
        caller = next(channel for channel in channels if not channel.endswith(".media"))
        self.joined[caller] = bridge.removesuffix(".bridge"), trio.current_time()
        return None

    def _hang_up(self, channel: str, reason: str) -> int | None:
        if channel in self.transferred:
            self.wrongly_hung_up.add(channel)
            return None
        if channel not in self.in_stasis:
            return 404
        if reason != "normal":
            self.refused[channel] = reason
        self._nursery.start_soon(self._close_channel, channel)
        return None

    async def _close_channel(self, channel: str) -> None:
        await trio.sleep(self._story.around(ANSWER_S))
        self._end_call(channel)
        if socket := self.sockets.get(channel.removesuffix(".media")):
            socket.close()

    def _leave_bridges(self, channel: str) -> None:
        for channels in self.bridges.values():
            channels.discard(channel)

    def _send_event(
        self, event: StasisStart | HangupRequest | StasisEnd | ChannelDestroyed
    ) -> None:
        self._story.note(type(event).__name__)
        if self._link.is_up:
            self._control.deliver_event(event, self._link)

    # --- media.websocket.MediaServer

    @asynccontextmanager
    async def expect_media(
        self, call: str
    ) -> AsyncIterator[Callable[[], Awaitable[WebSocketConnection]]]:
        dialled = self._dialled[call] = trio.Event()

        async def socket() -> WebSocketConnection:
            await dialled.wait()
            return cast(WebSocketConnection, self.sockets[call])

        yield socket


def _channel(id: str) -> AriChannel:
    return AriChannel(id, "", "Ring", "", "")


def _ari_channel(channel: str) -> dict[str, object]:
    """Return ARI's object of a channel."""
    number = {"number": "", "exten": ""}
    return {"id": channel, "name": "", "state": "Up", "caller": number, "dialplan": number}
