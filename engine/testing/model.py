"""A fake language model: it writes scripted answers, at a scripted pace."""

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
    """A use of a tool between the pieces of an answer.

    `arguments` may be a text, which is sent as it is. In later pieces, the result of the tool
    replaces "{result}"."""

    name: str
    arguments: Mapping[str, object] | str = field(default_factory=dict)

    @property
    def written(self) -> str:
        """Return the arguments as the model writes them."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True, slots=True)
class FakeAnswer:
    """A scripted answer: the first piece comes after `latency`, each further one after `pace` (s).

    After its last piece, the answer ends; it asks to hang up (`ends_call`), never ends (`hangs`) or
    ends with an error (`fails`). It also ends after a tool that returns None."""

    pieces: tuple[str | Use, ...]
    latency: float = 0.0
    pace: float = 0.0
    ends_call: bool = False
    fails: bool = False
    hangs: bool = False


@dataclass(eq=False, slots=True)
class Asked:
    """One request: its history and its answer. `ended` is None while the model writes."""

    history: tuple[Said | ToolUsed, ...]
    answer: FakeAnswer
    began: float
    ended: float | None = None
    #: The tools that the model may use.
    tools: tuple[ToolSpec, ...] = ()
    #: The results of the tools that were used, in order; None for a tool that ended the answer.
    results: list[str | None] = field(default_factory=list)


@dataclass
class FakeModel:
    """A `LanguageModel`: gives the scripted answers in order, then repeats the caller's words."""

    #: Seconds to the first piece of an answer without a script.
    latency: float = 0.0
    #: All requests, in order.
    asked: list[Asked] = field(default_factory=list, init=False)
    _answers: deque[FakeAnswer] = field(default_factory=deque, init=False)

    def will_write(self, answer: FakeAnswer) -> None:
        """Script the answer to the next request that has none."""
        self._answers.append(answer)

    @property
    def under_way(self) -> int:
        """The number of answers that are being written."""
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

    def _echo(self, history: Sequence[Said | ToolUsed]) -> FakeAnswer:
        said = [item.text for item in history if isinstance(item, Said)]
        question = said[-1] if said else ""
        return FakeAnswer((f"You said: {question}.|",), self.latency)
