"""pocketsphinx with recorded speech, and the start and end of its processes."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing

from callchart.adapters.stt.pocketsphinx import recognizer as recognizer_module
from callchart.adapters.stt.pocketsphinx.recognizer import PocketsphinxRecognizer
from callchart.adapters.worker.polyphase import Resampler
from callchart.engine.ports import Heard, ProviderError, Recognition
from tests.contracts.recognizer import LIMIT_S, RecognizerContract, results, say
from tests.outside_work import WorkLedger
from tests.recordings import RATE_HZ, Recording, frames, recording, silence

pytestmark = pytest.mark.real


@pytest.fixture
async def recognizer(processes: list[trio.Process]) -> AsyncIterator[PocketsphinxRecognizer]:
    async with PocketsphinxRecognizer.open() as recognizer:
        yield recognizer


class TestContract(RecognizerContract):
    pass


def say_recording(call: Recognition, caller: Recording, rate_hz: int = RATE_HZ) -> None:
    """Feed the recording as utterance 1, whose edges are found 100 ms late."""
    pcm = caller.pcm
    if rate_hz != RATE_HZ:
        pcm = Resampler(RATE_HZ, rate_hz).resample(pcm)
    begun, ended = round(caller.start * 50) + 5, round(caller.end * 50) + 5
    for number, frame in enumerate(frames(pcm, rate_hz)):
        if number == begun:
            call.utterance_started(1)
        if number == ended:
            call.utterance_ended(1)
        call.feed_frames(frame)


def words(text: str) -> list[str]:
    """Return the words as pocketsphinx writes them."""
    plain = "".join(letter for letter in text.lower() if letter.isalpha() or letter in " '")
    return plain.replace("goodbye", "good bye").split()


def errors(heard: list[str], said: list[str]) -> int:
    """Return the edit distance of two texts, in words."""
    row = list(range(len(said) + 1))
    for i, word in enumerate(heard, 1):
        above, row = row, [i]
        for j, other in enumerate(said, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != other)))
    return row[-1]


@pytest.mark.parametrize(("rate_hz", "bound"), [(16000, 0.1), (8000, 0.4)])
async def test_clean_speech_has_few_word_errors(
    recognizer: PocketsphinxRecognizer, rate_hz: int, bound: float
) -> None:
    """Leave out the recording "uh huh", which the language model does not know."""
    wrong = spoken = 0
    with trio.fail_after(LIMIT_S):
        async with recognizer.recognition(rate_hz) as call:
            for name in ("en_hours", "en_operator", "en_goodbye"):
                caller = recording(name)
                say_recording(call, caller, rate_hz)
                wrong += errors(words((await results(call))[-1].text), words(caller.text))
                spoken += len(words(caller.text))
    assert wrong <= bound * spoken


async def test_partials_come_while_the_caller_speaks(recognizer: PocketsphinxRecognizer) -> None:
    with trio.fail_after(LIMIT_S):
        async with recognizer.recognition(RATE_HZ) as call:
            call.feed_frames(silence(0.3))
            call.utterance_started(1)
            call.feed_frames(recording("en_hours").speech)
            partial = await call.result()
            assert not partial.final
            call.utterance_ended(1)
            assert (await results(call))[-1].text.startswith(partial.text)
    assert partial.text


async def test_the_first_word_is_recognised_after_a_late_onset(
    recognizer: PocketsphinxRecognizer,
) -> None:
    """The onset is found up to 160 ms late, and the word needs some silence before it."""
    speech = recording("en_operator").speech
    late = len(silence(0.16))
    with trio.fail_after(LIMIT_S):
        async with recognizer.recognition(RATE_HZ) as call:
            call.feed_frames(silence(0.5) + speech[:late])
            call.utterance_started(1)
            call.feed_frames(speech[late:])
            call.utterance_ended(1)
            assert (await results(call))[-1].text.startswith("please connect")


async def test_the_end_of_an_utterance_is_not_part_of_the_next(
    recognizer: PocketsphinxRecognizer,
) -> None:
    with trio.fail_after(LIMIT_S):
        async with recognizer.recognition(RATE_HZ) as call:
            say(call, 1, recording("en_operator").speech)
            call.utterance_started(2)
            call.utterance_ended(2)
            await results(call)
            assert [heard.text for heard in await results(call)] == [""]


async def test_two_calls_get_their_own_words(
    recognizer: PocketsphinxRecognizer,
) -> None:
    with trio.fail_after(LIMIT_S):
        async with (
            recognizer.recognition(RATE_HZ) as one,
            recognizer.recognition(RATE_HZ) as other,
        ):
            one.utterance_started(1)
            other.utterance_started(1)
            operator = frames(recording("en_operator").pcm)
            goodbye = frames(recording("en_goodbye").pcm)
            for frame, another in zip(operator, goodbye, strict=False):
                one.feed_frames(frame)
                other.feed_frames(another)
            one.utterance_ended(1)
            other.utterance_ended(1)
            assert "manager" in (await results(one))[-1].text
            assert (await results(other))[-1].text.startswith("thank you")


async def test_a_killed_process_fails_only_its_own_call(
    recognizer: PocketsphinxRecognizer, processes: list[trio.Process]
) -> None:
    with trio.fail_after(LIMIT_S):
        async with recognizer.recognition(RATE_HZ) as call:
            call.utterance_started(1)
            call.feed_frames(recording("en_hours").speech)
            processes[0].kill()
            with pytest.raises(ProviderError, match=r"pocketsphinx: .*SIGKILL"):
                await results(call)
            say(call, 2, silence(0.3))
            with pytest.raises(ProviderError):
                await call.result()
        async with recognizer.recognition(RATE_HZ) as call:
            say(call, 1, silence(0.3))
            await results(call)


async def test_an_idle_process_that_died_is_replaced(
    recognizer: PocketsphinxRecognizer, processes: list[trio.Process]
) -> None:
    with trio.fail_after(LIMIT_S):
        processes[0].kill()
        await processes[0].wait()
        async with recognizer.recognition(RATE_HZ) as call:
            say(call, 1, silence(0.3))
            await results(call)


async def test_the_end_of_a_call_does_not_wait_for_a_hanging_process(
    processes: list[trio.Process],
) -> None:
    work = WorkLedger()
    with trio.fail_after(LIMIT_S):
        async with PocketsphinxRecognizer.open(work) as recognizer:
            async with recognizer.recognition(RATE_HZ) as call:
                processes[0].send_signal(signal.SIGSTOP)
                say(call, 1, recording("en_hours").speech)
                assert work.under_way == 1
            assert work.under_way == 0
        assert all(process.returncode is not None for process in processes)


async def test_a_recogniser_a_minute_behind_raises_an_error(
    recognizer: PocketsphinxRecognizer,
    processes: list[trio.Process],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recognizer_module, "MOST_UNANSWERED", 10)
    with trio.fail_after(LIMIT_S):
        async with recognizer.recognition(RATE_HZ) as call:
            processes[0].send_signal(signal.SIGSTOP)
            say(call, 1, recording("en_hours").speech)
            with pytest.raises(ProviderError, match="behind the caller"):
                await call.result()


async def test_an_utterance_counts_as_outside_work_until_its_final() -> None:
    work = WorkLedger()
    heard: list[Heard] = []

    async def listen(call: Recognition) -> None:
        heard.extend(await results(call))

    with trio.fail_after(LIMIT_S):
        async with (
            PocketsphinxRecognizer.open(work) as recognizer,
            recognizer.recognition(RATE_HZ) as call,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(listen, call)
            call.feed_frames(silence(0.5))
            assert work.under_way == 0
            say(call, 1, recording("en_operator").speech)
            assert work.under_way == 1
            await work.idle()
            await trio.testing.wait_all_tasks_blocked()
            assert heard[-1].final


async def test_outside_work_ends_when_the_process_dies(processes: list[trio.Process]) -> None:
    work = WorkLedger()
    with trio.fail_after(LIMIT_S):
        async with (
            PocketsphinxRecognizer.open(work) as recognizer,
            recognizer.recognition(RATE_HZ) as call,
        ):
            processes[0].send_signal(signal.SIGSTOP)
            say(call, 1, silence(0.3))
            processes[0].kill()
            await work.idle()


async def test_closing_kills_all_processes_and_refuses_new_calls(
    processes: list[trio.Process],
) -> None:
    with trio.fail_after(LIMIT_S):
        async with (
            PocketsphinxRecognizer.open() as recognizer,
            recognizer.recognition(RATE_HZ) as call,
        ):
            say(call, 1, silence(0.3))
            await results(call)
        assert processes
        assert all(process.returncode is not None for process in processes)
        with pytest.raises(ProviderError, match="closed"):
            async with recognizer.recognition(RATE_HZ):
                pytest.fail("a closed recogniser must not open a call")


async def test_without_the_package_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: list[trio.Process]
) -> None:
    (tmp_path / "pocketsphinx.py").write_text("raise ImportError('not here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ProviderError, match=r"not here \(pip install 'callchart\[demo\]'\)"):
        async with PocketsphinxRecognizer.open():
            pytest.fail("open must fail without the package")
    assert all(process.returncode is not None for process in processes)
