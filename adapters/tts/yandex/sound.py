"""SpeechKit's answers as pieces of one text's sound: whole samples, and the times of its words."""

from __future__ import annotations

from collections.abc import Callable

from callchart.adapters.tts.yandex.words import WordPlaces
from callchart.engine.ports import Speech, WordTiming
from callchart.proto.messages.speechkit.tts.v3 import (
    StreamSynthesisResponse,
    StreamSynthesisResponseChunkType,
    UtteranceSynthesisResponse,
    UtteranceSynthesisResponseChunkType,
)

#: Chunks of sound and of text come together or one by one, as the model has it.
Response = UtteranceSynthesisResponse | StreamSynthesisResponse

_NOTHING_TO_SPEAK = {
    UtteranceSynthesisResponseChunkType.NO_SPEAKABLE_TEXT,
    StreamSynthesisResponseChunkType.NO_SPEAKABLE_TEXT,
}


class Sound:
    """Hands on to `out` what the answers to one or more requests give of `text`."""

    def __init__(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        self._rate_hz, self._out = rate_hz, out
        self._places = WordPlaces(text)
        self._samples = 0
        self.begin_request()

    def begin_request(self) -> None:
        """Begin the next request: later messages belong to it."""
        self._half = b""
        self._begins = self._samples / self._rate_hz
        #: Nothing of this request's sound was handed on.
        self.is_silent = True
        #: SpeechKit says that there is nothing to be handed on.
        self.nothing_to_speak = False

    def take(self, response: Response) -> None:
        """One message of an answer."""
        if response.chunk_type in _NOTHING_TO_SPEAK:
            self.nothing_to_speak = True
        self._places.spoken(
            WordTiming(
                timing.word,
                self._begins + timing.start_ms / 1000,
                self._begins + (timing.start_ms + timing.length_ms) / 1000,
            )
            for timing in response.word_timings
        )
        if response.audio_chunk is not None:
            self.take_pcm(response.audio_chunk.data)

    def take_pcm(self, pcm: bytes) -> None:
        """Sound; half a sample waits for its other half, and is dropped where there is none."""
        pcm = self._half + pcm
        whole = len(pcm) // 2 * 2
        pcm, self._half = pcm[:whole], pcm[whole:]
        if pcm:
            self._samples += whole // 2
            self.is_silent = False
            self._out(Speech(pcm, self._places.known))
