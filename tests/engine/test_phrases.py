"""Phrases that are synthesised before any call."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from callchart.engine.data import FillerClip, Scripts
from callchart.engine.phrases import Phrases, script_texts
from callchart.engine.ports import ProviderError
from callchart.engine.testing import FakeSynthesizer, Manner

SCRIPTS = Scripts(fillers=("Well,", "Let me see,"))


async def test_each_text_is_synthesised_once_and_in_parallel(
    autojump_clock: MockClock,
) -> None:
    synthesizer = FakeSynthesizer(Manner(latency=1.0))
    phrases = Phrases(16000)

    await phrases.prepare(synthesizer, ["Hello.", "Goodbye.", "Hello."])

    assert sorted(made.text for made in synthesizer.syntheses) == ["Goodbye.", "Hello."]
    assert synthesizer.most_under_way == 2


async def test_a_sound_is_put_together_from_its_pieces_in_whole_frames(
    autojump_clock: MockClock,
) -> None:
    phrases = Phrases(16000)

    await phrases.prepare(
        FakeSynthesizer(Manner(piece=0.1, pace=0.01)), ["Good morning to you all."]
    )

    sound = phrases["Good morning to you all."]
    assert len(sound.pcm) % 640 == 0
    assert len(sound.pcm) / 32000 == pytest.approx(24 / 20, abs=0.02)
    assert [word.word for word in sound.words] == ["Good", "morning", "to", "you", "all."]


async def test_get_returns_none_for_an_unprepared_text() -> None:
    assert Phrases(16000).get("Hello.") is None
    with pytest.raises(KeyError):
        Phrases(16000)["Hello."]


async def test_prepare_raises_the_error_of_a_synthesizer() -> None:
    synthesizer = FakeSynthesizer(Manner(fails=0.0))

    with pytest.RaisesGroup(ProviderError):
        await Phrases(16000).prepare(synthesizer, ["Hello."])


async def test_filler_clips_have_the_length_of_the_sound_and_the_ends_of_its_words(
    autojump_clock: MockClock,
) -> None:
    phrases = Phrases(16000)
    await phrases.prepare(FakeSynthesizer(), SCRIPTS.fillers)

    one, other = phrases.fillers(SCRIPTS)

    assert one.text == "Well,"
    assert one.duration == pytest.approx(0.26, abs=0.02)
    assert [len(clip.word_ends) for clip in (one, other)] == [1, 3]


async def test_a_filler_without_timings_ends_with_its_sound(autojump_clock: MockClock) -> None:
    phrases = Phrases(16000)
    await phrases.prepare(FakeSynthesizer(tells_words=False), ["Well,"])

    (clip,) = phrases.fillers(SCRIPTS)

    assert clip == FillerClip("Well,", clip.duration, (clip.duration,))


async def test_an_unprepared_or_silent_filler_is_left_out(
    autojump_clock: MockClock,
) -> None:
    phrases = Phrases(16000)
    await phrases.prepare(FakeSynthesizer(), [" "])

    assert phrases.fillers(Scripts(fillers=("Well,", " "))) == ()


def test_the_script_texts_include_fillers_greeting_regret_and_farewell() -> None:
    assert script_texts(SCRIPTS)[-2:] == SCRIPTS.fillers
    assert set(script_texts(SCRIPTS)) >= {SCRIPTS.greeting, SCRIPTS.regret, SCRIPTS.farewell}
