"""A model with a fallback: a second model answers if the first fails before its first word.

After the first word, the caller may have heard the beginning of the answer, and another model would
start the answer again. So a failure after the first word is raised. If the first model has used
tools, the second model gets these uses and their results in its history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from callchart.adapters.fallback.breaker import Breaker
from callchart.adapters.fallback.counters import FallbackCounters
from callchart.adapters.fallback.failures import both_failed
from callchart.engine.data import Said, ToolUsed
from callchart.engine.ports import LanguageModel, ProviderError, Tools, ToolSpec

#: The failures in a row after which a model's breaker opens. At each failure, a caller waited for
#: the first model in vain.
FAILURES: Final = 3


class FallbackModel:
    """A `ports.LanguageModel` over two others. `breaker` guards the first one, and names it.

    The first model itself limits the time to its first token. Give each of two `OpenAIModel`s
    `FIRST_TOKEN_OF_TWO_S`, so that both together take at most `FIRST_TOKEN_S`."""

    def __init__(self, first: LanguageModel, second: LanguageModel, breaker: Breaker) -> None:
        self._first, self._second, self._breaker = first, second, breaker
        self.counters = FallbackCounters()

    async def write(
        self, history: Sequence[Said | ToolUsed], tools: Tools, out: Callable[[str], None]
    ) -> None:
        """See `ports.LanguageModel`.

        Raises `ProviderError`, which names both models, if the second fails too."""
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
        self.counters.record_fallback(failure)
        try:
            await self._second.write([*history, *progress.used], tools, out)
        except ProviderError as error:
            self.counters.both_failed += 1
            raise both_failed(failure, error) from None


class _Progress:
    """The first model's progress: its text and its tools pass through here."""

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
