"""Two voices, the second for when the first is late or fails: the caller hears no long silence.

The first has a budget for its first sound. After that, a piece is late only where the caller could
hear a gap: when all that was given would have been heard to its end. A first that is late or fails
is over; the second is asked for the rest of the text, from the first word that was not wholly
given, so that no word is lost, and only the one that was cut is said again.

That one is heard begun and then whole, as when a speaker starts anew. To prevent it, every piece
would have to wait for the end of its last word: some 0.3 s before the first sound of every text, to
better one text in hundreds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from callchart.adapters.fallback.breaker import Breaker
from callchart.adapters.fallback.counters import FallbackCounters
from callchart.adapters.fallback.failures import Late, both_failed
from callchart.adapters.tts.joined_sound import JoinedSound
from callchart.engine.ports import ProviderError, Speech, Synthesizer

#: Seconds to the first sound. The predecessor's voice took 0.15 s, and its goal was 0.25 s; beyond
#: this, what the second needs is better begun with.
FIRST_SOUND: Final = 0.4
#: Seconds of silence within a text that pass for a breath.
SILENCE: Final = 0.2
#: Seconds without a piece, however much of the sound is still to be heard: the first hangs.
LONGEST_PAUSE: Final = 5.0


class FallbackSynthesizer:
    """`ports.Synthesizer` over two others. `breaker` is the first one's: it names and guards it.

    `first_sound`: the seconds that the first may take to its first sound; `silence`: those that a
    gap in its sound may last."""

    def __init__(
        self,
        first: Synthesizer,
        second: Synthesizer,
        breaker: Breaker,
        *,
        first_sound: float = FIRST_SOUND,
        silence: float = SILENCE,
    ) -> None:
        self._first, self._second, self._breaker = first, second, breaker
        self._first_sound, self._silence = first_sound, silence
        self._first_tells_words = False
        self.counters = FallbackCounters()

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        """See `ports.Synthesizer`. What the second says comes as `Substitute`.

        Raises `ProviderError`, naming both, when the second fails as well."""
        self.counters.requests += 1
        sound = JoinedSound(text, rate_hz, out)
        try:
            with self._breaker.request():
                await self._ask_first(text, rate_hz, sound)
            return
        except ProviderError as error:
            failure = error
        rest = sound.rest(tells_words=self._first_tells_words)
        if not rest:
            return
        self.counters.handed_on(failure)
        try:
            await self._second.synthesize(rest, rate_hz, sound.of_second)
        except ProviderError as error:
            self.counters.both_failed += 1
            raise both_failed(failure, error) from None

    async def _ask_first(self, text: str, rate_hz: int, sound: JoinedSound) -> None:
        heard_by = began = trio.current_time()
        with trio.CancelScope(deadline=began + self._first_sound) as patience:

            def pass_on(speech: Speech) -> None:
                nonlocal heard_by
                now = trio.current_time()
                heard_by = max(heard_by, now) + len(speech.pcm) / (rate_hz * 2)
                patience.deadline = min(heard_by, now + LONGEST_PAUSE) + self._silence
                self._first_tells_words = self._first_tells_words or bool(speech.words)
                sound.of_first(speech)

            await self._first.synthesize(text, rate_hz, pass_on)
        if patience.cancelled_caught:
            raise Late(
                self._breaker.provider,
                "its sound stopped in mid-text"
                if sound.seconds
                else f"no sound within {self._first_sound:g} s",
                "see the provider's status page if it goes on",
            )
