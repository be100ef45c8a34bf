"""The fake providers keep the contracts of their ports, and follow their scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from callchart.engine.ports import (
    Heard,
    ProviderError,
    Recognizer,
    Speech,
    Synthesizer,
    VoiceDetectors,
)
from callchart.engine.testing import (
    FakeAnswer,
    FakeModel,
    FakeRecognizer,
    FakeSynthesizer,
    FakeVoiceDetectors,
    Manner,
    Spoken,
    Use,
)
from callchart.engine.testing.sound import fake_sound, pieces
from tests.contracts.language_model import LanguageModelContract, Script, write
from tests.contracts.recognizer import RecognizerContract, result
from tests.contracts.synthesizer import SynthesizerContract
from tests.contracts.voice_activity import VoiceDetectorsContract


class TestFakeVoiceDetectors(VoiceDetectorsContract):
    @pytest.fixture
    def detectors(self) -> VoiceDetectors:
        return FakeVoiceDetectors()


class TestFakeRecognizer(RecognizerContract):
    @pytest.fixture
    def recognizer(self) -> Recognizer:
        return FakeRecognizer()


class TestFakeSynthesizer(SynthesizerContract):
    @pytest.fixture
    def synthesizer(self) -> Synthesizer:
        return FakeSynthesizer(Manner(piece=0.25))


class TestFakeSynthesizerThatGivesAllSoundAtOnce(SynthesizerContract):
    @pytest.fixture
    def synthesizer(self) -> Synthesizer:
        return FakeSynthesizer()


class TestFakeModel(LanguageModelContract):
    @asynccontextmanager
    async def _model(self, script: Script) -> AsyncIterator[FakeModel]:
        self._made = FakeModel()
        for _ in range(5):
            self._made.will_write(
                FakeAnswer(
                    (*script.pieces, *(Use(*use) for use in script.uses), *script.after),
                    script.first_piece,
                    script.per_piece,
                    ends_call=script.ends_call,
                    fails=script.fails,
                    hangs=script.hangs,
                )
            )
        yield self._made

    def model(self, script: Script) -> AbstractAsyncContextManager[FakeModel]:
        return self._model(script)

    def under_way(self) -> int:
        return self._made.under_way


async def results(
    recognizer: FakeRecognizer, spoken: Spoken, *, lasting: float, until: float
) -> list[tuple[float, Heard]]:
    """Return the results for one utterance, with their times since its onset."""
    heard = []
    pcm = fake_sound(recognizer.knows(spoken), 0, 320)
    async with recognizer.recognition(16000) as call, trio.open_nursery() as nursery:
        began = trio.current_time()

        async def speak() -> None:
            call.feed_frames(bytes(640) + pcm)
            call.utterance_started(1)
            await trio.sleep(lasting)
            call.feed_frames(bytes(640))
            call.utterance_ended(1)

        nursery.start_soon(speak)
        with trio.move_on_after(until):
            while True:
                said = await result(call)
                heard.append((trio.current_time() - began, said))
        nursery.cancel_scope.cancel()
    return heard


async def test_a_recogniser_gives_half_of_the_words_as_a_partial_and_all_at_the_end(
    autojump_clock: MockClock,
) -> None:
    spoken = Spoken("tell me about it")
    assert await results(FakeRecognizer(latency=0.25), spoken, lasting=1.0, until=5) == [
        (0.3, Heard(1, "tell me", final=False)),
        (1.25, Heard(1, "tell me about it", final=True)),
    ]


async def test_a_final_overtakes_a_partial_that_is_not_due_yet(autojump_clock: MockClock) -> None:
    assert await results(FakeRecognizer(), Spoken("yes"), lasting=0.2, until=5) == [
        (0.2, Heard(1, "yes", final=True))
    ]


async def test_a_recogniser_may_give_two_finals_or_none(autojump_clock: MockClock) -> None:
    twice = Spoken("a b", partials=(), finals=((0.0, "a"), (0.5, "b")))
    assert await results(FakeRecognizer(), twice, lasting=1.0, until=5) == [
        (1.0, Heard(1, "a", final=True)),
        (1.5, Heard(1, "b", final=True)),
    ]
    never = Spoken("a b", partials=((0.25, "a"),), finals=())
    assert await results(FakeRecognizer(), never, lasting=1.0, until=5) == [
        (0.25, Heard(1, "a", final=False))
    ]


async def test_a_recogniser_may_fail(autojump_clock: MockClock) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ProviderError, match="no idea")):
        await results(FakeRecognizer(), Spoken("a", fails="no idea"), lasting=1.0, until=5)
    closed = FakeRecognizer(fails_to_open="no more calls")
    with pytest.raises(ProviderError, match="no more calls"):
        await results(closed, Spoken("a"), lasting=1.0, until=5)


async def spoken_by(
    synthesizer: FakeSynthesizer, text: str, *, until: float = 60
) -> list[tuple[float, Speech]]:
    """Return the pieces of a text's sound, with their times."""
    began, given = trio.current_time(), []
    with trio.move_on_after(until):
        await synthesizer.synthesize(
            text,
            16000,
            lambda speech: given.append((round(trio.current_time() - began, 6), speech)),
        )
    return given


async def test_each_piece_of_a_text_has_the_words_so_far(
    autojump_clock: MockClock,
) -> None:
    synthesizer = FakeSynthesizer(Manner(latency=0.2, piece=0.5, pace=0.1))
    given = await spoken_by(synthesizer, "one two three four.")
    assert [at for at, _ in given] == [0.2, 0.3]
    assert [[word.word for word in speech.words] for _, speech in given] == [
        ["one", "two"],
        ["one", "two", "three", "four."],
    ]
    pcm = b"".join(speech.pcm for _, speech in given)
    assert len(pcm) == round(19 / 20 * 16000) * 2
    (sound,) = pieces(pcm)
    assert (sound.sound, sound.first, sound.samples) == (1, 0, len(pcm) // 2)


async def test_a_synthesizer_may_fail_in_the_middle_or_hang(autojump_clock: MockClock) -> None:
    synthesizer = FakeSynthesizer()
    synthesizer.will("break", Manner(piece=0.25, fails=0.5))
    synthesizer.will("for ever", Manner(hangs=0.0))
    given: list[Speech] = []
    with pytest.raises(ProviderError):
        await synthesizer.synthesize("this one will break in it", 16000, given.append)
    assert sum(len(speech.pcm) for speech in given) == 16000
    assert await spoken_by(synthesizer, "this goes on for ever", until=30) == []
    assert synthesizer.under_way == 0
    assert len(await spoken_by(synthesizer, "and this is fine")) == 1


async def test_a_synthesizer_may_omit_its_word_timings(autojump_clock: MockClock) -> None:
    (given,) = await spoken_by(FakeSynthesizer(tells_words=False), "one two three")
    assert given[1].words == ()


async def test_a_model_without_a_script_repeats_the_callers_words(
    autojump_clock: MockClock,
) -> None:
    listener, tools = await write(FakeModel())
    assert listener.text == "You said: Marmalade..|"
    assert not tools.ends_call
