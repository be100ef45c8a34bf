"""A joined sound: the text of the second voice, and the word timings of the whole sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from callchart.adapters.tts.joined_sound import SLOWEST_CHARACTERS_PER_S, JoinedSound, Substitute
from callchart.engine.ports import Speech, WordTiming
from callchart.engine.reply.word_timing import word_ends_s

RATE = 8000

texts = st.lists(st.text("abc,é1", min_size=1, max_size=6), max_size=8).flatmap(
    lambda words: st.sampled_from([" ", "  ", "\n"]).map(lambda space: space.join(words))
)
#: The samples of each word; a text has at most eight words.
paces = st.lists(st.integers(0, 2 * RATE), min_size=8, max_size=8)
cuts = st.lists(st.integers(1, RATE), max_size=6)


@dataclass
class Joined:
    """A joined sound, and all pieces that it passed on."""

    sound: JoinedSound
    pieces: list[Speech]

    @classmethod
    def of(cls, text: str) -> Joined:
        pieces: list[Speech] = []
        return cls(JoinedSound(text, RATE, pieces.append), pieces)

    @property
    def samples(self) -> int:
        return sum(len(piece.pcm) for piece in self.pieces) // 2

    def add_first(self, samples: int, words: Sequence[WordTiming]) -> None:
        self.sound.add_first(Speech(bytes(2 * samples), tuple(words)))

    def add_second_words(self, text: str) -> None:
        words = spoken(text, [RATE // 4] * 20)
        self.sound.add_second(Speech(bytes(2 * RATE // 4) * len(words), words))


def spoken(text: str, pace: Sequence[int]) -> tuple[WordTiming, ...]:
    """Return the word timings of a text whose words last `pace` samples each."""
    timings, at = [], 0
    for word, samples in zip(text.split(), pace, strict=False):
        timings.append(WordTiming(word, at / RATE, (at + samples) / RATE))
        at += samples
    return tuple(timings)


@given(texts, paces, cuts, st.booleans())
def test_with_timings_the_rest_has_exactly_the_uncompleted_words(
    text: str, pace: list[int], cuts: list[int], ahead: bool
) -> None:
    """The first piece has all timings (`ahead`), or each piece has the timings of its sound."""
    joined, truth, until = Joined.of(text), spoken(text, pace), 0
    for samples in cuts:
        until += samples
        joined.add_first(
            samples, truth if ahead else [word for word in truth if word.end_s * RATE <= until]
        )
    whole = [word for word in truth if word.end_s * RATE <= until] if until else []

    rest = joined.sound.rest(times_words=True)

    assert [word.word for word in whole] + rest.split() == text.split()


@given(texts, st.floats(SLOWEST_CHARACTERS_PER_S, 30.0), st.floats(0.0, 1.0))
def test_without_timings_no_word_is_lost(
    text: str, characters_a_second: float, share: float
) -> None:
    duration = len(text) / characters_a_second
    until = round(duration * share * RATE)
    joined = Joined.of(text)
    if until:
        joined.add_first(until, ())
    characters = sum(map(len, text.split())) or 1
    words, before = [], 0
    for word in text.split():
        before += len(word)
        if duration * before / characters <= until / RATE:
            words.append(word)

    rest = joined.sound.rest(times_words=False).split()

    assert text.split()[len(text.split()) - len(rest) :] == rest
    assert len(words) + len(rest) >= len(text.split())
    assert rest or not text.split()


@given(
    texts,
    st.lists(st.builds(WordTiming, st.text("abc", max_size=2), st.floats(0, 9), st.floats(0, 9))),
    cuts,
    st.booleans(),
)
def test_with_any_timings_the_rest_is_the_end_of_the_text(
    text: str, timings: list[WordTiming], cuts: list[int], times_words: bool
) -> None:
    joined = Joined.of(text)
    for samples in cuts:
        joined.add_first(samples, timings)

    rest = joined.sound.rest(times_words=times_words).split()

    assert text.split()[len(text.split()) - len(rest) :] == rest


@given(texts, paces, cuts)
def test_the_timings_of_both_voices_fit_their_sound(
    text: str, pace: list[int], cuts: list[int]
) -> None:
    joined, truth, until = Joined.of(text), spoken(text, pace), 0
    for samples in cuts:
        until += samples
        joined.add_first(samples, truth)

    rest = joined.sound.rest(times_words=True)
    if rest:
        joined.add_second_words(rest)

    words = joined.pieces[-1].words if joined.pieces else ()
    assert [word.word for word in words] == text.split()
    assert all(word.end_s * RATE <= joined.samples + 0.5 for word in words)
    # Half a sample of tolerance: the timings are seconds, which are rounded.
    second = [word for word in words if word.start_s * RATE >= until - 0.5]
    assert len(second) >= len(rest.split())
    assert word_ends_s(text, words, joined.samples / RATE) == [word.end_s for word in words]


def test_a_timing_is_passed_on_after_its_sound() -> None:
    joined = Joined.of("one two")
    timings = (WordTiming("one", 0.0, 0.5), WordTiming("two", 0.5, 1.0))
    joined.add_first(4000, timings)
    joined.add_first(3999, timings)
    assert [piece.words for piece in joined.pieces] == [timings[:1], timings[:1]]
    assert joined.sound.rest(times_words=True) == "two"


def test_without_sound_the_rest_is_the_whole_text() -> None:
    assert Joined.of("  one  two\n").sound.rest(times_words=True) == "  one  two\n"


def test_a_text_without_words_has_no_rest() -> None:
    assert Joined.of(" \n").sound.rest(times_words=False) == ""


def test_the_rest_keeps_the_texts_white_space() -> None:
    joined = Joined.of("one  two,  three")
    joined.add_first(4000, [WordTiming("one", 0.0, 0.5)])
    assert joined.sound.rest(times_words=True) == "two,  three"


def test_before_its_first_timing_a_voice_with_timings_has_completed_no_word() -> None:
    def rest(*, times_words: bool) -> str:
        joined = Joined.of("I see.")
        joined.add_first(4000, ())
        return joined.sound.rest(times_words=times_words)

    assert rest(times_words=True) == "I see."
    assert rest(times_words=False) == "see."


def test_timings_after_a_word_without_timing_are_dropped() -> None:
    joined = Joined.of("one two three four")
    joined.add_first(RATE, ())
    rest = joined.sound.rest(times_words=False)
    assert rest == "three four"
    joined.add_second_words(rest)
    assert joined.pieces[-1].words == ()


def test_pieces_of_the_second_voice_are_substitutes() -> None:
    joined = Joined.of("one two")
    joined.add_first(4000, [WordTiming("one", 0.0, 0.5)])
    joined.add_second_words(joined.sound.rest(times_words=True))
    assert [isinstance(piece, Substitute) for piece in joined.pieces] == [False, True]
