"""The reply pipeline: the order of syntheses, failures, and the words that were heard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from callchart.engine.data import CallData, Reply, Said, ToolUsed
from callchart.engine.events import Event, ReplyFailed, ReplyReady, ReplyWritten
from callchart.engine.mailbox import Mailbox
from callchart.engine.phrases import Phrases
from callchart.engine.ports import Tools, WordTiming
from callchart.engine.reply.composition import Chunk, ChunkPhase, Composition, Cursor
from callchart.engine.reply.pipeline import ReplyPipeline
from callchart.engine.settings import Settings
from callchart.engine.testing import FakeAnswer, FakeModel, FakeSynthesizer, Manner
from callchart.engine.tools.toolbox import ToolRunner

FRAME = 640
SECOND = 32000
ANSWER = Reply(2, "answer")


# --- the words that were heard -------------------------------------------------------------------


def composed(*chunks: Chunk) -> Composition:
    """Return a complete reply of these chunks."""
    composition = Composition(ANSWER, 16000)
    composition.chunks.extend(chunks)
    composition.close()
    return composition


def chunk(
    text: str,
    frames: int,
    *,
    words: Sequence[WordTiming] = (),
    phase: ChunkPhase = ChunkPhase.COMPLETE,
) -> Chunk:
    """Return a chunk with that much sound."""
    return Chunk(text, bytearray(frames * FRAME), list(words), phase)


def timed(text: str, seconds: float) -> Chunk:
    """Return a chunk of equally long words, with the synthesizer's timings."""
    words = text.split()
    each = seconds / len(words)
    timings = [WordTiming(w, n * each, (n + 1) * each) for n, w in enumerate(words)]
    return chunk(text, round(seconds * 50), words=timings)


def test_a_reply_that_was_played_whole_was_heard_whole() -> None:
    composition = composed(chunk("We are open.", 50), chunk("Come in.", 30))

    assert composition.take_heard(Cursor(), 80 * FRAME) == "We are open. Come in."
    assert composition.cursor == Cursor(2)


def test_no_word_is_heard_before_any_sound() -> None:
    composition = composed(chunk("We are open.", 50))

    assert composition.take_heard(Cursor(), 0) == ""
    assert composition.cursor == Cursor()


def test_a_word_is_heard_when_its_end_was_played() -> None:
    composition = composed(timed("one two three four", 4.0))

    assert composition.take_heard(Cursor(), 2 * SECOND - FRAME) == "one"
    assert composition.take_heard(Cursor(), 2 * SECOND) == "one two"
    assert composition.take_heard(Cursor(), 4 * SECOND - FRAME) == "one two three"


def test_the_rest_begins_at_the_first_word_that_was_not_heard() -> None:
    composition = composed(timed("one two three four", 4.0), timed("five", 1.0))
    composition.take_heard(Cursor(), round(2.5 * SECOND))

    assert composition.cursor == Cursor(0, 2, 2 * SECOND)
    assert composition.take_heard(composition.cursor, SECOND) == "three"
    assert composition.take_heard(composition.cursor, 2 * SECOND) == "four five"


def test_the_rest_begins_at_a_whole_frame() -> None:
    composition = composed(chunk("one two three four", 83), chunk("five six", 83))

    composition.take_heard(Cursor(), 31 * FRAME)

    assert composition.cursor.word == 1
    assert composition.cursor.byte % FRAME == 0


def test_only_words_with_sound_are_heard_of_a_broken_chunk() -> None:
    broken = chunk("one two three four", 100, phase=ChunkPhase.BROKEN)
    broken.words = [WordTiming(w, n, n + 1.0) for n, w in enumerate(broken.text.split())]
    composition = composed(chunk("Well,", 20), broken)

    assert composition.take_heard(Cursor(), 120 * FRAME) == "Well, one two"


def test_words_of_a_growing_chunk_end_as_in_the_fastest_speech() -> None:
    # 18 characters last at least 1 s, so the first word lasts 0.5 s; 0.6 s of sound are there.
    growing = chunk("x" * 9 + " " + "y" * 8, 30, phase=ChunkPhase.GROWING)
    composition = composed(growing)

    assert composition.take_heard(Cursor(), 30 * FRAME) == "x" * 9


chunks = st.builds(
    chunk,
    st.lists(st.text("abcdefgh", min_size=1, max_size=9), min_size=1, max_size=7).map(" ".join),
    st.integers(1, 150),
)


@given(st.lists(chunks, min_size=1, max_size=4), st.lists(st.floats(0, 1), max_size=5))
def test_each_word_is_heard_once_in_spite_of_interruptions(
    parts: list[Chunk], interrupted: list[float]
) -> None:
    composition = composed(*parts)
    heard: list[str] = []

    for ratio in [*interrupted, 1.0]:
        since = composition.cursor
        left = sum(len(part.pcm) for part in parts[since.chunk :]) - since.byte
        heard += composition.take_heard(since, round(left / FRAME * ratio) * FRAME).split()

    assert heard == " ".join(part.text for part in parts).split()
    assert composition.cursor == Cursor(len(parts))


