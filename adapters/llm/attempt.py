"""One request and the stream that answers it, within the time that a caller can be kept waiting."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import httpx2
import openai
import trio

from callchart.adapters.llm.answer import Answer, Api, BadStream, GaveUp
from callchart.adapters.llm.errors import Failures
from callchart.adapters.llm.history import encodable
from callchart.adapters.llm.thoughts import Thoughts
from callchart.adapters.openai.failure import Failure
from callchart.engine.data import Said, ToolUsed
from callchart.engine.ports import ToolSpec

#: Seconds that a server has to end its response once the answer has ended; one that does not loses
#: the connection, and the answer is not held up.
_AFTER_END = 0.1


@dataclass(frozen=True, slots=True)
class Patience:
    """The most seconds that a caller waits: from the request to its first token, and from one
    token to the next."""

    first_token: float
    between_tokens: float


class Attempt:
    """One try. `begun_at`: when the first token came, of a text or of a tool call."""

    def __init__(
        self, api: Api, failures: Failures, out: Callable[[str], None], patience: Patience
    ) -> None:
        self._api, self._failures, self._out, self._patience = api, failures, out, patience
        self._reading = api.reading()
        #: Open while the response comes in; its deadline is when the patience is over.
        self._waiting = trio.CancelScope()
        self.begun_at: float | None = None
        self._thoughts = Thoughts()
        self._text: list[str] = []
        self._end: str | None = None
        self._failure: Failure | None = None

    async def run(
        self, history: Sequence[Said | ToolUsed], specs: Sequence[ToolSpec], began: float
    ) -> Answer | Failure:
        """Ask, and give out the text as it comes. `began`: since when the caller waits."""
        self._waiting.deadline = began + self._patience.first_token
        with self._waiting:
            try:
                async with self._api.ask(history, specs) as response:
                    # The stream as such, not the client's own iterator over it: that one stops at
                    # [DONE] and leaves four generators half-way, to be closed whenever they are
                    # collected. This loop is never left half-way, for the same reason: what ends
                    # it early cancels the reading.
                    async for event in httpx2.EventSource(response):
                        if not self._waiting.cancel_called:
                            self._take(event.data)
            except openai.APIStatusError as error:
                self._failure = self._failures.refusal(error)
            except (openai.APIConnectionError, httpx2.RequestError) as error:
                self._failure = self._failures.disconnection(error)
        if self._end is not None:
            return Answer("".join(self._text), self._reading.calls, self._end)
        failure = self._failure or self._silence()
        # No retry after a first token: the caller must not hear the beginning twice.
        return failure if self.begun_at is None else replace(failure, again_after=None)

    def _take(self, data: str) -> None:
        if self._end is not None:
            return
        if data == "[DONE]":
            self._ended("")
            return
        try:
            part = self._reading.part(json.loads(data))
        except ValueError:
            self._failed(self._failures.malformed("an event is not JSON"))
        except BadStream as error:
            self._failed(self._failures.malformed(str(error)))
        except GaveUp as error:
            self._failed(self._failures.gave_up(error.error))
        else:
            spoken = self._thoughts.taken_out_of(encodable(part.text))
            # Of a thought the caller hears no more than of silence.
            if part.writing and (spoken or not part.text):
                now = trio.current_time()
                self.begun_at = now if self.begun_at is None else self.begun_at
                self._waiting.deadline = now + self._patience.between_tokens
            self._say(spoken)
            if part.end:
                self._ended(part.end)

    def _say(self, text: str) -> None:
        if text:
            self._text.append(text)
            self._out(text)

    def _ended(self, end: str) -> None:
        self._say(self._thoughts.rest())
        self._end = end
        self._waiting.deadline = trio.current_time() + _AFTER_END

    def _failed(self, failure: Failure) -> None:
        self._failure = failure
        self._waiting.cancel()

    def _silence(self) -> Failure:
        """Return the failure of a stream that ended without an end or an error of its own."""
        if not self._waiting.cancelled_caught:
            return self._failures.cut_off()
        if self.begun_at is None:
            return self._failures.late(self._patience.first_token)
        return self._failures.stopped(self._patience.between_tokens)
