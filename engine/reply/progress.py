"""The progress of a reply as events for the call: ready, or failed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum, auto

from callchart.engine.events import Event, ReplyFailed, ReplyReady
from callchart.engine.ports import ProviderError
from callchart.engine.reply.composition import Chunk, Composition

log = logging.getLogger("callchart")


class SoundPhase(Enum):
    """The progress of a reply's sound, as the call knows it."""

    PREPARING = auto()
    #: `ReplyReady` is posted: the first sound can be played.
    READY = auto()


class ReplyProgress:
    """Posts `ReplyReady` and `ReplyFailed`, each at most once.

    A failure is held back until a chunk before it has sound, or until all chunks have ended without
    sound: then the chart knows whether it can play anything before the apology."""

    def __init__(
        self, composition: Composition, post: Callable[[Event], None], call_id: str
    ) -> None:
        self._composition, self._post, self._call_id = composition, post, call_id
        self._phase = SoundPhase.PREPARING
        self._withheld: ReplyFailed | None = None

    def update(self) -> None:
        """Post the events that are due, and wake the player."""
        composition = self._composition
        if self._phase is SoundPhase.PREPARING and composition.has_sound:
            self._phase = SoundPhase.READY
            self._post(ReplyReady(composition.reply.number))
        if self._withheld and (
            self._phase is SoundPhase.READY or all(chunk.ended for chunk in composition.chunks)
        ):
            self._post(self._withheld)
            self._withheld = None
        composition.notify()

    def fail(self, stage: str, reason: str, at: Chunk | None = None) -> None:
        """End the reply at the chunk `at`, or after its last chunk. Post only the first failure.

        `stage` is "text" or "synthesis"."""
        if self._composition.fail(at):
            self._withheld = ReplyFailed(self._composition.reply.number, stage, reason)
        self.update()

    def provider_failed(self, stage: str, error: ProviderError, at: Chunk | None = None) -> None:
        """End the reply, and log `error` with its cure, which is not in the journal."""
        log.warning("call %s: %s", self._call_id, error)
        self.fail(stage, error.reason, at)
