"""Whisper in a worker process: it transcribes the sounds of all calls, one after the other.

Run by `python -m` with FOLDER LANGUAGE THREADS; it exchanges `messages`.
We use CTranslate2 without faster-whisper. That package needs ffmpeg, onnxruntime and a client of
model hubs (70 MB), and we need from it only what a hundred lines of numpy do.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from callchart.adapters.stt.utterance import is_silent
from callchart.adapters.stt.whisper.features import RATE_HZ, log_mel
from callchart.adapters.stt.whisper.messages import Transcribe, Transcribed
from callchart.adapters.stt.whisper.text import Guess
from callchart.adapters.worker.pipes import Owner, Ready, Unable
from callchart.adapters.worker.polyphase import Resampler

if TYPE_CHECKING:
    from numpy.typing import NDArray

DOWNLOAD = "hf download Systran/faster-whisper-base --local-dir"

# Whisper was trained on windows of 30 s. A window that is 2 s longer than the sound, and at least
# 8 s long, takes a sixth of the time. The 13 recorded sentences (83 words) have the same 7 errors
# with both. With less silence after the sound, Whisper misses the end and repeats the text.
WHOLE_WINDOW_S = 30.0
SHORTEST_WINDOW_S = 8.0
SILENCE_AFTER_S = 2.0

# The limit of tokens for a sound. The recorded sentences have 3 to 6 tokens a second, and the
# fastest speakers twice as many. The model itself stops at 224, half of its context.
TOKENS_PER_S = 12
TOKENS_AT_LEAST = 8
TOKENS_AT_MOST = 224


class NoModel(Exception):
    """The folder has no usable model. `cure` says what the operator can do."""

    def __init__(self, reason: str, cure: str) -> None:
        super().__init__(reason)
        self.cure = cure


class Whisper:
    """A loaded model. Loading raises `ImportError` and `NoModel`."""

    def __init__(self, folder: Path, language: str, threads: int) -> None:
        import ctranslate2

        if not (folder / "model.bin").is_file():
            cure = f"name a folder that holds one, or get one: {DOWNLOAD} {folder}"
            raise NoModel(f"there is no model.bin in {folder}", cure)
        try:
            self._model: Any = ctranslate2.models.Whisper(
                str(folder), compute_type="int8", intra_threads=threads
            )
        except (RuntimeError, ValueError) as error:
            reason = f"cannot load the model in {folder}: {str(error).strip().splitlines()[0]}"
            raise NoModel(reason, f"get it again: {DOWNLOAD} {folder}") from None
        self._storage: Any = ctranslate2.StorageView.from_array
        self._prompt = ["<|startoftranscript|>"]
        if self._model.is_multilingual:
            if not _knows(folder, language):
                reason = f"language must be one of the model's codes, got {language!r}"
                raise NoModel(reason, "for example en, ru or de")
            self._prompt += [f"<|{language}|>", "<|transcribe|>"]
        elif language != "en":
            reason = f"language must be 'en' for the English model in {folder}, got {language!r}"
            raise NoModel(reason, "or use a model without .en in its name")
        self._prompt.append("<|notimestamps|>")

    def words(self, request: Transcribe) -> str:
        """Return the words of a request, transcribed window by window."""
        pcm = request.pcm
        if is_silent(pcm):
            return ""
        if request.rate_hz != RATE_HZ:
            resampler = Resampler(request.rate_hz, RATE_HZ)
            pcm = resampler.resample(pcm) + resampler.finish()
        samples = np.frombuffer(pcm, "<i2").astype(np.float32)
        piece_samples = round((WHOLE_WINDOW_S - SILENCE_AFTER_S) * RATE_HZ)
        pieces = (
            samples[start : start + piece_samples]
            for start in range(0, len(samples), piece_samples)
        )
        heard = (self._piece(piece, request.final) for piece in pieces)
        return " ".join(text for text in heard if text)

    def _piece(self, samples: NDArray[np.float32], final: bool) -> str:
        duration_s = len(samples) / RATE_HZ
        guess = self._guess(samples, max(SHORTEST_WINDOW_S, duration_s + SILENCE_AFTER_S))
        if guess.runs_on and final:
            guess = self._guess(samples, WHOLE_WINDOW_S)
        return guess.text if guess.is_speech and not guess.runs_on else ""

    def _guess(self, samples: NDArray[np.float32], window_s: float) -> Guess:
        padded = np.pad(samples / np.float32(32768), (0, round(window_s * RATE_HZ) - len(samples)))
        most_tokens = TOKENS_AT_LEAST + round(TOKENS_PER_S * len(samples) / RATE_HZ)
        most_tokens = min(most_tokens, TOKENS_AT_MOST)
        result = self._model.generate(
            self._storage(log_mel(padded, self._model.n_mels)),
            [self._prompt],
            beam_size=1,
            max_length=2 * most_tokens,  # CTranslate2 writes at most half of it
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens = tuple(result.sequences[0])
        return Guess(
            tokens, result.scores[0], result.no_speech_prob, cut=len(tokens) >= most_tokens
        )


def _knows(folder: Path, language: str) -> bool:
    """Return whether the model has a token for this language.

    Older models list their tokens one a line, newer ones as JSON."""
    token = f"<|{language}|>"
    return language.isalpha() and any(
        token in path.read_text(encoding="utf-8") for path in folder.glob("vocabulary.*")
    )


def main() -> None:
    """Answer the owner's messages until it exits."""
    owner = Owner()
    folder, language, threads = sys.argv[1:]
    try:
        whisper = Whisper(Path(folder), language, int(threads))
    except ImportError as missing:
        owner.send(Unable(f"cannot be loaded: {missing}", "pip install 'callchart[whisper]'"))
        return
    except NoModel as error:
        owner.send(Unable(str(error), error.cure))
        return
    owner.send(Ready())
    while True:
        match owner.receive():
            case Transcribe() as request:
                owner.send(Transcribed(whisper.words(request)))
            case unexpected:
                raise TypeError(f"message must be a Transcribe, got {unexpected!r}")


if __name__ == "__main__":
    main()
