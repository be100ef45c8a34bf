"""Two voices: when the second voice speaks, and its text."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import trio
from trio.testing import MockClock

from callchart.adapters.fallback.breaker import Breaker
from callchart.adapters.fallback.counters import FallbackCounters
from callchart.adapters.tts.fallback import FallbackSynthesizer
from callchart.adapters.tts.joined_sound import Substitute
from callchart.engine.ports import ProviderError, Speech
from callchart.engine.testing import FakeSynthesizer, Manner, schedule
from tests.contracts.synthesizer import SynthesizerContract, seconds, sound

#: 20 characters a second, so 1.2 s; its words end at about 0.29, 0.63, 0.97 and 1.2 s.
TEXT = "Seven kilos, ready, now."


@dataclass
class Voices:
    """A first and a second voice, and the fallback over both."""

    first: FakeSynthesizer
    second: FakeSynthesizer
    breaker: Breaker
    together: FallbackSynthesizer

    @property
    def asked_of_second(self) -> list[str]:
        return [synthesis.text for synthesis in self.second.syntheses]

    async def say(self, text: str = TEXT) -> list[tuple[float, Speech]]:
        """Return the pieces of the text's sound, and the moments when they came."""
        began, given = trio.current_time(), []
        with trio.fail_after(60):
            await self.together.synthesize(
                text,
                16000,
                lambda piece: given.append((round(trio.current_time() - began, 6), piece)),
            )
        return given


WELL = Manner()


def make(first: Manner = WELL, second: Manner = WELL, *, failures: int = 1000) -> Voices:
    one, other = FakeSynthesizer(first), FakeSynthesizer(second)
    breaker = Breaker("near", failures=failures)
    return Voices(one, other, breaker, FallbackSynthesizer(one, other, breaker))


# The mark sets the clock of the test; a fixture with a clock would not.
virtually = pytest.mark.trio(run=schedule.run)


@pytest.mark.parametrize(
    "manner",
    [
        Manner(piece=0.25),
        Manner(fails=0.0),
        Manner(piece=0.25, fails=0.5),
        pytest.param(Manner(hangs=0.0), marks=virtually),
        pytest.param(Manner(piece=0.25, hangs=0.5), marks=virtually),
    ],
    ids=["well", "fails", "breaks-off", "hangs", "hangs-in-mid-text"],
)
class TestContract(SynthesizerContract):
    """The contract holds for each manner of the first voice."""

    @pytest.fixture
    def synthesizer(self, manner: Manner) -> FallbackSynthesizer:
        return make(manner, Manner(piece=0.25)).together


# --- when the second voice speaks ----------------------------------------------------------------


async def test_a_healthy_first_voice_speaks_alone(autojump_clock: MockClock) -> None:
    voices = make(Manner(latency=0.39, piece=0.25, pace=0.2))
    given = await voices.say()
    assert [at for at, _ in given] == [0.39, 0.59, 0.79, 0.99, 1.19]
    assert not any(isinstance(piece, Substitute) for _, piece in given)
    assert voices.asked_of_second == []
    assert voices.together.counters == FallbackCounters(requests=1)


async def test_the_second_voice_speaks_after_a_first_sound_timeout(
    autojump_clock: MockClock,
) -> None:
    voices = make(Manner(latency=0.5), Manner(latency=0.1))
    given = await voices.say()
    assert [at for at, _ in given] == [0.5]
    assert voices.first.syntheses[0].ended == pytest.approx(0.4)
    assert voices.asked_of_second == [TEXT]
    assert all(isinstance(piece, Substitute) for _, piece in given)
    assert voices.together.counters == FallbackCounters(requests=1, late=1)


async def test_a_failure_of_the_first_voice_starts_the_second_immediately(
    autojump_clock: MockClock,
) -> None:
    voices = make(Manner(latency=0.1, fails=0.0))
    assert [at for at, _ in await voices.say()] == [0.1]
    assert voices.asked_of_second == [TEXT]
    assert voices.together.counters == FallbackCounters(requests=1, error=1)


