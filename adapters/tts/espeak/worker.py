"""espeak-ng in a worker process: it synthesises the texts of all calls, one after the other.

Run by `python -m` with VOICE WORDS_PER_MINUTE; it exchanges `messages`.
The library needs a process of its own for two reasons: it is GPL-3, and it keeps global state.
"""

from __future__ import annotations

import ctypes
import re
import sys
from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np

from callchart.adapters.tts.espeak.messages import Cancel, Done, SoundPiece, Speak
from callchart.adapters.worker.pipes import Owner, Ready, Unable
from callchart.adapters.worker.polyphase import Resampler
from callchart.engine.ports import WordTiming

if TYPE_CHECKING:
    from numpy.typing import NDArray

ESPEAK_RATE_HZ = 22050

# espeak-ng ends a sentence with 300 ms of silence, and a comma with 150 ms. Cut the silence after a
# text to 150 ms, so that the next text neither waits too long nor follows without a pause. A sample
# of at most 32 (-60 dB) is silence: espeak-ng's sound is louder, and its dither is quieter.
TRAILING_SILENCE_SAMPLES = round(0.15 * ESPEAK_RATE_HZ)
QUIET_AMPLITUDE = 32

# From espeak-ng's speak_lib.h.
AUDIO_OUTPUT_SYNCHRONOUS = 2
INITIALIZE_DONT_EXIT = 0x8000
CHARS_UTF8 = 0x1
ENDPAUSE = 0x1000
POS_CHARACTER = 1
PARAMETER_RATE = 1
EVENT_LIST_TERMINATED = 0
EVENT_WORD = 1
BUFFER_MS = 60


class _Id(ctypes.Union):
    _fields_ = [
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    ]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Samples = ctypes.POINTER(ctypes.c_short)
_SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, _Samples, ctypes.c_int, ctypes.POINTER(_Event))


class Words:
    """The timings of a text's words, split at white space.

    A word ends where the next begins. A word that espeak-ng does not report takes no time."""

    def __init__(self, text: str) -> None:
        found = list(re.finditer(r"\S+", text))
        self._words = [word.group() for word in found]
        self._places = [word.start() for word in found]
        self._begun = 0  # the number of begun words; the last of them has not ended
        self._begun_at_s = 0.0

    def begin(self, character: int, at_s: float) -> list[WordTiming]:
        """Begin the word at this character. Return the timings of the words that this ends."""
        word = bisect_right(self._places, character)  # the number of words that begin up to there
        return self._advance(word, at_s) if word > self._begun else []

    def finish(self, at_s: float) -> list[WordTiming]:
        """End the sound. Return the timings of the remaining words."""
        return self._advance(len(self._words) + 1, at_s)

    def _advance(self, begun: int, at_s: float) -> list[WordTiming]:
        ended = []
        for word in range(max(self._begun - 1, 0), begun - 1):
            start_s = self._begun_at_s if word == self._begun - 1 else at_s
            ended.append(WordTiming(self._words[word], start_s, max(start_s, at_s)))
        self._begun, self._begun_at_s = begun, at_s
        return ended


class Spoken:
    """The sound of one text: resampled, with word timings, and with less silence at the end."""

    def __init__(self, speak: Speak, send: Callable[[SoundPiece], None]) -> None:
        self._request = speak.request
        self._send = send
        self._resampler = Resampler(ESPEAK_RATE_HZ, speak.rate_hz)
        self._words = Words(speak.text)
        self._ended: list[WordTiming] = []
        self._silence: NDArray[np.int16] = np.zeros(0, np.int16)
        self._samples = 0  # sent so far, up to the last loud one

    def begin_word(self, character: int, sample: int) -> None:
        """Begin the word at this character of the text, at this sample of espeak-ng's sound."""
        self._ended += self._words.begin(character, sample / ESPEAK_RATE_HZ)

    def add(self, samples: NDArray[np.int16]) -> None:
        """Add the next samples of espeak-ng's sound. Hold back the silence at their end."""
        held = np.concatenate((self._silence, samples))
        loud = np.flatnonzero((held > QUIET_AMPLITUDE) | (held < -QUIET_AMPLITUDE))
        end = int(loud[-1]) + 1 if len(loud) else 0
        sounding, self._silence = np.split(held, [end])
        self._samples += end
        self._emit(self._resampler.resample(sounding.tobytes()))

    def finish(self) -> None:
        """End the sound. A text without sound gets no silence either."""
        if not self._samples:
            return
        self._ended += self._words.finish(self._samples / ESPEAK_RATE_HZ)
        rest = self._resampler.resample(self._silence[:TRAILING_SILENCE_SAMPLES].tobytes())
        self._emit(rest + self._resampler.finish())

    def _emit(self, pcm: bytes) -> None:
        if pcm:
            self._send(SoundPiece(self._request, pcm, tuple(self._ended)))
            self._ended = []