# --- the pipeline --------------------------------------------------------------------------------


class FakeCall:
    """A fake call around a pipeline; `posted` takes the posted events, with their time (s)."""

    def __init__(
        self,
        *,
        model: FakeModel | None = None,
        synthesizer: FakeSynthesizer | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.model, self.synthesizer = model or FakeModel(), synthesizer or FakeSynthesizer()
        self.phrases = Phrases(16000)
        self.mailbox = Mailbox(lambda: round(trio.current_time() * 1_000_000), 256)
        self.tools = ToolRunner((), self.mailbox.post, cast(Any, None))
        self.data = CallData(settings=settings or Settings())
        self.pipeline = ReplyPipeline(
            self.model,
            self.synthesizer,
            self.phrases,
            self.tools,
            transfers=(),
            rate_hz=16000,
            call_id="quiet",
        )

    @property
    def posted(self) -> list[tuple[float, Event]]:
        posted = []
        while (occurrence := self.mailbox.take(None)) is not None:
            posted.append((occurrence.at_us / 1_000_000, occurrence.event))
        return posted

    @property
    def events(self) -> list[Event]:
        return [event for _, event in self.posted]

    def start(self, reply: Reply, history: tuple[Said, ...] = ()) -> None:
        """Start `reply` in the first stay in `turn`."""
        self.pipeline.start(reply, history, 1)

    async def run(self, activation: int = 1) -> None:
        """Run the activity of this stay in `turn`."""
        await self.pipeline.run(self.data, activation, self.mailbox.post)

    async def compose(self, reply: Reply = ANSWER, history: tuple[Said, ...] = ()) -> Composition:
        """Run a reply for a minute, end its turn, and return the composition."""
        self.start(reply, history)
        composition = self.pipeline.current
        assert composition is not None
        with trio.move_on_after(60):
            await self.run()
        return composition


def texts(composition: Composition) -> list[str]:
    return [chunk.text for chunk in composition.chunks]


def model(*pieces: str, **manner: Any) -> FakeModel:
    """Return a model that writes these pieces."""
    made = FakeModel()
    made.will_write(FakeAnswer(pieces, **manner))
    return made


async def test_a_prepared_script_is_ready_immediately(autojump_clock: MockClock) -> None:
    call = FakeCall(synthesizer=FakeSynthesizer(Manner(latency=1.0)))
    await call.phrases.prepare(call.synthesizer, ["Good morning."])
    began = trio.current_time()

    composition = await call.compose(Reply(1, "greeting", "Good morning."))

    assert sorted(call.posted, key=str) == [
        (began, ReplyReady(1)),
        (began, ReplyWritten(1, 1, 0, False)),
    ]
    assert texts(composition) == ["Good morning."]
    assert len(call.synthesizer.syntheses) == 1


async def test_another_script_is_synthesised(autojump_clock: MockClock) -> None:
    call = FakeCall(synthesizer=FakeSynthesizer(Manner(latency=1.0)))

    composition = await call.compose(Reply(1, "farewell", "Goodbye.", ends_call=True))

    assert call.posted == [(0.0, ReplyWritten(1, 1, 0, True)), (1.0, ReplyReady(1))]
    assert len(composition.chunks[0].pcm) % FRAME == 0


async def test_a_chunk_is_synthesised_as_soon_as_it_is_complete(
    autojump_clock: MockClock,
) -> None:
    call = FakeCall(model=model("We are ", "open|", " from nine", latency=0.5, pace=0.25))

    composition = await call.compose()

    assert [(made.text, made.began) for made in call.synthesizer.syntheses] == [
        ("We are open", 0.75),
        ("from nine", 1.0),
    ]
    written = ReplyWritten(2, 2, 1, False, first_chunk=0.75)
    assert [event for _, event in call.posted] == [ReplyReady(2), written]
    assert composition.ended


async def test_the_model_is_given_the_history(autojump_clock: MockClock) -> None:
    call = FakeCall()
    history = (Said("caller", "Are you open?"),)

    await call.compose(history=history)

    assert [asked.history for asked in call.model.asked] == [history]


async def test_a_few_chunks_are_synthesised_in_parallel(autojump_clock: MockClock) -> None:
    call = FakeCall(
        model=model("|".join("abcdefgh")),
        synthesizer=FakeSynthesizer(Manner(latency=1.0)),
        settings=Settings(parallel_synthesis=3),
    )

    composition = await call.compose()

    assert call.synthesizer.most_under_way == 3
    assert texts(composition) == [*"abcdefgh"]
    assert all(chunk.ended for chunk in composition.chunks)


async def test_a_reply_is_ready_with_its_first_sound_in_order(autojump_clock: MockClock) -> None:
    synthesizer = FakeSynthesizer(Manner(latency=0.5))
    synthesizer.will("first", Manner(latency=1.5))
    call = FakeCall(model=model("The first|", "and the second"), synthesizer=synthesizer)

    await call.compose()

    assert [at for at, event in call.posted if event == ReplyReady(2)] == [1.5]


async def test_text_that_arrives_slowly_is_cut_after_chunk_wait(autojump_clock: MockClock) -> None:
    call = FakeCall(
        model=model("let ", "me ", "see ", "what we have", pace=0.4),
        settings=Settings(chunk_wait=1.0),
    )

    composition = await call.compose()

    assert texts(composition)[0] == "let me"
    assert call.synthesizer.syntheses[0].began == pytest.approx(1.0)
    assert " ".join(texts(composition)) == "let me see what we have"


async def test_requests_for_a_moment_are_counted_apart(autojump_clock: MockClock) -> None:
    call = FakeCall(model=model("We are open", latency=3.0), settings=Settings(longest_silence=2.0))

    composition = await call.compose()

    (written,) = [event for event in call.events if isinstance(event, ReplyWritten)]
    assert written == ReplyWritten(2, 2, 0, False, first_chunk=3.0, bridges=1)
    assert texts(composition)[1] == "We are open"


async def test_a_model_may_end_the_call_without_a_word(
    autojump_clock: MockClock,
) -> None:
    call = FakeCall(model=model("", ends_call=True))

    await call.compose()

    assert call.events == [ReplyWritten(2, 0, 0, True)]


# --- failures ------------------------------------------------------------------------------------


async def test_the_text_before_a_failure_of_the_model_is_kept(autojump_clock: MockClock) -> None:
    call = FakeCall(model=model("We are open|", "from", fails=True, pace=0.5))

    composition = await call.compose()

    assert call.posted == [
        (0.0, ReplyReady(2)),
        (0.5, ReplyFailed(2, "text", "told to fail")),
    ]
    assert texts(composition) == ["We are open"]
    assert composition.chunks[0].phase is ChunkPhase.COMPLETE
    assert composition.ended


async def test_a_failure_of_the_model_is_posted_when_the_text_before_it_has_sound(
    autojump_clock: MockClock,
) -> None:
    call = FakeCall(
        model=model("We are open|", "from", fails=True, pace=0.5),
        synthesizer=FakeSynthesizer(Manner(latency=1.0)),
    )

    composition = await call.compose()

    assert call.posted == [
        (1.0, ReplyReady(2)),
        (1.0, ReplyFailed(2, "text", "told to fail")),
    ]
    assert texts(composition) == ["We are open"]


async def test_a_failure_of_the_model_is_posted_when_the_text_before_it_cannot_be_spoken(
    autojump_clock: MockClock,
) -> None:
    call = FakeCall(
        model=model("We are open|", "from", fails=True, pace=0.5),
        synthesizer=FakeSynthesizer(Manner(latency=1.0, fails=0.0)),
    )

    composition = await call.compose()

    assert call.posted == [(1.0, ReplyFailed(2, "text", "told to fail"))]
    assert composition.chunks == []


async def test_a_later_chunk_that_fails_first_does_not_drop_the_ones_before_it(
    autojump_clock: MockClock,
) -> None:
    synthesizer = FakeSynthesizer(Manner(latency=1.0))
    synthesizer.will("second", Manner(latency=0.5, fails=0.0))
    call = FakeCall(model=model("the first|", "the second|"), synthesizer=synthesizer)

    composition = await call.compose()

    failed = ReplyFailed(2, "synthesis", "told to fail")
    assert [said for said in call.posted if said[0]] == [(1.0, ReplyReady(2)), (1.0, failed)]
    assert texts(composition) == ["the first"]


async def test_an_answer_without_words_is_a_failure(autojump_clock: MockClock) -> None:
    call = FakeCall(model=model(" | ... |"))

    await call.compose()

    assert call.events == [ReplyFailed(2, "text", "an empty answer")]


async def test_a_text_without_sound_is_a_failure(autojump_clock: MockClock) -> None:
    call = FakeCall()

    await call.compose(Reply(1, "greeting", " "))

    assert call.events == [
        ReplyWritten(1, 1, 0, False),
        ReplyFailed(1, "synthesis", "no sound for the text"),
    ]


async def test_no_chunk_follows_one_whose_synthesis_failed(
    autojump_clock: MockClock,
) -> None:
    synthesizer = FakeSynthesizer()
    synthesizer.will("second", Manner(latency=0.1, fails=0.0))
    call = FakeCall(
        model=model("the first|", "the second|", "the third|", "the fourth", pace=0.08),
        synthesizer=synthesizer,
    )

    composition = await call.compose()

    assert texts(composition) == ["the first"]
    assert [e for e in call.events if isinstance(e, ReplyFailed)] == [
        ReplyFailed(2, "synthesis", "told to fail")
    ]


async def test_a_synthesis_that_breaks_off_keeps_its_sound(
    autojump_clock: MockClock,
) -> None:
    synthesizer = FakeSynthesizer()
    synthesizer.will("second", Manner(piece=0.1, pace=0.1, fails=0.2))
    call = FakeCall(model=model("the first|", "the second|", "the third"), synthesizer=synthesizer)

    composition = await call.compose()

    assert texts(composition) == ["the first", "the second"]
    assert composition.chunks[1].phase is ChunkPhase.BROKEN
    assert len(composition.chunks[1].pcm) == pytest.approx(0.2 * SECOND, abs=FRAME)


async def test_chunks_that_wait_are_not_synthesised_after_the_first_failed(
    autojump_clock: MockClock,
) -> None:
    call = FakeCall(
        model=model("one|", "two|", "three|", "four|", "five|"),
        synthesizer=FakeSynthesizer(Manner(latency=1.0)),
    )
    call.synthesizer.will("one", Manner(latency=0.2, fails=0.0))

    composition = await call.compose()

    assert texts(composition) == []
    assert [each.text for each in call.synthesizer.syntheses] == ["one", "two", "three"]
    assert [event.reply for event in call.events if isinstance(event, ReplyFailed)] == [2]


async def test_two_failed_syntheses_post_one_failure(autojump_clock: MockClock) -> None:
    call = FakeCall(
        model=model("one|", "two|", "three"),
        synthesizer=FakeSynthesizer(Manner(latency=0.5, fails=0.0)),
    )

    composition = await call.compose()

    assert composition.chunks == []
    assert [type(event) for event in call.events].count(ReplyFailed) == 1


# --- the end of a reply --------------------------------------------------------------------------


async def test_the_next_reply_ends_the_one_before(autojump_clock: MockClock) -> None:
    call = FakeCall(
        model=model("the first answer|", hangs=True),
        synthesizer=FakeSynthesizer(Manner(latency=0.5, hangs=0.0)),
    )
    call.start(ANSWER)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call.run)
        await trio.sleep(1)
        assert (call.model.under_way, call.synthesizer.under_way) == (1, 1)
        call.synthesizer.manner = Manner()
        call.start(Reply(3, "apology", "Sorry."))
        await trio.sleep(1)
        assert (call.model.under_way, call.synthesizer.under_way) == (0, 0)
        assert call.pipeline.current is not None
        assert texts(call.pipeline.current) == ["Sorry."]
        nursery.cancel_scope.cancel()

    assert [event.reply for event in call.events if isinstance(event, ReplyReady)] == [3]


