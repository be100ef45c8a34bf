"""One session of recognition: a stream that sends the call's tape, from one place on, and takes
what SpeechKit says to it. It never ends well by itself: it is closed, or it is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

import trio
from grpclib.const import Status

from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.grpc.method import Method
from callchart.adapters.stt.yandex.audio_buffer import Tape
from callchart.adapters.yandex.access import Access
from callchart.proto.messages.speechkit.stt.v3 import (
    AudioChunk,
    CodeType,
    SilenceChunk,
    StreamingOptions,
    StreamingRequest,
    StreamingResponse,
)

RECOGNIZE: Final = Method(
    "/speechkit.stt.v3.Recognizer/RecognizeStreaming",
    StreamingRequest,
    StreamingResponse,
    client_streams=True,
    server_streams=True,
)

#: Seconds of sound in a message at most, where there is some to catch up with: as SpeechKit's own
#: examples send it.
PIECE: Final = 0.4

#: Seconds in which SpeechKit takes no sound before the session is lost: it would end one to which
#: nothing came for as long.
STALLED: Final = 5.0

#: Refusals that another try does not change.
HOPELESS: Final = frozenset(
    {
        Status.UNAUTHENTICATED,
        Status.PERMISSION_DENIED,
        Status.INVALID_ARGUMENT,
        Status.NOT_FOUND,
        Status.FAILED_PRECONDITION,
        Status.UNIMPLEMENTED,
    }
)


class Conversation(Protocol):
    """What a session needs of a `Stream`."""

    async def send(self, message: StreamingRequest) -> None: ...

    async def receive(self) -> StreamingResponse | None: ...


class Streams(Protocol):
    """What a session needs of a `Pool`."""

    def stream(
        self,
        method: Method[StreamingRequest, StreamingResponse],
        metadata: Mapping[str, str] | None = None,
    ) -> AbstractAsyncContextManager[Conversation]: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one session: seconds and bytes of sound. These are SpeechKit's own."""

    seconds: float = 300.0
    bytes: int = 10_000_000


LIMITS: Final = Limits()


class Session:
    """Sends the tape from `origin` on, a place in bytes. `heard` is given all that is said."""

    def __init__(
        self,
        streams: Streams,
        access: Access,
        options: StreamingOptions,
        limits: Limits,
        tape: Tape,
        origin: int,
        heard: Callable[[StreamingResponse], None],
    ) -> None:
        self.over = False
        #: Refused for what another try does not change.
        self.hopeless = False
        self._streams, self._access = streams, access
        self._options, self._limits = options, limits
        self._tape, self._origin, self._heard = tape, origin, heard
        self._place = origin
        self._bytes = 0
        self._answered = False
        self._scope = trio.CancelScope()

    @property
    def spent(self) -> float:
        """How much of what one session may hear it has heard: 0 to 1."""
        seconds = self._tape.seconds(self._place - self._origin)
        return max(seconds / self._limits.seconds, self._bytes / self._limits.bytes)

    async def run(self) -> None:
        """Until it is closed. Raises `ProviderError` when it is lost."""
        try:
            with self._scope:
                await self._access.ask(self._converse, repeatable=lambda: not self._answered)
        finally:
            self.over = True

    def close(self) -> None:
        """The stream is reset, at once."""
        self.over = True
        self._scope.cancel()

    async def _converse(self, metadata: Mapping[str, str]) -> None:
        """Raises `RpcError`: how the stream was lost."""
        try:
            async with self._streams.stream(RECOGNIZE, metadata) as stream:
                lost = await self._lost(stream)
        except RpcError as error:
            lost = error
        self.hopeless = not self._answered and lost.status in HOPELESS
        raise lost

    async def _lost(self, stream: Conversation) -> RpcError:
        """Both ways, until either is lost: how."""
        losses: list[RpcError] = []

        async def until_lost(job: Callable[[Conversation], Awaitable[RpcError]]) -> None:
            losses.append(await job(stream))
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_lost, self._send)
            nursery.start_soon(until_lost, self._receive)
        return losses[0]

    async def _send(self, stream: Conversation) -> RpcError:
        try:
            self._place, self._bytes = self._origin, 0
            await stream.send(StreamingRequest(session_options=self._options))
            while pcm := await self._tape.read(self._place, PIECE):
                with trio.move_on_after(STALLED) as stalled:
                    await stream.send(self._message(pcm))
                if stalled.cancelled_caught:
                    break
                self._place += len(pcm)
        except RpcError:
            # How it failed is told by `_receive`, after all that was said before.
            await trio.sleep_forever()
        return RpcError(
            Status.UNAVAILABLE,
            f"SpeechKit has taken no sound for {STALLED:g} s",
            "see how much the network can carry",
        )

    def _message(self, pcm: bytes) -> StreamingRequest:
        if pcm.strip(b"\0"):
            self._bytes += len(pcm)
            return StreamingRequest(chunk=AudioChunk(data=pcm))
        milliseconds = round(self._tape.seconds(len(pcm)) * 1000)
        return StreamingRequest(silence_chunk=SilenceChunk(duration_ms=milliseconds))

    async def _receive(self, stream: Conversation) -> RpcError:
        try:
            while (response := await stream.receive()) is not None:
                # What had come when it was closed counts no more.
                await trio.lowlevel.checkpoint_if_cancelled()
                self._answered = True
                self._heard(response)
                status = response.status_code
                if status is not None and status.code_type == CodeType.CLOSED:
                    break
        except RpcError as error:
            return error
        return RpcError(Status.UNAVAILABLE, "SpeechKit closed the session of recognition")
