"""The conversion of SpeechKit's responses to `Speech`: whole samples, with word timings."""

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

#: A response carries sound, word timings, or both; that depends on the model.
Response = UtteranceSynthesisResponse | StreamSynthesisResponse

_NOTHING_TO_SPEAK = {
    UtteranceSynthesisResponseChunkType.NO_SPEAKABLE_TEXT,
    StreamSynthesisResponseChunkType.NO_SPEAKABLE_TEXT,
}


class SpeechKitSound:
    """The sound of `text`. It comes in the responses to one or more requests, and goes to `out`."""

    def __init__(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        self._rate_hz, self._out = rate_hz, out
        self._places = WordPlaces(text)
        self._samples = 0
        self.begin_request()

    def begin_request(self) -> None:
        """Begin the next request: later responses belong to it."""
        self._half = b""
        self._begins_s = self._samples / self._rate_hz
        #: True until this request gives sound.
        self.is_silent = True
        #: True if SpeechKit reports that this request's text has nothing to speak.
        self.nothing_to_speak = False

    def take(self, response: Response) -> None:
        """Take one response: its word timings, and its sound."""
        if response.chunk_type in _NOTHING_TO_SPEAK:
            self.nothing_to_speak = True
        self._places.add_spoken(
            WordTiming(
                timing.word,
                self._begins_s + timing.start_ms / 1000,
                self._begins_s + (timing.start_ms + timing.length_ms) / 1000,
            )
            for timing in response.word_timings
        )
        if response.audio_chunk is not None:
            self.take_pcm(response.audio_chunk.data)

    def take_pcm(self, pcm: bytes) -> None:
        """Pass on whole samples, and keep half a sample for the next piece of this request."""
        pcm = self._half + pcm
        whole = len(pcm) // 2 * 2
        pcm, self._half = pcm[:whole], pcm[whole:]
        if pcm:
            self._samples += whole // 2
            self.is_silent = False
            self._out(Speech(pcm, self._places.known))
