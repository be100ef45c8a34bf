"""espeak-ng's sound, its word timings, and the start and end of its process."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import trio
import trio.testing
from numpy.typing import NDArray

from callchart.adapters.tts.espeak.synthesizer import EspeakSynthesizer
from callchart.engine.ports import ProviderError, Speech, Synthesizer
from tests.contracts.synthesizer import LIMIT_S, TEXT, SynthesizerContract, seconds, sound
from tests.outside_work import WorkLedger

pytestmark = pytest.mark.real


@pytest.fixture
async def synthesizer(processes: list[trio.Process]) -> AsyncIterator[EspeakSynthesizer]:
    async with EspeakSynthesizer.open() as synthesizer:
        yield synthesizer


class TestContract(SynthesizerContract):
    pass


def samples(pieces: list[Speech]) -> NDArray[np.int64]:
    """Return the samples of the whole sound, as 64-bit integers."""
    return np.frombuffer(b"".join(piece.pcm for piece in pieces), "<i2").astype(np.int64)


async def test_the_first_piece_is_at_most_60_ms_long(synthesizer: Synthesizer) -> None:
    pieces = await sound(synthesizer, TEXT)
    assert seconds(pieces[:1]) <= 0.06


@pytest.mark.parametrize(
    "text",
    [
        "It's fine: 25 kN. Bye now!",
        "The REM-600 costs 3,000.50 $ — it is in stock.",
        "  naïve 東京 👍🏽\n\nand <b>bold</b> ... ",
    ],
)
async def test_every_word_of_the_text_has_a_timing(synthesizer: Synthesizer, text: str) -> None:
    words = (await sound(synthesizer, text))[-1].words
    assert [word.word for word in words] == text.split()
    assert words[0].start_s == 0
    assert all(before.end_s == after.start_s for before, after in pairwise(words))


async def test_word_timings_match_the_sound(synthesizer: Synthesizer) -> None:
    """The pause after a comma belongs to the word before it."""
    pieces = await sound(synthesizer, "Yes, two")
    loud = np.flatnonzero(np.abs(samples(pieces)) > 300) / 16000
    pause = int(np.argmax(np.diff(loud)))
    yes, two = pieces[-1].words
    assert loud[pause + 1] == pytest.approx(two.start_s, abs=0.06)
    assert yes.end_s > loud[pause] + 0.1
    assert two.end_s == pytest.approx(loud[-1], abs=0.03)


@pytest.mark.parametrize("text", ["It is in stock.", "Really?", "Well,", "Right"])
async def test_a_text_ends_with_150_ms_of_silence(synthesizer: Synthesizer, text: str) -> None:
    pieces = await sound(synthesizer, text)
    last = np.flatnonzero(np.abs(samples(pieces)) > 40)[-1] / 16000
    assert seconds(pieces) - last == pytest.approx(0.15, abs=0.02)


async def test_pieces_join_without_a_click(synthesizer: Synthesizer) -> None:
    """The largest step between two pieces is at most the largest step inside them."""
    pieces = await sound(synthesizer, TEXT)
    steps = np.abs(np.diff(samples(pieces), 2))
    seams = np.cumsum([len(piece.pcm) // 2 for piece in pieces])[:-1]
    beside = np.array([steps[seam - 2 : seam].max() for seam in seams])
    assert beside.max() <= steps.max()
    assert beside.mean() <= 2 * steps.mean()


async def test_voice_and_speed_are_applied() -> None:
    with trio.fail_after(LIMIT_S):
        async with EspeakSynthesizer.open("ru", 120) as slow:
            unhurried = seconds(await sound(slow, "Добрый день!"))
        async with EspeakSynthesizer.open("ru", 240) as fast:
            assert seconds(await sound(fast, "Добрый день!")) < unhurried / 1.5


async def test_an_unknown_voice_is_refused(processes: list[trio.Process]) -> None:
    with pytest.raises(ProviderError, match="voice must be one of espeak-ng's, got 'xx-none'"):
        async with EspeakSynthesizer.open("xx-none"):
            pytest.fail("open must refuse the voice")
    assert all(process.returncode is not None for process in processes)


@pytest.mark.parametrize("words_per_minute", [0, 79, 451])
async def test_a_speed_outside_the_limits_is_refused(words_per_minute: int) -> None:
    with pytest.raises(ProviderError, match="words_per_minute must be 80 to 450, got"):
        async with EspeakSynthesizer.open(words_per_minute=words_per_minute):
            pytest.fail("open must refuse the speed")


async def test_a_killed_process_fails_its_text_and_is_replaced(
    synthesizer: Synthesizer, processes: list[trio.Process]
) -> None:
    def first(speech: Speech) -> None:
        processes[0].kill()

    with trio.fail_after(LIMIT_S):
        with pytest.raises(ProviderError, match=r"espeak-ng: .*SIGKILL"):
            await synthesizer.synthesize("One, two. " * 1000, 16000, first)
        assert seconds(await sound(synthesizer, TEXT)) > 0
    assert len(processes) == 2


async def test_concurrent_texts_restart_a_dead_process_once(
    synthesizer: Synthesizer, processes: list[trio.Process]
) -> None:
    with trio.fail_after(LIMIT_S):
        processes[0].kill()
        with pytest.raises(ProviderError):
            await sound(synthesizer, TEXT)
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(sound, synthesizer, TEXT)
    assert len(processes) == 2


async def test_a_cancelled_text_does_not_wait_for_a_hanging_process(
    synthesizer: Synthesizer, processes: list[trio.Process]
) -> None:
    processes[0].send_signal(signal.SIGSTOP)
    pieces: list[Speech] = []
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(synthesizer.synthesize, TEXT, 16000, pieces.append)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        processes[0].send_signal(signal.SIGCONT)
        await sound(synthesizer, TEXT)
    assert pieces == []


async def test_a_cancelled_text_stops_the_synthesis(
    synthesizer: Synthesizer, processes: list[trio.Process]
) -> None:
    """The synthesis of these five hours of speech would take minutes."""
    with trio.fail_after(LIMIT_S):
        with trio.CancelScope() as scope:
            await synthesizer.synthesize(
                "One, two, three. " * 20_000, 16000, lambda speech: scope.cancel()
            )
        assert scope.cancelled_caught
        assert seconds(await sound(synthesizer, TEXT)) > 0


async def test_a_text_counts_as_outside_work_until_its_last_sound() -> None:
    work = WorkLedger()
    under_way: list[int] = []
    with trio.fail_after(LIMIT_S):
        async with EspeakSynthesizer.open(work=work) as synthesizer:
            await synthesizer.synthesize(
                TEXT, 16000, lambda speech: under_way.append(work.under_way)
            )
            assert set(under_way) == {1}
            assert work.under_way == 0
            with trio.CancelScope() as scope:
                await synthesizer.synthesize(TEXT, 16000, lambda speech: scope.cancel())
            assert work.under_way == 0


async def test_closing_fails_the_waiting_texts(
    processes: list[trio.Process],
) -> None:
    """The synthesizer closes while a text waits for the stopped process."""
    failures: list[ProviderError] = []

    async def speak(synthesizer: Synthesizer) -> None:
        try:
            await sound(synthesizer, TEXT)
        except ProviderError as failure:
            failures.append(failure)

    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery, EspeakSynthesizer.open() as synthesizer:
            processes[0].send_signal(signal.SIGSTOP)
            nursery.start_soon(speak, synthesizer)  # noqa: ASYNC111 (the task outlives the synthesizer)
            await trio.testing.wait_all_tasks_blocked()
    assert [failure.reason for failure in failures] == ["the synthesizer is closed"]
    assert all(process.returncode is not None for process in processes)


async def test_without_the_package_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "espeakng_loader.py").write_text("raise ImportError('not here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ProviderError, match=r"not here \(pip install 'callchart\[demo\]'\)"):
        async with EspeakSynthesizer.open():
            pytest.fail("open must fail without the package")