async def test_the_end_of_the_turn_ends_its_reply(autojump_clock: MockClock) -> None:
    call = FakeCall(model=model("an answer|", hangs=True))

    await call.compose()

    assert call.pipeline.current is None
    assert (call.model.under_way, call.synthesizer.under_way) == (0, 0)


class LateModel(FakeModel):
    """A model that can still write text after it was cancelled."""

    async def write(
        self, history: Sequence[Said | ToolUsed], tools: Tools, out: Callable[[str], None]
    ) -> None:
        self.out = out
        await super().write(history, tools, out)


async def test_text_that_arrives_after_the_model_was_cancelled_is_dropped(
    autojump_clock: MockClock,
) -> None:
    call = FakeCall(model=LateModel())
    call.model.will_write(FakeAnswer(("an answer|",), hangs=True))
    assert isinstance(call.model, LateModel)

    await call.compose()
    call.model.out("of no use any more|")

    assert [each.text for each in call.synthesizer.syntheses] == ["an answer"]


async def test_a_reply_of_a_turn_that_was_left_before_its_activity_ran_does_not_begin_later(
    autojump_clock: MockClock,
) -> None:
    call = FakeCall()
    call.start(ANSWER)

    with trio.move_on_after(5):
        await call.run(activation=2)

    assert (call.model.asked, call.events, call.pipeline.current) == ([], [], None)


async def test_a_reply_that_had_not_begun_at_the_end_of_its_turn_does_not_begin_later(
    autojump_clock: MockClock,
) -> None:
    call = FakeCall()
    call.start(ANSWER)
    with trio.CancelScope() as turn:
        turn.cancel()
        await call.run()

    with trio.move_on_after(5):
        await call.run()

    assert [event for event in call.events if isinstance(event, ReplyReady)] == []
    assert call.pipeline.current is None
