"""The contract of `engine.ports.LanguageModel`: every model, real or fake, passes these same tests.

A test module subclasses `LanguageModelContract` as `TestSomething` and gives it a `model()`, and
its own `clock` instead of Trio's autojump clock if needed. Times are virtual and exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import pytest
import trio
from trio.testing import MockClock

from callchart.engine.data import Said
from callchart.engine.ports import LanguageModel, ProviderError, ToolSpec
from callchart.engine.tools.toolbox import Toolbox

PIECES = ("Yes, ", "of ", "course.| ", "Until ", "six.|")

HISTORY = (
    Said("agent", "Hello, this is the shop.", reply=1),
    Said("caller", "Are you open on Saturday?"),
    Said("agent", "Well, on Saturday", reply=2, interrupted=True),
    Said("caller", "Marmalade."),
)


@dataclass(frozen=True, slots=True)
class Script:
    """The behaviour of the provider: pieces of text at a pace (s), and an end.

    After the pieces it uses tools, by name and arguments, and then writes `after`."""

    pieces: tuple[str, ...] = PIECES
    first_piece: float = 0.5
    per_piece: float = 0.25
    uses: tuple[tuple[str, str], ...] = ()
    after: tuple[str, ...] = ()
    ends_call: bool = False
    hangs: bool = False
    fails: bool = False


class Listener:
    """A listener that keeps the model's texts and their times since its creation."""

    def __init__(self) -> None:
        self._began = trio.current_time()
        self.pieces: list[tuple[float, str]] = []

    def __call__(self, piece: str) -> None:
        self.pieces.append((trio.current_time() - self._began, piece))

    @property
    def text(self) -> str:
        return "".join(piece for _, piece in self.pieces)


class Drawers:
    """A `ports.Tools` that opens a drawer in 1 s and returns its content, or stops.

    `done` has the texts and the uses of tools, in order: this is also a listener."""

    specs = (
        ToolSpec("open", "Opens a drawer.", {"type": "object", "properties": {}}),
        ToolSpec("stop", "Ends the answer.", {"type": "object", "properties": {}}),
    )

    def __init__(self) -> None:
        self.done: list[str | tuple[str, str]] = []
        self.at_work = trio.Event()

    def __call__(self, piece: str) -> None:
        self.done.append(piece)

    async def use(self, name: str, arguments: str) -> str | None:
        self.done.append((name, arguments))
        self.at_work.set()
        await trio.sleep(1.0)
        return None if name == "stop" else "jam"


UPPER, LOWER = ("open", '{"drawer": "upper"}'), ("open", '{"drawer": "lower"}')


async def write(
    model: LanguageModel, history: Sequence[Said] = HISTORY
) -> tuple[Listener, Toolbox]:
    """Let the model write an answer with tools, and return the listener."""
    listener, tools = Listener(), Toolbox()
    await model.write(history, tools, listener)
    return listener, tools


