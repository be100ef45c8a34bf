"""The failures of adapters, as an operator reads them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from callchart.engine.data import Said, ToolUsed
from callchart.engine.ports import (
    EndOfUtterance,
    Heard,
    LanguageModel,
    ProviderError,
    Recognition,
    Recognizer,
    Speech,
    Synthesizer,
    Tools,
)


class Problems(list[str]):
    """Errors as text, in order."""

    @contextmanager
    def logged(self, name: str) -> Iterator[None]:
        """Add the log of `name` during the block."""
        keeper, log = _Keeper(name, self), logging.getLogger("callchart")
        log.addHandler(keeper)
        try:
            yield
        finally:
            log.removeHandler(keeper)

    def of_model(self, model: LanguageModel) -> LanguageModel:
        return _WatchedModel(model, self)

    def of_voice(self, voice: Synthesizer) -> Synthesizer:
        return _WatchedVoice(voice, self)

    def of_ears(self, recognizer: Recognizer) -> Recognizer:
        return _WatchedEars(recognizer, self)


class _Keeper(logging.Handler):
    def __init__(self, name: str, problems: Problems) -> None:
        super().__init__(logging.WARNING)
        self._name, self._problems = name, problems

    def emit(self, record: logging.LogRecord) -> None:
        if self._name in record.getMessage():
            self._problems.append(record.getMessage())


class _WatchedModel:
    def __init__(self, model: LanguageModel, problems: Problems) -> None:
        self._model, self._problems = model, problems

    async def write(
        self, history: Sequence[Said | ToolUsed], tools: Tools, out: Callable[[str], None]
    ) -> None:
        try:
            await self._model.write(history, tools, out)
        except ProviderError as error:
            self._problems.append(str(error))
            raise


class _WatchedEars:
    def __init__(self, recognizer: Recognizer, problems: Problems) -> None:
        self._recognizer, self._problems = recognizer, problems

    @asynccontextmanager
    async def recognition(self, rate_hz: int) -> AsyncIterator[Recognition]:
        async with self._recognizer.recognition(rate_hz) as recognition:
            yield _WatchedRecognition(recognition, self._problems)


class _WatchedRecognition:
    def __init__(self, recognition: Recognition, problems: Problems) -> None:
        self._recognition, self._problems = recognition, problems
        self.feed_frames = recognition.feed_frames
        self.utterance_started = recognition.utterance_started
        self.utterance_ended = recognition.utterance_ended

    async def result(self) -> Heard | EndOfUtterance:
        try:
            return await self._recognition.result()
        except ProviderError as error:
            self._problems.append(str(error))
            raise


class _WatchedVoice:
    def __init__(self, voice: Synthesizer, problems: Problems) -> None:
        self._voice, self._problems = voice, problems

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        try:
            await self._voice.synthesize(text, rate_hz, out)
        except ProviderError as error:
            self._problems.append(str(error))
            raise
