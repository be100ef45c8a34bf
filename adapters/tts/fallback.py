"""A synthesizer with a fallback: a second voice takes over when the first is late or fails.

The first voice has `first_sound_s` for its first sound. After that, a piece is late when the caller
has heard all earlier pieces and then `silence_s` of silence. When the first voice is late or fails,
its request is cancelled, and the second voice speaks the rest of the text. The rest begins at the
first word that the first voice did not complete. So no word is lost, and with word timings at most
one is repeated.

The caller hears that word broken off and then whole, as when a speaker corrects himself. To prevent
this, every piece would have to wait for the end of its last word. That would delay the first sound
of every text by about 0.3 s, and help one text in hundreds.
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

#: A healthy voice takes about 0.15 s to its first sound. After 0.4 s, the second voice is likely to
#: be faster than a longer wait.
FIRST_SOUND_S: Final = 0.4
#: The longest silence within a text: it sounds like a breath.
SILENCE_S: Final = 0.2
#: After this time without a piece, the first voice counts as hanging, even if the caller still has
#: sound to hear.
LONGEST_PAUSE_S: Final = 5.0


class FallbackSynthesizer:
    """A `ports.Synthesizer` over two others. `breaker` guards the first one, and names it.

    `first_sound_s` limits the time to the first voice's first sound, `silence_s` each later gap."""

    def __init__(
        self,
        first: Synthesizer,
        second: Synthesizer,
        breaker: Breaker,
        *,
        first_sound_s: float = FIRST_SOUND_S,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._first, self._second, self._breaker = first, second, breaker
        self._first_sound_s, self._silence_s = first_sound_s, silence_s
        self._first_times_words = False
        self.counters = FallbackCounters()

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        """See `ports.Synthesizer`. The second voice's pieces are of the type `Substitute`.

        Raises `ProviderError`, which names both voices, if the second fails too."""
        self.counters.requests += 1
        sound = JoinedSound(text, rate_hz, out)
        try:
            with self._breaker.request():
                await self._ask_first(text, rate_hz, sound)
            return
        except ProviderError as error:
            failure = error
        rest = sound.rest(times_words=self._first_times_words)
        if not rest:
            return
        self.counters.record_fallback(failure)
        try:
            await self._second.synthesize(rest, rate_hz, sound.add_second)
        except ProviderError as error:
            self.counters.both_failed += 1
            raise both_failed(failure, error) from None

    async def _ask_first(self, text: str, rate_hz: int, sound: JoinedSound) -> None:
        heard_by = began = trio.current_time()
        with trio.CancelScope(deadline=began + self._first_sound_s) as patience:

            def pass_on(speech: Speech) -> None:
                nonlocal heard_by
                now = trio.current_time()
                heard_by = max(heard_by, now) + len(speech.pcm) / (rate_hz * 2)
                patience.deadline = min(heard_by, now + LONGEST_PAUSE_S) + self._silence_s
                self._first_times_words = self._first_times_words or bool(speech.words)
                sound.add_first(speech)

            await self._first.synthesize(text, rate_hz, pass_on)
        if patience.cancelled_caught:
            raise Late(
                self._breaker.provider,
                "its sound stopped in mid-text"
                if sound.duration_s
                else f"no sound within {self._first_sound_s:g} s",
                "see the provider's status page if this happens again",
            )