class LanguageModelContract:
    def model(self, script: Script) -> AbstractAsyncContextManager[LanguageModel]:
        """Return a model whose provider follows the script."""
        raise NotImplementedError

    def under_way(self) -> int:
        """Return the number of answers for which the model still holds resources."""
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> MockClock:
        """The clock that the test runs on."""
        return MockClock(autojump_threshold=0)

    async def test_each_piece_is_passed_on_as_soon_as_it_is_written(self, clock: MockClock) -> None:
        async with self.model(Script()) as model:
            listener, tools = await write(model)
        assert listener.pieces == [
            (0.5, "Yes, "),
            (0.75, "of "),
            (1.0, "course.| "),
            (1.25, "Until "),
            (1.5, "six.|"),
        ]
        assert not tools.ends_call

    async def test_a_hangup_is_requested_after_the_whole_text(self, clock: MockClock) -> None:
        async with self.model(Script(ends_call=True)) as model:
            listener, tools = await write(model)
        assert listener.text == "".join(PIECES)
        assert tools.ends_call

    async def test_tools_are_used_one_by_one_after_the_text_before_them(
        self, clock: MockClock
    ) -> None:
        script = Script(uses=(UPPER, LOWER), after=("Jam ", "twice.|"))
        async with self.model(script) as model:
            drawers = Drawers()
            began = trio.current_time()
            await model.write(HISTORY, drawers, drawers)
            assert trio.current_time() >= began + 1.5 + 2.0
            assert self.under_way() == 0
        assert drawers.done == [*PIECES, UPPER, LOWER, "Jam ", "twice.|"]

    async def test_a_tool_without_a_result_ends_the_answer(self, clock: MockClock) -> None:
        script = Script(uses=(UPPER, ("stop", "{}"), LOWER), after=("Jam.|",))
        async with self.model(script) as model:
            drawers = Drawers()
            await model.write(HISTORY, drawers, drawers)
            assert self.under_way() == 0
        assert drawers.done == [*PIECES, UPPER, ("stop", "{}")]

    async def test_cancelling_ends_an_answer_immediately_while_a_tool_works(
        self, clock: MockClock
    ) -> None:
        async with self.model(Script(uses=(UPPER,), after=("Jam.|",))) as model:
            drawers = Drawers()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(model.write, HISTORY, drawers, drawers)
                await drawers.at_work.wait()
                began = trio.current_time()
                nursery.cancel_scope.cancel()
            assert trio.current_time() == began
            assert self.under_way() == 0
            await trio.sleep(5)
        assert drawers.done == [*PIECES, UPPER]

    async def test_a_model_writes_several_answers_one_after_the_other(
        self, clock: MockClock
    ) -> None:
        async with self.model(Script()) as model:
            for _ in range(3):
                listener, _ = await write(model)
                assert [at for at, _ in listener.pieces] == [0.5, 0.75, 1.0, 1.25, 1.5]
                assert self.under_way() == 0

    async def test_answers_of_parallel_calls_do_not_mix(self, clock: MockClock) -> None:
        listeners: list[Listener] = []

        async def one_call(model: LanguageModel) -> None:
            listener, _ = await write(model)
            listeners.append(listener)

        async with self.model(Script()) as model, trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(one_call, model)
                await trio.sleep(0.125)
        assert [listener.text for listener in listeners] == ["".join(PIECES)] * 5
        assert {listener.pieces[-1][0] for listener in listeners} == {1.5}

    # before the first piece, together with one, between two, and together with the last
    @pytest.mark.parametrize("after", [0.0, 0.25, 0.5, 0.875, 1.5])
    async def test_cancelling_ends_an_answer_immediately_and_frees_its_resources(
        self, clock: MockClock, after: float
    ) -> None:
        async with self.model(Script(hangs=True)) as model:
            listener = Listener()
            began = trio.current_time()
            with trio.move_on_after(after) as scope:
                await model.write(HISTORY, Toolbox(), listener)
            assert scope.cancelled_caught
            assert trio.current_time() - began == after
            assert self.under_way() == 0
            written = len(listener.pieces)
            assert all(at <= after for at, _ in listener.pieces)
            await trio.sleep(5)
            assert len(listener.pieces) == written

    async def test_the_answer_after_a_cancelled_one_is_whole(self, clock: MockClock) -> None:
        async with self.model(Script()) as model:
            with trio.move_on_after(0.875):
                await model.write(HISTORY, Toolbox(), Listener())
            listener, _ = await write(model)
        assert [at for at, _ in listener.pieces] == [0.5, 0.75, 1.0, 1.25, 1.5]

    async def test_a_failure_names_the_provider_and_not_the_callers_words(
        self, clock: MockClock
    ) -> None:
        async with self.model(Script(fails=True)) as model:
            with pytest.raises(ProviderError) as failure:
                await write(model)
            assert self.under_way() == 0
        assert failure.value.provider
        assert failure.value.reason
        assert "marmalade" not in str(failure.value).lower()
        assert "\n" not in str(failure.value)

    async def test_each_failure_is_raised_again_for_the_next_call(self, clock: MockClock) -> None:
        async with self.model(Script(fails=True)) as model:
            for _ in range(3):
                with pytest.raises(ProviderError):
                    await write(model)
