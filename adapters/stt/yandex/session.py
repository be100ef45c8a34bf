"""One recognition session: a stream that sends the call's audio and receives SpeechKit's responses.

A session ends because we close it, or because it is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

import trio
from grpclib.const import Status

from callchart.adapters.grpc.errors import RpcError
from callchart.adapters.grpc.method import Method
from callchart.adapters.stt.yandex.audio_buffer import AudioBuffer
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

#: The most sound in one message, when a session sends older sound. SpeechKit's own examples use the
#: same.
PIECE_S: Final = 0.4

#: A session that cannot send for this time counts as lost: SpeechKit ends a session that receives
#: nothing for as long.
STALLED_S: Final = 5.0

#: Refusals that a retry cannot change.
NON_RETRYABLE: Final = frozenset(
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
    """The part of `grpc.stream.Stream` that a session uses."""

    async def send(self, message: StreamingRequest) -> None: ...

    async def receive(self) -> StreamingResponse | None: ...


class Streams(Protocol):
    """The part of `grpc.pool.Pool` that a session uses."""

    def stream(
        self,
        method: Method[StreamingRequest, StreamingResponse],
        metadata: Mapping[str, str] | None = None,
    ) -> AbstractAsyncContextManager[Conversation]: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """SpeechKit's limits for the sound of one session."""

    duration_s: float = 300.0
    size_bytes: int = 10_000_000


LIMITS: Final = Limits()


class Session:
    """A session. It sends the audio from `origin_bytes` on, and passes responses to `heard`."""

    def __init__(
        self,
        streams: Streams,
        access: Access,
        options: StreamingOptions,
        limits: Limits,
        audio: AudioBuffer,
        origin_bytes: int,
        heard: Callable[[StreamingResponse], None],
    ) -> None:
        self.ended = False
        #: True if the session was refused for a reason that a retry cannot change.
        self.non_retryable = False
        self._streams, self._access = streams, access
        self._options, self._limits = options, limits
        self._audio, self._origin_bytes, self._heard = audio, origin_bytes, heard
        self._offset_bytes = origin_bytes
        self._sent_bytes = 0
        self._answered = False
        self._scope = trio.CancelScope()

    @property
    def spent(self) -> float:
        """The used part of the session's limits: 0 to 1."""
        duration_s = self._audio.to_seconds(self._offset_bytes - self._origin_bytes)
        return max(duration_s / self._limits.duration_s, self._sent_bytes / self._limits.size_bytes)

    async def run(self) -> None:
        """Run until the session is closed. Raises `ProviderError` when it is lost."""
        try:
            with self._scope:
                await self._access.ask(self._converse, repeatable=lambda: not self._answered)
        finally:
            self.ended = True

    def close(self) -> None:
        """Reset the stream without waiting."""
        self.ended = True
        self._scope.cancel()

    async def _converse(self, metadata: Mapping[str, str]) -> None:
        """Run one stream until it is lost, and raise the reason as `RpcError`."""
        try:
            async with self._streams.stream(RECOGNIZE, metadata) as stream:
                lost = await self._run_until_lost(stream)
        except RpcError as error:
            lost = error
        self.non_retryable = not self._answered and lost.status in NON_RETRYABLE
        raise lost

    async def _run_until_lost(self, stream: Conversation) -> RpcError:
        """Send and receive until either fails, and return why."""
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
            self._offset_bytes, self._sent_bytes = self._origin_bytes, 0
            await stream.send(StreamingRequest(session_options=self._options))
            while pcm := await self._audio.read(self._offset_bytes, PIECE_S):
                with trio.move_on_after(STALLED_S) as stalled:
                    await stream.send(self._message(pcm))
                if stalled.cancelled_caught:
                    break
                self._offset_bytes += len(pcm)
        except RpcError:
            # `_receive` returns the reason, after the responses that came before it.
            await trio.sleep_forever()
        return RpcError(
            Status.UNAVAILABLE,
            f"SpeechKit accepted no sound for {STALLED_S:g} s",
            "check the bandwidth of the network",
        )

    def _message(self, pcm: bytes) -> StreamingRequest:
        if pcm.strip(b"\0"):
            self._sent_bytes += len(pcm)
            return StreamingRequest(chunk=AudioChunk(data=pcm))
        duration_ms = round(self._audio.to_seconds(len(pcm)) * 1000)
        return StreamingRequest(silence_chunk=SilenceChunk(duration_ms=duration_ms))

    async def _receive(self, stream: Conversation) -> RpcError:
        try:
            while (response := await stream.receive()) is not None:
                # Drop responses that had arrived when the session was closed.
                await trio.lowlevel.checkpoint_if_cancelled()
                self._answered = True
                self._heard(response)
                status = response.status_code
                if status is not None and status.code_type == CodeType.CLOSED:
                    break
        except RpcError as error:
            return error
        return RpcError(Status.UNAVAILABLE, "SpeechKit closed the recognition session")
