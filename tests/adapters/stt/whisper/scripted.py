"""A Whisper that hears no words but how much sound there was: the real one's place, without its
weights. Run like it; its LANGUAGE "none" is one that it does not know."""

from __future__ import annotations

import sys

from callchart.adapters.stt.whisper.messages import Transcribe, Transcribed
from callchart.adapters.worker.pipes import Owner, Ready, Unable


def main() -> None:
    owner = Owner()
    if sys.argv[2] == "none":
        owner.send(Unable("knows no language 'none'", "write it as in en, ru or de"))
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
