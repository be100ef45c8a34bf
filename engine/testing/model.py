"""A fake language model: gives the answers that it was told to, at the pace that it was told."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import trio

from callchart.engine.data import Said, ToolUsed
from callchart.engine.ports import ProviderError, Tools, ToolSpec

MODEL = "fake model"


@dataclass(frozen=True, slots=True)
class Use:
    """A piece of an answer: the model uses a tool here. Text for `arguments` is given verbatim.

    "{result}" in the texts behind it is what came of it."""

    name: str
    arguments: Mapping[str, object] | str = field(default_factory=dict)

    @property
    def written(self) -> str:
        """The arguments as the model writes them."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it is written: `pieces` verbatim, the first after `latency`, then `pace` apart.

    Seconds. With `hangs` or `fails` it does not end after its last piece, or ends in an error. It
    ends with the use of a tool that has no result."""

    pieces: tuple[str | Use, ...]
    latency: float = 0.0
    pace: float = 0.0
    ends_call: bool = False
    fails: bool = False
    hangs: bool = False


@dataclass(eq=False, slots=True)
class Asked:
    """One request: what the model was given, what it wrote. `ended` is None while it writes."""

    history: tuple[Said | ToolUsed, ...]
    answer: Answer
    began: float
    ended: float | None = None
    #: The tools that it was offered.
    tools: tuple[ToolSpec, ...] = ()
    #: What came of the tools that it used, in order; None where the answer ended with it.
    results: list[str | None] = field(default_factory=list)


@dataclass
class FakeModel:
    """A `LanguageModel`: answers in the order scripted, then echoes the caller."""

    #: Seconds to the first piece of an answer that nobody scripted.
    latency: float = 0.0
    #: All requests, in order.
    asked: list[Asked] = field(default_factory=list, init=False)
    _answers: deque[Answer] = field(default_factory=deque, init=False)

    def will_write(self, answer: Answer) -> None:
        """The answer to the next request that has none yet."""
        self._answers.append(answer)

    @property
    def under_way(self) -> int:
        """How many answers are being written."""
        return sum(asked.ended is None for asked in self.asked)

    async def write(
        self, history: Sequence[Said | ToolUsed], tools: Tools, out: Callable[[str], None]
    ) -> None:
        answer = self._answers.popleft() if self._answers else self._echo(history)
        asked = Asked(tuple(history), answer, trio.current_time(), tools=tuple(tools.specs))
        self.asked.append(asked)
        try:
            await trio.sleep(answer.latency)
            for number, piece in enumerate(answer.pieces):
                if number:
                    await trio.sleep(answer.pace)
                if isinstance(piece, str):
                    result = asked.results[-1] if asked.results else None
                    out(piece if result is None else piece.replace("{result}", result))
                    continue
                asked.results.append(await tools.use(piece.name, piece.written))
                if asked.results[-1] is None:
                    return
            if answer.fails:
                raise ProviderError(MODEL, "told to fail")
            if answer.hangs:
                await trio.sleep_forever()
            await trio.lowlevel.checkpoint()
            if answer.ends_call:
                await tools.use("hang_up", "{}")
        finally:
            asked.ended = trio.current_time()

    def _echo(self, history: Sequence[Said | ToolUsed]) -> Answer:
        said = [item.text for item in history if isinstance(item, Said)]
        question = said[-1] if said else ""
        return Answer((f"You said: {question}.|",), self.latency)
