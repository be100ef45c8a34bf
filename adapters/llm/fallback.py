"""Two models, the second for when the first fails before it has said anything.

Once the caller may have heard the beginning of an answer, there is no way back: another model would
begin anew. So the failure is passed on then, and what was said stays said. A tool that the first
has used stays used as well: the second is told of it and of what it gave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from callchart.adapters.fallback.breaker import Breaker
from callchart.adapters.fallback.counters import FallbackCounters
from callchart.adapters.fallback.failures import both_failed
from callchart.engine.data import Said, ToolUsed
from callchart.engine.ports import LanguageModel, ProviderError, Tools, ToolSpec

#: For the breaker of a model. A call asks for one answer at a time, so each failure in a row is a
#: turn in which somebody waited for the first model in vain.
FAILURES: Final = 3


class FallbackModel:
    """`ports.LanguageModel` over two others. `breaker` is the first one's: it names and guards it.

    How long the first may take to its first token is for itself to know; two `OpenAIModel`s share
    a caller's patience with `FIRST_TOKEN_OF_TWO` each."""

    def __init__(self, first: LanguageModel, second: LanguageModel, breaker: Breaker) -> None:
        self._first, self._second, self._breaker = first, second, breaker
        self.counters = FallbackCounters()

    async def write(
        self, history: Sequence[Said | ToolUsed], tools: Tools, out: Callable[[str], None]
    ) -> None:
        """See `ports.LanguageModel`.

        Raises `ProviderError`, naming both, when the second fails as well."""
        self.counters.requests += 1
        progress = _Progress(tools, out)
        try:
            with self._breaker.request():
                await self._first.write(history, progress, progress.say)
            return
        except ProviderError as error:
            if progress.has_spoken:
                raise
            failure = error
        self.counters.handed_on(failure)
        try:
            await self._second.write([*history, *progress.used], tools, out)
        except ProviderError as error:
            self.counters.both_failed += 1
            raise both_failed(failure, error) from None


class _Progress:
    """How far the first model came: the text that it gave, and its tools, pass through here."""

    def __init__(self, tools: Tools, out: Callable[[str], None]) -> None:
        self._tools, self._out = tools, out
        self.has_spoken = False
        self.used: list[ToolUsed] = []

    def say(self, text: str) -> None:
        self.has_spoken = self.has_spoken or not text.isspace()
        self._out(text)

    @property
    def specs(self) -> Sequence[ToolSpec]:
        return self._tools.specs

    async def use(self, name: str, arguments: str) -> str | None:
        result = await self._tools.use(name, arguments)
        if result is not None:
            self.used.append(ToolUsed(name, arguments, result))
        return result
