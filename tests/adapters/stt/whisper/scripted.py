"""A fake of Whisper's worker, without a model: it returns the length of a sound instead of words.

It takes the arguments of the real worker, and refuses the LANGUAGE "none"."""

from __future__ import annotations

import sys

from callchart.adapters.stt.whisper.messages import Transcribe, Transcribed
from callchart.adapters.worker.pipes import Owner, Ready, Unable


def main() -> None:
    owner = Owner()
    if sys.argv[2] == "none":
        owner.send(Unable("language must be one of the model's codes, got 'none'", "use en"))
        return
    owner.send(Ready())
    while True:
        match owner.receive():
            case Transcribe(pcm, rate_hz, final):
                what = "final" if final else "part"
                text = f"{what} of {len(pcm) / 2 / rate_hz:.2f} s" if any(pcm) else ""
                owner.send(Transcribed(text))


if __name__ == "__main__":
    main()
