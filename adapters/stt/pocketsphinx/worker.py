"""pocketsphinx in a worker process: one decoder, one call, one utterance at a time.

Run by `python -m callchart.adapters.stt.pocketsphinx.worker`; it exchanges `messages`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from callchart.adapters.stt.pocketsphinx.messages import Begin, End, Frames, Taken
from callchart.adapters.worker.pipes import Owner, Ready, Unable
from callchart.engine.ports import Heard, frame_bytes

if TYPE_CHECKING:
    from pocketsphinx import Decoder

    from callchart.adapters.worker.polyphase import Resampler

MODEL_RATE_HZ = 16000

# The mean cepstrum with which a call at 8 kHz begins, instead of the wide-band model's own. The
# decoder adapted to these values in a minute of 8 kHz speech of two voices. With them, the first 42
# words of two other voices have 13 errors; without them, 31.
NARROW_CMN = "47,35,-29,49,-7,-8,16,-25,9,1,4,10,-12"

PARTIAL_EVERY_BYTES = 10 * frame_bytes(MODEL_RATE_HZ)  # 200 ms of sound


class Utterance:
    """One utterance in the decoder."""

    def __init__(self, decoder: Decoder, begin: Begin) -> None:
        self._decoder = decoder
        self._number = begin.utterance
        self._resampler = None if begin.rate_hz == MODEL_RATE_HZ else _resampler(begin.rate_hz)
        self._bytes_since_partial = 0
        self._partial = ""
        decoder.start_utt()

    def decode_frames(self, pcm: bytes) -> list[Heard]:
        """Decode frames; return the partials that changed, at most one per 200 ms of sound."""
        if self._resampler:
            pcm = self._resampler.resample(pcm)
        partials = []
        while pcm:
            piece = pcm[: PARTIAL_EVERY_BYTES - self._bytes_since_partial]
            pcm = pcm[len(piece) :]
            self._decoder.process_raw(piece)
            self._bytes_since_partial += len(piece)
            if self._bytes_since_partial == PARTIAL_EVERY_BYTES:
                self._bytes_since_partial = 0
                text = self._text()
                if text != self._partial:
                    self._partial = text
                    partials.append(Heard(self._number, text, final=False))
        return partials

    def end(self) -> Heard:
        """End the utterance and return its final."""
        if self._resampler:
            self._decoder.process_raw(self._resampler.finish())
        self._decoder.end_utt()
        return Heard(self._number, self._text(), final=True)

    def _text(self) -> str:
        hypothesis = self._decoder.hyp()
        return str(hypothesis.hypstr) if hypothesis else ""


def _resampler(rate_hz: int) -> Resampler:
    # Imported late: numpy takes a third of the time until the process is ready.
    from callchart.adapters.worker.polyphase import Resampler

    return Resampler(rate_hz, MODEL_RATE_HZ)


def main() -> None:
    """Answer the owner's messages until it exits."""
    owner = Owner()
    try:
        from pocketsphinx import Decoder
    except ImportError as missing:
        owner.send(Unable(f"cannot be loaded: {missing}", "pip install 'callchart[demo]'"))
        return
    # Without the second pass over the whole utterance, a final takes 10 ms instead of 100 ms, and
    # all recordings in tests/samples still give the same words.
    decoder = Decoder(samprate=MODEL_RATE_HZ, fwdflat=False, loglevel="FATAL")
    owner.send(Ready())
    utterance: Utterance | None = None
    rate_hz = MODEL_RATE_HZ
    while True:
        match owner.receive():
            case Begin() as begin:
                if begin.rate_hz < rate_hz:
                    decoder.set_cmn(NARROW_CMN)
                rate_hz = begin.rate_hz
                utterance = Utterance(decoder, begin)
            case Frames(pcm) if utterance:
                for partial in utterance.decode_frames(pcm):
                    owner.send(partial)
            case End() if utterance:
                owner.send(utterance.end())
                utterance = None
            case unexpected:
                raise TypeError(
                    f"message must be Begin, or Frames or End in an utterance, got {unexpected!r}"
                )
        owner.send(Taken())


if __name__ == "__main__":
    main()
