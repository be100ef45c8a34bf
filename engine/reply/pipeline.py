"""The replies of one call: text -> chunks -> sound. `run` is the activity of the state `turn`.

Theory of operation. The text of a reply is a script, or the answer of the language model. It passes
through parts that live as long as the reply; their phases are on the right:

    ModelAnswer      asks the model, and runs its tools once the reply is confirmed
      TimedChunker   cuts the text into chunks                      writing -> ended
      SilenceBridge  asks the caller for a moment                   open <-> closed
    SynthesisWindow  synthesises a few chunks at a time             GROWING -> COMPLETE | BROKEN
    ReplyProgress    posts `ReplyReady` and `ReplyFailed`           PREPARING -> READY
    Composition      holds the chunks, and wakes the player         OPEN -> WRITTEN | FAILED

The player (`activities.play`) reads the composition while it grows. The next reply, or the end of
the turn, cancels all parts together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from callchart.engine.data import CallData, Reply, Said, ToolUsed
from callchart.engine.events import Event, ReplyWritten
from callchart.engine.phrases import Phrases
from callchart.engine.ports import LanguageModel, ProviderError, Synthesizer
from callchart.engine.reply.composition import Composition
from callchart.engine.reply.model_answer import ModelAnswer
from callchart.engine.reply.progress import ReplyProgress
from callchart.engine.reply.synthesis import ChunkVoice, SynthesisWindow
from callchart.engine.tools.toolbox import Toolbox, ToolRunner


class ReplyPipeline:
    """One call's replies, one at a time. `start` and `draft` are commands, `run` is the activity.

    `transfers` lists the targets of a transfer, `rate_hz` is the line's samples per second, and
    `call_id` names the call in the log."""

    def __init__(
        self,
        model: LanguageModel,
        synthesizer: Synthesizer,
        phrases: Phrases,
        tools: ToolRunner,
        *,
        transfers: Sequence[str],
        rate_hz: int,
        call_id: str,
    ) -> None:
        self._model, self._synthesizer, self._phrases = model, synthesizer, phrases
        self._tools, self._transfers = tools, transfers
        self._rate_hz, self._call_id = rate_hz, call_id
        #: The last reply that was started in this turn, or None.
        self.current: Composition | None = None
        self._history: Sequence[Said | ToolUsed] = ()
        #: The number of stays in states that had begun before `current`.
        self._activations = 0
        #: Set when `current` waits for `run`.
        self._requested = trio.Event()
        self._writing = trio.CancelScope()

    def start(self, reply: Reply, history: Sequence[Said | ToolUsed], activations: int) -> None:
        """Begin `reply`, or confirm its draft; end the reply before it.

        `activations` is the number of stays in states that have begun in this call."""
        if self.current is None or self.current.reply.number != reply.number:
            self.draft(reply, history, activations)
        assert self.current is not None
        self.current.confirmed.set()

    def draft(self, reply: Reply, history: Sequence[Said | ToolUsed], activations: int) -> None:
        """Begin `reply`, up to its first sound or its first tool; end the reply before it."""
        self.current = Composition(reply, self._rate_hz)
        self._history = history
        self._activations = activations
        self._writing.cancel()
        self._requested.set()

    async def run(self, data: CallData, activation: int, post: Callable[[Event], None]) -> None:
        """Write each reply that is started, until the turn cancels it.

        `activation` is the number of this stay in the turn's state; `post` takes its events."""
        if self._activations < activation:
            self._forget()  # the reply belongs to an earlier turn, which has ended
        try:
            while True:
                if not self._requested.is_set():
                    await self._requested.wait()
                self._requested = trio.Event()
                assert self.current is not None
                with trio.CancelScope() as self._writing:
                    await self._write(self.current, self._history, data, post)
        finally:
            # A reply of this turn that `run` has not taken must not begin in the next turn.
            self._forget()

    def _forget(self) -> None:
        self.current = None
        self._requested = trio.Event()

    async def _write(
        self,
        composition: Composition,
        history: Sequence[Said | ToolUsed],
        data: CallData,
        post: Callable[[Event], None],
    ) -> None:
        """Write and synthesise one reply, and post its events."""
        reply, settings = composition.reply, data.settings
        progress = ReplyProgress(composition, post, self._call_id)
        voice = ChunkVoice(self._synthesizer, self._phrases, settings.voice_wait)
        async with trio.open_nursery() as nursery:
            window = SynthesisWindow(
                voice, composition, progress, nursery, settings.parallel_synthesis
            )
            if reply.script is not None:
                window.add([reply.script])
                written = ReplyWritten(reply.number, len(composition.chunks), 0, reply.ends_call)
            else:
                toolbox = Toolbox(self._tools, self._transfers)
                answer = ModelAnswer(composition, toolbox, window, nursery, data)
                try:
                    await answer.write(self._model, history)
                except ProviderError as error:
                    progress.provider_failed("text", error)
                    return
                if answer.is_empty:
                    progress.fail("text", "an empty answer")
                    return
                written = answer.written
            composition.close()
            post(written)
        if written.chunks and not composition.has_sound:
            progress.fail("synthesis", "no sound for the text")
