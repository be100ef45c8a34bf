"""The scripts of the SpeechKit server, for synthesis and recognition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from tests.servers.scripts import Script


@dataclass(frozen=True, slots=True)
class Speaking(Script):
    """One synthesis, over gRPC or HTTP. A piece has `piece` seconds of sound."""

    piece: float = 0.24


@dataclass(frozen=True, slots=True)
class Result:
    """A result, sent when the session has received `at` seconds of audio.

    `kind`: "partial", "final", "eou" (an `eou_update` at that time), "refinement" of the last
    final, or "warning" (a `status_code`). A text's words share the time since the final before."""

    at: float
    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Hearing:
    """One session of recognition.

    Without `results`, the server understands the tone code (`tones`): it sends a partial for each
    word, a final and an `eou_update` after `pause` seconds of silence or at the end of the
    utterance, and a refinement if normalization is on. Results come `lag` seconds after the audio,
    finals `final_lag` later, and refinements `refinement_lag` after these.

    After `after` seconds of audio comes the fault `then`: one of `Script` except "garbage", or
    "closed", which closes the session as at its limits. The limits are the real ones by default:
    `longest` seconds and `largest` bytes of audio, and `patience` seconds between two messages."""

    results: tuple[Result, ...] | None = None
    pause: float = 0.5
    lag: float = 0.0
    final_lag: float = 0.0
    refinement_lag: float = 0.0
    then: str = ""
    after: float = 0.0
    retry_after: float | None = None
    longest: float = 300.0
    largest: int = 10_000_000
    patience: float = 5.0
    #: Seconds between two signs of life (WORKING).
    working_every: float = 10.0

    @classmethod
    def of(cls, json: dict[str, Any]) -> Self:
        """Make one from the result of `dataclasses.asdict`."""
        results = json.pop("results", None)
        if results is not None:
            results = tuple(Result(**result) for result in results)
        return cls(results=results, **json)