async def test_a_pause_is_not_late_while_there_is_sound_to_hear(autojump_clock: MockClock) -> None:
    voices = make(Manner(piece=0.5, pace=0.65))
    given = await voices.say()
    assert [at for at, _ in given] == [0.0, 0.65, 1.3]
    assert voices.asked_of_second == []


async def test_a_piece_is_late_once_the_caller_could_hear_a_gap(autojump_clock: MockClock) -> None:
    """The second voice speaks 0.2 s after the end of half a second of sound."""
    voices = make(Manner(piece=0.5, hangs=0.5))
    given = await voices.say()
    assert [at for at, _ in given] == [0.0, 0.7]
    assert voices.together.counters == FallbackCounters(requests=1, late=1)


async def test_sound_that_came_early_gives_the_next_piece_more_time(
    autojump_clock: MockClock,
) -> None:
    """Two pieces come together, so the caller has a second of sound to hear."""
    voices = make(Manner(piece=0.5, hangs=1.0))
    given = await voices.say()
    assert [at for at, _ in given] == [0.0, 0.0, 1.2]


async def test_a_first_voice_that_hangs_is_cancelled_even_with_sound_to_hear(
    autojump_clock: MockClock,
) -> None:
    text = "and so on " * 100
    voices = make(Manner(piece=20.0, hangs=20.0))
    given = await voices.say(text)
    assert [at for at, _ in given] == [0.0, 5.2]


async def test_fallbacks_can_be_chained(autojump_clock: MockClock) -> None:
    last = FakeSynthesizer()
    inner = make(Manner(fails=0.0), Manner(fails=0.0)).together
    await FallbackSynthesizer(inner, last, Breaker("both")).synthesize(TEXT, 16000, lambda _: None)
    assert [synthesis.text for synthesis in last.syntheses] == [TEXT]


# --- the text of the second voice ----------------------------------------------------------------


async def test_the_second_voice_does_not_repeat_completed_words(autojump_clock: MockClock) -> None:
    voices = make(Manner(piece=0.25, fails=0.75))
    await voices.say()
    assert voices.asked_of_second == ["ready, now."]


async def test_word_timings_fit_the_joined_sound(autojump_clock: MockClock) -> None:
    voices = make(Manner(piece=0.25, fails=0.75), Manner(piece=0.25))
    given = [piece for _, piece in await voices.say()]
    *_, last = given
    assert [word.word for word in last.words] == TEXT.split()
    kilos, ready = last.words[1:3]
    assert kilos.end_s == pytest.approx(0.63, abs=0.01)
    assert ready.start_s == 0.75
    assert last.words[-1].end_s == pytest.approx(seconds(given))


async def test_without_word_timings_the_spoken_words_are_estimated_as_slow_speech(
    autojump_clock: MockClock,
) -> None:
    voices = make(Manner(piece=0.25, fails=1.0))
    voices.first.tells_words = False
    await voices.say()
    assert voices.asked_of_second == ["kilos, ready, now."]


async def test_a_voice_that_sent_timings_once_needs_no_estimate(
    autojump_clock: MockClock,
) -> None:
    """The estimate assumes 9 characters a second: it would count this slow voice's words early."""
    voices = make()
    voices.first.characters_a_second = 4.0
    await voices.say()
    voices.first.manner = Manner(piece=0.2, fails=0.2)
    await voices.say("I see.")
    assert voices.asked_of_second == ["I see."]


@pytest.mark.parametrize("manner", [Manner(fails=1.2), Manner(hangs=1.2)])
async def test_a_completed_text_needs_no_second_voice(
    autojump_clock: MockClock, manner: Manner
) -> None:
    voices = make(manner)
    assert seconds([piece for _, piece in await voices.say()]) == pytest.approx(1.2)
    assert voices.asked_of_second == []
    assert voices.together.counters == FallbackCounters(requests=1)


async def test_a_text_without_words_is_not_a_failure(autojump_clock: MockClock) -> None:
    voices = make(Manner(fails=0.0))
    assert await voices.say(" \n") == []
    assert voices.asked_of_second == []


