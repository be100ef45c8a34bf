"""The contract of `Recognizer` and `Recognition`."""

from __future__ import annotations

from itertools import pairwise

import trio
import trio.testing

from callchart.engine.ports import EndOfUtterance, Heard, Recognition, Recognizer
from tests.recordings import RATE_HZ, frames, recording, silence

WORDS = recording("en_operator").speech
#: The time limit for all results of a test.
LIMIT_S = 60.0


def say(call: Recognition, utterance: int, pcm: bytes) -> None:
    """Feed an utterance as in a call: its onset and end are found 100 ms late."""
    late = len(silence(0.1))
    call.feed_frames(silence(0.3) + pcm[:late])
    call.utterance_started(utterance)
    for frame in frames(pcm[late:] + silence(0.1)):
        call.feed_frames(frame)
    call.utterance_ended(utterance)


async def result(call: Recognition) -> Heard:
    """Return the next partial or final. Skip the recogniser's own end of utterance."""
    while not isinstance(heard := await call.result(), Heard):
        pass
    return heard


async def results(call: Recognition) -> list[Heard]:
    """Return the results up to the next final, including it."""
    heard = [await result(call)]
    while not heard[-1].final:
        heard.append(await result(call))
    return heard


class RecognizerContract:
    """The tests of the contract. A subclass defines the fixture `recognizer`."""

    async def test_each_utterance_has_one_final_and_no_partial_repeats_the_one_before(
        self, recognizer: Recognizer
    ) -> None:
        with trio.fail_after(LIMIT_S):
            async with recognizer.recognition(RATE_HZ) as call:
                say(call, 1, WORDS)
                say(call, 2, WORDS)
                for utterance in (1, 2):
                    said = await results(call)
                    assert {heard.utterance for heard in said} == {utterance}
                    partials = [heard.text for heard in said[:-1]]
                    assert all(a != b for a, b in pairwise(["", *partials]))

    async def test_an_utterance_without_sound_or_words_has_a_final(
        self, recognizer: Recognizer
    ) -> None:
        with trio.fail_after(LIMIT_S):
            async with recognizer.recognition(RATE_HZ) as call:
                call.utterance_started(1)
                call.utterance_ended(1)
                assert (await results(call))[-1].utterance == 1
                say(call, 2, silence(0.3))
                assert (await results(call))[-1].utterance == 2

    async def test_words_between_utterances_have_no_result(self, recognizer: Recognizer) -> None:
        with trio.fail_after(LIMIT_S):
            async with recognizer.recognition(RATE_HZ) as call:
                call.feed_frames(WORDS)
                say(call, 7, silence(0.3))
                assert {heard.utterance for heard in await results(call)} == {7}

    async def test_the_recognizers_own_end_of_utterance_is_reported_at_most_once_and_in_order(
        self, recognizer: Recognizer
    ) -> None:
        with trio.fail_after(LIMIT_S):
            async with recognizer.recognition(RATE_HZ) as call:
                ends: list[int] = []
                for utterance in (1, 2):
                    say(call, utterance, WORDS)
                    while not (isinstance(heard := await call.result(), Heard) and heard.final):
                        if isinstance(heard, EndOfUtterance):
                            ends.append(heard.utterance)
                        else:
                            assert heard.utterance == utterance
        assert ends in ([], [1], [2], [1, 2])

    async def test_a_cancelled_wait_for_a_result_loses_no_result(
        self, recognizer: Recognizer
    ) -> None:
        with trio.fail_after(LIMIT_S):
            async with recognizer.recognition(RATE_HZ) as call:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(call.result)
                    await trio.testing.wait_all_tasks_blocked()
                    nursery.cancel_scope.cancel()
                say(call, 1, WORDS)
                assert (await results(call))[-1].final

    async def test_results_of_parallel_calls_do_not_mix(self, recognizer: Recognizer) -> None:
        with trio.fail_after(LIMIT_S):
            async with (
                recognizer.recognition(RATE_HZ) as one,
                recognizer.recognition(RATE_HZ) as other,
            ):
                say(one, 1, WORDS)
                say(other, 2, WORDS)
                assert {heard.utterance for heard in await results(one)} == {1}
                assert {heard.utterance for heard in await results(other)} == {2}

    async def test_a_hangup_in_mid_word_does_not_block_the_next_call(
        self, recognizer: Recognizer
    ) -> None:
        with trio.fail_after(LIMIT_S):
            async with recognizer.recognition(RATE_HZ) as call:
                call.utterance_started(1)
                call.feed_frames(WORDS)
            async with recognizer.recognition(RATE_HZ) as call:
                say(call, 1, WORDS)
                assert (await results(call))[-1].final