class Espeak:
    """The loaded library, with its voice and speed.

    Raises `ImportError` or `OSError` if it cannot be loaded, `LookupError` for an unknown voice."""

    def __init__(self, voice: str, words_per_minute: int) -> None:
        import espeakng_loader

        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        rate_hz = self._library.espeak_Initialize(
            AUDIO_OUTPUT_SYNCHRONOUS, BUFFER_MS, data, INITIALIZE_DONT_EXIT
        )
        if rate_hz != ESPEAK_RATE_HZ:
            raise ImportError(f"espeak_Initialize must return {ESPEAK_RATE_HZ} Hz, got {rate_hz}")
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise LookupError(voice)
        self._library.espeak_SetParameter(PARAMETER_RATE, words_per_minute, 0)
        self._library.espeak_Synth.argtypes = [
            *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int),
            *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
        ]

    def speak(self, text: str, spoken: Spoken, wanted: Callable[[], bool]) -> None:
        """Speak the text. Stop when `wanted()` returns False; call it every 60 ms of sound."""

        def take(samples: Any, count: int, events: Any) -> int:
            if not wanted():
                return 1
            for event in events:
                if event.type == EVENT_LIST_TERMINATED:
                    break
                if event.type == EVENT_WORD:
                    spoken.begin_word(event.text_position - 1, event.sample)
            if count:
                spoken.add(np.ctypeslib.as_array(samples, (count,)))
            return 0

        callback = _SynthCallback(take)  # must outlive the call below
        self._library.espeak_SetSynthCallback(callback)
        # A zero would end the text, and a lone surrogate has no UTF-8. Replace each by one
        # character, so that the positions of the words stay.
        utf8 = text.replace("\0", " ").encode("utf-8", "replace")
        flags = CHARS_UTF8 | ENDPAUSE
        status = self._library.espeak_Synth(
            utf8, len(utf8) + 1, 0, POS_CHARACTER, 0, flags, None, None
        )
        if status and wanted():
            raise OSError(f"espeak_Synth failed with {status}")


def main() -> None:
    """Answer the owner's messages until it exits."""
    owner = Owner()
    voice, words_per_minute = sys.argv[1:]
    try:
        espeak = Espeak(voice, int(words_per_minute))
    except (ImportError, OSError) as missing:
        owner.send(Unable(f"cannot be loaded: {missing}", "pip install 'callchart[demo]'"))
        return
    except LookupError:
        owner.send(
            Unable(f"voice must be one of espeak-ng's, got {voice!r}", "for example en-us or ru")
        )
        return
    owner.send(Ready())

    # Read in a thread, so that a text can be cancelled while it is spoken.
    speaks: SimpleQueue[Speak] = SimpleQueue()
    wanted: set[int] = set()

    def read() -> None:
        while True:
            match owner.receive():
                case Speak() as speak:
                    wanted.add(speak.request)
                    speaks.put(speak)
                case Cancel(request):
                    wanted.discard(request)

    Thread(target=read, daemon=True).start()
    while True:
        speak = speaks.get()
        if speak.request in wanted:
            spoken = Spoken(speak, owner.send)
            espeak.speak(speak.text, spoken, partial(wanted.__contains__, speak.request))
            spoken.finish()
        wanted.discard(speak.request)
        owner.send(Done(speak.request))


if __name__ == "__main__":
    main()
