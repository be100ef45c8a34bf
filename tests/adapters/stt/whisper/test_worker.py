"""Whisper with the weights of its base model, on recorded speech and on other sounds."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import trio

from callchart.adapters.stt.whisper.features import RATE_HZ, log_mel
from callchart.adapters.stt.whisper.messages import Transcribe
from callchart.adapters.stt.whisper.recognizer import WhisperRecognizer
from callchart.adapters.stt.whisper.worker import Whisper
from callchart.adapters.worker.polyphase import Resampler
from callchart.engine.ports import ProviderError
from tests.contracts.recognizer import LIMIT_S, results, say
from tests.recordings import recording, silence
from tests.whisper_model import put_model

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_model(tmp_path_factory.mktemp("whisper") / "base")


@pytest.fixture(scope="module")
def whisper(weights: Path) -> Whisper:
    """Load the model, for Russian."""
    return Whisper(weights, "ru", threads=1)


def transcribe(whisper: Whisper, pcm: bytes, *, final: bool = True) -> str:
    """Return the words in lower case, without punctuation."""
    return " ".join(re.findall(r"\w+", whisper.words(Transcribe(pcm, RATE_HZ, final)).lower()))


def test_a_russian_sentence_is_transcribed_exactly(whisper: Whisper) -> None:
    heard = transcribe(whisper, recording("ru_operator").pcm)
    assert heard == "соедините меня пожалуйста с менеджером"


def test_an_8_khz_sentence_is_transcribed_nearly_exactly(whisper: Whisper) -> None:
    narrow = Resampler(RATE_HZ, 8000).resample(recording("ru_delivery").pcm)
    heard = whisper.words(Transcribe(narrow, 8000, final=True)).lower()
    assert "сколько стоит доставка" in heard
    assert "когда она приедет" in heard


def test_a_backchannel_is_a_word(whisper: Whisper) -> None:
    assert transcribe(whisper, recording("ru_backchannel").speech) == "угу"


@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_noise_and_tones_have_no_words(whisper: Whisper, seconds: float) -> None:
    count = round(seconds * RATE_HZ)
    noise = np.random.default_rng(1).standard_normal(count) * 1000
    tone = np.sin(np.arange(count) * 2 * np.pi * 425 / RATE_HZ) * 4000
    for sound in (noise, tone):
        assert transcribe(whisper, sound.astype("<i2").tobytes()) == ""


def test_silence_does_not_reach_the_model(
    whisper: Whisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Whisper, "_guess")
    assert transcribe(whisper, silence(2.0)) == ""
    assert transcribe(whisper, b"") == ""


def test_a_sound_longer_than_a_window_is_transcribed_in_pieces(whisper: Whisper) -> None:
    speech = recording("ru_backchannel").speech
    long = speech + silence(28.0 - len(speech) / 2 / RATE_HZ) + speech
    assert transcribe(whisper, long) == "угу угу"


def test_a_1_khz_tone_is_in_its_own_band() -> None:
    samples = np.sin(np.arange(RATE_HZ) * 2 * np.pi * 1000 / RATE_HZ).astype(np.float32)
    spectrogram = log_mel(samples, 80)
    assert spectrogram.shape == (1, 80, 100)
    # 1 kHz is mel 15 of 45.25 in 81 steps: the middle of band 26.
    assert set(spectrogram[0, :, 5:-5].argmax(axis=0)) == {26}


async def test_a_call_is_transcribed_in_the_worker_process(weights: Path) -> None:
    with trio.fail_after(LIMIT_S):
        async with (
            WhisperRecognizer.open(weights, "en") as recognizer,
            recognizer.recognition(RATE_HZ) as call,
        ):
            say(call, 1, recording("en_operator").speech)
            assert "connect me to a manager" in (await results(call))[-1].text


@pytest.mark.parametrize(
    ("files", "language", "message"),
    [
        ((), "ru", r"there is no model\.bin in .* \(name a folder .* hf download"),
        (("model.bin",), "ru", r"cannot load the model in .* \(get it again"),
    ],
)
async def test_a_folder_without_a_model_is_refused_with_a_cure(
    tmp_path: Path, files: tuple[str, ...], language: str, message: str
) -> None:
    for name in files:
        (tmp_path / name).write_bytes(b"no weights")
    with trio.fail_after(LIMIT_S), pytest.raises(ProviderError, match=message):
        async with WhisperRecognizer.open(tmp_path, language):
            pytest.fail("open must fail without a model")


async def test_an_unknown_language_is_refused(weights: Path) -> None:
    with trio.fail_after(LIMIT_S), pytest.raises(ProviderError, match="codes, got 'xx'"):
        async with WhisperRecognizer.open(weights, "xx"):
            pytest.fail("open must refuse the language")


async def test_without_the_package_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ctranslate2.py").write_text("raise ImportError('not here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    message = r"not here \(pip install 'callchart\[whisper\]'\)"
    with trio.fail_after(LIMIT_S), pytest.raises(ProviderError, match=message):
        async with WhisperRecognizer.open(tmp_path, "ru"):
            pytest.fail("open must fail without the package")
