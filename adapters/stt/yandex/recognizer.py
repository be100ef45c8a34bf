"""Yandex SpeechKit's streaming recognition over gRPC (API v3), with partials.

SpeechKit receives all sound of a call, including silence, and finds the ends of utterances itself.
`recognition` assigns the words to the utterances that the call's own voice detector finds."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, Self

import trio

from callchart.adapters.grpc.dial import Address
from callchart.adapters.grpc.pool import Pool
from callchart.adapters.stt.yandex.recognition import YandexRecognition
from callchart.adapters.stt.yandex.session import LIMITS, Limits, Session, Streams
from callchart.adapters.yandex.access import Access
from callchart.adapters.yandex.credentials import Credentials
from callchart.adapters.yandex.refusals import PROVIDER, Service
from callchart.engine.ports import ProviderError
from callchart.proto.messages.speechkit.stt.v3 import (
    AudioFormatOptions,
    DefaultEouClassifier,
    DefaultEouClassifierEouSensitivity,
    EouClassifierOptions,
    LanguageRestrictionOptions,
    LanguageRestrictionOptionsLanguageRestrictionType,
    RawAudio,
    RawAudioAudioEncoding,
    RecognitionModelOptions,
    RecognitionModelOptionsAudioProcessingType,
    StreamingOptions,
    TextNormalizationOptions,
    TextNormalizationOptionsTextNormalization,
)

HOST: Final = "stt.api.cloud.yandex.net"
ROLE: Final = "ai.speechkit-stt.user"


@dataclass(frozen=True, slots=True)
class Listening:
    """Settings of the recognition.

    `normalized`: SpeechKit writes digits, capitals and full stops, which takes a little longer.
    `sensitivity`: "high" ends utterances sooner, and more often in the middle of a sentence.
    `max_pause_s`: the silence between words after which SpeechKit ends an utterance; 0 leaves the
    choice to SpeechKit, which waits 1 to 2 s. A short pause has no drawback: we join the parts.
    `final_wait_s`: the longest time from the end of an utterance to its final. After it, the last
    partial becomes the final."""

    language: str = "ru-RU"
    model: str = "general"
    normalized: bool = False
    sensitivity: Literal["default", "high"] = "default"
    max_pause_s: float = 0.5
    final_wait_s: float = 1.5

    def __post_init__(self) -> None:
        """Check the values. Raises `ProviderError`."""
        if not re.fullmatch("[a-z]{2,3}-[A-Z]{2}", self.language):
            reason = f"language must be a code with a country, got {self.language!r}"
            raise ProviderError(PROVIDER, reason, "for example ru-RU or en-US")
        if not 0.0 <= self.max_pause_s <= 5.0:
            reason = f"max_pause_s must be 0 to 5 s, got {self.max_pause_s:g}"
            raise ProviderError(PROVIDER, reason, "0 leaves the choice to SpeechKit")
        if not 0.0 < self.final_wait_s <= 10.0:
            reason = f"final_wait_s must be above 0 and at most 10 s, got {self.final_wait_s:g}"
            raise ProviderError(PROVIDER, reason, "the default is 1.5")

    def __str__(self) -> str:
        return f"the model {self.model!r} and the language {self.language!r}"

    def options(self, rate_hz: int) -> StreamingOptions:
        """Return the message that a session begins with."""
        normalization = TextNormalizationOptionsTextNormalization
        sensitivity = DefaultEouClassifierEouSensitivity
        model = RecognitionModelOptions(
            model=self.model,
            audio_format=_pcm(rate_hz),
            text_normalization=TextNormalizationOptions(
                text_normalization=normalization.ENABLED
                if self.normalized
                else normalization.DISABLED,
                profanity_filter=False,
            ),
            language_restriction=LanguageRestrictionOptions(
                restriction_type=LanguageRestrictionOptionsLanguageRestrictionType.WHITELIST,
                language_code=[self.language],
            ),
            audio_processing_type=RecognitionModelOptionsAudioProcessingType.REAL_TIME,
        )
        classifier = DefaultEouClassifier(
            type=sensitivity.HIGH if self.sensitivity == "high" else sensitivity.DEFAULT,
            max_pause_between_words_hint_ms=round(self.max_pause_s * 1000),
        )
        return StreamingOptions(
            recognition_model=model,
            eou_classifier=EouClassifierOptions(default_classifier=classifier),
        )


RUSSIAN: Final = Listening()


class YandexRecognizer:
    """A `ports.Recognizer` for any number of calls. Made by `open`."""

    def __init__(
        self, streams: Streams, access: Access, listening: Listening, limits: Limits
    ) -> None:
        self._streams, self._access = streams, access
        self._listening, self._limits = listening, limits

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        credentials: Credentials,
        listening: Listening = RUSSIAN,
        *,
        folder: str = "",
        address: Address | None = None,
        connections: int = 2,
        limits: Limits = LIMITS,
    ) -> AsyncIterator[Self]:
        """Open a recogniser, and close its connections after the block. `folder`: see `Access`.

        An unreachable service raises no error here, but fails each call."""
        address = address or Address(HOST, 443, ssl.create_default_context())
        access = Access(Service(ROLE, str(listening)), credentials, folder)
        async with Pool.open(address, connections) as pool:
            yield cls(pool, access, listening, limits)

    @asynccontextmanager
    async def recognition(self, rate_hz: int) -> AsyncIterator[YandexRecognition]:
        """Open a recogniser for one call and begin its first session. Leaving resets the stream."""
        options = self._listening.options(rate_hz)
        open_session = partial(Session, self._streams, self._access, options, self._limits)
        async with trio.open_nursery() as nursery:
            yield YandexRecognition(
                open_session,
                nursery,
                rate_hz,
                refines=self._listening.normalized,
                final_wait_s=self._listening.final_wait_s,
            )
            nursery.cancel_scope.cancel()


def _pcm(rate_hz: int) -> AudioFormatOptions:
    """Return the format of mono s16le without a header."""
    raw = RawAudio(
        audio_encoding=RawAudioAudioEncoding.LINEAR16_PCM,
        sample_rate_hertz=rate_hz,
        audio_channel_count=1,
    )
    return AudioFormatOptions(raw_audio=raw)
