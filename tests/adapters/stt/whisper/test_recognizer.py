"""The queue to Whisper's process, and the start and end of the process, with a fake worker."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing

from callchart.adapters.stt.whisper import recognizer as recognizer_module
from callchart.adapters.stt.whisper.recognizer import WhisperRecognizer
from callchart.engine.ports import Heard, ProviderError
from tests.contracts.recognizer import LIMIT_S, WORDS, RecognizerContract, results, say
from tests.outside_work import WorkLedger
from tests.recordings import RATE_HZ, frames, recording, silence

pytestmark = pytest.mark.real

NO_FOLDER = Path("no-weights")


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognizer_module, "WORKER", "tests.adapters.stt.whisper.scripted")


@pytest.fixture
async def recognizer(processes: list[trio.Process]) -> AsyncIterator[WhisperRecognizer]:
    async with WhisperRecognizer.open(NO_FOLDER, "en") as recognizer:
        yield recognizer


class TestContract(RecognizerContract):
    pass


@pytest.mark.parametrize("rate_hz", [16000, 8000])
async def test_a_final_covers_the_utterance_and_360_ms_before_it(
    recognizer: WhisperRecognizer, rate_hz: int
) -> None:
    loud = b"\1\0" * (rate_hz // 50)
    with trio.fail_after(LIMIT_S):
        async with recognizer.recognition(rate_hz) as call:
            call.feed_frames(silence(5.0, rate_hz))
            call.utterance_started(1)
            call.feed_frames(loud * 20)
            call.utterance_ended(1)
            assert await call.result() == Heard(1, "final of 0.76 s", final=True)


async def test_partials_come_every_700_ms(
    recognizer: WhisperRecognizer,
) -> None:
    heard = []
    with trio.fail_after(LIMIT_S):
        async with recognizer.recognition(RATE_HZ) as call:
            call.utterance_started(1)
            for number, frame in enumerate(frames(recording("en_hours").pcm), 1):
                call.feed_frames(frame)
                if number % 35 == 0:
                    heard.append((await call.result()).text)
    assert heard[:3] == ["part of 0.70 s", "part of 1.40 s", "part of 2.10 s"]


async def test_no_partial_is_requested_while_a_final_waits(
    recognizer: WhisperRecognizer, processes: list[trio.Process]
) -> None:
    with trio.fail_after(LIMIT_S):
        async with (
            recognizer.recognition(RATE_HZ) as one,
            recognizer.recognition(RATE_HZ) as other,
        ):
            processes[0].send_signal(signal.SIGSTOP)
            one.utterance_started(1)
            one.feed_frames(WORDS)
            one.utterance_ended(1)
            other.utterance_started(1)
            other.feed_frames(WORDS)
            other.utterance_ended(1)
            processes[0].send_signal(signal.SIGCONT)
            # No job waited when `one` was at 0.7 s, so it has a partial.
            assert len(await results(one)) == 2
            assert len(await results(other)) == 1


async def test_no_partial_follows_a_slow_job(
    recognizer: WhisperRecognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognizer_module, "SLOW_JOB_S", 0.0)
    with trio.fail_after(LIMIT_S):
        async with recognizer.recognition(RATE_HZ) as call:
            say(call, 1, silence(0.2))
            assert [heard.final for heard in await results(call)] == [True]
            say(call, 2, WORDS)
            assert [heard.final for heard in await results(call)] == [True]


async def test_finals_come_in_the_order_in_which_the_utterances_ended(
    recognizer: WhisperRecognizer,
) -> None:
    with trio.fail_after(LIMIT_S):
        async with recognizer.recognition(RATE_HZ) as call:
            for utterance in (1, 2, 3):
                say(call, utterance, silence(0.3))
            assert [(await call.result()).utterance for _ in range(3)] == [1, 2, 3]


async def test_a_full_queue_fails_the_newest_utterance(
    recognizer: WhisperRecognizer,
    processes: list[trio.Process],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recognizer_module, "MOST_WAITING", 2)
    with trio.fail_after(LIMIT_S):
        async with (
            recognizer.recognition(RATE_HZ) as one,
            recognizer.recognition(RATE_HZ) as other,
        ):
            processes[0].send_signal(signal.SIGSTOP)
            for utterance in (1, 2, 3):
                say(one, utterance, silence(0.3))
            say(other, 1, silence(0.3))
            with pytest.raises(ProviderError, match=r"2 utterances wait.*fewer calls"):
                await other.result()
            processes[0].send_signal(signal.SIGCONT)
            assert [(await one.result()).utterance for _ in range(3)] == [1, 2, 3]


async def test_an_utterance_is_cut_after_a_minute(
    recognizer: WhisperRecognizer, processes: list[trio.Process]
) -> None:
    with trio.fail_after(LIMIT_S):
        async with recognizer.recognition(8000) as call:
            call.utterance_started(1)
            for _ in range(70):
                call.feed_frames(b"\1\0" * 8000)
            call.utterance_ended(1)
            assert (await results(call))[-1].text == "final of 60.00 s"


async def test_a_dead_process_fails_its_jobs_and_is_replaced(
    recognizer: WhisperRecognizer, processes: list[trio.Process]
) -> None:
    with trio.fail_after(LIMIT_S):
        async with (
            recognizer.recognition(RATE_HZ) as waiting,
            recognizer.recognition(RATE_HZ) as silent,
        ):
            processes[0].send_signal(signal.SIGSTOP)
            say(waiting, 1, WORDS)
            processes[0].kill()
            with pytest.raises(ProviderError, match=r"whisper: .*SIGKILL"):
                await results(waiting)
            say(silent, 1, WORDS)
            assert (await results(silent))[-1].final
    assert len(processes) == 2


async def test_a_failed_restart_is_repeated_at_the_next_job(
    recognizer: WhisperRecognizer,
    processes: list[trio.Process],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with trio.fail_after(LIMIT_S):
        async with (
            recognizer.recognition(RATE_HZ) as one,
            recognizer.recognition(RATE_HZ) as other,
        ):
            monkeypatch.setattr(recognizer_module, "WORKER", "tests.adapters.stt.nothing")
            processes[0].kill()
            say(one, 1, silence(0.3))
            with pytest.raises(ProviderError, match="its process was killed"):
                await results(one)
            while len(processes) < 2:
                await trio.lowlevel.checkpoint()
            await processes[1].wait()
            await trio.testing.wait_all_tasks_blocked()
            monkeypatch.setattr(recognizer_module, "WORKER", "tests.adapters.stt.whisper.scripted")
            say(other, 1, silence(0.3))
            assert (await results(other))[-1].final
    assert len(processes) == 3


async def test_the_end_of_a_call_does_not_wait_for_a_hanging_process(
    processes: list[trio.Process],
) -> None:
    work = WorkLedger()
    with trio.fail_after(LIMIT_S):
        async with WhisperRecognizer.open(NO_FOLDER, "en", work=work) as recognizer:
            async with recognizer.recognition(RATE_HZ) as call:
                processes[0].send_signal(signal.SIGSTOP)
                say(call, 1, WORDS)
                say(call, 2, WORDS)
                assert work.under_way
            assert work.under_way == 0
        assert all(process.returncode is not None for process in processes)


async def test_the_results_of_an_ended_call_are_dropped(
    processes: list[trio.Process],
) -> None:
    work = WorkLedger()
    with trio.fail_after(LIMIT_S):
        async with WhisperRecognizer.open(NO_FOLDER, "en", work=work) as recognizer:
            async with recognizer.recognition(RATE_HZ) as call:
                say(call, 1, silence(0.3))
            async with recognizer.recognition(RATE_HZ) as call:
                say(call, 2, silence(0.3))
                assert [heard.utterance for heard in await results(call)] == [2]
            assert work.under_way == 0


async def test_a_job_counts_as_outside_work_until_its_final() -> None:
    work = WorkLedger()
    heard: list[Heard] = []

    with trio.fail_after(LIMIT_S):
        async with (
            WhisperRecognizer.open(NO_FOLDER, "en", work=work) as recognizer,
            recognizer.recognition(RATE_HZ) as call,
        ):
            call.feed_frames(silence(0.5))
            assert work.under_way == 0
            say(call, 1, silence(0.2))
            assert work.under_way == 1
            await work.idle()
            heard = await results(call)
    assert heard[-1].final


async def test_a_closed_recogniser_refuses_new_calls(processes: list[trio.Process]) -> None:
    with trio.fail_after(LIMIT_S):
        async with WhisperRecognizer.open(NO_FOLDER, "en") as recognizer:
            pass
        with pytest.raises(ProviderError, match="closed"):
            async with recognizer.recognition(RATE_HZ):
                pytest.fail("a closed recogniser must not open a call")
    assert [process.returncode is not None for process in processes] == [True]


async def test_an_error_of_the_worker_fails_open() -> None:
    with trio.fail_after(LIMIT_S), pytest.raises(ProviderError, match=r"got 'none' \(use en"):
        async with WhisperRecognizer.open(NO_FOLDER, "none"):
            pytest.fail("open must raise the worker's error")
