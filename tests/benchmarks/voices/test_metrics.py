"""The metrics of the real voices from frames, turns and the times of a server."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import trio
from trio.testing import MockClock

from tests.benchmarks.caller import Caller
from tests.benchmarks.sink import FRAME, RATE_HZ, SILENCE
from tests.benchmarks.voices.bot import Turn
from tests.benchmarks.voices.earpiece import Earpiece
from tests.benchmarks.voices.level import client_seconds, metrics
from tests.benchmarks.voices.timeline import CHUNKS, FIRST_CHUNK, WRITING, answer, script
from tests.servers.exchanges import Asked
from tests.servers.tones import speak, spoken

SCRIPTED = 0.7


def frames_of(text: str) -> list[bytes]:
    pcm = speak(text, RATE_HZ).pcm
    return [pcm[at : at + FRAME] for at in range(0, len(pcm), FRAME)]


async def test_an_earpiece_tells_the_filler_from_the_answer_and_finds_gaps(
    autojump_clock: MockClock,
) -> None:
    caller = Caller(script(RATE_HZ), greeting=0.5)
    caller.number = 1
    earpiece = Earpiece(caller)
    chunk, more = frames_of(answer(1001)), frames_of("and more")
    filler = frames_of("Хм,")
    for frame in (*filler, SILENCE, SILENCE, *chunk, SILENCE, SILENCE, SILENCE, *more, SILENCE):
        earpiece.take(frame, trio.current_time())
        await trio.sleep(0.02)
    heard = earpiece.turns[1]
    assert heard.text == f"{spoken(answer(1001))} and more"
    assert heard.gap == pytest.approx(0.06)
    assert heard.filler is not None
    assert heard.answer is not None
    assert heard.answer - heard.filler == pytest.approx(0.02 * (len(filler) + 2))
    assert caller.next_question == pytest.approx(heard.answer + caller.script.answer + 0.4)


def test_the_first_chunk_is_complete_when_the_timeline_has_it() -> None:
    tokens = len(CHUNKS[0].split())
    assert WRITING.tokens[tokens - 1].endswith("| ")
    assert WRITING.first + (tokens - 1) * WRITING.every == pytest.approx(FIRST_CHUNK)


def test_overhead_is_without_the_script_and_the_wait_for_a_filler() -> None:
    turn = Turn(filler=0.05, written=0.56, answer=0.9, wait=0.15, gap=0.02, whole=True)
    missed = Turn(filler=0.05, written=None, answer=None, wait=0.0, gap=0.0, whole=False)
    broken = Turn(filler=None, written=0.56, answer=0.9, wait=0.15, gap=0.04, whole=False)
    found = metrics([asdict(each) for each in (turn, missed, broken)], {}, [])
    assert found["overhead_p95_ms"] == pytest.approx((0.9 - 0.15 - SCRIPTED) * 1000)
    assert (found["turns"], found["missed"], found["broken"]) == (2, 1, 1)
    assert (found["without_filler"], found["longest_gap_ms"]) == (1, 40.0)


def test_client_seconds_exclude_the_time_of_the_server() -> None:
    asked = [
        Asked("UtteranceSynthesis", "one", "", "", at=10.0, first=10.15),
        Asked("UtteranceSynthesis", "cut off", "", "", at=11.0),
    ]
    assert list(client_seconds({"one": 0.153, "cut off": None}, asked)) == [pytest.approx(0.003)]
