"""Yandex SpeechKit's voices over gRPC (API v3), streamed: sound arrives while more is synthesised.

A text is one request (`UtteranceSynthesis`) or, with `method="stream"`, one stream
(`StreamSynthesis`), which takes longer texts. A text that is too long for one request is split, and
its parts are synthesised one after the other."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, Self

from callchart.adapters.grpc.dial import Address
from callchart.adapters.grpc.method import Method
from callchart.adapters.grpc.pool import Pool
from callchart.adapters.grpc.stream import Stream
from callchart.adapters.tts.yandex.sound import SpeechKitSound
from callchart.adapters.tts.yandex.text import requests, spoken
from callchart.adapters.yandex.access import Access
from callchart.adapters.yandex.credentials import Credentials
from callchart.adapters.yandex.refusals import PROVIDER, Service
from callchart.engine.ports import ProviderError, Speech
from callchart.proto.messages.speechkit.tts.v3 import (
    AudioFormatOptions,
    ForceSynthesisEvent,
    Hints,
    RawAudio,
    RawAudioAudioEncoding,
    StreamSynthesisRequest,
    StreamSynthesisResponse,
    SynthesisInput,
    SynthesisOptions,
    UtteranceSynthesisRequest,
    UtteranceSynthesisResponse,
)

HOST: Final = "tts.api.cloud.yandex.net"
ROLE: Final = "ai.speechkit-tts.user"

#: The most characters in one request, by method: SpeechKit's own limits.
LONGEST_CHARACTERS: Final[Mapping[str, int]] = {"utterance": 250, "stream": 5000}

UTTERANCE: Final = Method(
    "/speechkit.tts.v3.Synthesizer/UtteranceSynthesis",
    UtteranceSynthesisRequest,
    UtteranceSynthesisResponse,
    client_streams=False,
    server_streams=True,
)
STREAM: Final = Method(
    "/speechkit.tts.v3.Synthesizer/StreamSynthesis",
    StreamSynthesisRequest,
    StreamSynthesisResponse,
    client_streams=True,
    server_streams=True,
)


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice from SpeechKit's list, its role and its speed.

    `role` is one of the voice's roles; "" is the voice's default. `speed_factor` is from 0.1 to
    3.0; 1.0 is the voice's own speed. Raises `ProviderError` for any other value."""

    name: str = "alena"
    role: str = ""
    speed_factor: float = 1.0

    def __post_init__(self) -> None:
        if not 0.1 <= self.speed_factor <= 3.0:
            reason = f"speed_factor must be 0.1 to 3.0, got {self.speed_factor:g}"
            raise ProviderError(PROVIDER, reason, "1.0 is the voice's own speed")

    def __str__(self) -> str:
        role = f", its role {self.role!r}" if self.role else ""
        return f"the voice {self.name!r}{role} and the speed {self.speed_factor:g}"


ALENA: Final = Voice()


class YandexSynthesizer:
    """A `ports.Synthesizer` in one voice, for any number of calls. Made by `open`."""

    def __init__(
        self, pool: Pool, access: Access, voice: Voice, method: Literal["utterance", "stream"]
    ) -> None:
        self._pool, self._access, self._voice, self._method = pool, access, voice, method

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        credentials: Credentials,
        voice: Voice = ALENA,
        *,
        folder: str = "",
        method: Literal["utterance", "stream"] = "utterance",
        address: Address | None = None,
        connections: int = 2,
    ) -> AsyncIterator[Self]:
        """Open a synthesizer, and close its connections after the block. `folder`: see `Access`.

        An unreachable service raises no error here, but in `synthesize`."""
        address = address or Address(HOST, 443, ssl.create_default_context())
        access = Access(Service(ROLE, str(voice)), credentials, folder)
        async with Pool.open(address, connections) as pool:
            yield cls(pool, access, voice, method)

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        """See `ports.Synthesizer`. SpeechKit chooses the pieces, up to a whole sentence.

        The word timings are of the text's own words, split at white space."""
        sound = SpeechKitSound(text, rate_hz, out)
        ask = self._request_utterance if self._method == "utterance" else self._request_stream
        for part in requests(spoken(text), LONGEST_CHARACTERS[self._method]):
            sound.begin_request()
            job = partial(ask, part, rate_hz, sound)
            await self._access.ask(job, repeatable=lambda: sound.is_silent)
            if sound.is_silent and not sound.nothing_to_speak:
                raise ProviderError(
                    PROVIDER,
                    "the answer has no sound, although the text has words",
                    f"check that {self._voice} fit the language of the text",
                )

    async def _request_utterance(
        self, text: str, rate_hz: int, sound: SpeechKitSound, metadata: Mapping[str, str]
    ) -> None:
        voice = self._voice
        request = UtteranceSynthesisRequest(
            text=text,
            hints=[
                Hints(voice=voice.name),
                *([Hints(role=voice.role)] if voice.role else []),
                *([Hints(speed=voice.speed_factor)] if voice.speed_factor != 1.0 else []),
            ],
            output_audio_spec=_pcm(rate_hz),
        )
        async with self._pool.stream(UTTERANCE, metadata) as stream:
            await stream.send(request)
            await _receive(stream, sound)

    async def _request_stream(
        self, text: str, rate_hz: int, sound: SpeechKitSound, metadata: Mapping[str, str]
    ) -> None:
        voice = self._voice
        options = SynthesisOptions(
            voice=voice.name,
            role=voice.role,
            # 0.0 omits the field: some models accept only the voice's own speed.
            speed=voice.speed_factor if voice.speed_factor != 1.0 else 0.0,
            output_audio_spec=_pcm(rate_hz),
        )
        async with self._pool.stream(STREAM, metadata) as stream:
            await stream.send(StreamSynthesisRequest(options=options))
            await stream.send(StreamSynthesisRequest(synthesis_input=SynthesisInput(text=text)))
            now = StreamSynthesisRequest(force_synthesis=ForceSynthesisEvent())
            await stream.send(now, end=True)
            await _receive(stream, sound)


async def _receive(
    stream: Stream[UtteranceSynthesisRequest, UtteranceSynthesisResponse]
    | Stream[StreamSynthesisRequest, StreamSynthesisResponse],
    sound: SpeechKitSound,
) -> None:
    while (response := await stream.receive()) is not None:
        sound.take(response)


def _pcm(rate_hz: int) -> AudioFormatOptions:
    """Return the format of mono s16le without a header."""
    raw = RawAudio(audio_encoding=RawAudioAudioEncoding.LINEAR16_PCM, sample_rate_hertz=rate_hz)
    return AudioFormatOptions(raw_audio=raw)