# --- errors --------------------------------------------------------------------------------------


class Failing:
    """A synthesizer that fails with a given error."""

    def __init__(self, *error: str) -> None:
        self._error = error

    async def synthesize(self, text: str, rate_hz: int, out: object) -> None:
        await trio.lowlevel.checkpoint()
        raise ProviderError(*self._error)


async def test_when_both_fail_the_error_names_both_with_both_cures() -> None:
    together = FallbackSynthesizer(
        Failing("near", "it answered 503", "see its status page"),
        Failing("far", "it was killed", "start it again"),
        Breaker("near"),
    )
    with pytest.raises(ProviderError) as raised:
        await sound(together, TEXT)
    assert str(raised.value) == (
        "near and far: it answered 503; then it was killed "
        "(near: see its status page; far: start it again)"
    )
    assert together.counters == FallbackCounters(requests=1, error=1, both_failed=1)


async def test_the_error_names_a_late_first_voice_too(autojump_clock: MockClock) -> None:
    voices = make(Manner(hangs=0.0), Manner(fails=0.0))
    with pytest.raises(ProviderError, match=r"no sound within 0\.4 s; then told to fail"):
        await voices.say()
    voices.first.manner = Manner(piece=0.25, hangs=0.25)
    with pytest.raises(ProviderError, match="its sound stopped in mid-text; then told to fail"):
        await voices.say()


# --- the breaker ---------------------------------------------------------------------------------


@pytest.mark.parametrize("manner", [Manner(hangs=0.0), Manner(fails=0.0), Manner(latency=1.0)])
async def test_repeated_failures_open_the_circuit_of_the_first_voice(
    autojump_clock: MockClock, manner: Manner
) -> None:
    voices = make(manner, failures=2)
    for _ in range(2):
        await voices.say()
    assert voices.breaker.state == "open"
    ((at, _),) = await voices.say()
    assert at == 0.0
    assert len(voices.first.syntheses) == 2
    assert voices.together.counters.not_asked == 1
    assert voices.together.counters.ratio == 1.0


async def test_a_recovered_first_voice_speaks_again(autojump_clock: MockClock) -> None:
    voices = make(Manner(fails=0.0), failures=1)
    await voices.say()
    voices.first.manner = Manner(latency=0.1)
    await trio.sleep(5.0)
    ((_, piece),) = await voices.say()
    assert not isinstance(piece, Substitute)
    assert voices.breaker.state == "closed"


async def test_a_probe_has_the_same_timeout_as_a_request(autojump_clock: MockClock) -> None:
    voices = make(Manner(hangs=0.0), failures=1)
    await voices.say()
    await trio.sleep(5.0)
    ((at, _),) = await voices.say()
    assert at == 0.4


@pytest.mark.parametrize("after", [0.1, 0.6], ids=["in-the-first", "in-the-second"])
async def test_barge_in_cancels_the_current_voice_and_starts_no_other(
    autojump_clock: MockClock, after: float
) -> None:
    voices = make(Manner(hangs=0.0), Manner(hangs=0.0), failures=2)
    with trio.move_on_after(after) as scope:
        await voices.say()
    assert scope.cancelled_caught
    assert voices.first.under_way == voices.second.under_way == 0
    assert voices.asked_of_second == ([TEXT] if after > 0.4 else [])


async def test_barge_in_does_not_count_as_a_failure(autojump_clock: MockClock) -> None:
    voices = make(Manner(latency=0.3), failures=1)
    for _ in range(3):
        with trio.move_on_after(0.1):
            await voices.say()
    assert voices.breaker.state == "closed"
    assert voices.together.counters == FallbackCounters(requests=3)


async def test_an_error_of_the_listener_does_not_count_as_a_failure() -> None:
    def deaf(speech: Speech) -> None:
        raise BrokenPipeError

    voices = make(failures=1)
    with pytest.raises(BrokenPipeError):
        await voices.together.synthesize(TEXT, 16000, deaf)
    assert voices.breaker.state == "closed"
    assert voices.asked_of_second == []
