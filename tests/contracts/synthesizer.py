"""The contract of `Synthesizer`."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest
import trio

from callchart.engine.ports import Speech, Synthesizer

TEXT = "It is in stock, and we deliver it within three days."
#: The time limit for all results of a test.
LIMIT_S = 60.0


async def sound(synthesizer: Synthesizer, text: str, rate_hz: int = 16000) -> list[Speech]:
    """Return all pieces of a text's sound."""
    pieces: list[Speech] = []
    with trio.fail_after(LIMIT_S):
        await synthesizer.synthesize(text, rate_hz, pieces.append)
    return pieces


def seconds(pieces: list[Speech], rate_hz: int = 16000) -> float:
    """Return the length of the sound in seconds."""
    return sum(len(piece.pcm) for piece in pieces) / 2 / rate_hz


class SynthesizerContract:
    """The tests of the contract. A subclass defines the fixture `synthesizer`."""

    async def test_a_text_becomes_sound_in_whole_samples(self, synthesizer: Synthesizer) -> None:
        pieces = await sound(synthesizer, TEXT)
        assert seconds(pieces) > 0
        assert all(piece.pcm and len(piece.pcm) % 2 == 0 for piece in pieces)

    async def test_sound_lasts_equally_long_at_both_rates(self, synthesizer: Synthesizer) -> None:
        wide = seconds(await sound(synthesizer, TEXT, 16000), 16000)
        narrow = seconds(await sound(synthesizer, TEXT, 8000), 8000)
        assert narrow == pytest.approx(wide, abs=0.02)

    async def test_timings_of_words_lie_in_order_within_the_sound(
        self, synthesizer: Synthesizer
    ) -> None:
        pieces = await sound(synthesizer, TEXT)
        words = pieces[-1].words
        assert all(0 <= word.start_s <= word.end_s <= seconds(pieces) for word in words)
        assert all(before.end_s <= after.start_s for before, after in pairwise(words))

    async def test_later_pieces_keep_the_timings_of_earlier_ones(
        self, synthesizer: Synthesizer
    ) -> None:
        pieces = await sound(synthesizer, TEXT)
        assert all(b.words[: len(a.words)] == a.words for a, b in pairwise(pieces))

    @pytest.mark.parametrize("text", ["", " ", "\n\t"])
    async def test_a_text_with_nothing_to_speak_has_no_sound(
        self, synthesizer: Synthesizer, text: str
    ) -> None:
        assert await sound(synthesizer, text) == []

    @pytest.mark.parametrize(
        "text",
        [
            "👍🏽 fine 👨‍👩‍👧",
            "<b>bold</b> & <speak>no markup</speak> [[x]]",
            "zero\0inside",
            "\x07\x1b[0m",
            "lone \ud83d surrogate",
            "— … !?",
            "Straße, naïve, 東京, привет",
            "x" * 1000,
            "and so on " * 100,
        ],
        ids=["emoji", "markup", "zero", "control", "surrogate", "marks", "scripts", "word", "long"],
    )
    async def test_every_text_is_accepted(self, synthesizer: Synthesizer, text: str) -> None:
        await sound(synthesizer, text)

    async def test_sounds_of_parallel_texts_do_not_mix(self, synthesizer: Synthesizer) -> None:
        other = "Good morning."
        alone = [seconds(await sound(synthesizer, text)) for text in (TEXT, other)]
        pieces: tuple[list[Speech], list[Speech]] = ([], [])
        with trio.fail_after(LIMIT_S):
            async with trio.open_nursery() as nursery:
                for text, into in zip((TEXT, other), pieces, strict=True):
                    nursery.start_soon(synthesizer.synthesize, text, 16000, into.append)
        assert [seconds(each) for each in pieces] == pytest.approx(alone, rel=0.05)

    async def test_a_cancelled_text_gives_no_more_sound_and_the_next_is_whole(
        self, synthesizer: Synthesizer
    ) -> None:
        alone = seconds(await sound(synthesizer, TEXT))
        pieces: list[Speech] = []

        def first(scope: trio.CancelScope, speech: Speech) -> None:
            pieces.append(speech)
            scope.cancel()

        with trio.fail_after(LIMIT_S), trio.CancelScope() as scope:
            await synthesizer.synthesize("One, two. " * 200, 16000, partial(first, scope))
        given = len(pieces)
        assert scope.cancelled_caught
        assert seconds(await sound(synthesizer, TEXT)) == pytest.approx(alone, rel=0.05)
        assert len(pieces) == given

    async def test_an_error_of_the_listener_ends_the_synthesis(
        self, synthesizer: Synthesizer
    ) -> None:
        def deaf(speech: Speech) -> None:
            raise BrokenPipeError

        with trio.fail_after(LIMIT_S), pytest.raises(BrokenPipeError):
            await synthesizer.synthesize(TEXT, 16000, deaf)
        assert seconds(await sound(synthesizer, TEXT)) > 0
