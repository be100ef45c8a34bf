"""One answer of the language model: its text becomes chunks, and its tools run."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from callchart.engine.data import CallData, Said, ToolUsed
from callchart.engine.events import ReplyWritten
from callchart.engine.ports import LanguageModel, ToolSpec
from callchart.engine.reply.bridge import SilenceBridge
from callchart.engine.reply.composition import Composition
from callchart.engine.reply.synthesis import SynthesisWindow
from callchart.engine.reply.timed_chunker import TimedChunker
from callchart.engine.tools.toolbox import Toolbox


class ModelAnswer:
    """Asks the model for one answer, and gives its chunks to the synthesis window.

    It is also the `ports.Tools` of the model: a tool runs after the text before it, and only in a
    confirmed reply, because a draft must have no consequences."""

    def __init__(
        self,
        composition: Composition,
        toolbox: Toolbox,
        window: SynthesisWindow,
        nursery: trio.Nursery,
        data: CallData,
    ) -> None:
        settings = data.settings
        self._composition, self._toolbox, self._window = composition, toolbox, window
        self._nursery, self._data = nursery, data
        self._chunker = TimedChunker(settings.chunk_characters, settings.chunk_wait, window.add)
        self._bridge = SilenceBridge(
            composition, settings.longest_silence, self._ask_for_a_moment, nursery
        )

    async def write(self, model: LanguageModel, history: Sequence[Said | ToolUsed]) -> None:
        """Write the whole answer.

        Raises `ProviderError`. The text that is not cut yet is lost then."""
        self._nursery.start_soon(self._chunker.run)
        self._bridge.open(self._data.settings.reply_wait)
        try:
            await model.write(history, self, self._chunker.feed_text)
        finally:
            self._chunker.end()
            self._bridge.close()
        self._chunker.flush()
        scripts, chunks = self._data.facts.scripts, self._composition.chunks
        if self._toolbox.transfer_to and not chunks:
            # The caller must hear at least a word before a transfer.
            self._window.add([scripts.waiting])
        elif self._toolbox.ends_call and 0 < self._bridge.count == len(chunks):
            # The caller was only asked for a moment: say goodbye before the hangup.
            self._window.add([scripts.farewell])

    @property
    def specs(self) -> Sequence[ToolSpec]:
        """See `ports.Tools`."""
        return self._toolbox.specs

    async def use(self, name: str, arguments: str) -> str | None:
        """See `ports.Tools`."""
        self._chunker.flush()
        self._bridge.open()
        if not self._composition.confirmed.is_set():
            await self._composition.confirmed.wait()
        try:
            return await self._toolbox.use(name, arguments)
        finally:
            # The model has as much time for its next text as for its first.
            self._bridge.close(after_s=self._data.settings.reply_wait)

    @property
    def is_empty(self) -> bool:
        """True when the model wrote no words, and asked neither for a hangup nor for a transfer."""
        has_words = len(self._composition.chunks) != self._bridge.count
        return not (has_words or self._ends_call or self._toolbox.transfer_to)

    @property
    def written(self) -> ReplyWritten:
        """The event about the complete text."""
        return ReplyWritten(
            self._composition.reply.number,
            len(self._composition.chunks),
            self._chunker.marked,
            self._ends_call,
            self._toolbox.transfer_to,
            self._chunker.first_chunk_s,
            self._bridge.count,
        )

    @property
    def _ends_call(self) -> bool:
        return self._composition.reply.ends_call or self._toolbox.ends_call

    def _ask_for_a_moment(self) -> None:
        self._window.add([self._data.facts.scripts.waiting])
